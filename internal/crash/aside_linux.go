package crash

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// maxDescriptors bounds the search for a crash output that is already set.
const maxDescriptors = 1024

// aside tells whether the application has set a crash output. The runtime does
// not: it only closes its duplicate of the one before when another is set. So a
// thread is given a table of descriptors of its own (a copy, which shares the
// open files), and the output is taken away there: what is missing in the copy
// then is the one, and in the process it is still open under its number, which
// the runtime is given back.
//
// Nothing is closed in the process's own table. To close any descriptor of a
// file, a duplicate as well, releases all the record locks of the process on it
// (fcntl(2)); they belong to the table (locks_remove_posix, fs/locks.c), so the
// copy has none. Nor can a file that the program closes meanwhile be taken for
// the output, for it stays open in the copy. The copy lives for less than a
// millisecond and goes as that of a program between fork and exec does.
//
// some is a file that is open; nothing is written to it.
func aside(some *os.File) (taken bool, err error) {
	onOwnThread(func() {
		if err = ownTable(); err == nil {
			taken, err = takeAndGiveBack(some)
		}
	})
	return taken, err
}

// onOwnThread runs fn on a thread that ends with it, and with it the thread's
// table of descriptors. The first thread of a process cannot end alone.
func onOwnThread(fn func()) {
	done := make(chan int)
	go func() {
		runtime.LockOSThread()
		tid := unix.Gettid()
		if tid == unix.Getpid() {
			onOwnThread(fn) // Another one, since this one is held here.
			runtime.UnlockOSThread()
		} else {
			fn()
		}
		done <- tid
	}()
	if tid := <-done; tid != unix.Getpid() {
		awaitEnd(tid)
	}
}

// awaitEnd waits until a thread is gone, which takes some microseconds; in
// vain where a file system does not answer when a copy is closed.
func awaitEnd(tid int) {
	const most, pause = 100 * time.Millisecond, 20 * time.Microsecond
	for end := time.Now().Add(most); time.Now().Before(end); time.Sleep(pause) {
		if errors.Is(unix.Tgkill(unix.Getpid(), tid, 0), unix.ESRCH) {
			return
		}
	}
}

// ownTable gives the thread a copy of the process's table of descriptors.
// close_range(2) is what seccomp profiles of containers allow; unshare(2) is
// for kernels before 5.9.
func ownTable() error {
	if fds, err := descriptors(); err != nil {
		return err
	} else if len(fds) > maxDescriptors {
		return ErrTooManyDescriptors
	}
	err := unix.CloseRange(math.MaxUint32, math.MaxUint32, unix.CLOSE_RANGE_UNSHARE)
	if err != nil {
		err = unix.Unshare(unix.CLONE_FILES)
	}
	if err != nil {
		return fmt.Errorf("%w: a table of descriptors to look in: %w", ErrUncertain, err)
	}
	return nil
}

// takeAndGiveBack is for a thread with a table of its own.
func takeAndGiveBack(some *os.File) (taken bool, err error) {
	before, err := descriptors()
	if err != nil {
		return false, err
	}
	if err := debug.SetCrashOutput(nil, debug.CrashOptions{}); err != nil {
		return false, err
	}
	for fd := range before {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
			return true, giveBack(fd, some)
		}
	}
	return false, nil
}

// giveBack has the runtime write to that descriptor again: it duplicates a
// file, and the duplicate gets the lowest number that is free in this table.
func giveBack(fd int, some *os.File) error {
	file, err := statOf(some)
	if err != nil {
		return err
	}
	for {
		lowest, err := unix.FcntlInt(uintptr(file.fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return err
		}
		if lowest < fd {
			continue // It goes with the table.
		}
		if err := unix.Close(lowest); err != nil {
			return err
		}
		if lowest > fd {
			return fmt.Errorf("descriptor %d is not free", fd)
		}
		return debug.SetCrashOutput(some, debug.CrashOptions{})
	}
}

// descriptors lists the numbers that are open in the table of this thread, by
// system calls alone: an [os.File] could be closed on another thread, and so
// in another table.
func descriptors() (map[int]bool, error) {
	dir, err := unix.Open("/proc/thread-self/fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open files: %w", err)
	}
	open := map[int]bool{}
	buf := make([]byte, 16<<10)
	for len(open) <= maxDescriptors+1 {
		n, err := unix.ReadDirent(dir, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n <= 0 {
			if err = errors.Join(err, unix.Close(dir)); err != nil {
				return nil, fmt.Errorf("open files: %w", err)
			}
			delete(open, dir)
			return open, nil
		}
		_, _, names := unix.ParseDirent(buf[:n], -1, nil)
		for _, name := range names {
			if fd, err := strconv.Atoi(name); err == nil {
				open[fd] = true
			}
		}
	}
	return nil, errors.Join(ErrTooManyDescriptors, unix.Close(dir))
}
