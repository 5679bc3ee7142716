package memguard

import (
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/history"
)

// Moment is a time of the past. In the last minute there are four a second;
// further back one stands for a longer time, and its sizes are the least of
// that. Sizes are in bytes, and to the KiB; what nothing tells is absent.
type Moment struct {
	Time          time.Time        `json:"time"`
	Usage         cgroupstat.Value `json:"usage_bytes,omitzero"`
	WorkingSet    cgroupstat.Value `json:"working_set_bytes,omitzero"`
	Unreclaimable cgroupstat.Value `json:"unreclaimable_bytes,omitzero"`
	// Highest is the most unreclaimable memory since the moment before.
	Highest   cgroupstat.Value `json:"highest_unreclaimable_bytes,omitzero"`
	Limit     cgroupstat.Value `json:"limit_bytes,omitzero"`
	RSS       cgroupstat.Value `json:"rss_bytes,omitzero"`
	HeapInUse cgroupstat.Value `json:"heap_in_use_bytes,omitzero"`
	// LiveHeap is what the last garbage collection left; absent before the first.
	LiveHeap   cgroupstat.Value `json:"live_heap_bytes,omitzero"`
	GoMemLimit cgroupstat.Value `json:"gomemlimit_bytes,omitzero"`
	Goroutines uint64           `json:"goroutines"`
	Threads    cgroupstat.Value `json:"threads,omitzero"`
	// GCCycles, OOMKills and Spikes are how many there were since the moment before.
	GCCycles uint64 `json:"gc_cycles"`
	OOMKills uint64 `json:"oom_kill"`
	Spikes   uint64 `json:"spikes"`
}

// History is the past up to this window, oldest first: as much of it as there
// is, at the finest resolution that reaches so far back, eight days at most.
// There are never more than 401 moments.
func (g *Guard) History(window time.Duration) []Moment {
	if g == nil || g.doctor == nil {
		return nil
	}
	d := g.doctor
	d.past.Lock()
	defer d.past.Unlock()
	last, ok := d.history.Last()
	if !ok {
		return nil
	}
	var moments []Moment
	d.history.Window(min(window, last.Since-d.history.First()), func(p *history.Point) {
		moments = append(moments, momentOf(p, g.sampler.start))
	})
	return moments
}

func momentOf(p *history.Point, start time.Time) Moment {
	size := func(s history.Series) cgroupstat.Value {
		n, ok := p.Get(s)
		if !ok {
			return cgroupstat.Value{}
		}
		return cgroupstat.Of(n << 10)
	}
	m := Moment{
		// Without its monotonic reading, which no reader has.
		Time:  start.Add(p.Since).Round(0),
		Usage: size(history.Usage), WorkingSet: size(history.WorkingSet),
		Unreclaimable: size(history.Unreclaimable), Highest: size(history.Highest),
		Limit: size(history.Limit), RSS: size(history.RSS),
		HeapInUse: cgroupstat.Of(p.Bytes(history.Objects) + p.Bytes(history.Unused)),
		LiveHeap:  size(history.LiveHeap), GoMemLimit: size(history.GoMemLimit),
		Goroutines: p.Count(history.Goroutines),
		GCCycles:   uint64(p.Events.Collections), OOMKills: uint64(p.Events.OOMKills), Spikes: uint64(p.Events.Spikes),
	}
	if n, ok := p.Get(history.Threads); ok {
		m.Threads = cgroupstat.Of(n)
	}
	return m
}
