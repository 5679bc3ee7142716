package heapdump

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/memguard-dev/go-memguard/internal/heapprofile"
)

// Bounds of what Recover reads: a profile of 200,000 stacks has 16 MiB.
const (
	maxRecoverFile = 32 << 20
	maxRecover     = 512 << 20
)

var (
	// ErrOtherBuild reports a profile of addresses that belongs to another
	// build of the program, or to another program: only that can name them.
	ErrOtherBuild = errors.New("profile is of another build")
	// ErrProfile reports a file under a dump's name that no capture has written.
	ErrProfile = errors.New("not a heap profile by this package")
)

// Recover adds symbols to the heap profiles in a directory that an earlier
// process of the same build left without them, because it was killed before
// [Store.Finish]. The build is told by the build id in the profile and in
// /proc/self/exe, so that this works on Linux only; a position-independent
// program may lie elsewhere now. Run it once at the start of the program,
// where it need not be waited for.
//
// A profile with symbols takes the place of the one without in one step
// (rename(2)), and keeps its modification time. It returns the paths of the
// profiles that got symbols. Files that have them are skipped. Everything
// else stays untouched: the error, one for all files, says what was left and
// why, and wraps ErrOtherBuild, ErrProfile, ErrTooLarge or the system's.
// Symbolic links and files of other users are never opened.
func Recover(ctx context.Context, dir string) (recovered []string, err error) {
	s, err := open(dir, Options{}, realEdges())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return s.Recover(ctx)
}

// Recover is the function Recover for the store's directory.
func (s *Store) Recover(ctx context.Context) (recovered []string, err error) {
	if err := s.acquire(ctx); err != nil {
		return nil, fmt.Errorf("heapdump: recover: %w", err)
	}
	dir := s.dir
	s.release() // Captures have nothing to do with old files.
	names, err := dir.names()
	errs := []error{err}
	left := int64(maxRecover)
	for _, name := range names {
		if f, ok := parseName(name); !ok || f.kind != heapProfile || f.packed {
			continue
		}
		if err := ctx.Err(); err != nil {
			errs = append(errs, err)
			break
		}
		info, err := dir.root.Lstat(name)
		if err == nil {
			err = recoverable(info)
		}
		// What is not read leaves the others their share.
		if err == nil && left < info.Size() {
			err = fmt.Errorf("%w: only %d bytes are read in all", ErrTooLarge, maxRecover)
		}
		if err != nil {
			if err = unlessGone(err); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
			continue
		}
		left -= info.Size()
		w, err := dir.symbolize(ctx, name)
		if w.file != nil {
			recovered = append(recovered, s.join(name))
			err = errors.Join(err, dir.settle([]written{w}))
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return recovered, fmt.Errorf("heapdump: recover in %s: %w", s.path, err)
	}
	return recovered, nil
}

// symbolize puts a profile with symbols in the place of one without, and
// gives it back open. No file and no error: there is nothing to do.
func (d *directory) symbolize(ctx context.Context, name string) (_ written, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
	}()
	f, err := d.root.OpenFile(name, readFlags, 0)
	if err != nil {
		return written{}, unlessGone(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	before, err := f.Stat()
	if err == nil {
		err = recoverable(before)
	}
	if err != nil {
		return written{}, err
	}
	encoder := heapprofile.New()
	var w written
	if err = encoder.Check(f); err == nil {
		w, err = d.write(ctx, func(w io.Writer) error {
			return encoder.Symbolize(w, io.NewSectionReader(f, 0, maxRecoverFile))
		}, func(temp string) error { return d.replace(temp, name, before) })
	}
	switch {
	case err == nil:
		return w, nil
	case errors.Is(err, heapprofile.ErrSymbols), errors.Is(err, errReplaced):
		return written{}, nil
	}
	return written{}, refusal(err)
}

// recoverable refuses what is not to be read, whatever is in it.
func recoverable(info fs.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w: not a regular file", ErrProfile)
	case !isMine(info):
		return fmt.Errorf("%w: another user's", fs.ErrPermission)
	case info.Size() > maxRecoverFile:
		return fmt.Errorf("%w: %d bytes, limit %d", ErrTooLarge, info.Size(), maxRecoverFile)
	}
	return nil
}

// errReplaced: somebody else removed or replaced the file meanwhile.
var errReplaced = errors.New("no longer there")

// replace renames temp over the file that was there before, and makes it as old.
func (d *directory) replace(temp, name string, before fs.FileInfo) error {
	if err := d.root.Chtimes(temp, before.ModTime(), before.ModTime()); err != nil {
		return err
	}
	now, err := d.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(before, now) {
		return errReplaced
	}
	if err != nil {
		return err
	}
	return d.root.Rename(temp, name)
}
