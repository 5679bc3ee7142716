package heapdump

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// fileMode: a heap profile tells what a program does; only its user reads it.
const fileMode = 0o600

// tempTries bounds the search for a temporary name that nobody has planted.
const tempTries = 16

// directory is the dump directory held open: every name is one component of
// it, whatever happens to its path meanwhile.
type directory struct {
	root *os.Root
	self *os.File // the directory itself, for rename and fsync
	fd   uintptr  // of self
	temp func() string
}

func (d *directory) close() error {
	return errors.Join(d.self.Close(), d.root.Close())
}

// written is a complete file that is still open, to be synced later.
type written struct {
	file     *os.File
	size     int64
	reserved int64 // space that was set aside for it
}

// create makes an empty temporary file that did not exist before.
func (d *directory) create() (*os.File, string, error) {
	for range tempTries {
		name := d.temp()
		f, err := d.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
		if !errors.Is(err, fs.ErrExist) {
			return f, name, err
		}
	}
	return nil, "", fmt.Errorf("temporary file: %w", fs.ErrExist)
}

// write streams what fill produces into a temporary file and then calls
// publish with its name, to rename it. Whatever fails, no file is left.
func (d *directory) write(ctx context.Context, fill func(io.Writer) error, publish func(temp string) error) (_ written, err error) {
	f, temp, err := d.create()
	if err != nil {
		return written{}, err
	}
	defer func() {
		if err == nil {
			return
		}
		err = errors.Join(err, f.Close())
		if gone := d.root.Remove(temp); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	w := &sink{ctx: ctx, w: f}
	err = fill(w)
	// An encoder may drop the error of a write, or wrap it beyond recognition.
	if w.err != nil {
		err = w.err
	}
	if err == nil {
		err = publish(temp)
	}
	return written{file: f, size: w.n}, err
}

// rename gives a temporary file its final name, and fails with fs.ErrExist
// when there is such a file already.
//
// Linux has renameat2(2) with RENAME_NOREPLACE since 3.15. Where that or the
// file system's support is lacking, a hard link does the same. File systems
// without either (FAT) get a look and a plain rename, with a race of a few
// microseconds between the two.
func (d *directory) rename(temp, final string) error {
	err := renameNoReplace(d.self, temp, final)
	// A seccomp filter refuses system calls that it does not know.
	if !isUnsupported(err) && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return d.link(temp, final)
}

func (d *directory) link(temp, final string) error {
	err := d.root.Link(temp, final)
	switch {
	case err == nil:
		// The file is complete; a second name that stays is cleared as stale.
		_ = d.root.Remove(temp)
		return nil
	case errors.Is(err, fs.ErrExist), errors.Is(err, fs.ErrNotExist):
		return err
	}
	if d.exists(final) {
		return &os.LinkError{Op: "rename", Old: temp, New: final, Err: fs.ErrExist}
	}
	return d.root.Rename(temp, final)
}

// exists is true as well when it cannot be known.
func (d *directory) exists(name string) bool {
	_, err := d.root.Lstat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

// settle makes complete files last: it syncs and closes them, gives back
// their page cache, and syncs the directory.
func (d *directory) settle(files []written) error {
	errs := make([]error, 0, len(files)+1)
	for _, w := range files {
		errs = append(errs, flush(w.file))
		dropCache(w.file)
		errs = append(errs, w.file.Close())
	}
	errs = append(errs, syncDirectory(d.self))
	return errors.Join(errs...)
}

// flush syncs f where its file system knows how to.
func flush(f *os.File) error {
	if err := f.Sync(); err != nil && !isUnsupported(err) {
		return err
	}
	return nil
}

// isUnsupported recognizes the ways in which a kernel or file system says
// that it does not have an operation.
func isUnsupported(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL)
}

// control calls fn with the descriptor of f.
func control(f *os.File, fn func(fd uintptr) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := conn.Control(func(fd uintptr) { failed = fn(fd) }); err != nil {
		return err
	}
	return failed
}

// sink counts what it passes on and stops at the first error or the end of ctx.
type sink struct {
	ctx context.Context
	w   io.Writer
	n   int64
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	if s.err == nil {
		s.err = s.ctx.Err()
	}
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	s.n, s.err = s.n+int64(n), err
	return n, err
}

// probe tells whether a file can be made here and take data.
func (d *directory) probe() error {
	f, temp, err := d.create()
	if err != nil {
		return err
	}
	// A full file system still makes empty files.
	_, err = f.Write(make([]byte, 4096))
	return errors.Join(err, f.Close(), d.root.Remove(temp))
}
