package memguardhttp

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
)

// TestProfileWithoutNames: a person is told what to do, and not sent there again
// until the names are there.
func TestProfileWithoutNames(t *testing.T) {
	g := start(t)
	h := newHandler(g)
	const name = "heap-20200101T000000.000Z-p7-immediate.pb"
	path := filepath.Join(filepath.Dir(dump(t, g).Path), name)
	l := &profile.Location{ID: 1, Address: 4096}
	p := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "inuse_objects", Unit: "count"}, {Type: "inuse_space", Unit: "bytes"}},
		Location:   []*profile.Location{l}, Sample: []*profile.Sample{{Location: []*profile.Location{l}, Value: []int64{1, 1 << 20}}},
	}
	write := func() {
		t.Helper()
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := p.WriteUncompressed(f); err != nil {
			t.Fatal(err)
		}
		h.list.forget()
	}
	linked := func() bool {
		return strings.Contains(ask(h, http.MethodGet, "?format=html").Body.String(), `href="?flame=`+name+`"`)
	}
	write()
	if w := ask(h, http.MethodGet, "?flame="+name); w.Code != 422 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Errorf("a tool: %d, %v", w.Code, w.Header())
	}
	for _, query := range []string{"?flame=" + name, "?flame=" + name + "&base=" + base(g.Snapshot().LastDump.Path)} {
		w := ask(h, http.MethodGet, query, with("Accept", "text/html"))
		text := w.Body.String()
		if w.Code != 422 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") || !strings.Contains(text, "go tool pprof") ||
			!strings.Contains(text, `href="?#dumps"`) || !strings.Contains(text, `href="?dump=`+name+`"`) || strings.Contains(text, "<svg") ||
			!strings.Contains(w.Header().Get("Content-Security-Policy"), "nonce-") {
			t.Errorf("%s: %d, %v, %.500s", query, w.Code, w.Header(), text)
		}
	}
	if linked() {
		t.Error("the page leads to what cannot be drawn")
	}
	l.Line = []profile.Line{{Function: &profile.Function{ID: 1, Name: "main.leak"}}}
	p.Function = []*profile.Function{l.Line[0].Function}
	write()
	if !linked() {
		t.Error("the names are there, and the page does not lead to it")
	}
	if w := ask(h, http.MethodGet, "?flame="+name, with("Accept", "text/html")); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "main.leak") {
		t.Errorf("%d, %.300s", w.Code, w.Body)
	}
	if w := ask(h, http.MethodGet, "?flame=nothing", with("Accept", "text/html")); w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), "<html") {
		t.Errorf("what is no dump: %d, %.300s", w.Code, w.Body)
	}
}
