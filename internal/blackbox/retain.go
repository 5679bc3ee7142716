package blackbox

import (
	"errors"
	"io/fs"
	"sort"
	"strings"
)

// past is what a run has left.
type past struct {
	run, group string // group: the program and container
	told       bool   // there is a verdict
	bytes      int64
	files      []string
}

// retain chooses the runs to remove, so that each group has at most keep runs
// and all together at most so many bytes: those whose end is told first, then
// the oldest. Neither runs that live go, nor the last of a group that ended: a
// container that dies again and again takes no other's evidence, and not its
// own. Whether one lives is asked of no more than has to be known.
func retain(runs []past, keep int, maxBytes int64, lives func(run string) bool) (remove []past) {
	sort.Slice(runs, func(i, j int) bool { return runs[i].run < runs[j].run })
	var total int64
	left := map[string]int{}
	for _, p := range runs {
		total += p.bytes
		left[p.group]++
	}
	last := map[string]string{} // the newest dead of a group, once it was looked for
	isLast := func(p past) bool {
		run, known := last[p.group]
		for i := len(runs) - 1; i >= 0 && !known; i-- {
			if runs[i].group == p.group && !lives(runs[i].run) {
				run, known = runs[i].run, true
			}
		}
		last[p.group] = run
		return run == p.run
	}
	for _, told := range []bool{true, false} {
		for _, p := range runs {
			if p.told != told || left[p.group] <= keep && total <= maxBytes || isLast(p) || lives(p.run) {
				continue
			}
			remove = append(remove, p)
			left[p.group]--
			total -= p.bytes
		}
	}
	return remove
}

// runOf gives the run that a file belongs to.
func runOf(name string) (run string, ok bool) {
	for _, n := range [...][2]string{
		{boxPrefix, boxSuffix}, {boxPrefix, badSuffix}, {crashPrefix, crashSuffix}, {exitPrefix, exitSuffix},
	} {
		if run, ok = parseRun(name, n[0], n[1]); ok {
			return run, true
		}
	}
	return "", false
}

func isTemp(name string) bool { return strings.HasPrefix(name, tempPrefix) }

// unlessGone forgives that another process removed the file meanwhile.
func unlessGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
