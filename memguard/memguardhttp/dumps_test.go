package memguardhttp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/memguard"
)

func TestDumpAndDelete(t *testing.T) {
	g := start(t)
	h := Handler(g, Cooldown(0))
	w := ask(h, http.MethodPost, "", form("action", "dump", "reason", "why\xff not"))
	var d heapdump.Dump
	if err := json.Unmarshal(w.Body.Bytes(), &d); w.Code != http.StatusOK || err != nil || d.Path == "" || d.Reason != "asked for over HTTP: why� not" {
		t.Fatalf("%d, %v, %+v", w.Code, err, d)
	}
	w = ask(h, http.MethodPost, "", form("action", "dump"), with("Accept", "text/html"))
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "?#dumps" {
		t.Errorf("%d, %v", w.Code, w.Header())
	}
	name := filepath.Base(d.Path)
	if w = ask(h, http.MethodPost, "", form("action", "delete", "dump", name)); w.Code != http.StatusOK {
		t.Errorf("%d, %s", w.Code, w.Body)
	}
	if w = ask(h, http.MethodPost, "", form("action", "delete", "dump", name)); w.Code != http.StatusNotFound {
		t.Errorf("%d, %s", w.Code, w.Body)
	}
	dumps, err := g.Dumps()
	for _, left := range dumps {
		if filepath.Base(left.Path) == name {
			t.Errorf("%s is still there", name)
		}
	}
	if err != nil || asked(dumps) != 3 {
		t.Errorf("%d dumps, %v", asked(dumps), err)
	}
	for _, action := range []string{"", "rm"} {
		if w = ask(h, http.MethodPost, "", form("action", action)); w.Code != http.StatusBadRequest {
			t.Errorf("action %q: %d", action, w.Code)
		}
	}
}

func TestCooldown(t *testing.T) {
	h := newHandler(start(t), Cooldown(time.Hour))
	now := time.Now()
	h.now = func() time.Time { return now }
	var fault error
	h.dump = func(context.Context, string) (heapdump.Dump, error) {
		if fault != nil {
			return heapdump.Dump{}, fault
		}
		return heapdump.Dump{Path: "/x/heap.pb"}, nil
	}
	for _, c := range []struct {
		name  string
		later time.Duration
		fault error
		want  int
		retry string
	}{
		{"refused", 0, fmt.Errorf("dump: %w", memguard.ErrHeadroom), 507, ""},
		{"stopped", 0, memguard.ErrStopped, 409, ""},
		{"nothing was refused", 0, nil, 200, ""},
		{"at once", 0, nil, 429, "3600"},
		{"later", time.Hour - 1500*time.Millisecond, nil, 429, "2"},
		{"a moment before", 1500*time.Millisecond - 1, nil, 429, "1"},
		{"afterwards", 1, errors.New("disk full"), 500, ""},
		{"one that failed cost work", 0, nil, 429, "3600"},
	} {
		now, fault = now.Add(c.later), c.fault
		w := ask(h, http.MethodPost, "", form("action", "dump"))
		if w.Code != c.want || w.Header().Get("Retry-After") != c.retry {
			t.Errorf("%s: %d, %v, want %d, %q", c.name, w.Code, w.Header(), c.want, c.retry)
		}
	}
}

// TestDumpThatIsNotAll: what a dump lacks is told, also to who was sent back to
// the page.
func TestDumpThatIsNotAll(t *testing.T) {
	h := newHandler(start(t), Cooldown(0))
	partly := fmt.Errorf("dump: %w: <b>2 MiB are left", memguard.ErrHeadroom)
	h.dump = func(context.Context, string) (heapdump.Dump, error) {
		return heapdump.Dump{Path: "/x/heap.pb", Stage: heapdump.Immediate, Time: time.Now()}, partly
	}
	w := ask(h, http.MethodPost, "", form("action", "dump"))
	var d taken
	if err := json.Unmarshal(w.Body.Bytes(), &d); w.Code != http.StatusOK || err != nil || d.Stage != heapdump.Immediate || d.Error != partly.Error() {
		t.Errorf("%d, %v, %+v", w.Code, err, d)
	}
	shown := func() bool {
		return strings.Contains(ask(h, http.MethodGet, "?format=html").Body.String(), "is not all that was asked for: dump: "+memguard.ErrHeadroom.Error()+": &lt;b&gt;2 MiB")
	}
	if !shown() {
		t.Error("the page does not say it")
	}
	h.dump = h.guard.Dump
	if w := ask(h, http.MethodPost, "", form("action", "dump")); w.Code != http.StatusOK || strings.Contains(w.Body.String(), `"error"`) {
		t.Errorf("%d, %s", w.Code, w.Body)
	}
	if shown() {
		t.Error("the page says it still, although a later one is complete")
	}
}

// TestDumpLongerThanAnAnswer: over both protocols.
func TestDumpLongerThanAnAnswer(t *testing.T) {
	h := newHandler(start(t), Cooldown(0))
	h.write = 20 * time.Millisecond
	h.dump = func(ctx context.Context, _ string) (heapdump.Dump, error) {
		select {
		case <-time.After(10 * h.write):
			h.write = patiently // The answer's own time.
			return heapdump.Dump{Path: "/x/heap.pb", Stage: heapdump.Fresh}, nil
		case <-ctx.Done():
			return heapdump.Dump{}, ctx.Err()
		}
	}
	for _, http2 := range []bool{false, true} {
		h.write = 20 * time.Millisecond
		server := httptest.NewUnstartedServer(h)
		server.EnableHTTP2 = http2
		server.StartTLS()
		response, err := server.Client().PostForm(server.URL, url.Values{"action": {"dump"}})
		if err != nil {
			t.Errorf("HTTP/2 %v: %v", http2, err)
			server.Close()
			continue
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close() // All was read.
		if err != nil || response.StatusCode != http.StatusOK || (response.ProtoMajor == 2) != http2 || !strings.Contains(string(text), "/x/heap.pb") {
			t.Errorf("%s: %d, %v, %s", response.Proto, response.StatusCode, err, text)
		}
		server.Close()
	}
}

func TestDumpKeepsToTheHeadroom(t *testing.T) {
	// Less than what is in use: nothing is left.
	h := Handler(start(t, memguard.WithMemoryLimit(1<<20)))
	w := ask(h, http.MethodPost, "", form("action", "dump"))
	if w.Code != http.StatusInsufficientStorage || !strings.Contains(w.Body.String(), memguard.ErrHeadroom.Error()) {
		t.Errorf("%d, %s", w.Code, w.Body)
	}
}
