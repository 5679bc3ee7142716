package heapdump

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"
)

const (
	// maxEntries bounds how much of a directory is read.
	maxEntries = 4096
	// staleAge is how long a temporary file must have been left alone: far
	// longer than any capture takes.
	staleAge = 10 * time.Minute
)

// found is a regular file with a final name.
type found struct {
	fileName
	size int64
	mine bool
}

// names lists the directory, up to maxEntries of it.
func (d *directory) names() (_ []string, err error) {
	f, err := d.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var names []string
	for {
		batch, err := f.Readdirnames(256)
		names = append(names, batch...)
		switch {
		case len(names) > maxEntries:
			return names[:maxEntries], fmt.Errorf("%w: only %d are read", ErrTooManyEntries, maxEntries)
		case errors.Is(err, io.EOF):
			return names, nil
		case err != nil:
			return names, err
		}
	}
}

// scan finds the files with final names. What it returns is valid with an
// error as well, but may not be all.
func (d *directory) scan() ([]found, error) {
	names, err := d.names()
	errs := []error{err}
	var files []found
	for _, text := range names {
		name, ok := parseName(text)
		if !ok {
			continue
		}
		info, err := d.root.Lstat(text)
		if err != nil {
			errs = append(errs, unlessGone(err))
			continue
		}
		if info.Mode().IsRegular() {
			files = append(files, found{name, info.Size(), isMine(info)})
		}
	}
	return files, errors.Join(errs...)
}

// clearStale removes temporary files that were left alone for staleAge.
func (d *directory) clearStale(now time.Time) error {
	names, err := d.names()
	errs := []error{err}
	for _, text := range names {
		if !isTemp(text) {
			continue
		}
		info, err := d.root.Lstat(text)
		if err == nil && info.Mode().IsRegular() && isMine(info) && now.Sub(info.ModTime()) > staleAge {
			err = d.root.Remove(text)
		}
		errs = append(errs, unlessGone(err))
	}
	return errors.Join(errs...)
}

func (s *Store) clearStale() error { return s.dir.clearStale(s.edge.now()) }

// unlessGone forgives that another process removed the file meanwhile.
func unlessGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// manifest reads the one beside a profile.
func (d *directory) manifest(n fileName) (_ Manifest, err error) {
	f, err := d.root.OpenFile(n.set.file(n.stage, manifestFile), readFlags, 0)
	if err != nil {
		return Manifest{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	m, err := ReadManifest(f)
	if err != nil {
		return Manifest{}, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return m, nil
}

// order sorts files by crossing, within it by the order in which stages are taken.
func order(a, b fileName) int {
	return cmp.Or(a.set.compare(b.set), cmp.Compare(stageRank(a.stage), stageRank(b.stage)), cmp.Compare(a.String(), b.String()))
}

func stageRank(s Stage) int {
	switch s {
	case Immediate:
		return 0
	case Fresh:
		return 1
	}
	return 2
}

// List returns the complete dumps in the directory, those of other processes
// included, oldest first. A dump without a manifest has only what its name
// and file tell.
//
// With an error the list is still valid. The error says what it lacks: a
// manifest that cannot be read, or ErrTooManyEntries.
func (s *Store) List() ([]Dump, error) {
	files, err := s.dir.scan()
	errs := []error{err}
	slices.SortFunc(files, func(a, b found) int { return order(a.fileName, b.fileName) })
	have := make(map[string]bool, len(files))
	for _, f := range files {
		have[f.String()] = true
	}
	dumps := make([]Dump, 0, len(files))
	for _, f := range files {
		if f.kind != heapProfile {
			continue
		}
		d := Dump{
			Path: s.join(f.String()), Bytes: f.size,
			Stage: f.stage, Time: f.set.time(), PID: f.set.pid,
		}
		if g := f.set.file(f.stage, goroutineProfile); have[g] {
			d.Goroutine = s.join(g)
		}
		if name := f.set.file(f.stage, manifestFile); have[name] {
			m, err := s.dir.manifest(f.fileName)
			if err == nil {
				d.Manifest = s.join(name)
				d.describe(&m)
			}
			errs = append(errs, unlessGone(err))
		}
		dumps = append(dumps, d)
	}
	if err := errors.Join(errs...); err != nil {
		return dumps, fmt.Errorf("heapdump: list %s: %w", s.path, err)
	}
	return dumps, nil
}

// describe fills in what only the manifest knows.
func (d *Dump) describe(m *Manifest) {
	d.Reason, d.Run, d.Time = m.Reason, m.Run, m.Time
	d.Duration = time.Duration(m.Duration * float64(time.Second))
	d.HeapBytes, d.StaleBytes = m.HeapBytes, m.StaleBytes
}
