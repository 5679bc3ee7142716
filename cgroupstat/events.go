package cgroupstat

import (
	"bytes"
	"fmt"
)

// Events counts what memory pressure made the kernel do since the cgroup was
// made: memory.events, on v1 the failcnt files and memory.oom_control.
//
// In a pod with one container the pod's cgroup has the same limit and reaches
// it first, so Max and OOM are counted there, out of sight, and only OOMKill
// shows here. That Max does not rise proves nothing.
type Events struct {
	// Low counts reclaim below memory.low. v2.
	Low Value `json:"low,omitzero"`
	// High counts throttling at memory.high. v2.
	High Value `json:"high,omitzero"`
	// Max counts how often the limit was hit; on v1 memory.failcnt +
	// memory.memsw.failcnt: where the limit of memory and swap is no higher,
	// the kernel meets that one first. Kernels that stopped counting there,
	// such as 6.18, then show 0 for ever.
	Max Value `json:"max,omitzero"`
	// OOM counts allocations that failed for the limit. v2.
	OOM Value `json:"oom,omitzero"`
	// OOMKill counts killed processes of the cgroup. v2; v1 since Linux 4.13.
	OOMKill Value `json:"oom_kill,omitzero"`
	// OOMGroupKill counts kills of the whole group. v2, since Linux 5.17.
	OOMGroupKill Value `json:"oom_group_kill,omitzero"`
	// SockThrottled counts throttled network sockets. v2, since Linux 6.18.
	SockThrottled Value `json:"sock_throttled,omitzero"`
}

func (e *Events) field(name []byte) *Value {
	switch string(name) {
	case "low":
		return &e.Low
	case "high":
		return &e.High
	case "max":
		return &e.Max
	case "oom":
		return &e.OOM
	case "oom_kill":
		return &e.OOMKill
	case "oom_group_kill":
		return &e.OOMGroupKill
	case "sock_throttled":
		return &e.SockThrottled
	}
	return nil
}

// parseEvents reads memory.events (mm/memcontrol.c memory_events_show). Lines
// with names it does not know are left out.
func parseEvents(text []byte, e *Events) error {
	for len(text) > 0 {
		line, rest, _ := bytes.Cut(text, []byte{'\n'})
		text = rest
		name, number, ok := bytes.Cut(line, []byte{' '})
		if !ok || len(name) == 0 {
			return fmt.Errorf("line %.64q: %w", line, errMalformed)
		}
		v := e.field(name)
		if v == nil {
			continue
		}
		n, err := parseNumber(number)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		*v = Of(n)
	}
	return nil
}
