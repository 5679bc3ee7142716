package wakeup

import (
	"errors"

	"golang.org/x/sys/unix"
)

// triggers are tried in this order. Five percent of the time in reclaim is no
// reason to act but one to look, and the kernel tells at most once a window.
// The shortest window it allows may need CAP_SYS_RESOURCE; without, it wants a
// multiple of 2 s (Linux 6.5; kernel/sched/psi.c, psi_trigger_create).
var triggers = [...]string{
	"some 25000 500000\x00", // microseconds, of each window in microseconds
	"some 100000 2000000\x00",
}

// openPressure opens memory.pressure (Linux 5.2) with a trigger, which lives
// as long as the descriptor.
func openPressure(dir string) (file, error) {
	f, err := openFile(dir, "memory.pressure", unix.O_RDWR)
	if err != nil {
		return noFile, err
	}
	for _, trigger := range triggers {
		if err = f.write([]byte(trigger)); err == nil {
			return f, nil
		}
	}
	return noFile, errors.Join(err, f.close())
}
