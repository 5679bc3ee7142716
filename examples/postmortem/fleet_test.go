package main

import (
	"math"
	"path"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/heapdump/sites"
	"github.com/memguard-dev/go-memguard/internal/identity"
	"github.com/memguard-dev/go-memguard/internal/postmortem"
)

func at(namespace, workload, build, pod string) where {
	return where{identity.Identity{Namespace: namespace, Workload: workload, Pod: pod, Container: "c"}, build}
}

// of is a run with a profile of these sites.
func of(w where, id string, kind postmortem.Kind, list ...held) measured {
	return measured{&fleetRun{id: id, where: w, kind: kind}, list, path.Join(w.Pod, id)}
}

func line(function string, bytes int64, share float64) held {
	return held{function: function, file: "/src/" + function + ".go", line: 7, bytes: bytes, share: share}
}

func grown(h held, by int64) held { h.grown = &by; return h }

func names(list []fleetSite) (out []string) {
	for _, s := range list {
		out = append(out, s.Function)
	}
	return out
}

func TestRank(t *testing.T) {
	api, web := at("n", "api", "1", "api-0"), at("n", "web", "1", "web-0")
	for name, c := range map[string]struct {
		runs []measured
		n    int
		want []string
	}{
		"none":                     {nil, 5, nil},
		"small in each, most over": {[]measured{of(api, "1", "", line("big", 9, .9), line("f", 5, .1)), of(at("n", "api", "1", "api-1"), "2", "", line("f", 5, .5)), of(web, "3", "", line("f", 5, .5))}, 0, []string{"f", "big"}},
		"a tie: more pods":         {[]measured{of(api, "1", "", line("a", 4, 1)), of(api, "2", "", line("a", 4, 1)), of(web, "3", "", line("b", 4, 1)), of(at("n", "web", "1", "web-1"), "4", "", line("b", 4, 1))}, 0, []string{"b", "a"}},
		"n":                        {[]measured{of(api, "1", "", line("a", 4, .5), line("b", 3, .4), line("c", 2, .1))}, 2, []string{"a", "b"}},
		"without a dump":           {[]measured{{fleetRun: &fleetRun{where: api}}}, 0, nil},
		"beyond what can be added": {[]measured{of(api, "1", "", line("a", math.MaxInt64, 1)), of(web, "2", "", line("a", math.MaxInt64, 1))}, 0, []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := rank(slices.Values(c.runs), c.n)
			if got := names(f.Sites); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if f.Runs != len(c.runs) {
				t.Errorf("%d runs of %d", f.Runs, len(c.runs))
			}
		})
	}
}

func TestGroup(t *testing.T) {
	w, w2, later := at("n", "api", "1", "api-0"), at("n", "api", "1", "api-1"), at("n", "api", "2", "api-0")
	few := []held{line("1", 60, .1), line("2", 50, .1), line("3", 40, .1), line("4", 30, .1), line("5", 20, .1)}
	partial := measured{&fleetRun{id: "4", where: w2, kind: postmortem.Crash}, []held{grown(line("f", 8, 0), -2)}, ""}
	f := rank(slices.Values([]measured{
		of(w, "1", postmortem.OOMSuspected, append(few, line("f", 10, .2))...),
		of(w, "2", "", grown(line("f", 10, .4), 6)),
		of(later, "5", postmortem.Clean, line("f", 1, 1)),
		of(w2, "3", postmortem.OOMSuspected, line("f", 10, .9)),
		partial,
		{fleetRun: &fleetRun{id: "6", where: w2}},
	}), 0)
	if len(f.Groups) != 2 || f.Pods != 2 || f.Runs != 6 || f.Measured != 5 {
		t.Fatalf("%+v", f)
	}
	g := f.Groups[0]
	i := slices.IndexFunc(g.Sites, func(s fleetSite) bool { return s.Function == "f" })
	share, by := float64(float32(.4)), int64(4)
	want := fleetSite{
		Function: "f", File: "/src/f.go", Line: 7, Bytes: 38, Pods: 2, Runs: 4, TopPods: 2, TopRuns: 3,
		MedianShare: &share, Grown: &by, GrownRuns: 2,
	}
	if !reflect.DeepEqual(g.Sites[i], want) {
		t.Errorf("got %+v", g.Sites[i])
	}
	g.Sites = nil
	head := group{
		Namespace: "n", Workload: "api", Build: "1", Pods: 2, Runs: 5, Measured: 4, Partial: 1, NoVerdict: 2,
		Exits: map[postmortem.Kind]int{postmortem.OOMSuspected: 2, postmortem.Crash: 1}, Profiles: []string{"api-0/1", "api-0/2", "api-1/3"},
	}
	if !reflect.DeepEqual(g, head) {
		t.Errorf("got %+v", g)
	}
}

func TestCandidates(t *testing.T) {
	d := func(second int, stage heapdump.Stage) fleetDump {
		return fleetDump{profile: string(stage), stage: stage, time: time.Unix(int64(second), 0)}
	}
	for name, c := range map[string]struct{ dumps, want []fleetDump }{
		"none":            {nil, nil},
		"baseline only":   {[]fleetDump{d(1, heapdump.Baseline)}, nil},
		"the last fresh":  {[]fleetDump{d(1, heapdump.Fresh), d(2, heapdump.Fresh), d(3, heapdump.Immediate)}, []fleetDump{d(2, heapdump.Fresh), d(1, heapdump.Fresh), d(3, heapdump.Immediate)}},
		"else immediate":  {[]fleetDump{d(1, heapdump.Immediate), d(2, heapdump.Immediate), d(3, heapdump.Baseline)}, []fleetDump{d(2, heapdump.Immediate), d(1, heapdump.Immediate)}},
		"a stage to come": {[]fleetDump{d(1, "later")}, []fleetDump{d(1, "later")}},
	} {
		if got := candidates(c.dumps); len(got) != len(c.want) || len(got) > 0 && !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestHeldOf(t *testing.T) {
	by := int64(3)
	site := func(function, file string, line, bytes int64, share float64) sites.Site {
		return sites.Site{Function: function, File: file, Line: line, Bytes: bytes, Objects: 1, Share: share}
	}
	got := heldOf([]sites.Site{site("a.F", "/one/f.go", 1, 10, .5), site("a.F", "/two/f.go", 1, 5, .25), site("b\x1b[31m", "g.go", 2, 20, .25)},
		[]heapdump.Site{{Function: "a.F", File: "/one/f.go", Line: 1, Bytes: 99, Grown: &by}, {Function: "gone", Bytes: 99}})
	want := []held{{"b?[31m", "g.go", 2, 20, .25, nil}, {"a.F", "/one/f.go", 1, 15, .75, &by}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	got = heldOf(nil, []heapdump.Site{{Function: "a.F", File: "f.go", Line: 1, Bytes: 9, Grown: &by}, {Function: "none", Bytes: -1}})
	if want := []held{{"a.F", "f.go", 1, 9, 0, &by}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestWhereOf(t *testing.T) {
	for dir, want := range map[string]where{
		".":              {},
		"n/w/b/p/c":      {identity.Identity{Namespace: "n", Workload: "w", Pod: "p", Container: "c"}, "b"},
		"b/p/c":          {identity.Identity{Pod: "p", Container: "c"}, "b"},
		"more/n/w/b/p/c": {identity.Identity{Namespace: "n", Workload: "w", Pod: "p", Container: "c"}, "b"},
	} {
		if got := whereOf(dir); got != want {
			t.Errorf("%s: %+v", dir, got)
		}
	}
	for build, want := range map[string]string{"": "", "m": "", "m (devel)": "", "m v1": "m v1", "m (devel) 0a1b": "m (devel) 0a1b"} {
		if got := versioned(build); got != want {
			t.Errorf("%q: %q", build, got)
		}
	}
}

func TestSettle(t *testing.T) {
	known := at("shop", "api", "m v1", "api-7")
	runs := settle([]*fleetRun{
		{id: "2", dir: "n/w/b/p/c", where: known, kind: postmortem.Crash, dumps: []fleetDump{{profile: "x/1"}}},
		{id: "1", dir: "n/w/b/p/c"}, // Another file of the folder knows.
		{id: "1", dir: "a/w/b/p/c"}, // Its path knows.
		{id: "2", dir: "copy", where: known, dumps: []fleetDump{{profile: "y/1"}, {profile: "y/2"}}},
		{id: "9", dir: ".", program: "m (devel)"},
	})
	var got []string
	for _, r := range runs {
		got = append(got, r.id+" "+r.where.Namespace+"/"+r.where.Workload+"/"+r.where.build+"/"+r.where.Pod)
	}
	if want := []string{"9 //m (devel)/", "1 a/w/b/p", "1 shop/api/m v1/api-7", "2 shop/api/m v1/api-7"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if r := runs[3]; len(r.dumps) != 2 || r.kind != postmortem.Crash {
		t.Errorf("%+v", r)
	}
}

func TestDumpNames(t *testing.T) {
	for name, stage := range map[string]heapdump.Stage{
		"heap-20261123T120000.000Z-p1-fresh.pb": "fresh", "heap-20261123T120000.000Z-p1-immediate.pb.gz": "immediate",
		"heap-20261123T120000.000Z-p1-fresh.json": "", "heap-x-p1-fresh.pb": "", "heap-20261123T120000.000Z-p1.pb": "", "goroutine-20261123T120000.000Z-p1-fresh.pb": "",
	} {
		if d, ok := dumpOf("a", name); ok != (stage != "") || d.stage != stage {
			t.Errorf("%s: %+v, %v", name, d, ok)
		}
	}
	w := writersOf([]*fleetRun{{id: "20261123T120000.000Z-p1-0a1b2c3d"}, {id: "20261123T130000.000Z-p1-00000000"}, {id: "20261123T120000.000Z-p12-00000000"}, {id: "p"}})
	for profile, want := range map[string]string{
		"a/heap-20261123T120000.000Z-p1-fresh.pb": "20261123T120000.000Z-p1-0a1b2c3d", "a/heap-20261123T125959.999Z-p1-fresh.pb": "20261123T120000.000Z-p1-0a1b2c3d",
		"a/heap-20261123T140000.000Z-p1-fresh.pb": "20261123T130000.000Z-p1-00000000", "a/heap-20261123T110000.000Z-p1-fresh.pb": "a/p1", "a/heap-20261123T140000.000Z-p3-fresh.pb": "a/p3",
	} {
		if got := w.of(profile); got != want {
			t.Errorf("%s: %s", profile, got)
		}
	}
}

func TestPprofCommand(t *testing.T) {
	const begin = "go tool pprof -http=localhost: "
	one, two, old := "n/w/b/p1/c/heap-1-p1-fresh.pb", "n/w/b/p2/c/heap-2-p1-fresh.pb", "n/w/b/p2/c/heap-1-p1-fresh.pb"
	for name, c := range map[string]struct {
		root           string
		profiles, tree []string
		want           string
	}{
		"none":                   {"r", nil, []string{one}, ""},
		"one":                    {"r/", []string{one}, []string{one}, begin + "r/" + one},
		"a pattern that is they": {"r", []string{one, two}, []string{one, two, "n/w/b/p1/c/heap-1-p1-immediate.pb"}, begin + "r/n/w/b/*/c/heap-*-fresh.pb"},
		"a pattern that is more": {"r", []string{one, two}, []string{one, two, old}, begin + "r/" + one + " r/" + two},
		"two stages":             {"r", []string{one, "n/w/b/p2/c/heap-2-p1-immediate.pb"}, []string{one, "n/w/b/p2/c/heap-2-p1-immediate.pb"}, begin + "r/n/w/b/*/c/heap-*.pb*"},
		"odd names":              {"-it's *", []string{"a b/1", "a b/2"}, nil, begin + `'./-it'\''s */''a b/1' './-it'\''s */''a b/2'`},
		"hidden":                 {"r", []string{"a/.b/heap-1-fresh.pb", "a/c/heap-1-fresh.pb"}, []string{"a/.b/heap-1-fresh.pb", "a/c/heap-1-fresh.pb"}, begin + "r/a/.b/heap-1-fresh.pb r/a/c/heap-1-fresh.pb"},
		"other depths":           {"r", []string{"a/1", "2"}, nil, begin + "r/a/1 r/2"},
	} {
		if got := pprofCommand(c.root, c.profiles, c.tree); got != c.want {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

func TestSince(t *testing.T) {
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"24h": noon.Add(-24 * time.Hour), "2026-11-20": time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC),
		"2026-11-20T10:00:00Z": time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC), "-1h": {}, "yesterday": {},
	} {
		if got, err := parseSince(text, noon); !got.Equal(want) || (err == nil) == want.IsZero() {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	runs := since([]*fleetRun{{id: "none"}, {id: "old", last: noon.Add(-time.Hour)}, {id: "new", last: noon}}, noon)
	if len(runs) != 2 || runs[0].id != "none" || runs[1].id != "new" {
		t.Errorf("%+v", runs)
	}
}
