package history

import (
	"math"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

// Series names one number of a Point.
type Series uint8

// The series: sizes in KiB, counts, shares in thousandths.
const (
	// Usage is memory.current.
	Usage Series = iota
	WorkingSet
	// Unreclaimable is what the kernel cannot take back, Highest the most of
	// it that was seen since the point before.
	Unreclaimable
	Highest
	Limit
	// LiveHeap is what the last garbage collection left.
	LiveHeap
	// Objects is heap objects, dead ones not yet swept included.
	Objects
	// Unused is free room inside heap spans that hold objects.
	Unused
	// Free is free heap memory not returned.
	Free
	Stacks
	Metadata
	// OffHeap is anonymous memory of this process outside the Go runtime.
	OffHeap
	// Others is anonymous memory of other processes.
	Others
	// HugePages is anonymous memory that only a huge page still holds.
	HugePages
	// Shmem is tmpfs and shared memory.
	Shmem
	File
	// Dirty is file pages not yet written back, those under way included.
	Dirty
	Kernel
	// Reclaimable is the kernel memory that it can take back; v2.
	Reclaimable
	Sock
	// BPF is the maps of this process, TCPQueued what its TCP sockets have
	// queued, as last surveyed.
	BPF
	TCPQueued
	// Dentries is what the machine's memory of names has grown since it was
	// least, where no Reclaimable is told.
	Dentries
	// AnonTHP is anonymous memory in huge pages.
	AnonTHP
	// Released is heap address space whose memory was returned.
	Released
	Goroutines
	Threads
	// GoMemLimit is GOMEMLIMIT.
	GoMemLimit
	// Footprint is what GOMEMLIMIT limits.
	Footprint
	// RSS is the resident memory of this process, Gap what of it is more than the
	// heap in use.
	RSS
	Gap
	// Levels end here: of several points the least counts, of Highest the most.
	levels
)

// Rates since the point before: of several points the mean counts.
const (
	// Allocs is KiB allocated in a second.
	Allocs = levels + iota
	// GCShare is the share of the CPU time used that went into collecting.
	GCShare
	// Stalled is the share of time in which some task waited for memory.
	Stalled
	// NumSeries is how many there are.
	NumSeries
)

// Events since the point before: of several points the sum counts.
type Events struct {
	// Collections finished, and those with the CPU limiter on.
	Collections, Limited uint32
	// High, Max and OOMKills count as memory.events does.
	High, Max, OOMKills uint32
	// Refaults is file pages that were needed again after they had been dropped.
	Refaults uint32
	// Spikes came and went between two samples; SpikeKiB is the highest.
	Spikes, SpikeKiB uint32
}

// none is a number that is absent.
const none = math.MaxUint32

// Point is one instant, or the floor of several.
type Point struct {
	// Since is from the start of the process.
	Since  time.Duration
	values [NumSeries]uint32
	Events Events
}

// Get gives a number; it is absent where nothing tells it.
func (p *Point) Get(s Series) (n uint64, ok bool) {
	if p.values[s] == none {
		return 0, false
	}
	return uint64(p.values[s]), true
}

// Bytes gives a size; 0 where nothing tells it.
func (p *Point) Bytes(s Series) uint64 {
	n, _ := p.Get(s)
	return n << 10
}

// Count gives a count or share; 0 where nothing tells it.
func (p *Point) Count(s Series) uint64 {
	n, _ := p.Get(s)
	return n
}

func (p *Point) put(s Series, n uint64)  { p.values[s] = uint32(min(n, none-1)) }
func (p *Point) size(s Series, n uint64) { p.put(s, n>>10) }
func (p *Point) absent(s Series)         { p.values[s] = none }

func (p *Point) value(s Series, v cgroupstat.Value) {
	if n, ok := v.Get(); ok {
		p.size(s, n)
	} else {
		p.absent(s)
	}
}

// Seen is what a point knows beside its sample.
type Seen struct {
	// Highest is the most unreclaimable memory since the point before.
	Highest uint64
	// Spikes and Spike are those told by the kernel since then.
	Spikes uint32
	Spike  uint64
	// BPF and TCPQueued are as last surveyed, Dentries as just now.
	BPF, TCPQueued, Dentries cgroupstat.Value
}

// PointOf makes a point of a sample and the one before it, whose zero value is
// none.
func PointOf(s, before *sample.Sample, seen Seen) Point {
	p := Point{Since: s.Since}
	stat := func(series Series, k cgroupstat.Key) { p.value(series, s.Stat.Get(k)) }
	p.value(Usage, s.Usage)
	p.value(WorkingSet, s.WorkingSet())
	p.value(Unreclaimable, s.Unreclaimable())
	p.value(Highest, s.Unreclaimable())
	if n, ok := p.Get(Highest); ok {
		p.size(Highest, max(n<<10, seen.Highest))
	}
	p.value(Limit, s.Limit)
	p.value(RSS, s.Process.RSS)
	p.absent(Gap)
	if n, ok := s.Gap(); ok {
		p.size(Gap, uint64(max(0, n)))
	}
	g := &s.Go
	p.size(LiveHeap, g.LiveHeap)
	if g.LiveHeap == 0 {
		p.absent(LiveHeap) // No collection yet.
	}
	p.size(Objects, g.Objects)
	p.size(Unused, g.Unused)
	p.size(Free, g.Free)
	p.size(Stacks, g.Stacks+g.OSStacks)
	p.size(Metadata, g.Metadata)
	p.size(Released, g.Released)
	p.size(Footprint, g.Footprint())
	p.put(Goroutines, g.Goroutines)
	p.absent(GoMemLimit)
	if g.HasMemoryLimit() {
		p.size(GoMemLimit, g.MemoryLimit)
	}
	for _, series := range []Series{OffHeap, Others, HugePages, Shmem, File, Kernel, Sock} {
		p.absent(series)
	}
	if b, ok := s.Buckets(); ok && s.Scope == sample.Cgroup {
		p.size(OffHeap, b[sample.OffHeap])
		p.size(Others, b[sample.OtherProcesses])
		p.size(HugePages, b[sample.HugePages])
		p.size(Shmem, b[sample.SharedMemory])
		p.size(File, b[sample.PageCache])
		p.size(Kernel, b[sample.KernelMemory])
		p.size(Sock, b[sample.SocketBuffers])
	} else if ok && s.Scope == sample.Process {
		p.size(OffHeap, b[sample.OffHeap])
	}
	if s.Process.RSSAnon.IsZero() {
		p.absent(OffHeap)
		p.absent(Others)
	}
	stat(Dirty, cgroupstat.FileDirty)
	if n, ok := s.Stat.Get(cgroupstat.FileWriteback).Get(); ok {
		p.size(Dirty, p.Bytes(Dirty)+n)
	}
	stat(Reclaimable, cgroupstat.SlabReclaimable)
	stat(AnonTHP, cgroupstat.AnonTHP)
	p.value(BPF, seen.BPF)
	p.value(TCPQueued, seen.TCPQueued)
	p.value(Dentries, seen.Dentries)
	p.absent(Threads)
	if n, ok := s.Process.Threads.Get(); ok {
		p.put(Threads, n)
	}
	p.rates(s, before)
	p.Events.Spikes, p.Events.SpikeKiB = seen.Spikes, uint32(seen.Spike>>10)
	return p
}

func (p *Point) rates(s, before *sample.Sample) {
	for _, series := range []Series{Allocs, GCShare, Stalled} {
		p.absent(series)
	}
	d := s.Since - before.Since
	if d <= 0 || before.Scope == sample.None {
		return
	}
	g, b := &s.Go, &before.Go
	if g.Allocs > b.Allocs {
		p.put(Allocs, uint64(float64(g.Allocs-b.Allocs)/d.Seconds())>>10)
	} else {
		p.put(Allocs, 0)
	}
	p.Events.Collections = growth(g.GCCycles, b.GCCycles)
	if g.LimiterLastCycle > b.GCCycles {
		p.Events.Limited = 1
	}
	// The runtime brings its CPU times up to date at the end of a collection only.
	if used := (g.TotalCPU - g.IdleCPU) - (b.TotalCPU - b.IdleCPU); used > 0 {
		p.put(GCShare, uint64(1000*max(0, min(1, float64(g.GCCPU-b.GCCPU)/float64(used)))))
	}
	p.Events.High = counted(s.Events.High, before.Events.High)
	p.Events.Max = counted(s.Events.Max, before.Events.Max)
	p.Events.OOMKills = counted(s.Events.OOMKill, before.Events.OOMKill)
	p.Events.Refaults = counted(s.Stat.Get(cgroupstat.WorkingsetRefaultFile), before.Stat.Get(cgroupstat.WorkingsetRefaultFile))
	if s.Pressure.Some.Total > 0 {
		p.put(Stalled, uint64(1000*max(0, min(1, float64(s.Pressure.Some.Total-before.Pressure.Some.Total)/float64(d)))))
	}
}

func growth(now, before uint64) uint32 {
	return uint32(min(now-min(now, before), none-1))
}

func counted(now, before cgroupstat.Value) uint32 {
	n, ok1 := now.Get()
	b, ok2 := before.Get()
	if !ok1 || !ok2 {
		return 0
	}
	return growth(n, b)
}
