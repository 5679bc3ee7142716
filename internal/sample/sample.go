// Package sample holds what memguard knows of one instant: the kernel's
// account of the container, of the process, and the Go runtime's own. A
// Sample is a value of fixed size without pointers; what is derived from it is
// a pure function here.
package sample

import (
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/gomem"
	"github.com/memguard-dev/go-memguard/internal/procmem"
)

// Scope says whose memory the usage of a Sample is.
type Scope uint8

// The scopes, from best to least.
const (
	// None means that there is no sample yet.
	None Scope = iota
	// Cgroup is the container: memory.current or memory.usage_in_bytes.
	Cgroup
	// Process is this process alone: VmRSS. Used where no cgroup is readable.
	Process
	// Runtime is what the Go runtime mapped: used where there is no /proc.
	Runtime
)

// String gives the scope's name.
func (s Scope) String() string {
	switch s {
	case Cgroup:
		return "cgroup"
	case Process:
		return "process"
	case Runtime:
		return "runtime"
	default:
		return "none"
	}
}

// MarshalText gives the scope's name.
func (s Scope) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a scope's name; an unknown one is None.
func (s *Scope) UnmarshalText(text []byte) error {
	*s = None
	for _, known := range []Scope{Cgroup, Process, Runtime} {
		if known.String() == string(text) {
			*s = known
		}
	}
	return nil
}

// Sample is one instant.
type Sample struct {
	// UnixNano is the wall clock, Since the monotonic time from Start.
	UnixNano int64         `json:"unix_ns"`
	Since    time.Duration `json:"since_start_ns"`
	Scope    Scope         `json:"scope"`
	// Usage is memory.current on v2, memory.usage_in_bytes on v1; in the
	// other scopes see there.
	Usage cgroupstat.Value `json:"usage_bytes,omitzero"`
	// Limit is the effective limit at that instant.
	Limit    cgroupstat.Value    `json:"limit_bytes,omitzero"`
	Peak     cgroupstat.Value    `json:"peak_bytes,omitzero"`
	Stat     cgroupstat.Stat     `json:"stat"`
	Events   cgroupstat.Events   `json:"events"`
	Pressure cgroupstat.Pressure `json:"pressure,omitzero"`
	// HasPressure tells a kernel that measures it from one that does not.
	HasPressure bool        `json:"-"`
	Process     procmem.Mem `json:"process"`
	Go          gomem.Mem   `json:"go"`
}

// Time is the wall clock time of the sample.
func (s *Sample) Time() time.Time { return time.Unix(0, s.UnixNano) }

// WorkingSet is usage − inactive_file, floor 0, as cAdvisor and the kubelet
// count it; outside of a cgroup it is the usage.
func (s *Sample) WorkingSet() cgroupstat.Value {
	usage, ok := s.Usage.Get()
	if !ok || s.Scope != Cgroup {
		return s.Usage
	}
	return cgroupstat.WorkingSet(usage, &s.Stat)
}

// Unreclaimable is what the kernel cannot take back before it kills: usage −
// file pages − reclaimable slab, floor 0; in the process scope anonymous and
// shared resident memory.
func (s *Sample) Unreclaimable() cgroupstat.Value {
	usage, ok := s.Usage.Get()
	if !ok {
		return cgroupstat.Value{}
	}
	switch s.Scope {
	case Cgroup:
		return cgroupstat.Unreclaimable(usage, &s.Stat)
	case Process:
		anon, ok := s.Process.RSSAnon.Get()
		if !ok {
			return s.Usage
		}
		return cgroupstat.Of(anon + s.Process.RSSShmem.Or(0))
	default:
		return s.Usage
	}
}

// Gap is RSS − heap in use: what the process holds beside its heap. It is
// negative while heap spans have pages that were never touched.
func (s *Sample) Gap() (bytes int64, ok bool) {
	rss, ok := s.Process.RSS.Get()
	if !ok {
		return 0, false
	}
	return int64(rss) - int64(s.Go.HeapInUse()), true
}

// Staleness is how much the published heap profile does not show yet: heap
// objects now − live heap of the last GC, floor 0.
func (s *Sample) Staleness() uint64 {
	if s.Go.LiveHeap > s.Go.Objects {
		return 0
	}
	return s.Go.Objects - s.Go.LiveHeap
}
