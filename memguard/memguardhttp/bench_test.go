package memguardhttp

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/memguard"
)

// BenchmarkAnswer is what a request costs the host: time, and memory that is
// garbage afterwards.
func BenchmarkAnswer(b *testing.B) {
	g := start(b)
	dump(b, g)
	for deadline := time.Now().Add(10 * time.Second); len(g.Snapshot().Findings) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatal("no diagnosis")
		}
	}
	h := Handler(g)
	name := base(g.Snapshot().LastDump.Path)
	for _, c := range []struct{ name, query string }{
		{"page", "?format=html"}, {"json", "?format=json"}, {"text", "?format=text"}, {"history", "?history=15m"}, {"flame", "?flame=" + name},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/"+c.query, nil))
				if w.Code != http.StatusOK {
					b.Fatal(w.Code, w.Body)
				}
				size = w.Body.Len()
			}
			b.ReportMetric(float64(size), "body-bytes")
		})
	}
}

// TestAnswersAllocateLittle: what a request leaves behind for the collector.
func TestAnswersAllocateLittle(t *testing.T) {
	g := start(t)
	name := base(dump(t, g).Path)
	h := newHandler(g)
	for query, most := range map[string]uint64{
		"?format=html": 2 << 20, "?format=html&window=8d": 2 << 20, "?format=json": 1 << 20, "?format=text": 1 << 20, "?flame=" + name: 2 << 20,
	} {
		const runs = 10
		before := allocated()
		for range runs {
			h.list.forget()
			if w := ask(h, http.MethodGet, query); w.Code != http.StatusOK {
				t.Fatal(w.Code, w.Body)
			}
		}
		if took := (allocated() - before) / runs; took > most {
			t.Errorf("%s: %d bytes, want %d at most", query, took, most)
		}
	}
}

// BenchmarkFullList is the page beside as many dumps as are kept, where each
// refresh looks at the directory anew: as it was, and with all manifests changed.
func BenchmarkFullList(b *testing.B) {
	g := start(b, memguard.WithRetention(8, 1<<40))
	for range 8 {
		dump(b, g)
	}
	dumps, err := g.Dumps()
	if err != nil {
		b.Fatal(err)
	}
	age := func(back time.Duration) {
		at := time.Now().Add(-back)
		for i := range dumps {
			if dumps[i].Manifest == "" {
				continue
			}
			if err := os.Chtimes(dumps[i].Manifest, at, at); err != nil {
				b.Fatal(err)
			}
		}
	}
	age(time.Hour)
	h := newHandler(g)
	page := func(b *testing.B) {
		h.list.forget()
		if w := ask(h, http.MethodGet, "?format=html"); w.Code != http.StatusOK {
			b.Fatal(w.Code, w.Body)
		}
	}
	b.Run("as it was", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			page(b)
		}
		b.ReportMetric(float64(len(dumps)), "dumps")
	})
	b.Run("all changed", func(b *testing.B) {
		b.ReportAllocs()
		for i := 1; b.Loop(); i++ {
			age(time.Hour + time.Duration(i)*time.Second)
			page(b)
		}
	})
}

// BenchmarkFullChart is the largest part of a page after days: a window of 400
// moments.
func BenchmarkFullChart(b *testing.B) {
	now := time.Now()
	moments := make([]memguard.Moment, 400)
	for i := range moments {
		n := cgroupstat.Of(uint64(100+i%97) << 20)
		moments[i] = memguard.Moment{
			Time: now.Add(time.Duration(i-400) * time.Minute), Usage: n, Highest: n, RSS: n, LiveHeap: n, Limit: cgroupstat.Of(256 << 20),
			GoMemLimit: cgroupstat.Of(230 << 20), GCCycles: 3,
		}
	}
	s := memguard.Snapshot{Time: now}
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		picture, _ := pastChart(moments, &s, nil, 400*time.Minute)
		size = len(picture)
	}
	b.ReportMetric(float64(size), "body-bytes")
}
