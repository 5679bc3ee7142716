package heapprofile

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/memguard-dev/go-memguard/heapdump/sites"
)

// fromProfile drops what sites.Top has more.
func fromProfile(t *testing.T, profile io.Reader) []Site {
	t.Helper()
	top, err := sites.Top(profile, 0)
	if err != nil {
		t.Fatal(err)
	}
	var same []Site
	for _, s := range top {
		same = append(same, Site{s.Function, s.File, int(s.Line), s.Bytes, s.Objects})
	}
	return same
}

func sortSites(s []Site) []Site {
	slices.SortFunc(s, func(a, b Site) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Function, b.Function),
			cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return s
}

func inlinedHere() []byte { return make([]byte, 100<<10) }

//go:noinline
func inlinesOnce() []byte { return inlinedHere() }

//go:noinline
func inlinesTwice() [][]byte { return [][]byte{inlinedHere(), inlinedHere()} }

// TestTopIsThatOfTheProfile holds the sites against those that google/pprof
// reads from the profile of the same records.
func TestTopIsThatOfTheProfile(t *testing.T) {
	defer func() { kept = nil }()
	hold := [][]byte{inlinesOnce()}
	hold = append(hold, inlinesTwice()...)
	ints, texts := generic[int](50_000), generic[string](20_000)
	fork(5, 4)
	m := map[int]*int{}
	for i := range 1000 {
		m[i] = new(int)
	}
	runtime.GC()
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	defer func(rate int) { runtime.MemProfileRate = rate }(runtime.MemProfileRate)
	for _, rate := range []int{1, 512 << 10} {
		runtime.MemProfileRate = rate
		e := New()
		var profile bytes.Buffer
		if err := e.Symbolized(&profile); err != nil {
			t.Fatal(err)
		}
		want := sortSites(fromProfile(t, &profile))
		lines, rest := e.lines(len(e.records))
		if rest != 0 {
			t.Errorf("%d bytes left out", rest)
		}
		var all []Site
		for i := range lines {
			all = append(all, lines[i].site())
		}
		all = sortSites(all)
		if len(all) != len(want) {
			t.Errorf("%d sites, want %d", len(all), len(want))
		}
		for i := range min(len(all), len(want)) {
			if all[i] != want[i] {
				t.Fatalf("site %d: %+v, want %+v", i, all[i], want[i])
			}
		}
		if err := e.Addresses(io.Discard); err != nil {
			t.Fatal(err)
		}
		if got := e.Top(3); !slices.Equal(got, want[:3]) {
			t.Errorf("top %+v, want %+v", got, want[:3])
		}
		t.Logf("%d records, %d sites", e.count, len(want))
		if rate > 1 {
			continue
		}
		at := slices.IndexFunc(all, func(s Site) bool { return strings.HasSuffix(s.Function, ".inlinedHere") })
		if at < 0 || all[at].Objects != 3 {
			t.Errorf("no single site for the three inlined calls in %+v", all[:10])
		}
		if !slices.ContainsFunc(all, func(s Site) bool { return strings.HasSuffix(s.Function, ".generic[...]") && s.Objects == 2 }) {
			t.Errorf("no generic function in %+v", all[:10])
		}
	}
	runtime.KeepAlive(hold)
	runtime.KeepAlive(ints)
	runtime.KeepAlive(texts)
	runtime.KeepAlive(m)
}

// inside gives a return address in a function.
func inside(f any) uintptr { return reflect.ValueOf(f).Pointer() + 2 }

// record has some bytes in use, in one object.
func record(bytes int64, stack ...uintptr) (r runtime.MemProfileRecord) {
	r.AllocBytes, r.AllocObjects = bytes, 1
	copy(r.Stack0[:], stack)
	return r
}

// holding is an encoder that has written these records last.
func holding(records ...runtime.MemProfileRecord) *Encoder {
	return &Encoder{records: records, count: len(records)}
}

// text is "Function bytes/objects" of each site.
func text(top []Site) string {
	var b []string
	for _, s := range top {
		b = append(b, fmt.Sprintf("%s %d/%d", path.Base(s.Function), s.Bytes, s.Objects))
	}
	return strings.Join(b, " ")
}

func TestTopOfRecords(t *testing.T) {
	gc, caller, a, b := inside(runtime.GC), inside(runtime.Caller), inside(deep), inside(fork)
	freed := record(1000, a)
	freed.FreeBytes, freed.FreeObjects = 1000, 1
	early := record(0, a)
	early.FreeBytes, early.FreeObjects = 1000, 1
	const unknown = 77
	for name, c := range map[string]struct {
		n    int
		e    *Encoder
		want string
	}{
		"nothing written":    {5, New(), ""},
		"none wanted":        {0, holding(record(1, a)), ""},
		"fewer than none":    {-1, holding(record(1, a)), ""},
		"most first":         {5, holding(record(8, a), record(16, b)), "heapprofile.fork 16/1 heapprofile.deep 8/1"},
		"cut":                {1, holding(record(8, a), record(16, b)), "heapprofile.fork 16/1"},
		"runtime is skipped": {5, holding(record(8, gc, caller, a, b)), "heapprofile.deep 8/1"},
		"all runtime":        {5, holding(record(8, gc, caller)), "runtime.GC 8/1"},
		"added up":           {5, holding(record(8, gc, a), record(16, caller, a), record(32, a, b)), "heapprofile.deep 56/3"},
		"a line's counters":  {5, holding(record(8, a), record(16, a+1)), "heapprofile.deep 24/2"},
		"freed":              {5, holding(freed, early, record(8, b)), "heapprofile.fork 8/1"},
		"all freed":          {5, holding(freed), ""},
		"no name":            {5, holding(record(8, gc, unknown, a)), "0x4c 8/1"},
		"no stack":           {5, holding(record(8, a), record(8)), "heapprofile.deep 8/1"},
		"large":              {5, holding(record(1<<60, a), record(1<<61, b)), "heapprofile.fork 2305843009213693952/1 heapprofile.deep 1152921504606846976/1"},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // looking changes nothing
				if got := text(c.e.Top(c.n)); got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
			}
		})
	}
}

// many are records of n functions that have no name; that at i has i+1
// objects of 128 bytes.
func many(n int) []runtime.MemProfileRecord {
	records := make([]runtime.MemProfileRecord, n)
	for i := range records {
		records[i] = record(128*int64(i+1), uintptr(1+i))
		records[i].AllocObjects = int64(i + 1)
	}
	rand.Shuffle(n, func(i, j int) { records[i], records[j] = records[j], records[i] })
	return records
}

// The largest are found however many there are, in a table that must grow.
func TestTopOfMany(t *testing.T) {
	for _, n := range []int{maxTop, maxTop + 1, 3 * maxTop, 20 * maxTop} {
		e := holding(many(n)...)
		top := e.Top(2 * maxTop)
		if len(top) != maxTop {
			t.Fatalf("%d sites of %d", len(top), n)
		}
		for i, s := range top {
			if want := int64(n - i); s.Objects != want || s.Bytes != 128*want {
				t.Fatalf("site %d of %d: %+v, want %d objects", i, n, s, want)
			}
		}
		_, rest := e.lines(maxTop)
		if left := 128 * int64(n-maxTop); rest < left || rest > left+weightUnit {
			t.Errorf("%d of %d are left out with up to %d bytes, want %d", n-maxTop, n, rest, left)
		}
	}
}

func TestGrown(t *testing.T) {
	a, b, c := inside(deep), inside(fork), inside(inlinesOnce)
	before := holding(record(100, a), record(200, b), record(50, a+1)).Baseline()
	for name, tc := range map[string]struct {
		n     int
		since *Baseline
		e     *Encoder
		want  string
	}{
		"same":        {5, before, holding(record(150, a), record(200, b)), ""},
		"shrank":      {5, before, holding(record(10, a)), ""},
		"grew":        {5, before, holding(record(151, a), record(300, b)), "heapprofile.fork 300/1 heapprofile.deep 151/1"},
		"new":         {5, before, holding(record(400, c), record(300, b), record(150, a)), "heapprofile.inlinesOnce 400/1 heapprofile.fork 300/1"},
		"cut":         {1, before, holding(record(400, c), record(300, b)), "heapprofile.inlinesOnce 400/1"},
		"none wanted": {-1, before, holding(record(400, c)), ""},
		"no baseline": {5, nil, holding(record(400, c)), ""},
		"no heap":     {5, before, New(), ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got []Site
			for _, g := range tc.e.Grown(tc.n, tc.since) {
				if had := map[string]int64{"fork": 200, "deep": 150}[path.Ext(g.Function)[1:]]; g.Grown != g.Bytes-had {
					t.Errorf("%+v: had %d bytes", g, had)
				}
				got = append(got, g.Site)
			}
			if got := text(got); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// A site too small for the baseline had something, not nothing.
func TestBaselineIsBounded(t *testing.T) {
	const n = 3 * maxBaseline
	before := holding(many(n)...).Baseline()
	if len(before.lines) != maxBaseline {
		t.Fatalf("%d lines", len(before.lines))
	}
	grown := holding(record(10<<20, 1), record(10<<20, n)).Grown(5, before)
	small := int64(10<<20 - 128*(n-maxBaseline))
	if len(grown) != 2 || grown[0].Grown > small || grown[0].Grown < small-weightUnit || grown[1].Grown != 10<<20-128*n {
		t.Errorf("got %+v, want at least %d and exactly %d", grown, small, 10<<20-128*n)
	}
	if got := holding(record(128, 1)).Grown(5, before); got != nil {
		t.Errorf("unchanged: %+v", got)
	}
}

func TestNoBaseline(t *testing.T) {
	e := New()
	if b := e.Baseline(); b != nil {
		t.Errorf("nothing written: %+v", b)
	}
	if err := e.Addresses(io.Discard); err != nil {
		t.Fatal(err)
	}
	if b := e.Baseline(); b == nil || len(b.lines) == 0 {
		t.Errorf("%+v", b)
	}
	e.Prepare(2 * len(e.records))
	if b, top := e.Baseline(), e.Top(5); b != nil || top != nil {
		t.Errorf("prepared anew: %+v, %+v", b, top)
	}
	// An empty heap is a baseline: all there is later has grown.
	freed := record(8, inside(deep))
	freed.FreeBytes, freed.FreeObjects = 8, 1
	if got := holding(record(8, inside(deep))).Grown(5, holding(freed).Baseline()); len(got) != 1 || got[0].Grown != 8 {
		t.Errorf("since an empty heap: %+v", got)
	}
}

// A profile is the same after its sites were looked at.
func TestTopLeavesTheEncoderAlone(t *testing.T) {
	e := New()
	if err := e.Addresses(io.Discard); err != nil {
		t.Fatal(err)
	}
	write := func() []byte {
		var b bytes.Buffer
		if err := heapOf(e, e.held())(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	before := write()
	if e.Top(5) == nil || e.Baseline() == nil {
		t.Error("no sites")
	}
	if !bytes.Equal(write(), before) {
		t.Error("another profile of the same records")
	}
}

func TestTopAllocatesLittle(t *testing.T) {
	defer func() { kept = nil }()
	manyStacks(t, 30_000)
	e := New()
	if err := e.Addresses(io.Discard); err != nil {
		t.Fatal(err)
	}
	base := e.Baseline()
	for name, look := range map[string]func(){
		"top":   func() { e.Top(5) },
		"grown": func() { e.Grown(5, base) },
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		look()
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 64<<10 {
			t.Errorf("%s: %d bytes", name, got)
		} else {
			t.Logf("%s: %d bytes of %d records", name, got, e.count)
		}
	}
}

func BenchmarkTop(b *testing.B) {
	defer func() { kept = nil }()
	manyStacks(b, 32_000)
	stacks := New()
	if err := stacks.Addresses(io.Discard); err != nil {
		b.Fatal(err)
	}
	lines := New() // Each record has a place of its own.
	lines.Prepare(30_000)
	lines.count = copy(lines.records, many(30_000))
	for i := range lines.records {
		lines.records[i].Stack0[0] += inside(testing.Main) // code of all kinds follows
	}
	for name, e := range map[string]*Encoder{"stacks": stacks, "lines": lines} {
		base := e.Baseline()
		for name, look := range map[string]func(){
			name + "/top":      func() { e.Top(5) },
			name + "/grown":    func() { e.Grown(5, base) },
			name + "/baseline": func() { e.Baseline() },
		} {
			b.Run(name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					look()
				}
			})
		}
	}
}
