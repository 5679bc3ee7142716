package flame

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"

	"github.com/memguard-dev/go-memguard/internal/heapprofile"
	"github.com/memguard-dev/go-memguard/internal/inuse"
)

func TestDiff(t *testing.T) {
	tree := diff(t,
		[]stack{{1, 1000, "a.F|main.main"}, {1, 50, "b.G|main.main"}, {1, 70, "x.X|a.F|main.main"}, {1, 9, "gone.F|main.main"}, {3, 300, "d.I"}},
		[]stack{{1, 1100, "a.F|main.main"}, {5, 350, "b.G|main.main"}, {1, 40, "x.X|a.F|main.main"}, {4, 600, "c.H|main.main"}, {3, 300, "d.I"}})
	p := tree.Draw(Options{})
	expect(t, picture(t, p),
		`0 0+100 mg-root "all that grew: 1000 B"`,
		`1 0+100 mg-grew "main.main"`,
		`2 0+60 mg-new "c.H"`,
		`2 60+30 mg-grew "b.G"`,
		`2 90+10 mg-grew "a.F"`)
	if tree.Bytes() != 1000 || tree.Shrunk() != 30+9 || !strings.Contains(p.SVG, "1000 B grown") {
		t.Errorf("%d bytes grown, %d shrunk", tree.Bytes(), tree.Shrunk())
	}
	expect(t, drawn(t, p)[3].title, "b.G", "300 B, 30.0 % of all", "from 50 B to 350 B, +4 objects", "itself 300 B, most at f.go:3")
	rows := tree.Top(2)
	if len(rows) != 2 || rows[0].Function != "c.H" || rows[0].To != 600 || rows[0].From != 0 || rows[1].Function != "b.G" ||
		rows[1].Flat != 300 || rows[1].From != 50 || rows[1].To != 350 || rows[1].Share != 0.3 {
		t.Errorf("%+v", rows)
	}
	same := []stack{{1, 1000, "a.F|main.main"}}
	if tree := diff(t, same, same); tree.Bytes() != 0 || tree.Shrunk() != 0 || tree.Draw(Options{}).Frames != 1 {
		t.Error("grew without a difference")
	}
}

func TestTop(t *testing.T) {
	tree := read(t,
		stack{1, 300, "a.F|a.R|a.R|main.main"}, stack{1, 100, "a.R|a.R|main.main"},
		stack{2, 600, "a.F|main.main"}, stack{1, 50, "-|main.main"}, stack{1, 20, "runtime.malg|runtime.newproc1"})
	var got []Row
	for _, row := range tree.Top(0) {
		if p := tree.Draw(Options{Zoom: row.Zoom}); p.Function != row.Function || p.Unknown {
			t.Errorf("zoom of %s is %+v", row.Function, p)
		}
		row.Zoom = ""
		got = append(got, row)
	}
	want := []Row{
		{"a.F", "dir/f.go", 1, 900, 900, 0, 900, 900. / 1070, ""},
		{"a.R", "dir/f.go", 2, 100, 400, 0, 100, 100. / 1070, ""},
		{"0x400", "", 0, 50, 50, 0, 50, 50. / 1070, ""},
		{"runtime.malg", "dir/f.go", 5, 20, 20, 0, 20, 20. / 1070, ""},
		{"main.main", "", 0, 0, 1050, 0, 0, 0, ""},
		{"runtime.newproc1", "", 0, 0, 20, 0, 0, 0, ""},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	if rows := tree.Top(1); len(rows) != 1 || rows[0].Function != "a.F" {
		t.Errorf("%+v", rows)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestErrors(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	if _, err := io.CopyN(z, zeros{}, inuse.MaxSize+1); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	cpu := heapOf()
	cpu.SampleType[1].Type = "cpu"
	good := func() io.Reader { return encoded(t, heapOf(stack{1, 1, "a.F"})) }
	for name, c := range map[string]struct {
		bad  func() io.Reader
		want error
	}{
		"not heap":   {func() io.Reader { return encoded(t, cpu) }, ErrNotHeapProfile},
		"no symbols": {func() io.Reader { return encoded(t, heapOf(stack{1, 1, "-"})) }, ErrNoSymbols},
		"too large":  {func() io.Reader { return io.LimitReader(zeros{}, inuse.MaxSize+1) }, ErrTooLarge},
		"bomb":       {func() io.Reader { return bytes.NewReader(bomb.Bytes()) }, ErrTooLarge},
		"torn":       {func() io.Reader { return io.LimitReader(good(), 15) }, io.ErrUnexpectedEOF},
	} {
		if tree, err := Read(c.bad()); tree != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if tree, err := Diff(c.bad(), good()); tree != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), "base") {
			t.Errorf("%s: %v", name, err)
		}
		if tree, err := Diff(good(), c.bad()); tree != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), "peak") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

var kept []any

//go:noinline
func leakDeep(n int) {
	if n > 0 {
		leakDeep(n - 1)
		return
	}
	kept = append(kept, inlined(48<<20))
}

func inlined(n int) []byte { return make([]byte, n) }

// TestThisProcess takes real profiles of both writers, before and after a leak.
func TestThisProcess(t *testing.T) {
	defer func() { kept = nil }()
	for name, write := range map[string]func(io.Writer) error{
		"ours":          func(w io.Writer) error { return heapprofile.New().Symbolized(w) },
		"runtime/pprof": pprof.WriteHeapProfile,
	} {
		t.Run(name, func(t *testing.T) {
			take := func() []byte {
				runtime.GC()
				var b bytes.Buffer
				if err := write(&b); err != nil {
					t.Fatal(err)
				}
				return b.Bytes()
			}
			kept = nil
			base := take()
			leakDeep(3)
			peak := take()
			now, err := Read(bytes.NewReader(peak))
			if err != nil {
				t.Fatal(err)
			}
			grown, err := Diff(bytes.NewReader(base), bytes.NewReader(peak))
			if err != nil {
				t.Fatal(err)
			}
			for _, tree := range []*Tree{now, grown} {
				top := tree.Top(1)[0]
				if !strings.HasSuffix(top.Function, "flame.inlined") || top.Flat < 48<<20 || !strings.HasSuffix(top.File, "tree_test.go") || top.Line == 0 {
					t.Errorf("%+v", top)
				}
				// The widest path leads to the leak.
				var path []string
				frames := drawn(t, tree.Draw(Options{}))
				for at := frames[0]; at.width > 0; {
					path = append(path, at.text)
					widest := box{}
					for _, f := range frames {
						if f.row == at.row+1 && f.left >= at.left && f.left < at.left+at.width && f.width > widest.width {
							widest = f
						}
					}
					at = widest
				}
				if got := strings.Join(path, " "); !strings.HasSuffix(got, " flame.leakDeep flame.leakDeep flame.leakDeep flame.leakDeep flame.inlined") {
					t.Errorf("widest path %s", got)
				}
			}
			if grown.Bytes() < 48<<20 || grown.Bytes() > now.Bytes() {
				t.Errorf("%d bytes grown, %d in use", grown.Bytes(), now.Bytes())
			}
		})
	}
}
