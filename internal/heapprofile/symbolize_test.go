package heapprofile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/google/pprof/profile"
)

// symbolizable is New where the build is known.
func symbolizable(t testing.TB) *Encoder {
	t.Helper()
	e := New()
	if e.BuildID() == "" {
		t.Skip("the build is not known here")
	}
	return e
}

func bytesOf(t testing.TB, write func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func symbolize(e *Encoder, data []byte) func(io.Writer) error {
	return func(w io.Writer) error { return e.Symbolize(w, bytes.NewReader(data)) }
}

// small is a profile of two stacks in this program.
func small(t testing.TB, e *Encoder) []byte {
	t.Helper()
	records := make([]runtime.MemProfileRecord, 2)
	for i := range records {
		records[i].AllocBytes, records[i].AllocObjects = 64, 1
		runtime.Callers(i, records[i].Stack0[:])
	}
	return bytesOf(t, heapOf(e, records))
}

// cum adds up values by function, once for each sample.
func cum(p *profile.Profile) map[string][4]int64 {
	by := map[string][4]int64{}
	for _, s := range p.Sample {
		seen := map[string]bool{}
		for _, l := range s.Location {
			for _, line := range l.Line {
				// Symbolized leaves out the end of every stack.
				if name := line.Function.Name; !seen[name] && name != "runtime.goexit" {
					seen[name] = true
					sum := by[name]
					for i, v := range s.Value {
						sum[i] += v
					}
					by[name] = sum
				}
			}
		}
	}
	return by
}

// TestSymbolizeIsSymbolized compares both ways to names for one state of the
// heap, which only a GC changes.
func TestSymbolizeIsSymbolized(t *testing.T) {
	e := symbolizable(t)
	defer func() { kept = nil }()
	ints, texts, hold := generic[int](1000), generic[string](1000), inlinesTwice()
	deep(60)
	fork(5, 4)
	runtime.GC()
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	addresses := bytesOf(t, e.Addresses)
	before := parse(t, func(w io.Writer) error { _, err := w.Write(addresses); return err })
	after, want := parse(t, symbolize(e, addresses)), parse(t, New().Symbolized)

	if len(after.Sample) != len(before.Sample) || len(after.Location) != len(before.Location) || len(after.Mapping) != len(before.Mapping) {
		t.Fatalf("%d samples, %d locations, %d mappings, want %d, %d, %d", len(after.Sample), len(after.Location), len(after.Mapping),
			len(before.Sample), len(before.Location), len(before.Mapping))
	}
	for i, s := range before.Sample {
		got := after.Sample[i]
		same := slices.Equal(got.Value, s.Value) && slices.Equal(got.NumLabel["bytes"], s.NumLabel["bytes"]) &&
			slices.EqualFunc(got.Location, s.Location, func(a, b *profile.Location) bool {
				return a.ID == b.ID && a.Address == b.Address && a.Mapping.ID == b.Mapping.ID
			})
		if !same {
			t.Fatalf("sample %d: %v, want %v", i, got, s)
		}
	}
	if after.TimeNanos != before.TimeNanos || after.Period != before.Period || after.DropFrames != dropFrames || after.KeepFrames != keepFrames {
		t.Errorf("time %d, period %d, drop %q, keep %q", after.TimeNanos, after.Period, after.DropFrames, after.KeepFrames)
	}
	if m := after.Mapping[0]; !m.HasFunctions || !m.HasFilenames || !m.HasLineNumbers {
		t.Errorf("mapping %+v", m)
	}
	lines := map[uint64]profile.Line{}
	for _, l := range want.Location {
		if len(l.Line) == 1 {
			lines[l.Address] = l.Line[0]
		}
	}
	for _, l := range after.Location {
		if line, ok := lines[l.Address]; ok && (len(l.Line) != 1 || l.Line[0].Line != line.Line ||
			l.Line[0].Function.Name != line.Function.Name || l.Line[0].Function.Filename != line.Function.Filename) {
			t.Errorf("%#x is %v, want %v", l.Address, l.Line, line)
		}
	}
	// Tools cut off the runtime's frames as they read.
	for _, p := range []*profile.Profile{after, want} {
		if err := p.RemoveUninteresting(); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := flat(after), flat(want); !maps.Equal(got, want) {
		t.Errorf("flat sums differ:\n%v\nwant:\n%v", got, want)
	}
	gotCum, wantCum := cum(after), cum(want)
	for name := range wantCum {
		if !isRuntime(name) && gotCum[name] != wantCum[name] {
			t.Errorf("%s with what it calls: %v, want %v", name, gotCum[name], wantCum[name])
		}
	}
	t.Logf("%d locations, %d functions", len(after.Location), len(after.Function))
	runtime.KeepAlive([]any{ints, texts, hold})
}

// rawFields are the fields of the outermost message as they stand there.
func rawFields(t testing.TB, data []byte) (all [][]byte) {
	t.Helper()
	for len(data) > 0 {
		_, rest, ok := cutMessage(data)
		if !ok {
			t.Fatal("no fields")
		}
		all = append(all, data[:len(data)-len(rest)])
		data = rest
	}
	return all
}

func TestSymbolizeKeepsTheStrings(t *testing.T) {
	e := symbolizable(t)
	texts := func(data []byte) (all [][]byte) {
		for _, f := range rawFields(t, data) {
			if m, _, _ := cutMessage(f); m.field == profileString {
				all = append(all, m.body)
			}
		}
		return all
	}
	data := small(t, e)
	before, after := texts(data), texts(bytesOf(t, symbolize(e, data)))
	if len(after) <= len(before) || !slices.EqualFunc(before, after[:len(before)], bytes.Equal) {
		t.Errorf("strings %q, want these and more: %q", after, before)
	}
}

func TestSymbolizeMoved(t *testing.T) {
	e := symbolizable(t)
	const shift = 0x5000_0000
	moved := New()
	moved.maps = slices.Clone(e.maps[:1])
	moved.maps[0].start += shift
	moved.maps[0].limit += shift
	records := make([]runtime.MemProfileRecord, 1)
	records[0].AllocBytes, records[0].AllocObjects = 64, 1
	runtime.Callers(0, records[0].Stack0[:])
	// A copy, since frames are looked up one by one.
	names := runtime.CallersFrames(slices.Clone(records[0].Stack()))
	for i := range records[0].Stack() {
		records[0].Stack0[i] += shift
	}
	there := parse(t, symbolize(e, bytesOf(t, heapOf(moved, records))))
	for _, l := range there.Sample[0].Location {
		frame, _ := names.Next()
		if len(l.Line) != 1 || l.Line[0].Function.Name != frame.Function || l.Line[0].Line != int64(frame.Line) || l.Address != uint64(frame.PC)+shift {
			t.Errorf("%#x is %v, want %s:%d", l.Address, l.Line, frame.Function, frame.Line)
		}
	}
	if len(there.Sample[0].Location) < 3 {
		t.Errorf("stack %v", there.Sample[0].Location)
	}
}

func TestSymbolizeRefuses(t *testing.T) {
	e := symbolizable(t)
	good := small(t, e)
	field := func(n int, body []byte) []byte { return appendBytes(nil, n, body) }
	isField := func(n int) func([]byte) bool {
		return func(f []byte) bool { m, _, _ := cutMessage(f); return m.field == n }
	}
	// before puts fields in front of the first one of a kind, after behind the last.
	before := func(n int, more ...[]byte) func([][]byte) [][]byte {
		return func(all [][]byte) [][]byte { return slices.Insert(all, slices.IndexFunc(all, isField(n)), more...) }
	}
	after := func(more ...[]byte) func([][]byte) [][]byte {
		return func(all [][]byte) [][]byte { return append(all, more...) }
	}
	without := func(n int) func([][]byte) [][]byte {
		return func(all [][]byte) [][]byte { return slices.DeleteFunc(all, isField(n)) }
	}
	values := appendBytes(nil, sampleValues, []byte{1, 2, 3, 4})
	huge := binary.AppendUvarint([]byte{profileSample<<3 | wireBytes}, math.MaxUint64)
	mapping := func(id uint64, fields ...uint64) []byte {
		b := appendUint(nil, mappingID, id)
		for i, v := range fields {
			b = appendUint(b, mappingStart+i, v)
		}
		return field(profileMapping, b)
	}
	other := New()
	other.maps = slices.Clone(e.maps)
	other.maps[0].buildID = "another"
	unknown := New()
	unknown.maps = slices.Clone(e.maps)
	unknown.maps[0].buildID = ""
	larger := New()
	larger.maps = slices.Clone(e.maps)
	larger.maps[0].limit += 4096
	type edit = func([][]byte) [][]byte
	for name, c := range map[string]struct {
		data []byte
		edit edit
		want error
	}{
		"empty":                   {data: []byte{}, want: ErrFormat},
		"text":                    {data: []byte("precious"), want: ErrFormat},
		"compressed":              {data: []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00"), want: ErrFormat},
		"another build":           {data: small(t, other), want: ErrBuild},
		"build not known":         {data: small(t, unknown), want: ErrBuild},
		"another size":            {data: small(t, larger), want: ErrBuild},
		"Symbolized":              {data: bytesOf(t, New().Symbolized), want: ErrSymbols},
		"symbolized":              {data: bytesOf(t, symbolize(e, good)), want: ErrSymbols},
		"a function":              {edit: before(profileSample, field(profileFunction, []byte{8, 1})), want: ErrSymbols},
		"a huge length":           {edit: after(huge), want: ErrFormat},
		"a length past the end":   {edit: after([]byte{profileSample<<3 | wireBytes, 100, 1}), want: ErrFormat},
		"an endless number":       {edit: after(bytes.Repeat([]byte{0xff}, 20)), want: ErrFormat},
		"an unknown field":        {edit: after(field(15, nil)), want: ErrFormat},
		"64 bits":                 {edit: after([]byte{profileSample<<3 | 1, 0, 0, 0, 0, 0, 0, 0, 0}), want: ErrFormat},
		"a group":                 {edit: after([]byte{profileSample<<3 | 3, profileSample<<3 | 4}), want: ErrFormat},
		"32 bits":                 {edit: after([]byte{profileSample<<3 | 5, 0, 0, 0, 0}), want: ErrFormat},
		"a dangling location":     {edit: after(field(profileSample, append(appendBytes(nil, sampleLocations, []byte{0x7f}), values...))), want: ErrFormat},
		"location 0":              {edit: after(field(profileSample, append(appendBytes(nil, sampleLocations, []byte{0}), values...))), want: ErrFormat},
		"three values":            {edit: after(field(profileSample, appendBytes(nil, sampleValues, []byte{1, 2, 3}))), want: ErrFormat},
		"a location twice":        {edit: after(field(profileLocation, appendUint(nil, locationID, 1))), want: ErrFormat},
		"a location out of order": {edit: after(field(profileLocation, appendUint(nil, locationID, 1<<20))), want: ErrFormat},
		"a location of none":      {edit: before(profileMapping, field(profileLocation, appendUint(nil, locationID, 1))), want: ErrFormat},
		"a mapping too late":      {edit: after(mapping(uint64(len(e.maps)+1), 1, 2)), want: ErrFormat},
		"many mappings":           {edit: before(profileMapping, slices.Repeat([][]byte{mapping(1, 1, 2)}, 100_000)...), want: ErrFormat},
		"no mapping":              {edit: without(profileMapping), want: ErrFormat},
		"many strings":            {edit: before(profileMapping, slices.Repeat([][]byte{field(profileString, nil)}, 100_000)...), want: ErrFormat},
		"no strings":              {edit: without(profileString), want: ErrFormat},
		"other strings":           {edit: before(profileString, field(profileString, []byte("x"))), want: ErrFormat},
		"a long string":           {edit: before(profileMapping, field(profileString, make([]byte, 1<<20))), want: ErrFormat},
		"two times":               {edit: before(profileSample, []byte{profileTimeNanos<<3 | wireVarint, 1}), want: ErrFormat},
	} {
		t.Run(name, func(t *testing.T) {
			data := c.data
			if data == nil {
				data = bytes.Join(c.edit(rawFields(t, good)), nil)
			}
			if err := e.Symbolize(io.Discard, bytes.NewReader(data)); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			// What was refused leaves nothing behind in the encoder.
			if err := e.Symbolize(io.Discard, bytes.NewReader(good)); err != nil {
				t.Errorf("the next one: %v", err)
			}
		})
	}
}

func TestSymbolizeWithoutPeriod(t *testing.T) {
	e := symbolizable(t)
	records := make([]runtime.MemProfileRecord, 1)
	runtime.Callers(0, records[0].Stack0[:])
	e.places.prepare(1)
	data := bytesOf(t, func(w io.Writer) error { return e.heap(w, records, 0, noon) })
	if p := parse(t, symbolize(e, data)); p.Period != 0 || len(p.Function) == 0 {
		t.Errorf("period %d, %d functions", p.Period, len(p.Function))
	}
}

func TestSymbolizeCutOff(t *testing.T) {
	e := symbolizable(t)
	data := small(t, e)
	for n := range data {
		if err := e.Symbolize(io.Discard, bytes.NewReader(data[:n])); !errors.Is(err, ErrFormat) {
			t.Fatalf("%d of %d bytes: %v", n, len(data), err)
		}
	}
}

func TestSymbolizeErrors(t *testing.T) {
	e := symbolizable(t)
	data := small(t, e)
	if err := e.Symbolize(&failing{}, bytes.NewReader(data)); !errors.Is(err, errFull) {
		t.Errorf("full: %v", err)
	}
	for n := range 40 {
		src := io.MultiReader(bytes.NewReader(data[:n*len(data)/40]), iotest.ErrReader(errFull))
		if err := e.Symbolize(io.Discard, src); !errors.Is(err, errFull) || errors.Is(err, ErrFormat) {
			t.Errorf("unreadable from %d: %v", n*len(data)/40, err)
		}
	}
	if err := e.Symbolize(io.Discard, iotest.OneByteReader(bytes.NewReader(data))); err != nil {
		t.Errorf("byte by byte: %v", err)
	}
}

func TestCheckIsThatOfSymbolize(t *testing.T) {
	e := symbolizable(t)
	data := small(t, e)
	if err := e.Check(bytes.NewReader(data)); err != nil {
		t.Error(err)
	}
	if err := e.Check(bytes.NewReader(bytesOf(t, symbolize(e, data)))); !errors.Is(err, ErrSymbols) {
		t.Error(err)
	}
	if err := e.Check(bytes.NewReader(nil)); !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
}

// allocated is how many bytes fn takes from the heap in all.
func allocated(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func FuzzSymbolize(f *testing.F) {
	e := New()
	// So that the corpus does not depend on the build.
	e.maps = e.maps[:1]
	e.maps[0].buildID, e.maps[0].file = "fuzz", "/fuzz"
	data := small(f, e)
	f.Add(data)
	for n := 1; n < 8; n++ {
		f.Add(data[:n*len(data)/8])
	}
	for n := 0; n < len(data); n += 7 {
		mutant := bytes.Clone(data)
		mutant[n] ^= 0x81
		f.Add(mutant)
	}
	f.Add(bytes.Join(slices.Repeat(rawFields(f, data), 3), nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		var out bytes.Buffer
		var err error
		// The names of a program's functions, but not what a file counts.
		out.Grow(8*len(data) + 64<<10)
		if n := allocated(func() { err = e.Symbolize(&out, bytes.NewReader(data)) }); n > uint64(1<<20+64*len(data)) {
			t.Errorf("%d bytes for %d", n, len(data))
		}
		if err != nil {
			if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrBuild) && !errors.Is(err, ErrSymbols) {
				t.Error(err)
			}
			return
		}
		p, err := profile.ParseData(out.Bytes())
		if err == nil {
			err = p.CheckValid()
		}
		if err != nil {
			t.Errorf("accepted, but %v", err)
		}
	})
}

func BenchmarkSymbolize(b *testing.B) {
	e := symbolizable(b)
	defer func() { kept = nil }()
	manyStacks(b, 30_000)
	data := bytesOf(b, e.Addresses)
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Symbolize(io.Discard, bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(data)), "file-bytes")
}
