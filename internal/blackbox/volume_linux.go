package blackbox

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// Dead is a box whose process is gone and whose end nobody has told yet. It
// is locked until Close, so that two processes do not tell it both.
type Dead struct {
	Run  string
	Path string // of the box
	dir  string
	root *os.Root
	file *os.File
}

// FindDead gives the dead boxes of this user's whose header is accepted,
// newest first, at most so many. One that is no box is set aside under
// another ending. An error is about what could not be read; what was found is
// valid beside it.
func FindDead(dir string, accept func(*Header) bool, most int) (_ []*Dead, err error) {
	v, err := openVolume(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	names, err := v.names()
	errs := []error{err}
	told := map[string]bool{}
	var runs []string
	for _, name := range names {
		if run, ok := parseRun(name, exitPrefix, exitSuffix); ok {
			told[run] = true
		}
		if run, ok := parseRun(name, boxPrefix, boxSuffix); ok {
			runs = append(runs, run)
		}
	}
	slices.Sort(runs)
	slices.Reverse(runs)
	var found []*Dead
	for _, run := range runs {
		if told[run] || len(found) == most {
			continue
		}
		d, err := v.take(run, accept)
		errs = append(errs, err)
		if d != nil {
			found = append(found, d)
		}
	}
	return found, errors.Join(errs...)
}

// volume is the dump directory.
type volume struct {
	*os.Root
	dir string
}

func openVolume(dir string) (volume, error) {
	root, err := os.OpenRoot(dir)
	return volume{root, dir}, err
}

// names lists the directory, up to a bound.
func (v volume) names() (_ []string, err error) {
	const most = 8192
	f, err := v.Open(".")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	names, err := f.Readdirnames(most)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return names, err
}

// mine tells whether it is a regular file of this user's.
func mine(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.Mode().IsRegular() && int(st.Uid) == os.Geteuid()
}

// open opens one of this user's regular files; none, without an error, if
// there is no such file.
func (v volume) open(name string, flags int) (*os.File, error) {
	info, err := v.Lstat(name)
	if err != nil || !mine(info) {
		return nil, unlessGone(err)
	}
	f, err := v.OpenFile(name, flags|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, unlessGone(err)
	}
	if info, err = f.Stat(); err == nil && mine(info) {
		return f, nil
	}
	return nil, errors.Join(err, f.Close())
}

// take locks a box; nil without an error is one that is not for us.
func (v volume) take(run string, accept func(*Header) bool) (_ *Dead, err error) {
	name := boxPrefix + run + boxSuffix
	f, err := v.open(name, os.O_RDWR) // as NFS wants it for an exclusive lock
	if f == nil {
		return nil, err
	}
	defer func() {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	var head [headerBytes]byte
	h, damaged := Header{}, error(nil)
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if n := info.Size(); n < HeadBytes || n > MaxBytes {
		damaged = fmt.Errorf("%w: %d bytes", ErrFormat, n)
	} else if _, err := f.ReadAt(head[:], 0); err != nil {
		return nil, err
	} else {
		h, damaged = parseHeader(head[:])
	}
	if damaged == nil && (h.Run != run || !accept(&h)) {
		return nil, nil
	}
	if err := lock(f); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, nil // It lives, or somebody else tells its end.
		}
		return nil, err
	}
	if _, err := v.Lstat(exitPrefix + run + exitSuffix); err == nil {
		return nil, nil // Somebody did meanwhile.
	}
	if damaged != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(v.dir, name), errors.Join(damaged, v.setAside(run)))
	}
	root, err := os.OpenRoot(v.dir)
	if err != nil {
		return nil, err
	}
	d := &Dead{Run: run, Path: filepath.Join(v.dir, name), dir: v.dir, root: root, file: f}
	f = nil
	return d, nil
}

// setAside keeps a box that cannot be read where nobody takes it for one.
func (v volume) setAside(run string) error {
	return unlessGone(v.Rename(boxPrefix+run+boxSuffix, boxPrefix+run+badSuffix))
}

// Story reads the box.
func (d *Dead) Story() (Story, error) { return Read(io.NewSectionReader(d.file, 0, MaxBytes+1)) }

// Crash opens what the runtime said at the end; nil: there is no such file.
func (d *Dead) Crash() (*os.File, string, error) {
	name := crashPrefix + d.Run + crashSuffix
	f, err := volume{d.root, d.dir}.open(name, os.O_RDONLY)
	return f, filepath.Join(d.dir, name), err
}

// Tell writes how the run ended, once and for all, and gives the file's path.
func (d *Dead) Tell(exit []byte) (path string, err error) {
	name := exitPrefix + d.Run + exitSuffix
	temp := fmt.Sprintf("%s%s", tempPrefix, d.Run)
	f, err := d.root.OpenFile(temp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|unix.O_NOFOLLOW, fileMode)
	if err != nil {
		return "", err
	}
	_, err = f.Write(exit)
	if err = errors.Join(err, f.Close()); err == nil {
		err = d.root.Rename(temp, name)
	}
	if err != nil {
		return "", errors.Join(err, unlessGone(d.root.Remove(temp)))
	}
	return filepath.Join(d.dir, name), nil
}

// Close gives the lock back.
func (d *Dead) Close() error { return errors.Join(d.file.Close(), d.root.Close()) }

// CreateCrash makes the file for what the runtime says at the end of a run.
func CreateCrash(dir, run string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, crashPrefix+run+crashSuffix), os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND|unix.O_NOFOLLOW, fileMode)
}

// RemoveEmptyCrash removes that file when nothing was said.
func RemoveEmptyCrash(dir, run string) error {
	path := filepath.Join(dir, crashPrefix+run+crashSuffix)
	info, err := os.Lstat(path)
	if err != nil || info.Size() > 0 {
		return unlessGone(err)
	}
	return unlessGone(os.Remove(path))
}
