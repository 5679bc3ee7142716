package heapdump

import (
	"testing"
	"time"
)

func TestParseName(t *testing.T) {
	set := setName{noon.UnixMilli(), 17}
	for _, c := range []struct {
		name string
		want fileName
	}{
		{"heap-20261123T120000.123Z-p17-immediate.pb.gz", fileName{set, Immediate, heapProfile, true}},
		{"heap-20261123T120000.123Z-p17-fresh.pb", fileName{set, Fresh, heapProfile, false}},
		{"heap-20261123T120000.123Z-p17-immediate.json", fileName{set, Immediate, manifestFile, false}},
		{"goroutine-20261123T120000.123Z-p17-fresh.pb.gz", fileName{set, Fresh, goroutineProfile, true}},
		{"heap-20261123T120000.123Z-p17-later2.pb.gz", fileName{set, "later2", heapProfile, true}},
	} {
		got, ok := parseName(c.name)
		if !ok || got != c.want {
			t.Errorf("parseName(%q) = %+v, %v, want %+v", c.name, got, ok, c.want)
		}
	}
}

func TestParseNameForeign(t *testing.T) {
	for _, name := range []string{
		"", ".", "..", "heap", "heap.pb.gz", "heap-.pb.gz", "notes.txt",
		"heap-20261123T120000.123Z-p17-immediate.pb.gz.bak",
		"heap-20261123T120000.123Z-p17-immediate.pb.gz\n",
		"old-heap-20261123T120000.123Z-p17-immediate.pb.gz",
		"Heap-20261123T120000.123Z-p17-immediate.pb.gz",
		"heap-20261123T120000.123Z-p017-immediate.pb.gz",
		"heap-20261123T120000.123Z-p+17-immediate.pb.gz",
		"heap-20261123T120000.123Z-p0-immediate.pb.gz",
		"heap-20261123T120000.123Z-p-1-immediate.pb.gz",
		"heap-20261123T120000.123Z-p99999999999999999999-immediate.pb.gz",
		"heap-20261123T120000.123Z-p17-.pb.gz",
		"heap-20261123T120000.123Z-p17.pb.gz",
		"heap-20261123T120000.123Z-p17-Immediate.pb.gz",
		"heap-20261123T120000.123Z-p17-a-b.pb.gz",
		"heap-20261123T120000.123Z-p17-../x.pb.gz",
		"heap-20261123T120000.123Z-p17-seventeenletters0.pb.gz",
		"heap-20261123T120000,123Z-p17-immediate.pb.gz",
		"heap-20261123T120000Z-p17-immediate.pb.gz",
		"heap-20261123T120000.1234Z-p17-immediate.pb.gz",
		"heap-20261323T120000.123Z-p17-immediate.pb.gz",
		"heap-20261123T250000.123Z-p17-immediate.pb.gz",
		"heap-20261123T12:00:00.123Z-p17-immediate.pb.gz",
		"goroutine-20261123T120000.123Z-p17-immediate.json",
		".tmp-heapdump-0123456789abcdef",
	} {
		if got, ok := parseName(name); ok {
			t.Errorf("parseName(%q) = %+v, want none", name, got)
		}
	}
}

func TestIsTemp(t *testing.T) {
	for name, want := range map[string]bool{
		tempName():                        true,
		".tmp-heapdump-0123456789abcdef":  true,
		".tmp-heapdump-0123456789abcdeF":  false,
		".tmp-heapdump-0123456789abcde":   false,
		".tmp-heapdump-0123456789abcdef0": false,
		".tmp-heapdump-":                  false,
		".tmp-other-0123456789abcdef":     false,
		"x.tmp-heapdump-0123456789abcdef": false,
	} {
		if got := isTemp(name); got != want {
			t.Errorf("isTemp(%q) = %v, want %v", name, got, want)
		}
	}
}

func TestSetNameYear(t *testing.T) {
	for _, year := range []int{-1, 10000} {
		if _, err := newSetName(time.Date(year, 1, 2, 0, 0, 0, 0, time.UTC), 1); err == nil {
			t.Errorf("year %d: no error", year)
		}
	}
	local := time.FixedZone("east", 5*3600)
	got, err := newSetName(noon.In(local), 1)
	if want := "20261123T120000.123Z-p1"; err != nil || got.String() != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func FuzzParseName(f *testing.F) {
	f.Add("heap-20261123T120000.123Z-p17-immediate.pb.gz")
	f.Add("goroutine-00000101T000000.000Z-p1-fresh.pb")
	f.Add("heap-20261123T120000.123Z-p17-immediate.json")
	f.Fuzz(func(t *testing.T, name string) {
		n, ok := parseName(name)
		if !ok {
			return
		}
		if n.String() != name {
			t.Errorf("%q reads as %+v, which writes %q", name, n, n.String())
		}
		if isTemp(name) || n.set.pid < 1 || n.stage == "" {
			t.Errorf("%q reads as %+v", name, n)
		}
	})
}
