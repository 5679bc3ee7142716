package wakeup

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/memguard-dev/go-memguard/cgroupstat"
)

// add watches a descriptor. By edge: nothing that is ready for ever can make
// Wait spin. And for EPOLLIN, which files of a cgroup always show: to ask
// memory.pressure for EPOLLPRI takes it away (psi_trigger_poll), and the
// runtime's poller asks before we do.
func (w *Watcher) add(f file, s Source) error {
	conn, err := w.epoll.SyscallConn()
	if err != nil {
		return err
	}
	ctl := conn.Control(func(fd uintptr) {
		err = unix.EpollCtl(int(fd), unix.EPOLL_CTL_ADD, f.fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: int32(s)})
	})
	if errors.Is(err, unix.EPERM) {
		// A file that nothing can wait for, such as an ordinary one.
		err = fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	if err := errors.Join(ctl, err); err != nil {
		return fmt.Errorf("watch %s: %w", f.path, err)
	}
	return nil
}

// harvest gives what has become ready since the last time, without blocking.
func harvest(fd int) (ready, broken Source, err error) {
	var events [8]unix.EpollEvent // Events and pressure, or two eventfds.
	n, err := retry(func() (int, error) { return unix.EpollWait(fd, events[:], 0) })
	if err != nil {
		return 0, 0, fmt.Errorf("epoll_wait: %w", err)
	}
	for _, e := range events[:n] {
		ready |= Source(e.Fd)
		if e.Events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
			broken |= Source(e.Fd)
		}
	}
	return ready, broken, nil
}

// rouse ends the sleep of Wait, or the next one, by a deadline long past.
func (w *Watcher) rouse() error {
	return w.pollerError(w.epoll.SetReadDeadline(time.Unix(1, 0)))
}

// rest forgets that; what it was for is to be looked at afterwards.
func (w *Watcher) rest() error {
	return w.pollerError(w.epoll.SetReadDeadline(time.Time{}))
}

// pollerError tells an error of the runtime's poller from that of a closed
// Watcher, for which it has no error to compare with.
func (w *Watcher) pollerError(err error) error {
	switch {
	case err == nil:
		return nil
	case w.closed.Load():
		return ErrClosed
	}
	return fmt.Errorf("poller: %w", err)
}

// sleep parks the goroutine until there is something, or it is roused.
func (w *Watcher) sleep() (ready, broken Source, err error) {
	ended := w.raw.Read(func(fd uintptr) bool {
		ready, broken, err = harvest(int(fd))
		return ready != 0 || err != nil
	})
	if ended != nil && !errors.Is(ended, os.ErrDeadlineExceeded) {
		return 0, 0, w.pollerError(ended)
	}
	return ready, broken, err
}

// settle does what is to be done before sleeping: it looks for a cgroup that
// went silently, and registers thresholds.
func (w *Watcher) settle() (Source, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.alive(); err != nil {
		return 0, err
	}
	want := w.want.Swap(nil) // A failure is told once.
	if want == nil || slices.Equal(*want, w.thresholds.set) {
		return 0, nil
	}
	first := !w.thresholds.event.exists()
	before, err := w.thresholds.apply(*want, func(f file) error { return w.add(f, Threshold) })
	if err = errors.Join(err, before.close()); err != nil {
		return 0, fmt.Errorf("register thresholds: %w", err)
	}
	if first && w.thresholds.set[0] == never {
		return 0, nil // Nobody asked for any yet.
	}
	return Threshold, nil
}

// take sorts out what is no news.
func (w *Watcher) take(ready, broken Source) (Source, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.alive(); err != nil {
		return 0, err
	}
	if broken&Pressure != 0 {
		// The trigger is gone without its cgroup: PSI was switched off.
		ready &^= Pressure
		err := w.pressure.close()
		if !w.events.exists() {
			w.err = fmt.Errorf("pressure trigger ended: %w", errors.ErrUnsupported)
			err = errors.Join(w.err, err)
		}
		if err != nil {
			return 0, err
		}
	}
	return ready, nil
}

// alive reads one of the files: those of a removed cgroup cannot be read, and
// are otherwise quiet (v2) or signaled (v1).
func (w *Watcher) alive() error {
	if w.closed.Load() {
		return ErrClosed
	}
	if w.err != nil {
		return w.err
	}
	for _, f := range [...]*file{&w.events, &w.thresholds.usage, &w.pressure} {
		if !f.exists() {
			continue
		}
		err := f.touch()
		if errors.Is(err, cgroupstat.ErrGone) {
			w.err = err
		}
		return err
	}
	return nil
}
