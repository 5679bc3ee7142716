package memguardhttp

import (
	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/memguard"
)

// figure is a row of the table of numbers.
type figure struct {
	Name, Value string
	// Kernel is what the kernel or runtime calls it.
	Kernel string
	share  string
	inText bool
}

// numbers are the figures of a snapshot; what nothing tells is left out.
func numbers(s *memguard.Snapshot) []figure {
	var out []figure
	add := func(name string, v cgroupstat.Value, v1, v2 string) {
		n, ok := v.Get()
		if !ok {
			return
		}
		out = append(out, figure{
			Name: name, Value: size(n), Kernel: kernelName(s, v1, v2), share: percent(n, s.Limit.Bytes), inText: true,
		})
	}
	same := func(name string, v cgroupstat.Value, source string) { add(name, v, source, source) }
	plain := func(name, value, source string) {
		out = append(out, figure{Name: name, Value: value, Kernel: source})
	}
	add("usage", s.Usage, "memory.usage_in_bytes", "memory.current")
	add("working set", s.WorkingSet, "memory.usage_in_bytes − total_inactive_file", "memory.current − inactive_file")
	add("unreclaimable", s.Unreclaimable, "memory.usage_in_bytes − file pages", "memory.current − file − slab_reclaimable")
	add("peak", s.Peak, "memory.max_usage_in_bytes", "memory.peak")
	same("RSS", s.Process.RSS, "VmRSS of /proc/self/status")
	same("heap in use", cgroupstat.Of(s.HeapInUse()), "/memory/classes/heap/objects + unused")
	if s.Go.LiveHeap > 0 {
		same("live heap", cgroupstat.Of(s.Go.LiveHeap), "/gc/heap/live:bytes")
	}
	if gap, ok := s.Gap(); ok {
		plain("gap: RSS − heap in use", sizeOf(float64(gap)), "VmRSS − heap in use")
	}
	if s.Go.HasMemoryLimit() {
		same("GOMEMLIMIT", cgroupstat.Of(s.Go.MemoryLimit), "/gc/gomemlimit:bytes")
	}
	plain("goroutines", count(s.Go.Goroutines), "/sched/goroutines:goroutines")
	if n, ok := s.Process.Threads.Get(); ok {
		plain("threads", count(n), "Threads of /proc/self/status")
	}
	plain("collections", count(s.Go.GCCycles), "/gc/cycles/total:gc-cycles")
	for _, e := range []struct {
		name   string
		v      cgroupstat.Value
		v1, v2 string
	}{
		{"limit reached", s.Events.Max, "memory.failcnt", "max of memory.events"},
		{"throttled", s.Events.High, "", "high of memory.events"},
		{"OOM", s.Events.OOM, "", "oom of memory.events"},
		{"OOM kills", s.Events.OOMKill, "oom_kill of memory.oom_control", "oom_kill of memory.events"},
	} {
		if n, ok := e.v.Get(); ok {
			plain(e.name, count(n), kernelName(s, e.v1, e.v2))
		}
	}
	return out
}

func kernelName(s *memguard.Snapshot, v1, v2 string) string {
	if s.Cgroup != nil && s.Cgroup.Version == cgroupstat.V1 {
		return v1
	}
	return v2
}
