// Package wakeup lets a goroutine sleep until the kernel says that something
// has changed about the memory of a cgroup, so that whoever samples it need
// not wait for its timer.
//
// What the kernel offers differs:
//
//   - [Events], v2: memory.events changed. Needs no more than read access, so it
//     works in a container with its cgroup mounted read-only. It comes at the
//     limit (max, oom, oom_kill) or at memory.high, not before, and at most every
//     10 ms (kernel/cgroup/cgroup.c, cgroup_file_notify; Linux 4.20).
//   - [Pressure], v2: tasks stalled for want of memory, by a trigger on
//     memory.pressure (Linux 5.2). Needs write access and PSI. At most every half
//     second, and without CAP_SYS_RESOURCE every two, up to two late.
//   - [Threshold], v1: usage crossed one of some values, by an eventfd registered
//     in cgroup.event_control. Needs write access, and a kernel that is not
//     PREEMPT_RT. It is checked every 128 pages on each processor, so a crossing
//     is told some hundred KiB late (mm/memcontrol-v1.c, memcg1_check_events).
//
// v1's memory.pressure_level is not used: the kernel calls it deprecated in its
// log, and it comes later than a threshold.
//
// None of them replaces a timer. A wake says "look now", not what will be seen;
// there are wakes with nothing to see, and what nobody announces remains.
package wakeup

import (
	"errors"
	"strings"
)

// Source is a kind of notification, or a set of them.
type Source uint8

// The sources.
const (
	Events Source = 1 << iota
	Pressure
	Threshold
)

// String gives the names, joined by commas; "none" of an empty set.
func (s Source) String() string {
	var names []string
	for _, n := range [...]struct {
		source Source
		name   string
	}{{Events, "events"}, {Pressure, "pressure"}, {Threshold, "threshold"}} {
		if s&n.source != 0 {
			names = append(names, n.name)
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ",")
}

// MaxThresholds is how many values [Watcher.Thresholds] takes.
const MaxThresholds = 16

// ErrClosed means that the Watcher was closed.
var ErrClosed = errors.New("watcher is closed")
