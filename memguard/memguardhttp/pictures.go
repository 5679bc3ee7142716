package memguardhttp

import (
	"html/template"
	"math"
	"slices"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/breakdown"
	"github.com/memguard-dev/go-memguard/internal/chart"
	"github.com/memguard-dev/go-memguard/memguard"
)

// part is a segment of the bar, in the list below it.
type part struct {
	Key               template.HTML
	Name, Size, Share string
}

// line is a series of the chart, in the list below it.
type line struct {
	Key  template.HTML
	Name string
}

// segments are how the bar divides the usage up: nodes of the breakdown by
// their paths, and the words for them.
var segments = []struct {
	name  string
	paths [][]string
	title string
}{
	{"live heap", [][]string{{breakdown.Go, breakdown.LiveHeap}}, "what the last garbage collection left"},
	{"garbage and room in the heap", [][]string{{breakdown.Go, breakdown.UncollectedHeap}, {breakdown.Go, breakdown.HeapUnused}}, "allocated since, or not used inside spans"},
	{"free heap, not returned", [][]string{{breakdown.Go, breakdown.HeapFree}}, ""},
	{"stacks and runtime", [][]string{{breakdown.Go, breakdown.Stacks}, {breakdown.Go, breakdown.Metadata}, {breakdown.Go, breakdown.Remainder}}, ""},
	{"outside Go", [][]string{{breakdown.OutsideGo}}, "cgo, mmap, mapped files"},
	{"other processes", [][]string{{breakdown.OtherProcesses}}, ""},
	{"tmpfs and shared memory", [][]string{{breakdown.SharedMemory}}, ""},
	{"kernel", [][]string{{breakdown.Kernel}}, ""},
	{"page cache", [][]string{{breakdown.PageCache}}, "the kernel takes it back before it kills"},
}

// usageBar is the usage against thresholds and limit.
func usageBar(s *memguard.Snapshot) (template.HTML, []part) {
	bar := chart.Bar{Name: "Memory usage", Max: s.Limit.Bytes.Or(0)}
	rest := s.Breakdown.Bytes
	for _, g := range segments {
		var n uint64
		for _, path := range g.paths {
			if node, ok := s.Breakdown.Find(path...); ok {
				n += node.Bytes
			}
		}
		rest -= min(rest, n)
		if n > 0 {
			bar.Segments = append(bar.Segments, chart.Segment{Name: g.name, Bytes: n, Title: g.title})
		}
	}
	if rest > 0 {
		bar.Segments = append(bar.Segments, chart.Segment{Name: "not explained", Bytes: rest})
	}
	for _, t := range s.Thresholds {
		if n, ok := t.Bytes.Get(); ok {
			bar.Levels = append(bar.Levels, chart.Level{Name: "dump at " + t.Threshold.String(), Class: chart.ClassThreshold, Bytes: n})
		}
	}
	if s.Go.HasMemoryLimit() {
		bar.Levels = append(bar.Levels, chart.Level{Name: "GOMEMLIMIT", Class: chart.ClassGoMemLimit, Bytes: s.Go.MemoryLimit})
	}
	if n, ok := s.Limit.Bytes.Get(); ok {
		bar.Levels = append(bar.Levels, chart.Level{Name: "limit", Class: chart.ClassLimit, Bytes: n})
	}
	var parts []part
	for i, seg := range bar.Segments {
		parts = append(parts, part{template.HTML(chart.BoxKey(bar.Class(i))), seg.Name, size(seg.Bytes), percent(seg.Bytes, s.Usage)})
	}
	return template.HTML(bar.SVG()), parts //nolint:gosec // The picture escapes what is in it.
}

// maxCollections is how many marks there are of garbage collections.
const maxCollections = 40

// pastChart is the memory over time.
func pastChart(moments []memguard.Moment, s *memguard.Snapshot, dumps []heapdump.Dump, back time.Duration) (template.HTML, []line) {
	now := s.Time
	if now.IsZero() {
		now = time.Now()
	}
	c := chart.Chart{Name: "Memory over time", From: now.Add(-back), To: now, Max: float64(s.Limit.Bytes.Or(0))}
	series := func(name, class string, step bool, of func(*memguard.Moment) cgroupstat.Value) {
		one := chart.Series{Name: name, Class: class, Step: step, Points: make([]chart.Point, len(moments))}
		known := false
		for i := range moments {
			n, ok := of(&moments[i]).Get()
			one.Points[i] = chart.Point{At: moments[i].Time, Value: math.NaN()}
			if ok {
				one.Points[i].Value, known = float64(n), true
			}
		}
		if known {
			c.Series = append(c.Series, one)
		}
	}
	series("usage", "", false, func(m *memguard.Moment) cgroupstat.Value { return m.Usage })
	series("unreclaimable", "", false, func(m *memguard.Moment) cgroupstat.Value { return m.Unreclaimable })
	series("RSS", "", false, func(m *memguard.Moment) cgroupstat.Value { return m.RSS })
	series("live heap", "", false, func(m *memguard.Moment) cgroupstat.Value { return m.LiveHeap })
	// A moment's sizes are the least of its time: what rose and fell in it is in
	// its highest alone.
	if slices.ContainsFunc(moments, func(m memguard.Moment) bool { return m.Highest.Or(0) > m.Unreclaimable.Or(math.MaxUint64) }) {
		series("unreclaimable, highest", "", false, func(m *memguard.Moment) cgroupstat.Value { return m.Highest })
	}
	series("limit", chart.ClassLimit, true, func(m *memguard.Moment) cgroupstat.Value { return m.Limit })
	series("GOMEMLIMIT", chart.ClassGoMemLimit, true, func(m *memguard.Moment) cgroupstat.Value { return m.GoMemLimit })
	for _, t := range s.Thresholds {
		series("dump at "+t.Threshold.String(), chart.ClassThreshold, true, func(m *memguard.Moment) cgroupstat.Value { return t.Threshold.At(m.Limit) })
	}
	for i := range dumps {
		if d := &dumps[i]; d.Stage != heapdump.Immediate && d.Time.After(c.From) && !d.Time.After(c.To) {
			c.Events = append(c.Events, chart.Event{At: d.Time, Name: "dump (" + string(d.Stage) + ")", Class: chart.ClassDump})
		}
	}
	c.Events = append(c.Events, collections(moments)...)
	var lines []line
	for i := range c.Series {
		lines = append(lines, line{template.HTML(chart.LineKey(c.Class(i))), c.Series[i].Name})
	}
	return template.HTML(c.SVG()), lines //nolint:gosec // The picture escapes what is in it.
}

// collections are marks of the moments with any; where there are more, one mark
// stands for those of some moments in a row.
func collections(moments []memguard.Moment) (events []chart.Event) {
	with := 0
	for i := range moments {
		if moments[i].GCCycles > 0 {
			with++
		}
	}
	each := (with + maxCollections - 1) / maxCollections
	var sum uint64
	for i, seen := 0, 0; i < len(moments); i++ {
		if moments[i].GCCycles == 0 {
			continue
		}
		sum += moments[i].GCCycles
		if seen++; seen%each != 0 && seen != with {
			continue
		}
		name := "collection"
		if sum > 1 {
			name = count(sum) + " collections"
		}
		events, sum = append(events, chart.Event{At: moments[i].Time, Name: name, Class: chart.ClassGC}), 0
	}
	return events
}
