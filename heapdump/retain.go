package heapdump

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// set is all files of one crossing.
type set struct {
	name  setName
	run   string // as manifests quote it; empty: no manifest says
	heap  uint64 // bytes of heap objects, the most that a manifest says
	bytes int64  // of all files
	files []string
	// changed is the last time of any of its files.
	changed time.Time
	// baseline: others are held against it.
	baseline bool
	// writing: another run may not have finished it yet.
	writing bool
}

// Classes of sets, in the order of eviction.
const (
	plainOther = iota
	plainOwn
	telling // the baseline, the largest or the newest of another run
	firstOwn
	writing // perhaps still, by another run: evicted for bytes alone
	largestOwn
	newestOwn
	justWritten // by us: never evicted
)

// classify tells how much each set is worth keeping. sets are in order of time.
func classify(sets []set, run string, fresh []setName) []int {
	class := make([]int, len(sets))
	// A baseline is not what a run has to tell: it is neither its newest set nor
	// its largest, and where there is no room for it it goes itself.
	newest := map[string]int{}
	largest := map[string]int{}
	last := map[string]int{} // baselines too
	first := -1
	for i, s := range sets {
		last[s.run] = i
		if !s.baseline {
			newest[s.run] = i
			if j, ok := largest[s.run]; !ok || s.heap > sets[j].heap || s.heap == sets[j].heap && s.bytes >= sets[j].bytes {
				largest[s.run] = i
			}
		}
		switch {
		case s.baseline && s.run == run:
			class[i] = firstOwn
		case s.baseline:
			class[i] = telling
		case s.run == run:
			class[i] = plainOwn
		}
		if s.run == run && first < 0 {
			first = i
		}
	}
	for r := range newest {
		if r != run {
			class[newest[r]], class[largest[r]] = telling, telling
		}
	}
	if first >= 0 {
		class[first] = firstOwn
	}
	if i, ok := newest[run]; ok {
		class[largest[run]] = largestOwn
		class[i] = newestOwn
	}
	for i, s := range sets {
		switch {
		case s.writing && last[s.run] == i:
			class[i] = writing
		case slices.Contains(fresh, s.name) && !s.baseline:
			class[i] = justWritten
		}
	}
	return class
}

// retain chooses the sets to remove so that at most keep sets of at most
// maxBytes together are left, in the order of the package documentation. sets
// are in order of time, run is the current one, fresh the sets just written.
func retain(sets []set, run string, fresh []setName, keep int, maxBytes int64) []set {
	class := classify(sets, run, fresh)
	var total int64
	for _, s := range sets {
		total += s.bytes
	}
	var remove []set
	left := 0
	for _, c := range class {
		// Runs that end within seconds must not cost this run its own.
		if c != writing {
			left++
		}
	}
	for c := plainOther; c < justWritten; c++ {
		for i, s := range sets {
			if left <= keep && total <= maxBytes {
				return remove
			}
			if class[i] != c || c == writing && total <= maxBytes {
				continue
			}
			remove = append(remove, s)
			total -= s.bytes
			if c != writing {
				left--
			}
		}
	}
	return remove
}

// prune applies the bounds. Sets that wait to be made to last, and the newest of
// those that are being made to, are as new as the last one.
func (s *Store) prune() error {
	files, err := s.dir.scan()
	errs := []error{err}
	fresh := append(slices.Clone(s.settling), s.last)
	for _, w := range s.waiting {
		fresh = append(fresh, w.set)
	}
	for _, gone := range retain(s.sets(files), s.run, fresh, s.opt.Keep, s.maxBytes) {
		for _, name := range gone.files {
			errs = append(errs, unlessGone(s.dir.root.Remove(name)))
		}
	}
	errs = append(errs, s.clearStale())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("retention: %w", err)
	}
	return nil
}

// sets groups this user's files by crossing, in order of time.
func (s *Store) sets(files []found) []set {
	byName := map[string]*set{}
	var names []string
	for _, f := range files {
		if !f.mine {
			continue
		}
		name := f.set.String()
		g := byName[name]
		if g == nil {
			g = &set{name: f.set}
			if s.recent.has(f.set) {
				g.run = s.run
			}
			byName[name] = g
			names = append(names, name)
		}
		g.bytes += f.size
		g.files = append(g.files, f.String())
		g.baseline = g.baseline || f.stage == Baseline
		if f.changed.After(g.changed) {
			g.changed = f.changed
		}
		if f.kind != manifestFile {
			continue
		}
		// A manifest that cannot be read tells nothing: no known run.
		if h, err := s.dir.head(f.fileName); err == nil {
			g.heap = max(g.heap, h.heap)
			if g.run == "" {
				g.run = h.run
			}
		}
	}
	slices.Sort(names) // which is by time
	sets := make([]set, len(names))
	for i, name := range names {
		sets[i] = *byName[name]
		sets[i].writing = sets[i].run != s.run && s.edge.now().Sub(sets[i].changed) < writingAge
	}
	return sets
}
