package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestSpreadOf(t *testing.T) {
	for _, test := range []struct {
		name   string
		values []float64
		want   spread
	}{
		{"none", nil, spread{}},
		{"one", []float64{7}, spread{1, 7, 7}},
		{"odd", []float64{9, 1, 4}, spread{3, 4, 9}},
		{"even", []float64{4, 1, 9, 2}, spread{4, 3, 9}},
		{"before the crossing", []float64{-5, -3}, spread{2, -4, -3}},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := append([]float64(nil), test.values...)
			if got := spreadOf(test.values); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
			for i, v := range before {
				if test.values[i] != v {
					t.Errorf("the values were reordered: %v, from %v", test.values, before)
				}
			}
		})
	}
}

func TestFiguresOf(t *testing.T) {
	f := figuresOf([]result{
		{Rate: 100, Files: 2, First: 2 * time.Millisecond, FirstAt: 10, Named: true, Naming: 8 * time.Millisecond, NamingAt: 30},
		{Rate: 300, Files: 1, First: 4 * time.Millisecond, FirstAt: 20},
		{Rate: 200, Torn: 1},
		{Rate: 250, Early: 1},
	})
	want := figures{
		Runs: 4, Caught: 2, Named: 1, Torn: 1,
		Rate: spread{4, 225, 300}, First: spread{2, 3, 4}, Naming: spread{1, 8, 8}, LeakedAt: spread{2, 25, 30},
	}
	if f != want {
		t.Errorf("got  %+v\nwant %+v", f, want)
	}
}

func TestCostOf(t *testing.T) {
	results := []result{{Cost: 100}, {Cost: 40, Files: 1}, {Cost: 60, Files: 1}}
	if got, want := costOf(&outcome{Entrant: "poll", Results: results}), (spread{2, 50, 60}); got != want {
		t.Errorf("watched: got %v, want %v", got, want)
	}
	if got, want := costOf(&outcome{Entrant: noneName, Results: results}), (spread{3, 60, 100}); got != want {
		t.Errorf("not watched: got %v, want %v", got, want)
	}
}

func TestCost(t *testing.T) {
	points := []point{{leaked: 10, usage: 100}, {leaked: 30, usage: 120}, {leaked: 40, usage: 170}}
	// 40 are charged beyond the 10 leaked since the crossing, and 25 more later.
	if got, ok := cost(points, 120, 195); !ok || got != 65 {
		t.Errorf("got %d, %v, want 65", got, ok)
	}
	if _, ok := cost(points, 200, 195); ok {
		t.Error("no crossing, and yet a cost")
	}
}

// someReport has a bit of everything.
func someReport() *report {
	return &report{
		Machine:  machine{Kernel: "6.1", CPU: "some CPU", Cores: 2, Go: "go1.26", Platform: "linux/amd64", Cgroup: "v1", Modules: map[string]string{"mosn.io/holmes": "v1.0.2"}},
		Settings: settings{Runs: 2, OpponentRuns: 1, Limit: 256 << 20, Base: 100 << 20, Slow: 10, CostRate: 20, Rates: []int{50}, Objects: []int{1024, 65536}, Procs: []int{2, 1}, OthersProcs: 2, Budget: 90 * time.Minute},
		Began:    time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), Took: 61 * time.Second,
		Cells: []outcome{
			{Entrant: memguardName, Kind: costCell, Rate: 20, Object: 1024, Procs: 2, Asked: 1, Results: []result{{Files: 1, Cost: 3 << 20}}},
			{Entrant: noneName, Kind: costCell, Rate: 20, Object: 1024, Procs: 2, Asked: 1, Results: []result{{Cost: 1 << 20}}},
			{Entrant: memguardName, Kind: raceCell, Rate: 50, Object: 1024, Procs: 2, Asked: 2, Results: []result{
				{Killed: true, Rate: 49.6, Files: 1, First: time.Millisecond, Named: true, Naming: 30 * time.Millisecond, NamingAt: 90 << 20},
				{Killed: true, Rate: 50, Files: 1, First: 2 * time.Millisecond, Named: true, Naming: 50 * time.Millisecond, NamingAt: 92 << 20},
			}},
			{Entrant: memguardName, Kind: raceCell, Rate: 50, Object: 65536, Procs: 1, Asked: 2, Unrun: "the time was used up"},
			{Entrant: "holmes", Kind: slowCell, Rate: 10, Object: 1024, Procs: 2, Asked: 1, Results: []result{{Killed: true, Rate: 10, Files: 1, First: -500 * time.Millisecond, FirstAt: 84 << 20}}},
			{Entrant: "holmes", Kind: raceCell, Rate: 50, Object: 1024, Procs: 2, Asked: 1, Results: []result{{Killed: true, Rate: 50, Torn: 1}}},
			{Entrant: "holmes", Kind: raceCell, Rate: 50, Object: 65536, Procs: 2, Asked: 1, Failed: []string{"victim under holmes: it broke"}},
		},
	}
}

func TestMarkdown(t *testing.T) {
	text, err := someReport().markdown()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\n| memguard | 50 | 50 | 2/2 | 2/2 | 91 | 1.5 / 2.0 | 40 / 50 | 3.0 |\n",
		"\n| holmes | 10 | 10 | 1/1 | 0/1 | 84 | -500 / -500 | – | – |\n",
		"\n|  | 50 | 50 | 0/1* (1 torn) | 0/1* | – | – | – |  |\n",
		"\n| memguard | 2 | 1024 | 50 | 50 | 2/2 | 2/2 | 91 | 1.5 / 2.0 | 40 / 50 |\n",
		"\n| memguard | 1 | 65536 | 50 | not run | – | – | – | – | – |\n",
		"- memguard, race at 50 MB/s, objects of 65536 B, GOMAXPROCS 1: 2 of 2 runs not run, the time was used up\n",
		"1 of 1 runs failed, the first with: victim under holmes: it broke\n",
		"Linux 6.1, cgroup v1, some CPU, 2 cores, go1.26 linux/amd64. Begun 2026-11-23, took 1m1s. Opponents: mosn.io/holmes v1.0.2.",
		"The program without a watcher: 1.0 MiB.",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("lacks %q", want)
		}
	}
	columns := 0
	for line := range strings.Lines(string(text)) {
		switch n := strings.Count(line, "|"); {
		case !strings.HasPrefix(line, "|"):
			columns = 0
		case columns == 0:
			columns = n
		case n != columns:
			t.Errorf("%d instead of %d columns: %s", n-1, columns-1, line)
		}
	}
	if t.Failed() {
		t.Logf("%s", text)
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0.0", -0.01: "0.0", -0.6: "-0.6", 9.94: "9.9", 10.4: "10", -500: "-500"} {
		if got := number(v); got != want {
			t.Errorf("%v: got %q, want %q", v, got, want)
		}
	}
}

func TestTableFromFigures(t *testing.T) {
	r := someReport()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var again report
	if err := json.Unmarshal(b, &again); err != nil {
		t.Fatal(err)
	}
	first, err := r.markdown()
	if err != nil {
		t.Fatal(err)
	}
	second, err := again.markdown()
	if err != nil {
		t.Fatal(err)
	}
	if string(first) != string(second) {
		t.Errorf("another page:\n%s\nfrom figures of:\n%s", second, first)
	}
}

func TestProblem(t *testing.T) {
	slow := func(r ...result) outcome { return outcome{Entrant: "holmes", Kind: slowCell, Asked: 1, Results: r} }
	for _, test := range []struct {
		name string
		cell outcome
		want string
	}{
		{"caught", slow(result{Files: 1}), ""},
		{"nothing caught at leisure", slow(result{}), "does not seem to work"},
		{"nothing caught in a race", outcome{Kind: raceCell, Results: []result{{}}}, ""},
		{"not run", slow(), ""},
		{"failed", outcome{Kind: raceCell, Failed: []string{"no longer watches"}}, "no longer watches"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := (&report{Cells: []outcome{test.cell}}).problem()
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestFirstLine(t *testing.T) {
	err := errors.New("open /some/path: denied\ngoroutine 1")
	if got, want := firstLine(err), "open (path) denied"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCPUModel(t *testing.T) {
	for text, want := range map[string]string{
		"processor\t: 0\nmodel name\t: Some CPU: fast\n": "Some CPU: fast",
		"processor\t: 0\n": "",
		"":                 "",
	} {
		if got := cpuModel(text); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
