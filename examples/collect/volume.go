package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// maxEntries is how much of a directory is read.
const maxEntries = 8192

var (
	// errVanished: retention, or the program's user, removed the file meanwhile.
	errVanished = errors.New("file is gone")
	// errChanged: the file is not what it was when the pass began.
	errChanged = errors.New("file changed while it was read")
	// errCrowded: what lies beyond is looked at once there is less.
	errCrowded = fmt.Errorf("more than %d directory entries", maxEntries)
)

// file is a complete file in the volume, as it was when the pass began.
type file struct {
	fileName
	info fs.FileInfo
}

// sameFile tells whether nobody has replaced or changed a file: symbols that
// are added later keep the time, but neither the inode nor the size.
func sameFile(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// volume is the dump directory; nothing outside of it is ever opened.
type volume struct{ *os.Root }

// list gives the complete files: regular ones with a final name. A crowded
// directory is an error beside what was found.
func (v volume) list() (found []file, err error) {
	d, err := v.Open(".")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	names, err := d.Readdirnames(maxEntries + 1)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if len(names) > maxEntries {
		names, err = names[:maxEntries], errCrowded
	}
	for _, text := range names {
		n, ok := parseName(text)
		if !ok {
			continue
		}
		info, problem := v.Lstat(text)
		switch {
		case errors.Is(problem, fs.ErrNotExist):
		case problem != nil:
			err = errors.Join(err, problem)
		case info.Mode().IsRegular():
			found = append(found, file{n, info})
		}
	}
	return found, err
}

// open opens the very file that was listed: no link, no FIFO, no other one
// that has taken its name.
func (v volume) open(f file) (*os.File, error) {
	if err := v.unchanged(f); err != nil {
		return nil, err
	}
	opened, err := v.OpenFile(f.text, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, orVanished(err)
	}
	info, err := opened.Stat()
	if err == nil && !sameFile(f.info, info) {
		err = errChanged
	}
	if err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return opened, nil
}

func (v volume) unchanged(f file) error {
	now, err := v.Lstat(f.text)
	if err != nil {
		return orVanished(err)
	}
	if !now.Mode().IsRegular() || !sameFile(f.info, now) {
		return errChanged
	}
	return nil
}

func orVanished(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", errVanished, err)
	}
	return err
}
