package crash

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"

	"golang.org/x/sys/unix"
)

// changing is held while the crash output is; installed is the last that was.
var (
	changing  sync.Mutex
	installed *Output
)

// Output is a crash output that is in force.
type Output struct {
	removed bool
	own     descriptor // the runtime's duplicate; its number is -1 when it was not found
}

// descriptor is one and what it leads to.
type descriptor struct {
	fd       int
	dev, ino uint64
}

// Install makes f the crash output, unless the application has set one of its
// own: then that stays, and the error is ErrTaken. One that an earlier Install
// has left is replaced. f may be closed afterwards.
func Install(f *os.File) (*Output, error) {
	changing.Lock()
	defer changing.Unlock()
	if err := installed.remove(); err != nil {
		return nil, fmt.Errorf("crash output: %w", err)
	}
	taken, err := aside(f)
	switch {
	case err != nil:
		return nil, fmt.Errorf("crash output: %w", err)
	case taken:
		return nil, ErrTaken
	}
	if err := debug.SetCrashOutput(f, debug.CrashOptions{}); err != nil {
		return nil, fmt.Errorf("crash output: %w", err)
	}
	installed = &Output{own: duplicateOf(f)}
	return installed, nil
}

// Remove takes the output back, unless the application has put another in its
// place since. A second call does nothing, nor does one on nil.
func (o *Output) Remove() error {
	changing.Lock()
	defer changing.Unlock()
	return o.remove()
}

func (o *Output) remove() error {
	if o == nil || o.removed || !o.own.open() {
		return nil
	}
	o.removed = true
	return debug.SetCrashOutput(nil, debug.CrashOptions{})
}

func describe(fd int) (descriptor, bool) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return descriptor{}, false
	}
	return descriptor{fd, uint64(st.Dev), st.Ino}, true
}

// open tells whether the number still leads to the same file.
func (d descriptor) open() bool {
	now, ok := describe(d.fd)
	return ok && now == d
}

// duplicateOf finds the duplicate that the runtime has made of f, which is our
// own file: nobody else has it open.
func duplicateOf(f *os.File) descriptor {
	none := descriptor{fd: -1}
	its, err := statOf(f)
	if err != nil {
		return none
	}
	open, err := descriptors()
	if err != nil {
		return none
	}
	for fd := range open {
		if d, ok := describe(fd); ok && fd != its.fd && d.dev == its.dev && d.ino == its.ino {
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
	var ok bool
	if err = conn.Control(func(fd uintptr) { d, ok = describe(int(fd)) }); err == nil && !ok {
		err = errors.New("not an open file")
	}
	return d, err
}
