package heapdump

import (
	"cmp"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// growForTest is this test's own, so that what another test leaves behind does not count.
//
//go:noinline
func growForTest(n, size int) {
	for range n {
		b := make([]byte, size) // On a line of its own: the growth of leaked is another site.
		leaked = append(leaked, b)
	}
}

func TestTopAndBaseline(t *testing.T) {
	dir := t.TempDir()
	s := testStore(t, dir, Options{}, nil)
	defer func() { leaked = nil }()
	growForTest(32, 1<<20)
	before, err := s.Capture(t.Context(), Request{Time: noon, Stage: Fresh, Top: 3})
	if err != nil {
		t.Fatal(err)
	}
	if len(before.Top) == 0 || !strings.HasSuffix(before.Top[0].Function, ".growForTest") || before.Top[0].Bytes < 32<<20 || before.Top[0].Grown != nil {
		t.Errorf("without a baseline: %+v", before.Top)
	}
	runtime.GC() // So that the baseline shows what was leaked so far.
	base, err := s.Capture(t.Context(), Request{Time: noon, Stage: Baseline, Reason: "baseline"})
	if err != nil || filepath.Base(base.Path) != "heap-20261123T120000.123Z-p"+pidText(s)+"-baseline.pb" {
		t.Fatalf("baseline %+v, %v", base, err)
	}
	if m := readBack(t, base.Manifest); m.Stage != Baseline || m.Baseline != "" || m.Top != nil {
		t.Errorf("manifest of the baseline %+v", m)
	}
	growForTest(8, 1<<20)
	for i, urgent := range []bool{false, true} {
		at := noon.Add(time.Duration(i+1) * time.Second)
		after, err := s.Capture(t.Context(), Request{Time: at, Stage: Fresh, Top: 3, Urgent: urgent})
		if err != nil {
			t.Fatal(err)
		}
		m := readBack(t, after.Manifest)
		if len(m.Top) != len(after.Top) || m.Baseline != filepath.Base(base.Path) {
			t.Errorf("manifest: baseline %q, %d sites, dump has %d", m.Baseline, len(m.Top), len(after.Top))
		}
		if len(after.Top) == 0 || len(after.Top) > 3 {
			t.Fatalf("%d sites, want up to 3", len(after.Top))
		}
		first := after.Top[0]
		if !strings.HasSuffix(first.Function, ".growForTest") || filepath.Base(first.File) != "top_test.go" || first.Line == 0 ||
			first.Grown == nil || *first.Grown < 8<<20 || *first.Grown > 10<<20 || first.Bytes < 40<<20 || first.Objects < 40 {
			t.Errorf("grew most: %+v, grown %v", first, *cmp.Or(first.Grown, new(int64)))
		}
	}
	if err := s.Finish(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	dumps, err := s.List()
	if err != nil || len(dumps) != 4 || dumps[0].Stage != Baseline || len(dumps[3].Top) == 0 {
		t.Errorf("listed %+v, %v", dumps, err)
	}
}

func pidText(s *Store) string {
	name := setName{pid: s.edge.pid}.String()
	return name[strings.LastIndex(name, "p")+1:]
}

func TestRetainKeepsTheBaselineOfARun(t *testing.T) {
	const unbounded = 1 << 40
	for _, c := range []struct {
		name, sets, baselines string
		keep                  int
		remove                string
	}{
		{"of another run", "a:1 a:2 a:9 a:3 c:5", "1", 4, "0"},
		{"of another run, until nothing plain is left", "a:1 a:2 a:9 a:3 c:5", "1", 3, "01"},
		{"of this run", "c:1 c:2 c:3 c:9 c:5 c:6", "1", 4, "24"},
	} {
		sets := history(c.sets)
		for _, i := range c.baselines {
			sets[i-'0'].baseline = true
		}
		gone := retain(sets, "c", []setName{sets[len(sets)-1].name}, c.keep, unbounded)
		if got := places(gone); got != c.remove {
			t.Errorf("%s: removed %q, want %q", c.name, got, c.remove)
		}
	}
}
