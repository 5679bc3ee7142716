package memguardhttp

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
)

// large is a heap profile of 1 to 2 MiB uncompressed, whose names take little
// when it is compressed, with as many samples as functions.
func large(t testing.TB) (plain, packed []byte) {
	t.Helper()
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "inuse_objects", Unit: "count"}, {Type: "inuse_space", Unit: "bytes"}}}
	for i := range 2000 {
		f := &profile.Function{ID: uint64(i + 1), Name: fmt.Sprintf("f%d%s", i, strings.Repeat("x", 600))}
		l := &profile.Location{ID: f.ID, Line: []profile.Line{{Function: f}}}
		p.Function, p.Location = append(p.Function, f), append(p.Location, l)
		p.Sample = append(p.Sample, &profile.Sample{Location: []*profile.Location{l}, Value: []int64{1, 1 << 20}})
	}
	var a, b bytes.Buffer
	if err := p.WriteUncompressed(&a); err != nil {
		t.Fatal(err)
	}
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return a.Bytes(), b.Bytes()
}

// TestProfilesThatDoNotFit: what counts is a profile's size unpacked, and that
// of both where two are compared.
func TestProfilesThatDoNotFit(t *testing.T) {
	g := start(t)
	h := newHandler(g)
	dir := filepath.Dir(dump(t, g).Path)
	plain, packed := large(t)
	if len(plain) < 1<<20 || len(packed) > len(plain)/10 {
		t.Fatalf("%d bytes, packed %d", len(plain), len(packed))
	}
	// The size that gzip notes at its end.
	lying := append(bytes.Clone(packed[:len(packed)-4]), 1, 0, 0, 0)
	const name = "heap-20200101T00000%d.000Z-p7-fresh%s"
	files := []string{fmt.Sprintf(name, 1, ".pb"), fmt.Sprintf(name, 2, ".pb.gz"), fmt.Sprintf(name, 3, ".pb"), fmt.Sprintf(name, 4, ".pb.gz")}
	for i, text := range [][]byte{plain, packed, packed, lying} {
		if err := os.WriteFile(filepath.Join(dir, files[i]), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	one := parseCost * uint64(len(plain))
	for _, c := range []struct {
		query string
		left  uint64
		want  int
	}{
		{files[0], one - 1, 507},
		{files[0], one, 200},
		{files[1], one - 1, 507},
		{files[1], one, 200},
		{files[2], one - 1, 507},
		{files[2], one, 200},
		{files[3], one - 1, 422},
		{files[0] + "&base=" + files[1], 2*one - 1, 507},
		{files[0] + "&base=" + files[1], 2 * one, 200},
		{files[1], 0, 507},
	} {
		h.left = func() (uint64, bool) { return c.left, true }
		before := allocated()
		w := ask(h, http.MethodGet, "?flame="+c.query)
		took := allocated() - before
		if w.Code != c.want {
			t.Errorf("%s with %d left: %d, want %d: %.200s", c.query, c.left, w.Code, c.want, w.Body)
		}
		if took > c.left && w.Code == http.StatusOK || took > 1<<20 && w.Code != http.StatusOK {
			t.Errorf("%s: %d, %d bytes allocated with %d left", c.query, w.Code, took, c.left)
		}
	}
	h.left = func() (uint64, bool) { return math.MaxUint64, true }
	if err := os.Truncate(filepath.Join(dir, files[0]), 33<<20); err != nil {
		t.Fatal(err)
	}
	before := allocated()
	if w := ask(h, http.MethodGet, "?flame="+files[0]); w.Code != http.StatusRequestEntityTooLarge || allocated()-before > 1<<20 {
		t.Errorf("%d, %d bytes allocated", w.Code, allocated()-before)
	}
}
