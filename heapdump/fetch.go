package heapdump

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// OpenFile opens a dump's profile, manifest or goroutine profile for reading,
// by the name of a file in the directory or the path that List gave it. It
// opens nothing else: any other name, a path to another place, a symbolic link
// and what is no regular file are fs.ErrNotExist.
func (s *Store) OpenFile(name string) (*os.File, error) {
	f, err := s.openFile(name)
	if err != nil {
		return nil, fmt.Errorf("heapdump: open dump: %w", err)
	}
	return f, nil
}

func (s *Store) openFile(name string) (*os.File, error) {
	base, _, err := s.own(name)
	if err != nil {
		return nil, err
	}
	dir := s.opened()
	// The root keeps to its directory; what lies there may still be a link in it.
	if err := onlyRegular(dir.root.Lstat(base)); err != nil {
		return nil, err
	}
	f, err := dir.root.OpenFile(base, readFlags, 0)
	if err != nil {
		return nil, err
	}
	if err := onlyRegular(f.Stat()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Remove deletes one dump: the profile, then what belongs to it, its manifest
// and goroutine profile. It is named as for OpenFile; a name without a dump is
// fs.ErrNotExist.
func (s *Store) Remove(name string) error {
	base, n, err := s.own(name)
	if err == nil && n.kind != heapProfile {
		err = &fs.PathError{Op: "remove", Path: base, Err: fs.ErrNotExist}
	}
	if err != nil {
		return fmt.Errorf("heapdump: %w", err)
	}
	dir := s.opened()
	if err := onlyRegular(dir.root.Lstat(base)); err != nil {
		return fmt.Errorf("heapdump: remove: %w", err)
	}
	errs := []error{dir.root.Remove(base)}
	if errs[0] == nil {
		for _, file := range n.set.files(n.stage) {
			errs = append(errs, unlessGone(dir.root.Remove(file)))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("heapdump: remove: %w", err)
	}
	return nil
}

// own takes a name apart if it is that of a dump's file in this directory.
func (s *Store) own(name string) (base string, n fileName, err error) {
	base = name
	if filepath.IsAbs(name) && filepath.Dir(name) == s.path {
		base = filepath.Base(name)
	}
	n, ok := parseName(base)
	if !ok {
		return "", n, &fs.PathError{Op: "open", Path: fmt.Sprintf("%.100q", name), Err: fs.ErrNotExist}
	}
	return base, n, nil
}

func onlyRegular(info fs.FileInfo, err error) error {
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: info.Name(), Err: fs.ErrNotExist}
	}
	return err
}
