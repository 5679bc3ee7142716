package flame

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"github.com/google/pprof/profile"
)

func FuzzRead(f *testing.F) {
	plain := func(p *profile.Profile) []byte {
		var b bytes.Buffer
		if err := p.WriteUncompressed(&b); err != nil {
			f.Fatal(err)
		}
		return b.Bytes()
	}
	one := plain(heapOf(stack{1, 75, "runtime.mallocgc|a.F[x]|main.main"}, stack{2, 25, "-|b.G"}))
	two := plain(heapOf(stack{1, math.MaxInt64, "c.<H>"}, stack{1, 100, "a.F[x]|main.main"}))
	f.Add(one, two, "a", "")
	f.Add(two, one, "<", "0123456789abcdef")
	f.Add(one, []byte{}, "", "x")
	f.Fuzz(func(t *testing.T, base, peak []byte, text, zoom string) {
		tree, err := Read(bytes.NewReader(base))
		if err == nil {
			check(t, tree, text, zoom)
		}
		tree, err = Diff(bytes.NewReader(base), bytes.NewReader(peak))
		if err == nil {
			check(t, tree, text, zoom)
		}
	})
}

func check(t *testing.T, tree *Tree, text, zoom string) {
	t.Helper()
	rows := tree.Top(3)
	zooms := []string{"", zoom}
	for _, row := range rows {
		if row.Flat < 0 || row.Cumulative < row.Flat || row.From < 0 || row.To < row.From || !(row.Share >= 0 && row.Share <= 1) {
			t.Errorf("%+v", row)
		}
		zooms = append(zooms, row.Zoom)
	}
	for _, z := range zooms {
		p := tree.Draw(Options{Name: text, Zoom: z, Search: text, Link: func(zoom string) string { return text + zoom }})
		drawn(t, p)
		if p.Bytes < 0 || p.LeftOut < 0 || p.LeftOutBytes < 0 || p.LeftOutBytes > p.Bytes || p.FoundBytes < 0 || p.FoundBytes > p.Bytes || tree.Shrunk() < 0 {
			t.Errorf("%+v", p)
		}
	}
}

// tenThousand is a profile of stacks like those of a large service.
func tenThousand() *profile.Profile {
	var stacks []stack
	for i := range 10_000 {
		calls := ""
		for depth := 24; depth > 0; depth-- {
			calls += fmt.Sprintf("example.com/service/layer%d.(*Handler).Do%d|", depth, i%(1<<min(depth/2, 12)))
		}
		stacks = append(stacks, stack{int64(1 + i%5), int64(512 + i*7919%100_000), calls + "net/http.(*conn).serve"})
	}
	return heapOf(stacks...)
}

func BenchmarkRead(b *testing.B) {
	data := encoded(b, tenThousand()).Bytes()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDiff(b *testing.B) {
	data := encoded(b, tenThousand()).Bytes()
	base := encoded(b, heapOf(stack{1, 1, "a.F"})).Bytes()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Diff(bytes.NewReader(base), bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDraw(b *testing.B) {
	tree, err := Read(encoded(b, tenThousand()))
	if err != nil {
		b.Fatal(err)
	}
	o := Options{Search: "layer3", Link: func(zoom string) string { return "?flame=heap.pb.gz&zoom=" + zoom }}
	size := 0
	b.ReportAllocs()
	for b.Loop() {
		size = len(tree.Draw(o).SVG)
	}
	b.ReportMetric(float64(size), "SVG-bytes")
}
