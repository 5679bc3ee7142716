package wakeup

import (
	"errors"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/memguard-dev/go-memguard/cgroupstat"
)

// thresholds are v1's. All share one eventfd, and the kernel forgets them when
// it is closed: it has no other way to take one back.
type thresholds struct {
	control, usage file
	event          file     // none until first applied
	set            []uint64 // registered with event
}

var noThresholds = thresholds{control: noFile, usage: noFile, event: noFile}

func openThresholds(dir string) (thresholds, error) {
	t := noThresholds
	var err error
	if t.control, err = openFile(dir, "cgroup.event_control", unix.O_WRONLY); err == nil {
		t.usage, err = openFile(dir, "memory.usage_in_bytes", unix.O_RDONLY)
	}
	if err == nil {
		err = t.probe()
	}
	if err != nil {
		return t, errors.Join(err, t.close())
	}
	return t, nil
}

// probe asks for a threshold that is no number: a kernel that has thresholds
// says EINVAL at once, where a real one would take it a grace period.
func (t *thresholds) probe() error {
	event, err := newEvent()
	if err != nil {
		return err
	}
	err = t.control.write(control(event.fd, t.usage.fd, "x"))
	if errors.Is(err, unix.EINVAL) {
		err = nil
	} else if err == nil {
		err = &cgroupstat.FileError{Op: "write", Path: t.control.path, Err: errors.ErrUnsupported}
	}
	return errors.Join(err, event.close())
}

// apply registers values with a new eventfd, and gives the one before
// for the caller to close, so that no crossing falls between them. The kernel
// takes a grace period for each, about 10 ms. On error all stays as it was.
func (t *thresholds) apply(values []uint64, add func(file) error) (before file, err error) {
	event, err := newEvent()
	if err != nil {
		return noFile, err
	}
	for _, n := range values {
		if err = t.control.write(control(event.fd, t.usage.fd, strconv.FormatUint(n, 10))); err != nil {
			break
		}
	}
	if err == nil {
		err = add(event)
	}
	if err != nil {
		return noFile, errors.Join(err, event.close())
	}
	before, t.event, t.set = t.event, event, values
	return before, nil
}

func (t *thresholds) close() error {
	return errors.Join(t.event.close(), t.control.close(), t.usage.close())
}
