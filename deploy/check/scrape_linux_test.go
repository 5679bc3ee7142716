package check

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

const limit = 128 * mebi

// withoutData lists queries that can have none here, with the reason.
func withoutData(g *kerneltest.Group) map[string]string {
	if _, err := os.Stat(filepath.Join(g.Dir, "memory.pressure")); errors.Is(err, fs.ErrNotExist) {
		return map[string]string{"Waiting for memory A": "the group has no pressure: cgroup v1, or a kernel without PSI"}
	}
	return nil
}

// A program runs out of memory and is started again on the same volume. Then it
// fills its group to nearly 90 % and holds, and Prometheus looks on.
func TestPrometheus(t *testing.T) {
	prometheus := startPrometheus(t)
	group := kerneltest.NewGroup(t, limit)
	dumps := t.TempDir()

	first := startLeak(t, group, dumps, 50, 0)
	first.wait("the kernel kills it")
	if !first.killed() {
		t.Fatalf("ended with %v, want a kill for memory", first.err)
	}

	began := time.Now()
	service := startLeak(t, group, dumps, 3, 104)
	prometheus.scrape(service.address())
	prometheus.watchAlerts(began)

	t.Run("dashboard", func(t *testing.T) { prometheus.dashboardHasData(t, began, withoutData(group)) })
	t.Run("snapshots", func(t *testing.T) { prometheus.everyScrapeAddsUp(t) })
	service.terminate()
}

// watchAlerts waits until the alert of 80 % fires and wants to have seen it pend.
func (s *server) watchAlerts(began time.Time) {
	s.t.Helper()
	const watched, restart = "MemguardMemoryHigh", "MemguardOutOfMemoryRestart"
	seen := map[string]time.Duration{} // since the program's start
	until(s.t, watched+" fires", func() bool {
		for name, state := range s.states() {
			key := name + " " + state
			if _, known := seen[key]; !known {
				seen[key] = time.Since(began)
			}
		}
		_, fires := seen[watched+" firing"]
		return fires
	})
	for _, key := range slices.SortedFunc(maps.Keys(seen), func(a, b string) int { return int(seen[a] - seen[b]) }) {
		s.t.Logf("%6.1f s  %s", seen[key].Seconds(), key)
	}
	if pending, pended := seen[watched+" pending"]; !pended || pending >= seen[watched+" firing"] {
		s.t.Errorf("%s: fires after %v, pending after %v, %t: want it pending before", watched, seen[watched+" firing"], pending, pended)
	}
	if _, fired := seen[restart+" firing"]; !fired {
		s.t.Errorf("%s did not fire, and the process before was killed for memory", restart)
	}
}

func (s *server) dashboardHasData(t *testing.T, from time.Time, without map[string]string) {
	d := readDashboard(t)
	one := s.choose(d)
	all := map[string]string{"job": ".*", "instance": ".*"}
	counts := map[string]int{}
	for _, values := range []map[string]string{one, all} {
		for _, q := range d.queries() {
			expr := interpolate(q.Expr, values)
			var result []series
			if q.Instant {
				result = s.query(expr)
			} else {
				result = s.queryRange(expr, from, time.Now())
			}
			counts[q.where] = len(result)
			reason, excused := without[q.where]
			switch {
			case len(result) == 0 && !excused:
				t.Errorf("%s: no data: %s", q.where, expr)
			case len(result) > 0 && excused:
				t.Errorf("%s: %d series, although %s: %s", q.where, len(result), reason, expr)
			}
		}
	}
	for where := range without {
		if _, asked := counts[where]; !asked {
			t.Errorf("the dashboard has no query %q, which is excused", where)
		}
	}
	for _, where := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%3d series  %s", counts[where], where)
	}
}

// everyScrapeAddsUp: what Prometheus stored of one scrape has one time.
func (s *server) everyScrapeAddsUp(t *testing.T) {
	type scrape struct {
		buckets, usages int
		sum, usage      float64
	}
	scrapes := map[int64]*scrape{}
	at := func(p point) *scrape {
		if scrapes[p.At] == nil {
			scrapes[p.At] = &scrape{}
		}
		return scrapes[p.At]
	}
	breakdown := s.query("memguard_breakdown_bytes[10m]")
	for _, bucket := range breakdown {
		for _, p := range bucket.Values {
			at(p).buckets++
			at(p).sum += p.Value
		}
	}
	for _, of := range s.query("memguard_usage_bytes[10m]") {
		for _, p := range of.Values {
			at(p).usages++
			at(p).usage = p.Value
		}
	}
	lowest, highest := float64(limit), 0.0
	for when, got := range scrapes {
		if got.buckets != len(breakdown) || got.usages != 1 || got.sum != got.usage {
			t.Errorf("scrape at %v: %d buckets that add up to %.0f, %d usages, %.0f; want %d buckets, and the same",
				time.UnixMilli(when), got.buckets, got.sum, got.usages, got.usage, len(breakdown))
		}
		lowest, highest = min(lowest, got.usage), max(highest, got.usage)
	}
	told := fmt.Sprintf("%d scrapes of %d buckets, usage from %.1f to %.1f MiB", len(scrapes), len(breakdown), lowest/mebi, highest/mebi)
	t.Log(told)
	if len(scrapes) < 10 || highest-lowest < limit/2 {
		t.Errorf("%s: want 10 at least, over half of the limit", told)
	}
}
