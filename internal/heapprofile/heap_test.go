package heapprofile

import (
	"bytes"
	"io"
	"maps"
	"math"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"testing"

	"github.com/google/pprof/profile"
)

func TestMain(m *testing.M) {
	runtime.MemProfileRate = 1
	os.Exit(m.Run())
}

var kept [][]byte

// fork calls itself along the bits of path: each path is a stack of its own.
//
//go:noinline
func fork(path, depth int) {
	switch {
	case depth == 0:
		kept = append(kept, make([]byte, 48))
	case path&1 == 0:
		fork(path>>1, depth-1)
	default:
		fork(path>>1, depth-1)
	}
}

// manyStacks makes the heap have at least n records, published.
func manyStacks(tb testing.TB, n int) {
	tb.Helper()
	const depth = 15
	for path := range min(n, 1<<depth) {
		fork(path, depth)
	}
	runtime.GC()
	runtime.GC()
	if got := Records(); got < n {
		tb.Fatalf("%d records, want %d", got, n)
	}
}

// generic, inlined and deep places to allocate in.
func inlined[T any](n int) []T { return make([]T, n) }

//go:noinline
func generic[T any](n int) []T { return append(inlined[T](n), inlined[T](1)...) }

func deep(n int) {
	if n == 0 {
		kept = append(kept, make([]byte, 512))
		return
	}
	deep(n - 1)
}

func parse(t testing.TB, write func(io.Writer) error) *profile.Profile {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	p, err := profile.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.CheckValid(); err != nil {
		t.Fatal(err)
	}
	return p
}

// totals adds up all values of a profile.
func totals(p *profile.Profile) (sum [4]int64) {
	for _, s := range p.Sample {
		for i, v := range s.Value {
			sum[i] += v
		}
	}
	return sum
}

var typeArgs = regexp.MustCompile(`\[.*\]`)

// flat adds up values by innermost function.
func flat(p *profile.Profile) map[string][4]int64 {
	by := map[string][4]int64{}
	for _, s := range p.Sample {
		name := "none"
		if len(s.Location) > 0 {
			name = typeArgs.ReplaceAllString(s.Location[0].Line[0].Function.Name, "[...]")
		}
		sum := by[name]
		for i, v := range s.Value {
			sum[i] += v
		}
		by[name] = sum
	}
	maps.DeleteFunc(by, func(_ string, sum [4]int64) bool { return sum == [4]int64{} })
	return by
}

// TestSameAsRuntimePprof compares both writers for one state of the heap,
// which only a GC changes.
func TestSameAsRuntimePprof(t *testing.T) {
	defer func() { kept = nil }()
	ints, texts := generic[int](1000), generic[string](1000)
	deep(60)
	fork(5, 4)
	m := map[string]int{"a": 1}
	runtime.GC()
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for _, rate := range []int{1, 512 << 10} {
		defer func(rate int) { runtime.MemProfileRate = rate }(runtime.MemProfileRate)
		runtime.MemProfileRate = rate
		theirs := parse(t, func(w io.Writer) error { return pprof.Lookup("heap").WriteTo(w, 0) })
		ours := parse(t, New().Symbolized)
		addresses := parse(t, New().Addresses)
		if totals(ours) != totals(theirs) || totals(addresses) != totals(theirs) {
			t.Errorf("totals %v and %v, want %v", totals(ours), totals(addresses), totals(theirs))
		}
		want, got := flat(theirs), flat(ours)
		// See the package documentation: callers of an inlined function of the
		// runtime.
		for _, name := range []string{"testing.callerName", "testing.pcToName", "testing.(*common).frameSkip"} {
			delete(want, name)
			delete(got, name)
		}
		for name := range want {
			if got[name] != want[name] {
				t.Errorf("%s: %v, want %v", name, got[name], want[name])
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d functions, want %d", len(got), len(want))
		}
		t.Logf("%d samples, %d functions, totals %v", len(ours.Sample), len(got), totals(ours))
		for i, typ := range theirs.SampleType {
			if *ours.SampleType[i] != *typ || *addresses.SampleType[i] != *typ {
				t.Errorf("sample type %d: %v, want %v", i, ours.SampleType[i], typ)
			}
		}
		if *ours.PeriodType != *theirs.PeriodType || ours.Period != int64(rate) || ours.DefaultSampleType != theirs.DefaultSampleType {
			t.Errorf("period %v %d, default %q", ours.PeriodType, ours.Period, ours.DefaultSampleType)
		}
		if ours.DropFrames != theirs.DropFrames || addresses.DropFrames != dropFrames || addresses.KeepFrames != keepFrames {
			t.Errorf("drop %q and %q, keep %q", ours.DropFrames, addresses.DropFrames, addresses.KeepFrames)
		}
		sizes := func(p *profile.Profile) map[int64]int {
			n := map[int64]int{}
			for _, s := range p.Sample {
				for _, size := range s.NumLabel["bytes"] {
					n[size] += int(s.Value[0])
				}
			}
			return n
		}
		if !maps.Equal(sizes(ours), sizes(theirs)) {
			t.Error("the sizes of objects differ")
		}
		if runtime.GOOS == "linux" {
			checkMappings(t, ours, theirs)
			checkMappings(t, addresses, theirs)
		}
	}
	runtime.KeepAlive(ints)
	runtime.KeepAlive(texts)
	runtime.KeepAlive(m)
}

func checkMappings(t *testing.T, ours, theirs *profile.Profile) {
	t.Helper()
	a, b := *ours.Mapping[0], *theirs.Mapping[0]
	if a.Start != b.Start || a.Limit != b.Limit || a.Offset != b.Offset || a.File != b.File || a.BuildID != b.BuildID || a.BuildID == "" {
		t.Errorf("first mapping %+v, want %+v", a, b)
	}
	for _, l := range ours.Location {
		if l.Mapping != ours.Mapping[0] && l.Address >= a.Start && l.Address < a.Limit {
			t.Errorf("location %#x is in mapping %v", l.Address, l.Mapping)
		}
	}
}

func TestAddressesAllocateNothing(t *testing.T) {
	defer func() { kept = nil }()
	manyStacks(t, 30_000)
	e := New()
	e.Prepare(Records() + 100)
	if n := testing.AllocsPerRun(3, func() {
		if err := e.Addresses(io.Discard); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
	p := parse(t, e.Addresses)
	seen := map[uint64]bool{}
	for _, l := range p.Location {
		if seen[l.Address] {
			t.Fatalf("location %#x comes twice", l.Address)
		}
		seen[l.Address] = true
	}
	if len(p.Sample) < 30_000 || p.TimeNanos == 0 {
		t.Errorf("%d samples at %d", len(p.Sample), p.TimeNanos)
	}
}

// Without room, records still make a valid profile.
func TestUnprepared(t *testing.T) {
	e := New()
	e.Prepare(1)
	if p := parse(t, e.Addresses); len(p.Sample) == 0 {
		t.Error("no samples")
	}
}

// heapOf encodes records made up.
func heapOf(e *Encoder, records []runtime.MemProfileRecord) func(io.Writer) error {
	return func(w io.Writer) error {
		e.places.prepare(1)
		return e.heap(w, records, 1, noon)
	}
}

// TestFullTable has more program counters than the table takes.
func TestFullTable(t *testing.T) {
	records := make([]runtime.MemProfileRecord, 200)
	for i := range records {
		records[i].AllocBytes, records[i].AllocObjects = 64, 1
		for j := range records[i].Stack0 {
			records[i].Stack0[j] = uintptr(1 + i<<8 + j)
		}
	}
	records = append(records, records...)
	p := parse(t, heapOf(New(), records))
	for i, s := range p.Sample {
		for j, l := range s.Location {
			if want := uint64(records[i].Stack0[j] - 1); l.Address != want {
				t.Fatalf("sample %d, frame %d is %#x, want %#x", i, j, l.Address, want)
			}
		}
	}
	if len(p.Sample) != 400 {
		t.Errorf("%d samples", len(p.Sample))
	}
	e := New()
	e.symbols = newSymbols(textMappings + 2*len(e.maps))
	if p := parse(t, heapOf(e, records)); len(p.Sample) != 400 || len(p.Location) != 200*32 {
		t.Errorf("%d samples, %d locations", len(p.Sample), len(p.Location))
	}
}

func TestOddRecords(t *testing.T) {
	records := make([]runtime.MemProfileRecord, 3)
	records[1].Stack0[0] = math.MaxUint
	records[1].AllocObjects, records[1].AllocBytes = 1, math.MaxInt64
	records[2].FreeObjects, records[2].FreeBytes = 1, 8 // freed before it was counted
	p := parse(t, heapOf(New(), records))
	if got := p.Sample[2].Value; got[2] != -1 || got[3] != -8 {
		t.Errorf("values %v", got)
	}
	if len(p.Sample[0].Location) != 0 || p.Sample[1].Location[0].Address != math.MaxUint-1 {
		t.Errorf("samples %v", p.Sample)
	}
}

func TestScale(t *testing.T) {
	for _, c := range []struct{ objects, bytes, rate, wantObjects, wantBytes int64 }{
		{0, 0, 1, 0, 0},
		{0, 5, 512, 0, 0},
		{3, 300, 1, 3, 300},
		{3, 300, 0, 3, 300},
		{1, 512, 512, 1, 809},               // 1 / (1 - 1/e) = 1.58
		{2, 16, 512 << 10, 131073, 1048584}, // 1 / (1 - exp(-8/512Ki)) = 65536.5
		{1, 1 << 30, 512 << 10, 1, 1 << 30},
	} {
		objects, bytes := scale(c.objects, c.bytes, c.rate)
		if objects != c.wantObjects || bytes != c.wantBytes {
			t.Errorf("scale(%d, %d, %d) = %d, %d, want %d, %d", c.objects, c.bytes, c.rate, objects, bytes, c.wantObjects, c.wantBytes)
		}
	}
}
