package sites

import (
	"bytes"
	"errors"
	"io"
	"math"
	"reflect"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
	"github.com/memguard-dev/go-memguard/internal/heapprofile"
	"github.com/memguard-dev/go-memguard/internal/inuse"
)

func TestDiff(t *testing.T) {
	const types = "inuse_objects inuse_space"
	heapOf := func(stacks ...synthStack) *profile.Profile { return synthetic(types, stacks...) }
	stack := func(objects, bytes int64, frames string) synthStack {
		return synthStack{[]int64{objects, bytes}, frames}
	}
	for name, c := range map[string]struct {
		base, peak *profile.Profile
		n          int
		want       Difference
	}{
		"both empty": {heapOf(), heapOf(), 0, Difference{Sites: []Growth{}}},
		"same":       {heapOf(stack(1, 10, "a.F")), heapOf(stack(1, 10, "a.F")), 0, Difference{Sites: []Growth{}}},
		"empty base": {heapOf(), heapOf(stack(1, 10, "a.F")), 0, Difference{[]Growth{{"a.F", "f.go", 1, 10, 1, 0, 10, 1}}, 10, 0}},
		"empty peak": {heapOf(stack(1, 10, "a.F")), heapOf(), 0, Difference{[]Growth{}, 0, 10}},
		"most grown first, not most": {
			heapOf(stack(9, 1000, "a.F"), stack(1, 10, "b.G"), stack(1, 50, "c.H"), stack(1, 7, "d.I")),
			heapOf(stack(9, 1025, "a.F"), stack(4, 85, "b.G"), stack(1, 30, "c.H")), 0,
			Difference{[]Growth{{"b.G", "f.go", 2, 75, 3, 10, 85, 0.75}, {"a.F", "f.go", 1, 25, 0, 1000, 1025, 0.25}}, 100, 27},
		},
		"n cuts the list, not the sums": {
			heapOf(), heapOf(stack(1, 25, "a.F"), stack(1, 75, "b.G")), 1,
			Difference{[]Growth{{"b.G", "f.go", 2, 75, 1, 0, 75, 0.75}}, 100, 0},
		},
		"by names, not stacks or addresses": {
			heapOf(stack(1, 10, "a.F x.X"), stack(1, 20, "runtime.makeslice a.F y.Y")),
			heapOf(stack(1, 15, "a.F z.Z"), stack(1, 25, "a.F")), 0,
			Difference{[]Growth{{"a.F", "f.go", 1, 10, 0, 30, 40, 1}}, 10, 0},
		},
		"fewer and larger objects":  {heapOf(stack(10, 10, "a.F")), heapOf(stack(1, 20, "a.F")), 0, Difference{[]Growth{{"a.F", "f.go", 1, 10, -9, 10, 20, 1}}, 10, 0}},
		"another line":              {heapOf(stack(1, 10, "a.F")), heapOf(stack(1, 1, "b.G"), stack(1, 10, "a.F")), 1, Difference{[]Growth{{"a.F", "f.go", 2, 10, 1, 0, 10, 10. / 11}}, 11, 10}},
		"given back in the base":    {heapOf(stack(-1, -10, "a.F")), heapOf(stack(1, 10, "a.F")), 0, Difference{[]Growth{{"a.F", "f.go", 1, 10, 1, 0, 10, 1}}, 10, 0}},
		"more than can be added up": {heapOf(), heapOf(stack(1, math.MaxInt64, "a.F"), stack(1, math.MaxInt64, "b.G")), 1, Difference{[]Growth{{"a.F", "f.go", 1, math.MaxInt64, 1, 0, math.MaxInt64, 1}}, math.MaxInt64, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Diff(encoded(t, c.base), encoded(t, c.peak), c.n)
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, %v, want %+v", got, err, c.want)
			}
		})
	}
}

func TestDiffErrors(t *testing.T) {
	good := func() io.Reader { return encoded(t, synthetic("inuse_space", synthStack{[]int64{1}, "a.F"})) }
	for name, c := range map[string]struct {
		bad  func() io.Reader
		want error
	}{
		"not heap":   {func() io.Reader { return encoded(t, synthetic("samples")) }, ErrNotHeapProfile},
		"no symbols": {func() io.Reader { return encoded(t, synthetic("inuse_space", synthStack{[]int64{1}, "-"})) }, ErrNoSymbols},
		"too large":  {func() io.Reader { return io.LimitReader(zeros{}, inuse.MaxSize+1) }, ErrTooLarge},
		"unreadable": {func() io.Reader { return torn{} }, io.ErrUnexpectedEOF},
	} {
		if d, err := Diff(c.bad(), good(), 1); !errors.Is(err, c.want) || !strings.Contains(err.Error(), "base") || d.Sites != nil {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
		if d, err := Diff(good(), c.bad(), 1); !errors.Is(err, c.want) || !strings.Contains(err.Error(), "peak") || d.Sites != nil {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
}

type torn struct{}

func (torn) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

var kept []any

//go:noinline
func leakOne() { kept = append(kept, make([]byte, 48<<20)) }

//go:noinline
func leakGeneric[T any]() { kept = append(kept, make([]T, 16<<20)) }

// TestDiffOfThisProcess takes real profiles of both writers, before and after
// a leak.
func TestDiffOfThisProcess(t *testing.T) {
	defer func() { kept = nil }()
	take := func(write func(io.Writer) error) []byte {
		runtime.GC()
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	ours := func(w io.Writer) error { return heapprofile.New().Symbolized(w) }
	addresses := func(w io.Writer) error { return heapprofile.New().Addresses(w) }
	writers := map[string]func(io.Writer) error{"ours": ours, "runtime/pprof": pprof.WriteHeapProfile}

	freed := make([]byte, 32<<20)
	base, peak := map[string][]byte{}, map[string][]byte{}
	for name, write := range writers {
		base[name] = take(write)
	}
	unnamed := take(addresses)
	runtime.KeepAlive(freed)
	freed = nil
	_ = freed
	leakOne()
	leakGeneric[byte]()
	for name, write := range writers {
		peak[name] = take(write)
	}
	for from := range writers {
		for to := range writers {
			d, err := Diff(bytes.NewReader(base[from]), bytes.NewReader(peak[to]), 2)
			if err != nil || len(d.Sites) != 2 {
				t.Fatalf("%s to %s: %+v, %v", from, to, d, err)
			}
			one, generic := d.Sites[0], d.Sites[1]
			if !strings.HasSuffix(one.Function, "sites.leakOne") || one.Bytes != 48<<20 || one.From != 0 ||
				!strings.HasSuffix(generic.Function, "sites.leakGeneric[...]") || generic.Bytes != 16<<20 ||
				!strings.HasSuffix(one.File, "diff_test.go") || one.Share < 0.5 || d.Shrunk < 32<<20 || d.Grown < 64<<20 {
				t.Errorf("%s to %s: %+v", from, to, d)
			}
		}
	}
	if _, err := Diff(bytes.NewReader(unnamed), bytes.NewReader(peak["ours"]), 1); !errors.Is(err, ErrNoSymbols) {
		t.Errorf("base of addresses: %v", err)
	}
	if _, err := Top(bytes.NewReader(take(addresses)), 1); !errors.Is(err, ErrNoSymbols) {
		t.Errorf("top of addresses: %v", err)
	}
}

func FuzzDiff(f *testing.F) {
	plain := func(p *profile.Profile) []byte {
		var b bytes.Buffer
		if err := p.WriteUncompressed(&b); err != nil {
			f.Fatal(err)
		}
		return b.Bytes()
	}
	one := plain(synthetic("inuse_objects inuse_space", synthStack{[]int64{1, 75}, "a.F[x] main.main"}, synthStack{[]int64{2, 25}, "- b.G"}))
	two := plain(synthetic("inuse_space", synthStack{[]int64{math.MaxInt64}, "c.H"}, synthStack{[]int64{100}, "a.F"}))
	f.Add(one, two)
	f.Add(two, one)
	f.Add(one, []byte{})
	f.Fuzz(func(t *testing.T, base, peak []byte) {
		d, err := Diff(bytes.NewReader(base), bytes.NewReader(peak), 3)
		if err != nil {
			return
		}
		if len(d.Sites) > 3 || d.Grown < 0 || d.Shrunk < 0 {
			t.Errorf("%+v", d)
		}
		for _, g := range d.Sites {
			if g.Bytes <= 0 || g.From < 0 || g.Bytes != g.To-g.From || !(g.Share > 0 && g.Share <= 1) || g.Function == "" {
				t.Errorf("%+v", g)
			}
		}
		same, err := Diff(bytes.NewReader(peak), bytes.NewReader(peak), 0)
		if err != nil || len(same.Sites) > 0 || same.Grown != 0 || same.Shrunk != 0 {
			t.Errorf("to itself: %+v, %v", same, err)
		}
	})
}
