package memguardhttp

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
)

const hostile = `"'></svg></title><script>alert(1)</script><img src=x onerror=alert(2)>` + "\x00\x1b[31m\xff"

// TestHostileNames: pods, reasons and functions may be called anything.
func TestHostileNames(t *testing.T) {
	t.Setenv("POD_NAME", strings.ReplaceAll(hostile, "\x00", ""))
	t.Setenv("MEMGUARD_BASIS", "") // Not set.
	g := start(t)
	if _, err := g.Dump(t.Context(), hostile); err != nil {
		t.Fatal(err)
	}
	h := Handler(g)
	function := &profile.Function{ID: 1, Name: hostile, SystemName: hostile, Filename: hostile}
	location := &profile.Location{ID: 1, Line: []profile.Line{{Function: function, Line: 7}}}
	p := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "inuse_objects", Unit: "count"}, {Type: "inuse_space", Unit: "bytes"}},
		Function:   []*profile.Function{function}, Location: []*profile.Location{location},
		Sample: []*profile.Sample{{Location: []*profile.Location{location}, Value: []int64{1, 1 << 20}}},
	}
	var packed bytes.Buffer
	if err := p.Write(&packed); err != nil {
		t.Fatal(err)
	}
	const name = "heap-20200101T000000.000Z-p7-fresh.pb.gz"
	if err := os.WriteFile(filepath.Join(filepath.Dir(g.Snapshot().LastDump.Path), name), packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, query := range []string{"?format=html", "?flame=" + name, "?flame=" + name + "&base=" + name, "?flame=" + name + "&search=%3Cscript%3E&zoom=%3Cscript%3E", "?format=text"} {
		w := ask(h, http.MethodGet, query)
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d, %.200s", query, w.Code, w.Body)
		}
		text := w.Body.String()
		if strings.Contains(text, "alert(1)") {
			shown++
		}
		if query == "?format=text" {
			if strings.Contains(text, "\x1b") {
				t.Error("the text steers a terminal")
			}
			continue
		}
		for _, bad := range []string{"<script>alert", "<img src=x", "\x00", `"'></svg>`} {
			if strings.Contains(text, bad) {
				t.Errorf("%s has %q as it came", query, bad)
			}
		}
	}
	if shown < 2 {
		t.Errorf("only %d answers show the names at all", shown)
	}
}

var links = regexp.MustCompile(`(?:href|action|src)="([^"]*)"`)

// TestUnderAnyPath: every link is relative to the page, whatever its path.
func TestUnderAnyPath(t *testing.T) {
	g := start(t)
	d := dump(t, g)
	mux := http.NewServeMux()
	mux.Handle("/debug/memguard/", Handler(g))
	mux.Handle("/a/b/memory", Handler(g))
	mux.Handle("/x/", http.StripPrefix("/x", Handler(g)))
	mux.Handle("/y/", http.StripPrefix("/y/", Handler(g)))
	for _, path := range []string{"/debug/memguard/", "/a/b/memory", "/x/", "/y/", "/y/z"} {
		for _, query := range []string{"?format=html", "?flame=" + filepath.Base(d.Path)} {
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path+query, nil))
			found := links.FindAllStringSubmatch(w.Body.String(), -1)
			if w.Code != http.StatusOK || len(found) < 5 {
				t.Errorf("%s%s: %d with %d links", path, query, w.Code, len(found))
			}
			for _, link := range found {
				if !strings.HasPrefix(link[1], "?") && link[1] != "data:," {
					t.Errorf("%s%s: link %q", path, query, link[1])
				}
			}
		}
	}
}

// TestNothingInline: the policy lets no inline style or handler pass, so there
// must be none, and what there is has the nonce.
func TestNothingInline(t *testing.T) {
	g := start(t)
	d := dump(t, g)
	h := Handler(g)
	nonces := map[string]bool{}
	for _, query := range []string{"?format=html", "?flame=" + filepath.Base(d.Path)} {
		w := ask(h, http.MethodGet, query)
		text := w.Body.String()
		if bad := regexp.MustCompile(`<[^>]*\s(style|on[a-z]+)=`).FindString(text); bad != "" {
			t.Errorf("%s: %.200s", query, bad)
		}
		nonce := regexp.MustCompile(`style-src 'nonce-([A-Z0-9]+)'`).FindStringSubmatch(w.Header().Get("Content-Security-Policy"))
		if nonce == nil || nonces[nonce[1]] || !strings.Contains(text, `<style nonce="`+nonce[1]+`">`) {
			t.Errorf("%s: nonce %v", query, nonce)
			continue
		}
		nonces[nonce[1]] = true
	}
}
