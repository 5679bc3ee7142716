package main

import (
	"cmp"
	"io/fs"
	"slices"
	"time"
)

// life is what the volume tells of the process of a run.
type life uint8

const (
	// unknown: it has left neither a black box nor a story.
	unknown life = iota
	// living: its black box is locked, or so new that it may be.
	living
	// dead: nobody holds its black box. The next start will read it, and the
	// run's dumps, for the story of its end.
	dead
	// told: that story is written; nobody needs the run's files any more.
	told
)

// arrival is a file that is in the bucket, verified.
type arrival struct {
	info fs.FileInfo
	run  string
}

// ledger is what this process knows from passes before. It is lost at the end
// and made again from the bucket.
type ledger struct {
	arrived  map[string]arrival // by file name
	failures map[string]int     // by stem, in a row
}

func newLedger() ledger {
	return ledger{arrived: map[string]arrival{}, failures: map[string]int{}}
}

// has tells whether this file, as it is now, has arrived.
func (l ledger) has(f file) bool {
	a, ok := l.arrived[f.text]
	return ok && sameFile(a.info, f.info)
}

// forget drops what is no longer in the volume.
func (l ledger) forget(files []file) {
	names, stems := map[string]bool{}, map[string]bool{}
	for _, f := range files {
		names[f.text], stems[f.stem] = true, true
	}
	for name := range l.arrived {
		if !names[name] {
			delete(l.arrived, name)
		}
	}
	for stem := range l.failures {
		if !stems[stem] {
			delete(l.failures, stem)
		}
	}
}

// todo chooses the files to ship, in order, and counts those that are too
// young: symbols may still be added to a new profile, and a stage to its set.
func todo(files []file, l ledger, lifeOf map[string]life, now time.Time, settle time.Duration) (ship []file, young int) {
	newest := map[string]time.Time{}
	for _, f := range files {
		if t := f.info.ModTime(); t.After(newest[f.set]) {
			newest[f.set] = t
		}
	}
	for _, f := range files {
		switch {
		case l.has(f) || ownersBusiness(f, lifeOf[f.run]):
		// A time far ahead is of a clock that was set back since.
		case now.Sub(newest[f.set]).Abs() < settle:
			young++
		default:
			ship = append(ship, f)
		}
	}
	// What failed waits behind the others; then the oldest first, which
	// retention would remove first.
	slices.SortFunc(ship, func(a, b file) int {
		return cmp.Or(
			cmp.Compare(l.failures[a.stem], l.failures[b.stem]),
			cmp.Compare(a.stem, b.stem),
			cmp.Compare(a.kind, b.kind),
		)
	})
	return ship, young
}

// ownersBusiness is true of what a living process still writes.
func ownersBusiness(f file, l life) bool {
	switch f.kind {
	case blackBox:
		return l == living
	case crashText:
		// One is made at each start, for the runtime's last words.
		return l == living || l == unknown && f.info.Size() == 0
	}
	return false
}

// removable chooses the files to remove, in order: those of runs whose end is
// told, once all of the run has arrived and the newest of it is old enough.
// What is of no known run, or of one whose end nobody has told, stays. The
// story is the proof that the rest may go, so it goes last, and not while
// files are left that may be the run's.
func removable(files []file, l ledger, lifeOf map[string]life, left int, now time.Time, keepFor time.Duration) (remove []file) {
	runs, stays := map[string][]file{}, map[string]bool{}
	// A profile that has not arrived is of the run that its manifest was.
	runOf := map[string]string{}
	for _, f := range files {
		if a, ok := l.arrived[f.text]; ok && a.run != "" {
			runOf[f.stem] = a.run
		}
	}
	for _, f := range files {
		run := f.run
		if run == "" {
			run = runOf[f.stem]
		}
		if run == "" || lifeOf[run] != told {
			continue
		}
		runs[run] = append(runs[run], f)
		if !l.has(f) || now.Sub(f.info.ModTime()) < keepFor {
			stays[run] = true
		}
	}
	for run, files := range runs {
		if stays[run] {
			continue
		}
		for _, f := range files {
			if f.kind != exitStory || left == 0 {
				remove = append(remove, f)
			}
		}
	}
	slices.SortFunc(remove, func(a, b file) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.text, b.text))
	})
	return remove
}

// object is what the bucket has under a key.
type object struct {
	there bool
	// same: it has the content of the file, as verified.
	same bool
	run  string
	size int64
}

// verb is what to do with a place for a file.
type verb uint8

const (
	create verb = iota
	overwrite
	arrived // It is there already.
	goOn    // It is somebody else's: try the next place.
)

// choose decides about one place. Only what the same run has left there is
// overwritten, and only by more: symbols make a profile larger.
func choose(run string, size int64, o object) verb {
	switch {
	case !o.there:
		return create
	case o.same:
		return arrived
	case run != "" && o.run == run && size >= o.size:
		return overwrite
	}
	return goOn
}
