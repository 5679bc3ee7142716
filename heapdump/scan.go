package heapdump

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"
)

const (
	// maxEntries bounds how much of a directory is read.
	maxEntries = 4096
	// staleAge is how long a temporary file must have been left alone: far
	// longer than any capture takes.
	staleAge = 10 * time.Minute
	// writingAge is how long after its last change a set of another run may
	// still be growing: its process writes the manifest and further stages.
	writingAge = 10 * time.Second
)

// found is a regular file with a final name.
type found struct {
	fileName
	size    int64
	changed time.Time
	mine    bool
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
			files = append(files, found{name, info.Size(), info.ModTime(), isMine(info)})
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

// openManifest opens the one beside a profile.
func (d *directory) openManifest(n fileName) (*os.File, error) {
	return d.root.OpenFile(n.set.file(n.stage, manifestFile), readFlags, 0)
}

// manifest reads the one beside a profile.
func (d *directory) manifest(n fileName) (_ Manifest, err error) {
	f, err := d.openManifest(n)
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

// head reads what retention needs of a manifest.
func (d *directory) head(n fileName) (_ head, err error) {
	f, err := d.openManifest(n)
	if err != nil {
		return head{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var text [maxHead]byte
	size, err := io.ReadFull(f, text[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return head{}, err
	}
	return parseHead(string(text[:size]))
}

// order is text that sorts files by crossing, within it by the order in which
// stages are taken.
func (n fileName) order() string {
	rank := "3"
	switch n.stage {
	case Baseline:
		rank = "0"
	case Immediate:
		rank = "1"
	case Fresh:
		rank = "2"
	}
	return n.set.String() + rank + n.String()
}

// List returns the complete dumps in the directory, those of other processes
// included, oldest first. A dump without a manifest has only what its name
// and file tell.
//
// With an error the list is still valid. The error says what it lacks: a
// manifest that cannot be read, or ErrTooManyEntries.
func (s *Store) List() ([]Dump, error) {
	now := s.edge.now()
	before := s.described.Load()
	after := descriptions{}
	dumps, err := s.list(func(dir *directory, f, manifest found, d *Dump) error {
		known, ok := before.find(manifest)
		if !ok {
			m, err := dir.manifest(f.fileName)
			if err != nil {
				return err
			}
			known = description{size: manifest.size, changed: manifest.changed}
			known.dump.describe(&m)
		}
		d.take(&known.dump)
		after.keep(manifest, known, now)
		return nil
	})
	s.described.Store(&after)
	return dumps, err
}

// list goes through the complete dumps in order of time; read takes what it
// wants of a dump's manifest.
func (s *Store) list(read func(dir *directory, profile, manifest found, d *Dump) error) ([]Dump, error) {
	dir := s.opened()
	files, err := dir.scan()
	errs := []error{err}
	have := make(map[string]found, len(files))
	profiles := map[string]found{}
	for _, f := range files {
		have[f.String()] = f
		if f.kind == heapProfile {
			profiles[f.order()] = f
		}
	}
	dumps := make([]Dump, 0, len(profiles))
	for _, key := range slices.Sorted(maps.Keys(profiles)) {
		f := profiles[key]
		d := Dump{
			Path: s.join(f.String()), Bytes: f.size,
			Stage: f.stage, Time: f.set.time(), PID: f.set.pid,
		}
		for _, packed := range []bool{true, false} {
			g := (fileName{f.set, f.stage, goroutineProfile, packed}).String()
			if _, ok := have[g]; ok {
				d.Goroutine = s.join(g)
			}
		}
		name := f.set.file(f.stage, manifestFile)
		if manifest, ok := have[name]; ok {
			err := read(&dir, f, manifest, &d)
			if err == nil {
				d.Manifest = s.join(name)
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
