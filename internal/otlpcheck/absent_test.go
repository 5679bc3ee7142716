package otlpcheck

import (
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/memguard"
)

// mayBeAbsent is when a metric has no value. One that is not here always has.
var mayBeAbsent = map[string]func(s *memguard.Snapshot) bool{
	"memguard.peak":             func(s *memguard.Snapshot) bool { return s.Peak.IsZero() },
	"memguard.finding":          func(s *memguard.Snapshot) bool { return len(s.Findings) == 0 },
	"memguard.trend":            func(s *memguard.Snapshot) bool { return !hasTrend(s, "By") },
	"memguard.trend.count":      func(s *memguard.Snapshot) bool { return !hasTrend(s, "{goroutine}") && !hasTrend(s, "{thread}") },
	"memguard.time_to_limit":    func(s *memguard.Snapshot) bool { return s.TimeToLimit == nil },
	"memguard.recommended":      func(s *memguard.Snapshot) bool { return s.Sizing == nil },
	"memguard.events":           func(s *memguard.Snapshot) bool { return s.Events == cgroupstat.Events{} },
	"memguard.pressure.stalled": func(s *memguard.Snapshot) bool { return !hasPressure(s) },
	"memguard.process.rss": func(s *memguard.Snapshot) bool {
		return s.Process.RSSAnon.IsZero() && s.Process.RSSFile.IsZero() && s.Process.RSSShmem.IsZero()
	},
	"memguard.heap.live":   func(s *memguard.Snapshot) bool { return s.Go.LiveHeap == 0 },
	"memguard.oom_kills":   func(s *memguard.Snapshot) bool { return s.Events.OOMKill.IsZero() },
	"memguard.spikes":      func(s *memguard.Snapshot) bool { return s.Peak.IsZero() },
	"memguard.gap":         func(s *memguard.Snapshot) bool { return s.Process.RSS.IsZero() },
	"memguard.gomemlimit":  func(s *memguard.Snapshot) bool { return !s.Go.HasMemoryLimit() },
	"container.memory.rss": func(s *memguard.Snapshot) bool { return s.Stat.Get(cgroupstat.Anon).IsZero() },
	"container.memory.available": func(s *memguard.Snapshot) bool {
		return s.Limit.Bytes.IsZero() || s.Limit.Source == memguard.LimitMachine || s.Limit.Source == memguard.LimitNode
	},
	// The dump directory is new: there is no process before.
	"memguard.previous_exit": func(*memguard.Snapshot) bool { return true },
}

func hasTrend(s *memguard.Snapshot, unit string) bool {
	return slices.ContainsFunc(s.Trends, func(t memguard.Trend) bool { return t.Unit == unit })
}

func hasPressure(s *memguard.Snapshot) bool {
	if s.Scope != memguard.ScopeCgroup || s.Cgroup.Version != cgroupstat.V2 {
		return false
	}
	_, err := os.ReadFile(filepath.Join(s.Cgroup.Levels[0], "memory.pressure"))
	return err == nil
}

// wantAbsent is which metrics should have no value now.
func wantAbsent(g *memguard.Guard) []string {
	s := g.Snapshot()
	var names []string
	for _, m := range g.Metrics() {
		if absent := mayBeAbsent[m.Name]; absent != nil && absent(&s) {
			names = append(names, m.Name)
		}
	}
	slices.Sort(names)
	return names
}

// absent is which metrics are not among those that are there.
func absent[V any](g *memguard.Guard, there map[string]V) []string {
	names := map[string]bool{}
	for _, m := range g.Metrics() {
		if _, ok := there[m.Name]; !ok {
			names[m.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// valued is the metrics that the guard has values for.
func valued(g *memguard.Guard) map[string]*memguard.Metric {
	there := map[string]*memguard.Metric{}
	for m := range g.Measurements() {
		there[m.Metric.Name] = m.Metric
	}
	return there
}
