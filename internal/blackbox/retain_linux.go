package blackbox

import (
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// staleTemp is how old a temporary file must be to be a dead process's.
const staleTemp = 10 * time.Minute

// maxCrashKept is how much stays of what the runtime said. With ten thousand
// goroutines that is 10 MiB, in which the first trace counts; it has at most a
// hundred frames.
const maxCrashKept = 256 << 10

// Retain removes files of this user's runs, until of each program in each
// container at most keep runs are left and of all of them at most so many
// bytes: those whose end is told first, then the oldest, never the last that
// ended, nor runs whose process lives. It shortens long crash outputs of runs
// that ended. Old temporary files go as well.
func Retain(dir string, keep int, maxBytes int64) (err error) {
	v, err := openVolume(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	runs, err := v.runs()
	errs := []error{err}
	known := map[string]bool{}
	lives := func(run string) bool {
		lives, ok := known[run]
		if !ok {
			var err error
			lives, err = v.lives(run)
			errs = append(errs, err)
			lives = lives || err != nil
			known[run] = lives
		}
		return lives
	}
	all := make([]past, 0, len(runs))
	for _, p := range runs {
		errs = append(errs, v.shorten(p, lives))
		all = append(all, *p)
	}
	for _, p := range retain(all, keep, maxBytes, lives) {
		for _, name := range p.files {
			errs = append(errs, unlessGone(v.Remove(name)))
		}
	}
	return errors.Join(errs...)
}

// runs gives what is there of each run.
func (v volume) runs() (map[string]*past, error) {
	names, err := v.names()
	errs := []error{err}
	runs := map[string]*past{}
	for _, name := range names {
		info, err := v.Lstat(name)
		if err != nil || !mine(info) {
			errs = append(errs, unlessGone(err))
			continue
		}
		run, ok := runOf(name)
		if !ok {
			if isTemp(name) && time.Since(info.ModTime()) > staleTemp {
				errs = append(errs, unlessGone(v.Remove(name)))
			}
			continue
		}
		p := runs[run]
		if p == nil {
			p = &past{run: run}
			runs[run] = p
		}
		p.bytes += info.Size()
		p.files = append(p.files, name)
		p.told = p.told || strings.HasPrefix(name, exitPrefix)
	}
	for p := range maps.Values(runs) {
		p.group, err = v.group(p)
		errs = append(errs, err)
	}
	return runs, errors.Join(errs...)
}

// group is the program and container of a run; none where its box cannot tell.
func (v volume) group(p *past) (group string, err error) {
	name := boxPrefix + p.run + boxSuffix
	if !slices.Contains(p.files, name) {
		return "", nil
	}
	f, err := v.open(name, os.O_RDONLY)
	if f == nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var head [headerBytes]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return "", nil // It is damaged, which FindDead tells.
	}
	h, err := parseHeader(head[:])
	if err != nil {
		return "", nil
	}
	return h.Program + "\x00" + h.Container, nil
}

// shorten cuts a crash output that is long.
func (v volume) shorten(p *past, lives func(run string) bool) (err error) {
	name := crashPrefix + p.run + crashSuffix
	if p.bytes <= maxCrashKept || !slices.Contains(p.files, name) || lives(p.run) {
		return nil
	}
	f, err := v.open(name, os.O_WRONLY)
	if f == nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil || info.Size() <= maxCrashKept {
		return err
	}
	p.bytes -= info.Size() - maxCrashKept
	return f.Truncate(maxCrashKept)
}

// lives tells whether a process holds the lock of a box.
func (v volume) lives(run string) (bool, error) {
	f, err := v.open(boxPrefix+run+boxSuffix, os.O_RDWR)
	if f == nil {
		return false, err
	}
	err = lock(f)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, f.Close()
	}
	return false, errors.Join(err, f.Close())
}
