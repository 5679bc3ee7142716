package memguardhttp

import (
	"net/http"
	"net/http/httptest"
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
