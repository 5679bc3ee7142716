package heapdump

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// set is all files of one crossing.
type set struct {
	name  setName
	run   string // empty: no manifest says
	heap  uint64 // bytes of heap objects, the most that a manifest says
	bytes int64  // of all files
	files []string
}

// compare orders by time.
func (s setName) compare(o setName) int {
	return cmp.Or(cmp.Compare(s.millis, o.millis), cmp.Compare(s.pid, o.pid))
}

// Classes of sets, in the order of eviction.
const (
	plainOther = iota
	plainOwn
	telling // the largest or the newest of another run
	firstOwn
	largestOwn
	newestOwn
	justWritten // never evicted
)

// classify tells how much each set is worth keeping. sets are in order of time.
func classify(sets []set, run string, last setName) []int {
	class := make([]int, len(sets))
	newest := map[string]int{}
	largest := map[string]int{}
	first := -1
	for i, s := range sets {
		newest[s.run] = i
		if j, ok := largest[s.run]; !ok || cmp.Or(cmp.Compare(s.heap, sets[j].heap), cmp.Compare(s.bytes, sets[j].bytes)) >= 0 {
			largest[s.run] = i
		}
		if s.run == run {
			class[i] = plainOwn
			if first < 0 {
				first = i
			}
		}
	}
	for r := range newest {
		if r != run {
			class[newest[r]], class[largest[r]] = telling, telling
		}
	}
	if first >= 0 {
		class[first] = firstOwn
		class[largest[run]] = largestOwn
		class[newest[run]] = newestOwn
	}
	for i, s := range sets {
		if s.name == last {
			class[i] = justWritten
		}
	}
	return class
}

// retain chooses the sets to remove so that at most keep sets of at most
// maxBytes together are left, in the order of the package documentation. run
// is the current one, last the set just written.
func retain(sets []set, run string, last setName, keep int, maxBytes int64) []set {
	sets = slices.SortedFunc(slices.Values(sets), func(a, b set) int { return a.name.compare(b.name) })
	class := classify(sets, run, last)
	var total int64
	for _, s := range sets {
		total += s.bytes
	}
	evict := make([]int, len(sets))
	for i := range evict {
		evict[i] = i
	}
	// Stable: within a class the oldest stay first.
	slices.SortStableFunc(evict, func(a, b int) int { return cmp.Compare(class[a], class[b]) })
	var remove []set
	left := len(sets)
	for _, i := range evict {
		if left <= keep && total <= maxBytes || class[i] == justWritten {
			break
		}
		remove = append(remove, sets[i])
		left--
		total -= sets[i].bytes
	}
	return remove
}

// prune applies the bounds after the set last was written.
func (s *Store) prune(last setName) error {
	files, err := s.dir.scan()
	errs := []error{err}
	for _, gone := range retain(s.sets(files), s.opt.Run, last, s.opt.Keep, s.maxBytes) {
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

// sets groups this user's files by crossing.
func (s *Store) sets(files []found) []set {
	byName := map[setName]*set{}
	for _, f := range files {
		if !f.mine {
			continue
		}
		g := byName[f.set]
		if g == nil {
			g = &set{name: f.set}
			if s.recent.has(f.set) {
				g.run = s.opt.Run
			}
			byName[f.set] = g
		}
		g.bytes += f.size
		g.files = append(g.files, f.String())
		if f.kind != manifestFile {
			continue
		}
		// A manifest that cannot be read tells nothing: no known run.
		if m, err := s.dir.manifest(f.fileName); err == nil {
			g.heap = max(g.heap, m.HeapBytes)
			if g.run == "" {
				g.run = m.Run
			}
		}
	}
	sets := make([]set, 0, len(byName))
	for g := range maps.Values(byName) {
		sets = append(sets, *g)
	}
	return sets
}
