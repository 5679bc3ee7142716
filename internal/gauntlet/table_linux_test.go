package main

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/memguard-dev/go-memguard/internal/diagnose"
)

var table = flag.String("table", "", "write the table of both cgroup versions here")

// TestTable writes docs/gauntlet.md: make gauntlet.
func TestTable(t *testing.T) {
	if *table == "" {
		t.Skip("no -table")
	}
	outcomes := runAll(t)
	inVM(t, "", func(_, text string) {
		for line := range strings.Lines(text) {
			_, found, ok := strings.Cut(line, outcomePrefix)
			var o outcome
			if ok && json.Unmarshal([]byte(found), &o) == nil {
				outcomes = append(outcomes, o)
			}
		}
	})
	if err := os.WriteFile(*table, []byte(tableOf(scenarios(), outcomes)), 0o644); err != nil {
		t.Fatal(err)
	}
}

const tableHead = `# The gauntlet

Small programs, each with one thing wrong with its memory, or nothing, run in a real cgroup: what memguard says of them.
Written by %smake gauntlet%s (%s). A run counts where the first finding is the one expected; a healthy program also must
not be told to leak at any time of the run. *Off* is how far the total of the breakdown was from what memory.current had
been within the half second before, *remainder* what the breakdown could not explain, each the worst run's median.

| scenario | what it does | expected first | v1 | v2 | off, v1 / v2 | remainder, v1 / v2 |
|---|---|---|---|---|---|---|
`

func tableOf(list []scenario, outcomes []outcome) string {
	var out strings.Builder
	fmt.Fprintf(&out, tableHead, "`", "`", runtime.Version())
	right, all := map[string]int{}, map[string]int{}
	for _, s := range list {
		cells := map[string]string{"v1": "–", "v2": "–"}
		off, remainder := map[string]string{"v1": "–", "v2": "–"}, map[string]string{"v1": "–", "v2": "–"}
		for _, version := range []string{"v1", "v2"} {
			var good, n int
			var worstOff, worstRest float64
			others := map[diagnose.Code]int{} // what was said instead, or what was wrong
			for _, o := range outcomes {
				if o.Scenario != s.name || o.Version != version {
					continue
				}
				n++
				switch {
				case o.wrong(&s) == "":
					good++
				case slices.Contains(s.want, o.First) && len(o.Leaks) == 0 && o.Error == "":
					others["does not add up"]++
				default:
					others[cmp.Or(o.First, "none")]++
				}
				worstOff = max(worstOff, 100*float64(o.Off)/float64(max(o.Usage, 1)))
				worstRest = max(worstRest, 100*float64(o.Remainder)/float64(max(o.Usage, 1)))
			}
			if n == 0 {
				continue
			}
			right[version] += good
			all[version] += n
			cells[version] = fmt.Sprintf("%d/%d", good, n)
			for _, code := range slices.Sorted(maps.Keys(others)) {
				cells[version] += fmt.Sprintf(", %s %d", code, others[code])
			}
			off[version], remainder[version] = fmt.Sprintf("%.1f %%", worstOff), fmt.Sprintf("%.1f %%", worstRest)
		}
		want := make([]string, len(s.want))
		for i, c := range s.want {
			want[i] = "`" + string(c) + "`"
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | %s / %s | %s / %s |\n", s.name, s.about, strings.Join(want, " or "),
			cells["v1"], cells["v2"], off["v1"], off["v2"], remainder["v1"], remainder["v2"])
	}
	fmt.Fprintf(&out, "\nIn all: v1 %d/%d, v2 %d/%d.\n", right["v1"], all["v1"], right["v2"], all["v2"])
	return out.String()
}

func TestTableOf(t *testing.T) {
	list := []scenario{{name: "a", about: "does a", want: codes(diagnose.Tmpfs)}, {name: "b", about: "does b", want: codes(diagnose.Healthy), healthy: true}}
	text := tableOf(list, []outcome{
		{Scenario: "a", Version: "v1", First: diagnose.Tmpfs, AddsUp: true, Usage: 1000, Off: 10, Remainder: 25},
		{Scenario: "a", Version: "v1", First: diagnose.Tmpfs, Usage: 1000},
		{Scenario: "a", Version: "v1", First: diagnose.HeapLeak, Usage: 1000},
		{Scenario: "b", Version: "v2", First: diagnose.Healthy, Leaks: []string{"heap_leak"}, Usage: 1},
	})
	for _, want := range []string{
		"| a | does a | `tmpfs` | 1/3, does not add up 1, heap_leak 1 | – | 1.0 % / – | 2.5 % / – |\n",
		"| b | does b | `healthy` | – | 0/1, healthy 1 |", "In all: v1 1/3, v2 0/1.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
