package blackbox

import (
	"errors"
	"io/fs"
	"sort"
	"strings"
)

// past is what a run has left.
type past struct {
	run   string
	bytes int64
	files []string
}

// retain chooses the runs to remove, oldest first. Whether one stays is asked
// of no more than has to be known.
func retain(runs []past, keep int, maxBytes int64, stays func(run string) bool) (remove []past) {
	sort.Slice(runs, func(i, j int) bool { return runs[i].run < runs[j].run })
	var total int64
	for _, p := range runs {
		total += p.bytes
	}
	left := len(runs)
	for _, p := range runs {
		if left <= keep && total <= maxBytes {
			break
		}
		if stays(p.run) {
			continue
		}
		remove = append(remove, p)
		left--
		total -= p.bytes
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
