package diagnose

// Code names a finding.
type Code string

// The codes; what each means is in [Table].
const (
	InvisibleOOMKill       Code = "invisible_oom_kill"
	Throttled              Code = "throttled_by_memory_high"
	HeapLeak               Code = "heap_leak"
	GoroutineLeak          Code = "goroutine_leak"
	ThreadGrowth           Code = "thread_growth"
	OffHeap                Code = "off_heap"
	OtherProcess           Code = "other_process"
	Tmpfs                  Code = "tmpfs"
	KernelMemory           Code = "kernel_memory"
	SocketBuffers          Code = "socket_buffers"
	BPFMaps                Code = "bpf_maps"
	PageCacheDirty         Code = "page_cache_dirty"
	LiveHeapOverGoMemLimit Code = "live_heap_over_gomemlimit"
	GCThrash               Code = "gc_thrash"
	GoroutineStacks        Code = "goroutine_stacks"
	Fragmentation          Code = "fragmentation"
	HeapNotReturned        Code = "heap_not_returned"
	Spike                  Code = "spike"
	LimitTooClose          Code = "limit_too_close"
	NoLimit                Code = "no_limit"
	PageCache              Code = "page_cache"
	Healthy                Code = "healthy"
)

// Entry is what there is to know of a code.
type Entry struct {
	Code Code
	// Means is what is wrong, Told how it is recognized, Next what to do.
	Means, Told, Next string
}

// Table holds all findings, in the order in which equal ones are ranked.
var Table = []Entry{
	{
		InvisibleOOMKill, "The kernel killed another process of the container for memory, and this program lives on: Kubernetes sees nothing.",
		"oom_kill of memory.events rose in the last quarter of an hour.",
		"Look which child is gone, and at the other processes in the breakdown; raise the limit or bound the child.",
	},
	{
		Throttled, "Usage is at memory.high: the kernel slows every allocation down instead of killing.",
		"high of memory.events rises and the usage is within 5 % of memory.high.",
		"Raise memory.high (memoryThrottlingFactor in Kubernetes) or use less; the largest part of the breakdown says where.",
	},
	{
		ThreadGrowth, "Operating system threads pile up: goroutines blocked in cgo or system calls, or locked to threads that never end.",
		"The number of threads rises steadily, by twenty and by a quarter of what there is or more.",
		"Look at the thread creation profile (pprof threadcreate) and at what blocks without a deadline: cgo calls, file locks, pipes.",
	},
	{
		GoroutineLeak, "Goroutines are started and never end; each keeps its stack and what it refers to.",
		"The floor of the goroutine count rises steadily and not with the load, by fifty and by a quarter of what there is or more.",
		"Open the goroutine profile of the dump: the line where most of them wait. Close the channel, cancel the context.",
	},
	{
		HeapLeak, "The heap that survives garbage collection grows and does not level off.",
		"The live heap after each collection rises steadily, more than the load explains, and no slower in the last third; in the first minutes, and far from the limit, only once it has taken as much room as it leaves.",
		"Open the last heap dump, with the baseline as -diff_base: the sites that grew most. A higher limit only buys time.",
	},
	{
		BPFMaps, "BPF maps of this process are charged to the container as kernel memory.",
		"memlock in fdinfo of the map descriptors adds up to a tenth of the limit or more.",
		"Make the maps smaller (max_entries, no preallocation, fewer per-CPU ones) or count them into the limit.",
	},
	{
		SocketBuffers, "Network buffers hold memory: somebody sends faster than somebody reads.",
		"sock of memory.stat is a tenth of the limit or grows steadily. On cgroup v1, which does not charge them, what the TCP sockets of this process have queued.",
		"Find connections with full queues (ss -tm), read or close them, bound buffers and connections.",
	},
	{
		Tmpfs, "Files on tmpfs or shared memory fill the container. They stay until they are removed, also after a restart.",
		"shmem of memory.stat grows steadily or holds a quarter of the limit.",
		"Remove files from the volumes named, or move them to a disk; give the emptyDir a sizeLimit.",
	},
	{
		PageCacheDirty, "Writes outrun write-back: file pages not yet on disk cannot be dropped, and count like a leak at the limit.",
		"Dirty and write-back pages hold a quarter of the limit, on average over fifteen seconds; on cgroup v2, which holds writers up, 4.5 %.",
		"Write less (debug logging?), call fsync now and then, or raise the limit; the heap is not the cause.",
	},
	{
		OtherProcess, "Another process in the container holds or takes the memory.",
		"Anonymous memory that is not of this process grows steadily or holds 30 % of the limit.",
		"Look at the processes named; the one with the highest OOM score is killed first, which may be this one.",
	},
	{
		OffHeap, "This process holds memory that the Go runtime knows nothing of: C libraries through cgo, or mmap. No heap profile will show it.",
		"Anonymous RSS above all that the Go runtime mapped, growing steadily or a quarter of the limit.",
		"Look at what calls C or mmap: missing free, caches and arenas of the library (MALLOC_ARENA_MAX). smaps in the dump's manifest groups the mappings.",
	},
	{
		KernelMemory, "The kernel itself holds memory for the container: page tables, inodes, pipes, epoll, timers, cgroups.",
		"kernel of memory.stat without what can be reclaimed and without BPF maps and sockets grows steadily or holds a fifth of the limit.",
		"Look at the parts under kernel in the breakdown, open files (ls /proc/1/fd), mappings and threads.",
	},
	{
		GoroutineStacks, "Goroutine stacks hold much memory though there are no more goroutines than before: deep recursion or large frames.",
		"Stacks hold a fifth of the limit while the count is steady: neither growing nor coming and going.",
		"Open the goroutine profile and look for deep stacks; large arrays in frames belong on the heap.",
	},
	{
		LiveHeapOverGoMemLimit, "What is alive no longer fits below GOMEMLIMIT: collecting cannot help, and does not stop trying.",
		"Live heap, stacks and the runtime's own memory reach GOMEMLIMIT.",
		"Raise the limit and GOMEMLIMIT, or keep less alive: the heap dump names what.",
	},
	{
		GCThrash, "The program lives by collecting garbage: GOMEMLIMIT leaves too little above the live heap.",
		"Collections take 30 % or more of the CPU time used, or the runtime's limiter is on, with memory at GOMEMLIMIT.",
		"Raise the limit and GOMEMLIMIT, or keep less alive. Nothing is killed, so nobody is paged: throughput is what suffers.",
	},
	{
		Fragmentation, "Objects lie scattered over spans: memory is held that no object uses and nothing else can.",
		"Room inside heap spans in use (heap/unused) is 15 % of the limit and a third of the spans, for ten seconds at least.",
		"Few long-lived objects among many short-lived of one size: allocate the long-lived together, or copy them once.",
	},
	{
		HeapNotReturned, "Heap memory is free, but still charged: after a peak the runtime returns it slowly, or huge pages keep it.",
		"Free heap not returned, or returned and still resident, is a fifth of the limit for twenty seconds at least.",
		"It is used again or returned within minutes. debug.FreeOSMemory returns it at once; look at GODEBUG madvdontneed and at transparent huge pages if it stays.",
	},
	{
		Spike, "Usage shot up for a moment and fell again; a dashboard would not show it.",
		"memory.peak reached 80 % of the limit while the usage was below 60 % on average; or a few samples did, and that is nearly twice what cannot be reclaimed on average.",
		"Look for short large buffers at that time: uploads, resizes, exports. The limit must hold the spike, not the average.",
	},
	{
		LimitTooClose, "Nothing grows, but there is no room: usage that cannot be reclaimed stays close to the limit.",
		"Unreclaimable usage of five sixths of the limit or more, steady: less room than the recommended limit leaves; or a limit that was lowered below what is held.",
		"Raise the limit to the one recommended (P99 of the working set + 20 %), or keep less.",
	},
	{
		NoLimit, "There is no memory limit but that of the machine: the kernel decides whom it kills when that is full.",
		"No level of the cgroup has a limit and none is supplied.",
		"Set limits.memory: the one recommended is P99 of the working set + 20 %.",
	},
	{
		PageCache, "Usage is high because of page cache. That is harmless: the kernel drops it when memory is needed.",
		"File pages hold a quarter of the limit or more, few of them dirty, and what cannot be reclaimed is far from the limit.",
		"Nothing. Alert on unreclaimable or the working set, not on usage.",
	},
	{
		Healthy, "Nothing grows without end and there is room.",
		"None of the others.",
		"Nothing.",
	},
}

// rank is a code's place in the table.
func rank(c Code) int {
	for i := range Table {
		if Table[i].Code == c {
			return i
		}
	}
	return len(Table)
}
