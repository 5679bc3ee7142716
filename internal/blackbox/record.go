package blackbox

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

// recordBytes is the size of a record in the file.
const recordBytes = 192

// Kind says what a record tells.
type Kind uint8

// The kinds. Zero is a slot that was never written.
const (
	none Kind = iota
	// Usage is a sample of the usage alone: all else in it is older.
	Usage
	// Full is a sample whose parts were read together.
	Full
	// Crossed is a threshold that fired: A is the basis, B the threshold, in bytes.
	Crossed
	// Spike is a usage that came and went between two samples: A is its
	// height, B the highest sampled since the reading before, in bytes.
	Spike
	// OOMKill is the kernel's kill of another process of the cgroup: A is how
	// many there were since, B the counter.
	OOMKill
	kinds
)

// String gives the kind's name.
func (k Kind) String() string {
	if k >= kinds {
		return "unknown"
	}
	return [kinds]string{"none", "usage", "full", "threshold", "spike", "oom_kill"}[k]
}

// Record is a sample or an event as it is in the file. Sizes of a sample are
// in KiB there: to the byte where the kernel counts pages, rounded down in the
// Go runtime's account.
type Record [recordBytes]byte

// Where things are in a record: first what all have, then the numbers.
const (
	atCRC     = 0
	atKind    = 4
	atScope   = 5
	atSeq     = 8
	atTime    = 16
	atSince   = 24 // milliseconds
	atNumbers = 28
	// Of an event.
	atA = 32
	atB = 40
)

// The numbers of a sample, four bytes each.
const (
	usage = iota
	limit
	peak
	anon
	file
	shmem
	activeFile
	inactiveFile
	fileDirty
	fileWriteback
	kernel
	slab
	slabReclaimable
	sock
	rss
	rssAnon
	rssFile
	rssShmem
	objects
	unused
	free
	released
	stacks
	metadata
	total
	liveHeap
	memoryLimit
	goroutines
	gcCycles
	threads
	oomKill
	fileMapped
	anonTHP
	pageTables
	kernelStack
	perCPU
	vmalloc
	high
	gcCPU   // in cpuUnit
	usedCPU // in cpuUnit
	numbers
)

// cpuUnit is that of CPU times: the largest number is more than a year.
const cpuUnit = 10 * time.Millisecond

// statFields are what is kept of memory.stat beside the kernel's own memory.
var statFields = [...]struct {
	at  int
	key cgroupstat.Key
}{
	{anon, cgroupstat.Anon},
	{file, cgroupstat.File},
	{shmem, cgroupstat.Shmem},
	{activeFile, cgroupstat.ActiveFile},
	{inactiveFile, cgroupstat.InactiveFile},
	{fileDirty, cgroupstat.FileDirty},
	{fileWriteback, cgroupstat.FileWriteback},
	{slab, cgroupstat.Slab},
	{slabReclaimable, cgroupstat.SlabReclaimable},
	{sock, cgroupstat.Sock},
	{fileMapped, cgroupstat.FileMapped},
	{anonTHP, cgroupstat.AnonTHP},
	{pageTables, cgroupstat.PageTables},
	{kernelStack, cgroupstat.KernelStack},
	{perCPU, cgroupstat.PerCPU},
	{vmalloc, cgroupstat.Vmalloc},
}

// The numbers must fit.
var _ [recordBytes - atNumbers - 4*numbers]struct{}

// absent is a number that is not there; one too large is cut to the one below.
const absent = math.MaxUint32

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (r *Record) put(at int, n uint64) {
	binary.LittleEndian.PutUint32(r[atNumbers+4*at:], uint32(min(n, absent-1)))
}

func (r *Record) putSize(at int, v cgroupstat.Value) {
	if n, ok := v.Get(); ok {
		r.put(at, n>>10)
	} else {
		r.putAbsent(at)
	}
}

func (r *Record) putCount(at int, v cgroupstat.Value) {
	if n, ok := v.Get(); ok {
		r.put(at, n)
	} else {
		r.putAbsent(at)
	}
}

func (r *Record) putAbsent(at int) {
	binary.LittleEndian.PutUint32(r[atNumbers+4*at:], absent)
}

// setSample makes r of a sample.
func (r *Record) setSample(seq uint64, s *sample.Sample, k Kind) {
	r[atKind], r[atScope] = byte(k), byte(s.Scope)
	binary.LittleEndian.PutUint64(r[atSeq:], seq)
	binary.LittleEndian.PutUint64(r[atTime:], uint64(s.UnixNano))
	binary.LittleEndian.PutUint32(r[atSince:], uint32(min(s.Since/time.Millisecond, math.MaxUint32)))
	r.putSize(usage, s.Usage)
	r.putSize(limit, s.Limit)
	r.putSize(peak, s.Peak)
	r.putSize(kernel, s.Kernel())
	for _, f := range statFields {
		r.putSize(f.at, s.Stat.Get(f.key))
	}
	r.putSize(rss, s.Process.RSS)
	r.putSize(rssAnon, s.Process.RSSAnon)
	r.putSize(rssFile, s.Process.RSSFile)
	r.putSize(rssShmem, s.Process.RSSShmem)
	r.put(objects, s.Go.Objects>>10)
	r.put(unused, s.Go.Unused>>10)
	r.put(free, s.Go.Free>>10)
	r.put(released, s.Go.Released>>10)
	r.put(stacks, (s.Go.Stacks+s.Go.OSStacks)>>10)
	r.put(metadata, s.Go.Metadata>>10)
	r.put(total, s.Go.Total>>10)
	r.put(liveHeap, s.Go.LiveHeap>>10)
	if s.Go.HasMemoryLimit() {
		r.put(memoryLimit, s.Go.MemoryLimit>>10)
	} else {
		r.putAbsent(memoryLimit)
	}
	r.put(goroutines, s.Go.Goroutines)
	r.put(gcCycles, s.Go.GCCycles)
	r.putCount(threads, s.Process.Threads)
	r.putCount(oomKill, s.Events.OOMKill)
	r.putCount(high, s.Events.High)
	r.put(gcCPU, uint64(s.Go.GCCPU/cpuUnit))
	r.put(usedCPU, uint64(max(0, s.Go.TotalCPU-s.Go.IdleCPU)/cpuUnit))
}

// setEvent makes r of an event.
func (r *Record) setEvent(seq uint64, at time.Time, k Kind, a, b uint64) {
	*r = Record{}
	r[atKind] = byte(k)
	binary.LittleEndian.PutUint64(r[atSeq:], seq)
	binary.LittleEndian.PutUint64(r[atTime:], uint64(at.UnixNano()))
	binary.LittleEndian.PutUint64(r[atA:], a)
	binary.LittleEndian.PutUint64(r[atB:], b)
}

// seal closes r with its checksum, by which one that is torn is known.
func (r *Record) seal() {
	binary.LittleEndian.PutUint32(r[atCRC:], crc32.Checksum(r[atKind:], castagnoli))
}

func (r *Record) sealed() bool {
	return binary.LittleEndian.Uint32(r[atCRC:]) == crc32.Checksum(r[atKind:], castagnoli) && r.Kind() != none && r.Kind() < kinds
}

// Kind says what r tells.
func (r *Record) Kind() Kind { return Kind(r[atKind]) }

// Seq orders records of a box, whatever the clock did.
func (r *Record) Seq() uint64 { return binary.LittleEndian.Uint64(r[atSeq:]) }

// Time is the wall clock then.
func (r *Record) Time() time.Time {
	return time.Unix(0, int64(binary.LittleEndian.Uint64(r[atTime:]))).UTC()
}

// Event gives the two numbers of an event; see its [Kind].
func (r *Record) Event() (a, b uint64) {
	return binary.LittleEndian.Uint64(r[atA:]), binary.LittleEndian.Uint64(r[atB:])
}

func (r *Record) count(at int) cgroupstat.Value {
	n := binary.LittleEndian.Uint32(r[atNumbers+4*at:])
	if n == absent {
		return cgroupstat.Value{}
	}
	return cgroupstat.Of(uint64(n))
}

func (r *Record) size(at int) cgroupstat.Value {
	n, ok := r.count(at).Get()
	if !ok {
		return cgroupstat.Value{}
	}
	return cgroupstat.Of(n << 10)
}

// Usage is that of a sample.
func (r *Record) Usage() cgroupstat.Value { return r.size(usage) }

// Sample is what of a sample was recorded; the rest is absent, or 0 in Go, and
// TotalCPU is the CPU time that was used.
func (r *Record) Sample() sample.Sample {
	var s sample.Sample
	s.UnixNano = r.Time().UnixNano()
	s.Since = time.Duration(binary.LittleEndian.Uint32(r[atSince:])) * time.Millisecond
	s.Scope = sample.Scope(r[atScope])
	s.Usage, s.Limit, s.Peak = r.size(usage), r.size(limit), r.size(peak)
	if n, ok := r.size(kernel).Get(); ok {
		s.Stat.Set(cgroupstat.Kernel, n)
	}
	for _, f := range statFields {
		if n, ok := r.size(f.at).Get(); ok {
			s.Stat.Set(f.key, n)
		}
	}
	s.Process.RSS, s.Process.RSSAnon = r.size(rss), r.size(rssAnon)
	s.Process.RSSFile, s.Process.RSSShmem = r.size(rssFile), r.size(rssShmem)
	s.Process.Threads = r.count(threads)
	g := &s.Go
	g.Objects, g.Unused, g.Free, g.Released = r.size(objects).Or(0), r.size(unused).Or(0), r.size(free).Or(0), r.size(released).Or(0)
	g.Stacks, g.Metadata, g.Total = r.size(stacks).Or(0), r.size(metadata).Or(0), r.size(total).Or(0)
	g.LiveHeap, g.MemoryLimit = r.size(liveHeap).Or(0), r.size(memoryLimit).Or(math.MaxInt64)
	g.Goroutines, g.GCCycles = r.count(goroutines).Or(0), r.count(gcCycles).Or(0)
	s.Events.OOMKill, s.Events.High = r.count(oomKill), r.count(high)
	g.GCCPU, g.TotalCPU = time.Duration(r.count(gcCPU).Or(0))*cpuUnit, time.Duration(r.count(usedCPU).Or(0))*cpuUnit
	all, ok1 := s.Stat.Get(cgroupstat.Slab).Get()
	reclaimable, ok2 := s.Stat.Get(cgroupstat.SlabReclaimable).Get()
	if ok1 && ok2 {
		s.Stat.Set(cgroupstat.SlabUnreclaimable, all-min(all, reclaimable))
	}
	return s
}
