package crash

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// maxDescriptors bounds the search for a crash output that is already set.
const maxDescriptors = 1024

// changing is held while the crash output is.
var changing sync.Mutex

// Output is a crash output that is in force.
type Output struct {
	removed bool
	own     descriptor // the runtime's duplicate; its number is -1 when it was not found
}

// descriptor is one and what it leads to.
type descriptor struct {
	fd       int
	dev, ino uint64
	kind     uint32 // S_IFREG and its kin
}

// Install makes f the crash output, unless the application has set one of its
// own: then that stays, and the error is ErrTaken. f may be closed afterwards.
//
// The runtime does not tell whether there is one. But it keeps a duplicate of
// it, which it closes when another is set; so of those descriptors that could
// be it duplicates are made first, and one that is closed by our setting is
// set again.
func Install(f *os.File) (*Output, error) {
	changing.Lock()
	defer changing.Unlock()
	before, err := descriptors()
	if err != nil {
		return nil, fmt.Errorf("crash output: %w", err)
	}
	copies := duplicate(before)
	err = debug.SetCrashOutput(f, debug.CrashOptions{})
	var its []int // copies of what was closed by that
	for d, to := range copies {
		if err == nil && !d.open() {
			its = append(its, to)
			continue
		}
		_ = unix.Close(to) // Nothing was written to it.
	}
	if err != nil {
		return nil, fmt.Errorf("crash output: %w", err)
	}
	if len(its) == 1 {
		file := os.NewFile(uintptr(its[0]), "crash output")
		return nil, errors.Join(ErrTaken, debug.SetCrashOutput(file, debug.CrashOptions{}), file.Close())
	}
	// Several are the program's own doing: it closes files right now.
	for _, to := range its {
		_ = unix.Close(to)
	}
	return &Output{own: added(f, before)}, nil
}

// Remove takes the output back, unless the application has put another in its
// place since. A second call does nothing, nor does one on nil.
func (o *Output) Remove() error {
	if o == nil {
		return nil
	}
	changing.Lock()
	defer changing.Unlock()
	if o.removed || !o.own.open() {
		return nil
	}
	o.removed = true
	return debug.SetCrashOutput(nil, debug.CrashOptions{})
}

// descriptors lists those that are open.
func descriptors() (_ []descriptor, err error) {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	names, err := dir.Readdirnames(maxDescriptors + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(names) > maxDescriptors {
		return nil, ErrTooManyDescriptors
	}
	var all []descriptor
	for _, name := range names {
		fd, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if d, ok := describe(fd); ok {
			all = append(all, d)
		}
	}
	return all, nil
}

func describe(fd int) (descriptor, bool) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return descriptor{}, false
	}
	return descriptor{fd, uint64(st.Dev), st.Ino, st.Mode & unix.S_IFMT}, true
}

// open tells whether the number still leads to the same file.
func (d descriptor) open() bool {
	now, ok := describe(d.fd)
	return ok && now == d
}

// duplicate copies what could be a crash output: a file, pipe or terminal for
// writing that no child inherits, as the runtime's duplicate is.
func duplicate(all []descriptor) map[descriptor]int {
	copies := map[descriptor]int{}
	for _, d := range all {
		if d.kind != unix.S_IFREG && d.kind != unix.S_IFIFO && d.kind != unix.S_IFCHR {
			continue
		}
		status, err := unix.FcntlInt(uintptr(d.fd), unix.F_GETFL, 0)
		if err != nil || status&unix.O_ACCMODE == unix.O_RDONLY {
			continue
		}
		flags, err := unix.FcntlInt(uintptr(d.fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC == 0 {
			continue
		}
		if to, err := unix.FcntlInt(uintptr(d.fd), unix.F_DUPFD_CLOEXEC, 3); err == nil {
			copies[d] = to
		}
	}
	return copies
}

// added finds the duplicate that the runtime has made of f.
func added(f *os.File, before []descriptor) descriptor {
	none := descriptor{fd: -1}
	now, err := descriptors()
	if err != nil {
		return none
	}
	info, err := statOf(f)
	if err != nil {
		return none
	}
	for _, d := range now {
		if d.dev == info.dev && d.ino == info.ino && !slices.Contains(before, d) {
			return d
		}
	}
	return none
}

func statOf(f *os.File) (d descriptor, err error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return d, err
	}
	err = conn.Control(func(fd uintptr) { d, _ = describe(int(fd)) })
	return d, err
}
