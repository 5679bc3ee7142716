package wakeup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/memguard-dev/go-memguard/cgroupstat"
)

// Watcher waits for notifications about one cgroup. One goroutine at a time
// may Wait; the other methods are safe beside it.
type Watcher struct {
	sources Source
	epoll   *os.File // in the runtime's poller, so that Wait holds no thread
	raw     syscall.RawConn
	want    atomic.Pointer[[]uint64] // thresholds to register; nil = none new
	closed  atomic.Bool

	mu         sync.Mutex // what follows is used and closed under it
	err        error      // final
	events     file
	pressure   file
	thresholds thresholds
}

// Open opens what the kernel offers for a level of a location. Where it offers
// nothing the error wraps [errors.ErrUnsupported] and the reasons; where the
// cgroup does not exist, [cgroupstat.ErrGone]. Changes before it returns are not
// told, so take a sample after it.
func Open(l cgroupstat.Location, level int) (*Watcher, error) {
	if level < 0 || level >= len(l.Levels) {
		return nil, fmt.Errorf("level %d of %d", level, len(l.Levels))
	}
	w := &Watcher{events: noFile, pressure: noFile, thresholds: noThresholds}
	err := w.open(l.Version, l.Levels[level])
	if err == nil {
		err = w.poll()
	}
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

func (w *Watcher) open(v cgroupstat.Version, dir string) error {
	var reasons [3]error
	switch v {
	case cgroupstat.V1:
		w.thresholds, reasons[0] = openThresholds(dir)
		w.offer(Threshold, reasons[0])
		// One eventfd from the beginning, to be told of a removal.
		values := registrable(nil, 1)
		w.want.Store(&values)
	case cgroupstat.V2:
		w.events, reasons[1] = openFile(dir, "memory.events", unix.O_RDONLY)
		w.offer(Events, reasons[1])
		w.pressure, reasons[2] = openPressure(dir)
		w.offer(Pressure, reasons[2])
	}
	if w.sources != 0 {
		return nil
	}
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: %w", cgroupstat.ErrGone, err)
	}
	return fmt.Errorf("%s: cgroup notifications: %w: %w", dir, errors.ErrUnsupported, errors.Join(reasons[:]...))
}

func (w *Watcher) offer(s Source, err error) {
	if err == nil {
		w.sources |= s
	}
}

// poll puts all into one epoll descriptor.
func (w *Watcher) poll() error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("epoll_create1: %w", err)
	}
	// NewFile takes only a non-blocking one into the poller.
	if err := unix.SetNonblock(fd, true); err != nil {
		return errors.Join(fmt.Errorf("epoll descriptor: %w", err), unix.Close(fd))
	}
	w.epoll = os.NewFile(uintptr(fd), "epoll")
	if w.raw, err = w.epoll.SyscallConn(); err != nil {
		return err
	}
	for _, s := range [...]struct {
		file   *file
		source Source
	}{{&w.events, Events}, {&w.pressure, Pressure}} {
		if s.file.exists() {
			if err := w.add(*s.file, s.source); err != nil {
				return err
			}
		}
	}
	// The files of a cgroup are always readable, also when nothing happened.
	if _, _, err = harvest(fd); err != nil {
		return err
	}
	return w.rest() // Fails if the runtime's poller did not take it.
}

// Sources is what was offered by Open.
func (w *Watcher) Sources() Source { return w.sources }

// Thresholds replaces the usages in bytes, at most [MaxThresholds], whose
// crossing in either direction is told on v1. Zeros are left out. It does not
// block: Wait registers them, which takes the kernel some 10 ms each, returns
// Threshold when that is done, since a crossing may have come before it, or why
// it could not be; what was registered before then stays. Without the source
// Threshold it does nothing.
func (w *Watcher) Thresholds(bytes ...uint64) error {
	if len(bytes) > MaxThresholds {
		return fmt.Errorf("%d thresholds, at most %d", len(bytes), MaxThresholds)
	}
	if w.sources&Threshold == 0 {
		return nil
	}
	values := registrable(bytes, uint64(os.Getpagesize()))
	w.want.Store(&values)
	return w.rouse()
}

// Wait sleeps until something was told since it last returned, and says by
// which sources. Whatever came meanwhile comes as one. Wakes can be many: a
// usage that swings about a threshold gives a thousand a second, one that stays
// at the limit a hundred, and it is for the caller to bound what it does.
//
// Where all processors are busy in Go code the goroutine waits for one like any
// other, about 10 ms.
//
// Errors: that of ctx; [ErrClosed]; [cgroupstat.ErrGone], for ever, once the
// cgroup is gone, which memory.events alone tells only with the next
// notification or call. After any other, wait again, but not at once.
func (w *Watcher) Wait(ctx context.Context) (Source, error) {
	// A closed Watcher ends Wait by itself.
	stop := context.AfterFunc(ctx, func() { _ = w.rouse() })
	defer stop()
	for {
		if err := w.rest(); err != nil {
			return 0, err
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		got, err := w.settle()
		if got != 0 || err != nil {
			return got, err
		}
		got, broken, err := w.sleep()
		if err != nil {
			return 0, err
		}
		if got, err = w.take(got, broken); got != 0 || err != nil {
			return got, err
		}
	}
}

// Close ends Wait and closes the descriptors. A second Close does nothing.
func (w *Watcher) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed.Swap(true) {
		return nil
	}
	var err error
	if w.epoll != nil {
		err = w.epoll.Close()
	}
	return errors.Join(err, w.events.close(), w.pressure.close(), w.thresholds.close())
}
