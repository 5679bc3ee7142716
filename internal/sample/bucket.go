package sample

import "github.com/memguard-dev/go-memguard/cgroupstat"

// Bucket names who holds memory: the kinds of the breakdown, with anonymous
// memory split by holder.
type Bucket uint8

// The buckets.
const (
	// GoHeap is heap spans that hold objects, dead ones included.
	GoHeap Bucket = iota
	// GoFree is free heap memory that the runtime has not returned.
	GoFree
	// GoStacks is goroutine stacks.
	GoStacks
	// GoMetadata is what the runtime keeps for itself.
	GoMetadata
	// OffHeap is anonymous memory of this process outside the Go runtime: cgo, mmap.
	OffHeap
	// OtherProcesses is anonymous memory of the cgroup's other processes.
	OtherProcesses
	// HugePages is anonymous memory that no process maps any more and the
	// kernel keeps until it splits the huge page it is in.
	HugePages
	// SharedMemory is tmpfs and shared memory.
	SharedMemory
	// PageCache is file pages without tmpfs.
	PageCache
	// KernelMemory is what the kernel itself uses for the container.
	KernelMemory
	// SocketBuffers is network buffers.
	SocketBuffers
	// Remainder is what nobody attributes.
	Remainder
	// NumBuckets is how many there are.
	NumBuckets
)

// String gives the bucket's name.
func (b Bucket) String() string {
	if b >= NumBuckets {
		return "none"
	}
	return [NumBuckets]string{
		"go_heap", "go_free", "go_stacks", "go_metadata", "off_heap", "other_processes", "huge_pages",
		"shared_memory", "page_cache", "kernel", "socket_buffers", "remainder",
	}[b]
}

// Buckets splits the usage by who holds it; their sum is exactly the usage.
// The runtime counts memory that it never touched, too, so each part is cut
// where those before it have filled what the kernel counts.
func (s *Sample) Buckets() (buckets [NumBuckets]uint64, ok bool) {
	usage, ok := s.Usage.Get()
	if !ok {
		return buckets, false
	}
	var anon uint64
	if parts, inCgroup := s.Breakdown(); inCgroup {
		anon = parts[Anon].Bytes
		buckets[SharedMemory], buckets[PageCache] = parts[Shmem].Bytes, parts[File].Bytes
		buckets[KernelMemory], buckets[SocketBuffers] = parts[Kernel].Bytes, parts[Sock].Bytes
		buckets[HugePages] = min(parts[Other].Bytes, s.unmapped())
		buckets[Remainder] = parts[Other].Bytes - buckets[HugePages]
	} else {
		// There are no others: the usage is that of this process.
		anon = min(usage, s.Process.RSSAnon.Or(usage))
		buckets[SharedMemory] = min(usage-anon, s.Process.RSSShmem.Or(0))
		buckets[PageCache] = min(usage-anon-buckets[SharedMemory], s.Process.RSSFile.Or(0))
		buckets[Remainder] = usage - anon - buckets[SharedMemory] - buckets[PageCache]
	}
	own, told := s.Process.RSSAnon.Get()
	if !told {
		own = anon
	}
	own = min(own, anon)
	rest := own
	take := func(b Bucket, n uint64) {
		buckets[b] = min(n, rest)
		rest -= buckets[b]
	}
	take(GoHeap, s.Go.HeapInUse())
	take(GoFree, s.Go.Free)
	take(GoStacks, s.Go.Stacks+s.Go.OSStacks)
	take(GoMetadata, s.Go.Metadata)
	if !told {
		buckets[Remainder] += rest // Of this process or of others: nobody tells.
		return buckets, true
	}
	buckets[OffHeap] = rest
	buckets[OtherProcesses] = anon - own
	return buckets, true
}

// unmapped is what the lists of anonymous pages hold beyond what is mapped.
// They count a huge page whole until it is split (mm/huge_memory.c
// deferred_split_folio), anon counts what of it is still mapped.
func (s *Sample) unmapped() uint64 {
	inactive, ok1 := s.Stat.Get(cgroupstat.InactiveAnon).Get()
	active, ok2 := s.Stat.Get(cgroupstat.ActiveAnon).Get()
	if !ok1 || !ok2 {
		return 0
	}
	mapped := s.Stat.Get(cgroupstat.Anon).Or(0) + s.Stat.Get(cgroupstat.Shmem).Or(0) + s.Stat.Get(cgroupstat.SwapCached).Or(0)
	return inactive + active - min(mapped, inactive+active)
}
