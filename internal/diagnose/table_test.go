package diagnose

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/findings.md")

const findingsFile = "../../docs/findings.md"

// TestFindingsFile keeps docs/findings.md what the code says.
func TestFindingsFile(t *testing.T) {
	want := findings()
	if *update {
		if err := os.WriteFile(findingsFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(findingsFile)
	if err != nil || string(got) != want {
		t.Errorf("docs/findings.md is not what the code says (%v): go test ./internal/diagnose -run FindingsFile -update", err)
	}
}

func findings() string {
	var out strings.Builder
	out.WriteString(`# Findings

What memguard says is wrong, in ` + "`Snapshot().Findings`, in the log, in each dump's manifest, in `exit-<run>.json` and as the metric `memguard.finding`." + `
The first is what matters most. Each has its evidence in numbers and the next step. This page is made from the table in
the code.

| code | what it means | how it is told | what to do |
|---|---|---|---|
`)
	for _, e := range Table {
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", e.Code, e.Means, e.Told, e.Next)
	}
	out.WriteString(`
Growth counts where the floor of a part rises steadily over the longest window that shows it, half a minute to eight
days: nearly all pairs of points rise, the last third is no slower than half of the third before, and the growth is at
least 5 % of the limit within minutes, 2 % within an hour, 3 MiB within six hours. What rises no faster than the
program's allocation is load, not a leak. Near the limit twelve seconds are enough, and five for what has taken nine
tenths of the room that it leaves.

In less than five minutes an even rise may as well be a cache or pool on its way to its bound. So what lives on the
heap, and memory outside Go, has to have taken nine tenths of the room that it leaves, or more; goroutines that, or
a thousand more; threads 250 more. A leak that is to fill the container within a minute is told in half of one.
`)
	return out.String()
}

func TestTableIsWhole(t *testing.T) {
	seen := map[Code]bool{}
	for _, e := range Table {
		if seen[e.Code] || e.Means == "" || e.Told == "" || e.Next == "" || strings.Contains(e.Means+e.Told+e.Next, "|") {
			t.Errorf("%+v", e)
		}
		seen[e.Code] = true
	}
	for _, c := range climbed {
		if !seen[c] {
			t.Errorf("%s is not in the table", c)
		}
	}
}
