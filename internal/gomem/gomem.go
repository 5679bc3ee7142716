// Package gomem reads the Go runtime's own account of its memory through
// runtime/metrics: no stop-the-world, no allocation.
package gomem

import (
	"math"
	"runtime/metrics"
	"time"
)

// Mem is one reading; sizes are in bytes.
type Mem struct {
	// Objects is memory of live and not yet swept heap objects
	// (/memory/classes/heap/objects; MemStats.HeapAlloc).
	Objects uint64 `json:"heap_objects_bytes"`
	// Unused is memory inside heap spans that holds no object: fragmentation
	// (/memory/classes/heap/unused). Objects + Unused is MemStats.HeapInuse.
	Unused uint64 `json:"heap_unused_bytes"`
	// Free is free heap memory not returned to the kernel (/memory/classes/heap/free).
	Free uint64 `json:"heap_free_bytes"`
	// Released is free heap memory that was returned (/memory/classes/heap/released).
	Released uint64 `json:"heap_released_bytes"`
	// Stacks is goroutine stacks (/memory/classes/heap/stacks).
	Stacks uint64 `json:"stacks_bytes"`
	// OSStacks is stacks the kernel or cgo gave (/memory/classes/os-stacks).
	OSStacks uint64 `json:"os_stacks_bytes"`
	// Metadata is the runtime's own: span and cache structures, GC bitmaps,
	// profiling buckets and the rest (/memory/classes/metadata/*,
	// /memory/classes/profiling/buckets, /memory/classes/other).
	Metadata uint64 `json:"metadata_bytes"`
	// Total is all memory the runtime mapped (/memory/classes/total; MemStats.Sys).
	Total uint64 `json:"total_bytes"`
	// LiveHeap is what the last GC marked live (/gc/heap/live). 0 before the first GC.
	LiveHeap uint64 `json:"live_heap_bytes,omitzero"`
	// Scannable is heap memory that a GC has to look for pointers in (/gc/scan/heap).
	Scannable uint64 `json:"scannable_heap_bytes"`
	// HeapGoal is where the running cycle wants to end (/gc/heap/goal).
	HeapGoal uint64 `json:"heap_goal_bytes"`
	// MemoryLimit is GOMEMLIMIT (/gc/gomemlimit); math.MaxInt64 is none.
	MemoryLimit uint64 `json:"gomemlimit_bytes"`
	// GCCycles counts finished GC cycles (/gc/cycles/total).
	GCCycles uint64 `json:"gc_cycles"`
	// LimiterLastCycle is the last cycle in which the GC CPU limiter was
	// on (/gc/limiter/last-enabled); 0 is never. Near GCCycles it means a
	// process that lives by collecting garbage.
	LimiterLastCycle uint64 `json:"gc_limiter_last_cycle"`
	// GCCPU and TotalCPU are estimated CPU times (/cpu/classes/gc/total, /cpu/classes/total).
	GCCPU    time.Duration `json:"gc_cpu_ns"`
	TotalCPU time.Duration `json:"total_cpu_ns"`
	// IdleCPU is the part of TotalCPU that nothing used (/cpu/classes/idle).
	IdleCPU time.Duration `json:"idle_cpu_ns"`
	// Allocs is all that was ever allocated on the heap (/gc/heap/allocs).
	Allocs uint64 `json:"allocs_bytes"`
	// Goroutines is the number of live goroutines (/sched/goroutines).
	Goroutines uint64 `json:"goroutines"`
}

// HeapInUse is memory in heap spans that hold objects (MemStats.HeapInuse).
func (m *Mem) HeapInUse() uint64 { return m.Objects + m.Unused }

// Footprint is what the runtime mapped and has not returned: the quantity
// that GOMEMLIMIT limits.
func (m *Mem) Footprint() uint64 {
	if m.Released > m.Total {
		return 0
	}
	return m.Total - m.Released
}

// HasMemoryLimit reports whether a GOMEMLIMIT is in force.
func (m *Mem) HasMemoryLimit() bool { return m.MemoryLimit != math.MaxInt64 }

// field ties a runtime metric to where it goes; several may add up in one place.
type field struct {
	name string
	add  func(m *Mem, v metrics.Value)
}

func intField(name string, dst func(*Mem) *uint64) field {
	return field{name, func(m *Mem, v metrics.Value) { *dst(m) += v.Uint64() }}
}

func secondsField(name string, dst func(*Mem) *time.Duration) field {
	return field{name, func(m *Mem, v metrics.Value) {
		*dst(m) += time.Duration(v.Float64() * float64(time.Second))
	}}
}

func metadata(m *Mem) *uint64 { return &m.Metadata }

var fields = []field{
	intField("/memory/classes/heap/objects:bytes", func(m *Mem) *uint64 { return &m.Objects }),
	intField("/memory/classes/heap/unused:bytes", func(m *Mem) *uint64 { return &m.Unused }),
	intField("/memory/classes/heap/free:bytes", func(m *Mem) *uint64 { return &m.Free }),
	intField("/memory/classes/heap/released:bytes", func(m *Mem) *uint64 { return &m.Released }),
	intField("/memory/classes/heap/stacks:bytes", func(m *Mem) *uint64 { return &m.Stacks }),
	intField("/memory/classes/os-stacks:bytes", func(m *Mem) *uint64 { return &m.OSStacks }),
	intField("/memory/classes/metadata/mspan/inuse:bytes", metadata),
	intField("/memory/classes/metadata/mspan/free:bytes", metadata),
	intField("/memory/classes/metadata/mcache/inuse:bytes", metadata),
	intField("/memory/classes/metadata/mcache/free:bytes", metadata),
	intField("/memory/classes/metadata/other:bytes", metadata),
	intField("/memory/classes/profiling/buckets:bytes", metadata),
	intField("/memory/classes/other:bytes", metadata),
	intField("/memory/classes/total:bytes", func(m *Mem) *uint64 { return &m.Total }),
	intField("/gc/heap/live:bytes", func(m *Mem) *uint64 { return &m.LiveHeap }),
	intField("/gc/scan/heap:bytes", func(m *Mem) *uint64 { return &m.Scannable }),
	intField("/gc/heap/goal:bytes", func(m *Mem) *uint64 { return &m.HeapGoal }),
	intField("/gc/gomemlimit:bytes", func(m *Mem) *uint64 { return &m.MemoryLimit }),
	intField("/gc/cycles/total:gc-cycles", func(m *Mem) *uint64 { return &m.GCCycles }),
	intField("/gc/limiter/last-enabled:gc-cycle", func(m *Mem) *uint64 { return &m.LimiterLastCycle }),
	secondsField("/cpu/classes/gc/total:cpu-seconds", func(m *Mem) *time.Duration { return &m.GCCPU }),
	secondsField("/cpu/classes/total:cpu-seconds", func(m *Mem) *time.Duration { return &m.TotalCPU }),
	secondsField("/cpu/classes/idle:cpu-seconds", func(m *Mem) *time.Duration { return &m.IdleCPU }),
	intField("/gc/heap/allocs:bytes", func(m *Mem) *uint64 { return &m.Allocs }),
	intField("/sched/goroutines:goroutines", func(m *Mem) *uint64 { return &m.Goroutines }),
}

// Reader reuses its buffers; it is not safe for concurrent use.
type Reader struct {
	samples []metrics.Sample
}

// NewReader makes a Reader.
func NewReader() *Reader {
	r := &Reader{samples: make([]metrics.Sample, len(fields))}
	for i, f := range fields {
		r.samples[i].Name = f.name
	}
	return r
}

// Read fills dst.
func (r *Reader) Read(dst *Mem) {
	*dst = Mem{}
	metrics.Read(r.samples)
	for i, f := range fields {
		// A later Go version may drop a metric: KindBad then stays 0.
		if v := r.samples[i].Value; v.Kind() != metrics.KindBad {
			f.add(dst, v)
		}
	}
}
