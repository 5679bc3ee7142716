package sites

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
	"github.com/memguard-dev/go-memguard/internal/inuse"
)

// synthetic makes a heap profile; each stack is "bytes leaf caller ...".
func synthetic(types string, stacks ...synthStack) *profile.Profile {
	p := &profile.Profile{}
	for typ := range strings.FieldsSeq(types) {
		p.SampleType = append(p.SampleType, &profile.ValueType{Type: typ, Unit: "bytes"})
	}
	functions := map[string]*profile.Location{}
	for _, st := range stacks {
		s := &profile.Sample{Value: st.values}
		for name := range strings.FieldsSeq(st.frames) {
			loc := functions[name]
			if loc == nil {
				id := uint64(len(p.Location) + 1)
				loc = &profile.Location{ID: id, Address: id << 8}
				if name != "-" {
					f := &profile.Function{ID: id, Name: name, Filename: "f.go"}
					p.Function = append(p.Function, f)
					loc.Line = []profile.Line{{Function: f, Line: int64(id)}}
				}
				p.Location = append(p.Location, loc)
				functions[name] = loc
			}
			s.Location = append(s.Location, loc)
		}
		p.Sample = append(p.Sample, s)
	}
	return p
}

type synthStack struct {
	values []int64
	frames string
}

func encoded(t testing.TB, p *profile.Profile) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return &b
}

func TestTop(t *testing.T) {
	const types = "inuse_objects inuse_space"
	for name, c := range map[string]struct {
		profile *profile.Profile
		n       int
		want    []Site
	}{
		"empty": {synthetic(types), 5, []Site{}},
		"runtime frames are skipped": {
			synthetic(types, synthStack{[]int64{1, 75}, "runtime.mallocgc internal/runtime/maps.New a.F main.main"}, synthStack{[]int64{2, 25}, "b.G main.main"}), 0,
			[]Site{{"a.F", "f.go", 3, 75, 1, 0.75}, {"b.G", "f.go", 5, 25, 2, 0.25}},
		},
		"all runtime": {synthetic(types, synthStack{[]int64{1, 10}, "runtime.malg runtime.newproc1"}), 1, []Site{{"runtime.malg", "f.go", 1, 10, 1, 1}}},
		"type arguments": {
			synthetic(types, synthStack{[]int64{1, 10}, "a.F[go.shape.int]"}, synthStack{[]int64{1, 5}, "a.(*T[go.shape.[]int,string]).M"}, synthStack{[]int64{1, 1}, "op]["}), 0,
			[]Site{{"a.F[...]", "f.go", 1, 10, 1, 10. / 16}, {"a.(*T[...]).M", "f.go", 2, 5, 1, 5. / 16}, {"op][", "f.go", 3, 1, 1, 1. / 16}},
		},
		"one symbol":      {synthetic(types, synthStack{[]int64{1, 10}, "- a.F"}), 1, []Site{{"0x100", "", 0, 10, 1, 1}}},
		"no stack":        {synthetic(types, synthStack{[]int64{1, 10}, ""}), 1, []Site{{"[unknown]", "", 0, 10, 1, 1}}},
		"n cuts":          {synthetic(types, synthStack{[]int64{1, 10}, "a.F"}, synthStack{[]int64{1, 30}, "b.G"}), 1, []Site{{"b.G", "f.go", 2, 30, 1, 0.75}}},
		"freed, negative": {synthetic(types, synthStack{[]int64{0, 0}, "a.F"}, synthStack{[]int64{-1, -5}, "b.G"}, synthStack{[]int64{-1, 4}, "c.H"}), 0, []Site{{"c.H", "f.go", 3, 4, 0, 1}}},
		"same site twice": {synthetic(types, synthStack{[]int64{1, 10}, "a.F x.X"}, synthStack{[]int64{1, 10}, "a.F y.Y"}), 0, []Site{{"a.F", "f.go", 1, 20, 2, 1}}},
		"overflow":        {synthetic(types, synthStack{[]int64{math.MaxInt64, math.MaxInt64}, "a.F x.X"}, synthStack{[]int64{1, 1}, "a.F y.Y"}), 0, []Site{{"a.F", "f.go", 1, math.MaxInt64, math.MaxInt64, 1}}},
		"space only":      {synthetic("inuse_space", synthStack{[]int64{10}, "a.F"}), 0, []Site{{"a.F", "f.go", 1, 10, 0, 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Top(encoded(t, c.profile), c.n)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got %+v, %v, want %+v", got, err, c.want)
			}
		})
	}
}

func TestTopDropFrames(t *testing.T) {
	p := synthetic("inuse_space", synthStack{[]int64{10}, "my.alloc a.F main.main"})
	p.DropFrames = `my\.alloc`
	got, err := Top(encoded(t, p), 1)
	if err != nil || len(got) != 1 || got[0].Function != "a.F" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestTopErrors(t *testing.T) {
	packed := func(r io.Reader) io.Reader {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := io.Copy(z, r); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return &b
	}
	long := synthetic("inuse_space")
	long.DropFrames = strings.Repeat("a", inuse.MaxFramesExpr+1)
	nameless := synthetic("inuse_space", synthStack{[]int64{10}, "a.F"})
	nameless.Function[0].Name = ""
	for name, c := range map[string]struct {
		r    io.Reader
		want error
	}{
		"not heap":      {encoded(t, synthetic("samples cpu", synthStack{[]int64{1, 1}, "a.F"})), ErrNotHeapProfile},
		"bomb":          {packed(io.LimitReader(zeros{}, inuse.MaxSize+1)), ErrTooLarge},
		"plain":         {io.LimitReader(zeros{}, inuse.MaxSize+1), ErrTooLarge},
		"bomb in bomb":  {packed(packed(io.LimitReader(zeros{}, inuse.MaxSize*4))), nil},
		"nothing":       {strings.NewReader(""), nil},
		"noise":         {strings.NewReader("\xff\xff\xff\xff"), nil},
		"torn":          {io.LimitReader(packed(strings.NewReader("hello")), 12), io.ErrUnexpectedEOF},
		"bad gzip":      {strings.NewReader("\x1f\x8bxxxxxxxxxxxxxxxx"), gzip.ErrHeader},
		"endless frame": {encoded(t, long), nil},
		"no symbols":    {encoded(t, synthetic("inuse_space", synthStack{[]int64{10}, "-"})), ErrNoSymbols},
		"empty symbol":  {encoded(t, nameless), ErrNoSymbols},
	} {
		sites, err := Top(c.r, 1)
		if err == nil || sites != nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, %v, want %v", name, sites, err, c.want)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func FuzzTop(f *testing.F) {
	plain := func(p *profile.Profile) []byte {
		var b bytes.Buffer
		if err := p.WriteUncompressed(&b); err != nil {
			f.Fatal(err)
		}
		return b.Bytes()
	}
	p := synthetic("inuse_objects inuse_space", synthStack{[]int64{1, 75}, "runtime.mallocgc a.F main.main"}, synthStack{[]int64{2, 25}, "- b.G"})
	f.Add(plain(p))
	p.DropFrames, p.KeepFrames = "a.*", "a.F"
	f.Add(plain(p))
	f.Add(encoded(f, p).Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		sites, err := Top(bytes.NewReader(data), 3)
		if err == nil && len(sites) > 3 {
			t.Errorf("%d sites", len(sites))
		}
		for _, s := range sites {
			if s.Bytes <= 0 || s.Objects < 0 || !(s.Share > 0 && s.Share <= 1) || s.Function == "" {
				t.Errorf("site %+v", s)
			}
		}
	})
}
