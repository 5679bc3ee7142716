package heapdump

import (
	"slices"
	"time"
)

// descriptions are what List read of manifests, by their names, so that the
// next one reads those only that changed since. Once stored they stay as they are.
type descriptions map[string]description

// description is what the manifest of this size and time says.
type description struct {
	size    int64
	changed time.Time
	dump    Dump
}

// What is kept at most.
const (
	maxDescribed     = 256
	maxDescribedText = 4 << 10
	// settledAge is how long ago a file must have changed: one that changes now
	// may do so again and look the same.
	settledAge = 2 * time.Second
)

// find gives what a manifest said, if it is still the same.
func (all *descriptions) find(f found) (description, bool) {
	if all == nil {
		return description{}, false
	}
	d, ok := (*all)[f.String()]
	return d, ok && d.size == f.size && d.changed.Equal(f.changed)
}

// keep keeps a description, unless it or all of them are large.
func (all descriptions) keep(f found, d description, now time.Time) {
	text := len(d.dump.Reason) + len(d.dump.Run)
	for i := range d.dump.Top {
		text += len(d.dump.Top[i].Function) + len(d.dump.Top[i].File)
	}
	if text <= maxDescribedText && len(all) < maxDescribed && now.Sub(f.changed) > settledAge {
		all[f.String()] = d
	}
}

// describe fills in what only the manifest knows.
func (d *Dump) describe(m *Manifest) {
	d.Reason, d.Run, d.Time = m.Reason, m.Run, m.Time
	d.Duration = time.Duration(m.Duration * float64(time.Second))
	d.HeapBytes, d.StaleBytes = m.HeapBytes, m.StaleBytes
	d.Top = m.Top
}

// take fills in what describe has filled into another one.
func (d *Dump) take(from *Dump) {
	d.Reason, d.Run, d.Time = from.Reason, from.Run, from.Time
	d.Duration, d.HeapBytes, d.StaleBytes = from.Duration, from.HeapBytes, from.StaleBytes
	d.Top = slices.Clone(from.Top)
}
