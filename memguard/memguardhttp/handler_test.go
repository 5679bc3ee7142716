package memguardhttp

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/memguard"
)

// start watches the test process itself.
func start(t testing.TB, opts ...memguard.Option) *memguard.Guard {
	t.Helper()
	opts = append([]memguard.Option{
		memguard.WithDumpDir(t.TempDir()), memguard.WithGoMemLimit(0), memguard.WithLogger(slog.New(slog.DiscardHandler)),
	}, opts...)
	g, err := memguard.Start(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Stop(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func dump(t testing.TB, g *memguard.Guard) heapdump.Dump {
	t.Helper()
	d, err := g.Dump(t.Context(), "a test")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// ask sends a request to the handler and returns its answer.
func ask(h http.Handler, method, target string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://inner.example/debug/memguard/", nil)
	r.URL.RawQuery = strings.TrimPrefix(target, "?")
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func with(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func form(values ...string) func(*http.Request) {
	v := url.Values{}
	for i := 0; i+1 < len(values); i += 2 {
		v.Set(values[i], values[i+1])
	}
	return func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Body = io.NopCloser(strings.NewReader(v.Encode()))
	}
}

func TestFormats(t *testing.T) {
	h := Handler(start(t))
	for _, c := range []struct{ query, accept, want string }{
		{"", "", "text/plain"},
		{"", "*/*", "text/plain"},
		{"", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"},
		{"", "application/json", "application/json"},
		{"", "text/html;q=0.5, application/json;q=0.9", "application/json"},
		{"", "text/*", "text/plain"},
		{"", "text/html;q=0, */*;q=0.1", "application/json"},
		{"", "application/json, text/plain, */*", "application/json"},
		{"", "application/json, */*", "application/json"},
		{"", "*/*, application/json", "application/json"},
		{"", "text/plain, application/json", "application/json"},
		{"", "text/plain, */*", "text/plain"},
		{"", "text/plain, application/json;q=0.9", "text/plain"},
		{"", "text/html, application/json", "text/html"},
		{"", "application/json;q=0.0, text/plain;q=0.1", "text/plain"},
		{"", "text/html;q=0.0, */*", "application/json"},
		{"", "text/html;q=0.0", "text/plain"},
		{"", "application/json;q=2, text/plain;q=0.1", "text/plain"},
		{"", "application/json;q=x, text/plain;q=0.1", "text/plain"},
		{"", "application/json;q=NaN, text/plain;q=0.1", "text/plain"},
		{"", "application/json," + strings.Repeat("a/b,", maxAccept/4) + "text/html", "application/json"},
		{"", strings.Repeat("a", 2*maxAccept), "text/plain"},
		{"?history=1m", "text/csv;q=0.1, application/json", "application/json"},
		{"?history=1m", "text/csv, application/json;q=0.1", "text/csv"},
		{"?history=1m", "text/csv;q=0.0, */*", "application/json"},
		{"?history=1m", "text/csv;q=0.5, */*;q=0.5", "text/csv"},
		{"?history=1m", "text/csv, application/json", "application/json"},
		{"?history=1m", "*/*", "application/json"},
		{"?format=html", "application/json", "text/html"},
		{"?format=json", "", "application/json"},
		{"?format=text", "text/html", "text/plain"},
		{"?history=1m", "", "application/json"},
		{"?history=8d", "text/csv", "text/csv"},
		{"?history=15m&format=csv", "", "text/csv"},
		{"?dumps", "", "application/json"},
	} {
		w := ask(h, http.MethodGet, c.query, with("Accept", c.accept))
		if got := w.Header().Get("Content-Type"); w.Code != http.StatusOK || !strings.HasPrefix(got, c.want) || w.Body.Len() == 0 {
			t.Errorf("%q accepting %q: %d, %s, %d bytes, want %s", c.query, c.accept, w.Code, got, w.Body.Len(), c.want)
		}
	}
}

func TestVaryKeepsWhatOthersSaid(t *testing.T) {
	h := Handler(start(t))
	for _, query := range []string{"?format=json", "?history=1m"} {
		w := httptest.NewRecorder()
		w.Header().Set("Vary", "Accept-Encoding")
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/"+query, nil))
		if got := w.Header().Values("Vary"); !slices.Equal(got, []string{"Accept-Encoding", "Accept"}) {
			t.Errorf("%s: Vary %q", query, got)
		}
	}
}

func TestBadQueries(t *testing.T) {
	h := Handler(start(t))
	for query, want := range map[string]int{
		"?format=xml": 400, "?window=3m&format=html": 400, "?history=": 400, "?history=1m&format=html": 400,
		"?format=json&format=json": 400, "?%zz": 400, "?a;b": 400, "?x=" + strings.Repeat("y", maxQuery): 400,
		"?dump=": 404, "?flame=": 404, "?flame=nothing": 404,
	} {
		w := ask(h, http.MethodGet, query)
		if w.Code != want || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") || len(w.Body.String()) > 700 {
			t.Errorf("%.40s: %d %.200s, want %d", query, w.Code, w.Body, want)
		}
	}
}

func TestDocumentIsWhatTheGuardKnows(t *testing.T) {
	g := start(t)
	h := Handler(g)
	w := ask(h, http.MethodGet, "?format=json")
	var d Document
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	if d.Schema != Schema || !d.Snapshot.Running || d.Snapshot.Usage.IsZero() || len(d.Settings) == 0 {
		t.Errorf("%+v", d)
	}
	for deadline := time.Now().Add(10 * time.Second); len(g.History(time.Minute)) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no history")
		}
	}
	w = ask(h, http.MethodGet, "?history=1m&format=csv")
	rows, err := csv.NewReader(w.Body).ReadAll()
	if err != nil || len(rows) < 2 || len(rows[0]) != len(columns) || rows[0][1] != "usage_bytes" || rows[1][1] == "" {
		t.Errorf("%v, %v", rows, err)
	}
}

func TestUnchangedIsNotSentAgain(t *testing.T) {
	g := start(t)
	dump(t, g)
	h := Handler(g)
	first := ask(h, http.MethodGet, "?dumps")
	tag := first.Header().Get("ETag")
	if tag == "" || first.Header().Get("Cache-Control") != "private, no-cache" {
		t.Fatal(first.Header())
	}
	for header, want := range map[string]int{tag: 304, "W/" + tag: 304, `"other", ` + tag: 304, "*": 304, `"other"`: 200, "": 200} {
		if w := ask(h, http.MethodGet, "?dumps", with("If-None-Match", header)); w.Code != want || want == 304 && w.Body.Len() > 0 {
			t.Errorf("If-None-Match %s: %d, want %d", header, w.Code, want)
		}
	}
}

func TestDownload(t *testing.T) {
	g := start(t)
	d := dump(t, g)
	h := Handler(g)
	name := filepath.Base(d.Path)
	want, err := os.ReadFile(d.Path)
	if err != nil {
		t.Fatal(err)
	}
	w := ask(h, http.MethodGet, "?dump="+name)
	if w.Code != http.StatusOK || !bytes.Equal(w.Body.Bytes(), want) || !strings.Contains(w.Header().Get("Content-Disposition"), name) {
		t.Errorf("%d, %d bytes of %d, %v", w.Code, w.Body.Len(), len(want), w.Header())
	}
	if _, err := profile.ParseData(w.Body.Bytes()); err != nil {
		t.Error(err)
	}
	if again := ask(h, http.MethodGet, "?dump="+name, with("If-None-Match", w.Header().Get("ETag"))); again.Code != http.StatusNotModified {
		t.Error(again.Code)
	}
	if part := ask(h, http.MethodGet, "?dump="+name, with("Range", "bytes=2-5")); part.Code != http.StatusPartialContent || !bytes.Equal(part.Body.Bytes(), want[2:6]) {
		t.Error(part.Code, part.Body.Len())
	}
	if head := ask(h, http.MethodHead, "?dump="+name); head.Code != http.StatusOK || head.Body.Len() != 0 {
		t.Error(head.Code, head.Body.Len())
	}
	if m := ask(h, http.MethodGet, "?dump="+filepath.Base(d.Manifest)); m.Code != http.StatusOK || m.Header().Get("Content-Type") != "application/json" {
		t.Error(m.Code, m.Header())
	}
}

func TestReadOnly(t *testing.T) {
	h := Handler(start(t), ReadOnly())
	for _, action := range []string{"dump", "delete"} {
		w := ask(h, http.MethodPost, "", form("action", action))
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d, %v", action, w.Code, w.Header())
		}
	}
	if page := ask(h, http.MethodGet, "?format=html").Body.String(); strings.Contains(page, "<form") {
		t.Error("the page offers what it does not do")
	}
}

func TestAuthorize(t *testing.T) {
	h := Handler(start(t), Authorize(func(r *http.Request) error {
		if r.Header.Get("Authorization") != "secret" {
			return errors.New("who are you?")
		}
		return nil
	}))
	for _, method := range []string{"GET", "HEAD", "POST", "PUT"} {
		if w := ask(h, method, "?format=json"); w.Code != http.StatusForbidden || method == "GET" && !strings.Contains(w.Body.String(), "who are you?") {
			t.Errorf("%s: %d, %s", method, w.Code, w.Body)
		}
	}
	if w := ask(h, http.MethodGet, "?format=json", with("Authorization", "secret")); w.Code != http.StatusOK {
		t.Error(w.Code)
	}
}

func TestWithoutGuard(t *testing.T) {
	off := start(t)
	dumped := base(dump(t, off).Path)
	if err := off.Stop(); err != nil {
		t.Fatal(err)
	}
	for name, g := range map[string]*memguard.Guard{"nil": nil, "stopped": off} {
		h := Handler(g)
		for _, query := range []string{"?format=html", "?format=json", "?format=text", "?history=1m", "?events"} {
			if w := ask(h, http.MethodGet, query); w.Code != http.StatusOK {
				t.Errorf("%s %s: %d, %s", name, query, w.Code, w.Body)
			}
		}
		if w := ask(h, http.MethodPost, "", form("action", "dump")); w.Code != http.StatusConflict {
			t.Errorf("%s: dump %d", name, w.Code)
		}
		for _, query := range []string{"?dumps", "?dump=" + dumped, "?flame=" + dumped} {
			if w := ask(h, http.MethodGet, query); w.Code != http.StatusConflict {
				t.Errorf("%s %s: %d, %s", name, query, w.Code, w.Body)
			}
		}
		if w := ask(h, http.MethodPost, "", form("action", "delete", "dump", dumped)); w.Code != http.StatusConflict {
			t.Errorf("%s: delete %d, %s", name, w.Code, w.Body)
		}
		if page := ask(h, http.MethodGet, "?format=html").Body.String(); !strings.Contains(page, "memguard is not running") {
			t.Errorf("%s: the page does not say so", name)
		}
	}
}
