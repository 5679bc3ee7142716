package memguardhttp

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/memguard"
)

const secret = "do not show me"

// planted is a directory of dumps with a real one, and things that are none.
func planted(t *testing.T) (h http.Handler, dir, real string) {
	t.Helper()
	// Room for all that is planted: a baseline may be written meanwhile.
	g := start(t, memguard.WithRetention(100, 1<<40))
	d := dump(t, g)
	dir = filepath.Dir(d.Path)
	outside := filepath.Join(filepath.Dir(dir), "heap-20200101T000000.000Z-p7-immediate.pb")
	for path, text := range map[string]string{
		outside:                          secret,
		filepath.Join(dir, "secret.txt"): secret,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{
		"heap-20200101T000001.000Z-p7-immediate.pb": outside,
		"heap-20200101T000002.000Z-p7-immediate.pb": "secret.txt",
	} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return Handler(g, Cooldown(0)), dir, filepath.Base(d.Path)
}

// TestNoPathLeadsOut tries each parameter that names a file.
func TestNoPathLeadsOut(t *testing.T) {
	h, dir, real := planted(t)
	outside := "heap-20200101T000000.000Z-p7-immediate.pb"
	names := []string{
		"../" + outside, "..%2f" + outside, "..%252f" + outside, "%2e%2e/" + outside, "..%5c" + outside, "/etc/passwd", "%2fetc%2fpasswd",
		"file:///etc/passwd", "../../../../../../etc/passwd", ".", "..", "/", "", "%00", real + "%00", real + "%00.pb", "./" + real, "x/../" + real,
		filepath.Join(dir, "..", outside), dir, outside, "secret.txt", "heap-20200101T000001.000Z-p7-immediate.pb",
		"heap-20200101T000002.000Z-p7-immediate.pb", strings.ToUpper(real), real + "/", "%ff%fe", strings.Repeat("A", 3000), real + ".pb",
	}
	for _, name := range names {
		for _, query := range []string{"?dump=" + name, "?flame=" + name, "?flame=" + real + "&base=" + name} {
			if strings.HasSuffix(query, "&base=") {
				continue // Nothing to compare with.
			}
			w := ask(h, http.MethodGet, query)
			if w.Code != http.StatusNotFound && w.Code != http.StatusBadRequest || strings.Contains(w.Body.String(), secret) || strings.Contains(w.Body.String(), "root:") {
				t.Errorf("%.100s: %d, %.200s", query, w.Code, w.Body)
			}
		}
		if decoded := strings.ReplaceAll(strings.ReplaceAll(name, "%2f", "/"), "%00", "\x00"); decoded != real {
			if w := ask(h, http.MethodPost, "", form("action", "delete", "dump", decoded)); w.Code != http.StatusNotFound {
				t.Errorf("delete %.100q: %d, %.200s", decoded, w.Code, w.Body)
			}
		}
	}
	for _, name := range []string{filepath.Join(filepath.Dir(dir), outside), filepath.Join(dir, "secret.txt"), filepath.Join(dir, real)} {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
}

func TestMethodsAndOrigins(t *testing.T) {
	h, _, real := planted(t)
	for _, c := range []struct {
		name, method, query string
		change              []func(*http.Request)
		want                int
	}{
		{"PUT", "PUT", "", nil, 405},
		{"DELETE", "DELETE", "?dump=" + real, nil, 405},
		{"PATCH", "PATCH", "", nil, 405},
		{"OPTIONS", "OPTIONS", "", nil, 405},
		{"TRACE", "TRACE", "", nil, 405},
		{"CONNECT", "CONNECT", "", nil, 405},
		{"unknown", "FLY", "", nil, 405},
		{"HEAD of the page", "HEAD", "?format=html", nil, 200},
		{"HEAD of a dump", "HEAD", "?dump=" + real, nil, 200},
		{"HEAD of the events", "HEAD", "?events", nil, 200},
		{"GET changes nothing", "GET", "?action=dump&format=json", nil, 200},
		{"foreign page", "POST", "", []func(*http.Request){form("action", "dump"), with("Sec-Fetch-Site", "cross-site")}, 403},
		{"sibling domain", "POST", "", []func(*http.Request){form("action", "dump"), with("Sec-Fetch-Site", "same-site")}, 403},
		{"foreign origin, old browser", "POST", "", []func(*http.Request){form("action", "dump"), with("Origin", "https://evil.example")}, 403},
		{"null origin", "POST", "", []func(*http.Request){form("action", "dump"), with("Origin", "null")}, 403},
		{"foreign delete", "POST", "", []func(*http.Request){form("action", "delete", "dump", real), with("Sec-Fetch-Site", "cross-site")}, 403},
		{"own page", "POST", "", []func(*http.Request){form("action", "dump"), with("Sec-Fetch-Site", "same-origin")}, 200},
		{"own origin", "POST", "", []func(*http.Request){form("action", "dump"), with("Origin", "http://inner.example")}, 200},
		{"a tool", "POST", "", []func(*http.Request){form("action", "dump")}, 200},
		{"huge form", "POST", "", []func(*http.Request){form("action", "dump", "reason", strings.Repeat("x", 2*maxForm))}, 400},
		{"bad form", "POST", "", []func(*http.Request){form(), func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("%zz")) }}, 400},
	} {
		w := ask(h, c.method, c.query, c.change...)
		if w.Code != c.want || c.want == 405 && w.Header().Get("Allow") != "GET, HEAD, POST" {
			t.Errorf("%s: %d, want %d: %.200s", c.name, w.Code, c.want, w.Body)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%s: %v", c.name, w.Header())
		}
	}
}

// TestBadProfiles: a file that is no profile is told apart, and one that is too
// large is never read.
func TestBadProfiles(t *testing.T) {
	h, dir, real := planted(t)
	good, err := os.ReadFile(filepath.Join(dir, real))
	if err != nil {
		t.Fatal(err)
	}
	bomb := func() []byte {
		var b bytes.Buffer
		z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(z, zeros{}, 1<<28); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for i, c := range []struct {
		name  string
		bytes []byte
		size  int64
		want  int
	}{
		{"empty", nil, 0, 422},
		{"junk", []byte("\x00\xff\x17junk"), 0, 422},
		{"cut off", good[:len(good)/2], 0, 422},
		{"random middle", append(append(bytes.Clone(good[:100]), bytes.Repeat([]byte{0xff}, 1000)...), good[100:]...), 0, 422},
		{"1 GB", good, 1 << 30, 413},
		{"bomb", bomb(), 0, 413},
	} {
		suffix := ".pb"
		if c.name == "bomb" {
			suffix = ".pb.gz"
		}
		name := fmt.Sprintf("heap-20200101T0001%02d.000Z-p7-fresh%s", i, suffix)
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, c.bytes, 0o600); err != nil {
			t.Fatal(err)
		}
		if c.size > 0 {
			if err := os.Truncate(path, c.size); err != nil {
				t.Fatal(err)
			}
		}
		before := allocated()
		w := ask(h, http.MethodGet, "?flame="+name)
		if took := allocated() - before; w.Code != c.want || took > 200<<20 {
			t.Errorf("%s: %d with %d MiB allocated, want %d: %.200s", c.name, w.Code, took>>20, c.want, w.Body)
		}
		if w := ask(h, http.MethodGet, "?flame="+real+"&base="+name); w.Code != c.want {
			t.Errorf("%s as base: %d, want %d: %.200s", c.name, w.Code, c.want, w.Body)
		}
		if w := ask(h, http.MethodGet, "?format=html"); w.Code != http.StatusOK {
			t.Errorf("the page beside %s: %d", c.name, w.Code)
		}
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// TestEventsEnd: a stream ends with its reader, and more than a few are refused.
func TestEventsEnd(t *testing.T) {
	h, _, _ := planted(t)
	server := httptest.NewServer(h)
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range maxStreams {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/?events", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		const want = "retry: 2000\nevent: snapshot\ndata: "
		first := make([]byte, len(want))
		if _, err := io.ReadFull(response.Body, first); err != nil || string(first) != want {
			t.Fatalf("%q, %v", first, err)
		}
	}
	status := func() int {
		w := ask(h, http.MethodHead, "?events")
		return w.Code
	}
	if got := status(); got != http.StatusServiceUnavailable {
		t.Errorf("one stream more: %d", got)
	}
	cancel()
	for deadline := time.Now().Add(10 * time.Second); status() != http.StatusOK; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the streams do not end with their readers")
		}
	}
}
