// Package memguard watches the memory of the container it runs in, from
// inside, so that an out-of-memory kill leaves its cause behind.
//
//	func main() {
//		guard, err := memguard.Start()
//		if err != nil {
//			slog.Warn("memguard", "err", err)
//		}
//		defer guard.Stop()
//		…
//	}
//
// [Start] finds the process's cgroup (v1 or v2) and its effective limit, sets
// GOMEMLIMIT to a share of it, and samples: slowly while usage is far from a
// threshold, every few milliseconds near one. When the basis crosses a
// threshold it writes heap profiles with a manifest into the dump directory:
// stage "immediate" shows the heap as of the last finished garbage collection,
// at once; stage "fresh" follows after a collection and is complete. A heap
// that goes on growing is written again for each further 5 % of the limit; a
// value that dances on the threshold makes one dump.
//
// # Configuration
//
// Each setting has a default, an [Option] and an environment variable. The
// environment wins over code, and the downward API volume over both. A bad
// value is an error of Start that names the setting, the value and what is
// accepted; the default stays in force.
//
//	MEMGUARD                 on (default) or off: Start does nothing
//	MEMGUARD_THRESHOLD       80% (default); list of 80%, 0.8, 80, or 410Mi, comma-separated
//	MEMGUARD_BASIS           unreclaimable (default), working_set, usage
//	MEMGUARD_MEMORY_LIMIT    bytes or a Kubernetes quantity beside the cgroup's; the least is used
//	MEMGUARD_PODINFO         a downward API volume, followed live; default /etc/podinfo if it exists
//	MEMGUARD_DUMP_DIR        an existing directory; default memguard in os.TempDir
//	MEMGUARD_DUMP_KEEP       dumps kept, default 8
//	MEMGUARD_DUMP_MAX_BYTES  bytes kept, default 256Mi
//	MEMGUARD_DUMP_SIZE_LIMIT the emptyDir's sizeLimit; at most four fifths of it are used
//	MEMGUARD_GOMEMLIMIT      0.9 (default), 90%, or off; a GOMEMLIMIT in the environment always wins
//	MEMGUARD_BLACKBOX        size of the black box, 32Ki to 16Mi, default 256Ki; or off
//
// The downward API volume is read once a second, after each of the kubelet's
// swaps. It may hold the files memory_limit (resourceFieldRef limits.memory),
// threshold, dump_size_limit, and annotations, the whole map, of which count
//
//	memguard.dev/threshold         as MEMGUARD_THRESHOLD, where the file threshold is empty
//	memguard.dev/basis             as MEMGUARD_BASIS
//	memguard.dev/dump              a dump now, once for each value
//	memguard.dev/dump-size-limit   as MEMGUARD_DUMP_SIZE_LIMIT; both are read at the start only
//
// A bad value there keeps the last good one, is told once, and counted as an
// error of the part podinfo. A dump that was asked for is remembered in the
// black box, so that the next start does not take it again; without a black box
// no start takes one that was asked for before it.
//
// For a container without a limit the downward API gives what the node has for
// all pods. That is told by a cgroup without a limit, and counts as none: see
// [LimitNode].
//
// GOMEMLIMIT is set through automemlimit, whose own variable AUTOMEMLIMIT, if
// somebody has set it, overrides the ratio.
//
// # What it costs
//
// One goroutine samples through descriptors that stay open and allocates
// nothing: a usage reading is one pread. The others wait: for dumps, for what
// follows them, for a collection to run or to help, for the kernel's
// notifications, for log records, for records of the black box, and, where
// there is one, for changes of the downward API volume. Nothing is done at
// import. The black box takes 0.3 MB of memory beside its file of 256 KiB,
// whose pages are kept in the page cache.
//
// Within a quarter of the limit of a threshold what a dump needs is held
// ready: about 330 bytes for each distinct allocation stack. It is given back
// further off.
//
// # How the process before ended
//
// SIGKILL leaves no time for last words. So each sample goes into a black box
// as well, a ring in the dump directory: near a threshold every few
// milliseconds, the last seconds in full and the last hour in outline. The
// sampler hands it over without a system call; a goroutine writes it to the
// page cache, which outlives the process. A volume that does not answer stalls
// that goroutine alone. What the runtime says at a panic or fatal error goes
// into a file beside it (runtime/debug.SetCrashOutput), unless the application
// has set its own.
//
// The next start of the same program reads both, once, and says how it ended:
// [Guard.PreviousExit], a log record, an OpenTelemetry event, a metric, and the
// file exit-<run>.json. A kill for memory is told by what is not there, no
// clean stop and no last words, and by memory at the limit or about to reach
// it; the climb, the part of memory that grew and the dumps of that run belong
// to it. SIGKILL from outside far from the limit leaves no more than os.Exit
// does: the exit code, which only the parent learns, is not among the evidence.
//
// While running it tells at once when the kernel kills another process of the
// container (oom_kill), and when memory.peak shows a usage that no sample saw.
//
// # Which memory grew
//
// Another goroutine keeps a history of fixed size, 0.2 MB for up to eight days,
// and looks every ten seconds at what costs more than a sample: the other
// processes of the container, tmpfs volumes, its own BPF maps and TCP queues.
// Every five seconds, every second above 60 % of the limit, it says what is
// wrong: [Snapshot].Findings, the first of which matters most, with trends, the
// time left to the limit, and the request and limit that the life of this
// process recommends. A finding that is new and more than info is a log record
// and an OpenTelemetry event.
//
// Growth is told from the floor of a part of memory: for the heap what each
// collection leaves, so a sawtooth is none. It has to be steady over the
// longest window that shows it, not to level off, and to be more than the load
// explains, which is what the program allocates, at once or smoothed over
// hours. An even rise may as well be a cache on its way to its bound: until it has
// gone on for five minutes it has to take about half of the room there was. So a
// slow leak takes about five hours to be found, a fast one until half of the way
// to the limit, half a minute at least, and five to twelve seconds near the limit.
//
// # When memory rises fast
//
// A heap profile shows the heap as of the last finished collection, and a
// container that fills at 1 GB/s is dead before a collection that begins at
// the threshold has ended. So on a steep ascent, one that leaves less time to
// the limit than six collections take:
//
//   - a collection begins before the threshold, when the time left to it is
//     1.2 collections, or 2.5 where GOMEMLIMIT is not
//     ours;
//   - where memguard has set GOMEMLIMIT, it lowers it for the moment (the
//     brake): those who allocate must then mark first. It lasts until the
//     collection has ended and the fresh profile is written, at most a second,
//     three for a crossing where collections are slow;
//   - meanwhile a goroutine makes small allocations to take part in marking.
//     A goroutine that earned credit before the brake goes on allocating to the
//     end of that cycle, and on one processor the runtime's own worker has a
//     quarter of it.
//
// How long a collection takes is estimated from the CPU time of those before
// it. Where GOMEMLIMIT belongs to the user, also when it is off, it is never
// touched.
//
// # Experiments
//
// The constants above come from a program with 100 MiB of small linked
// objects that leaks in one function, in a group of 256 MiB with the threshold
// at 80 %, until it is killed; Linux 6.18, cgroup v1, two processors, Go 1.26.
// Named means that a profile on the volume shows at least 80 % of the bytes
// leaked at the crossing under that function. First one by one, four runs
// each, with a poll every 5 ms:
//
//	                                        500 MB/s       2000 MB/s
//	GOMAXPROCS                              2      1       2      1
//	collect at the threshold                4      1       0      3
//	the same, with the brake                4      3       4      4
//	the same, GOMEMLIMIT off before it      4      4       4      3
//	collect at 70 %                         3      4       3      1
//	collect at 70 %, GOMEMLIMIT off         2      2       0      0
//
// The brake is worth most. Its failures with one processor were all in cycles
// that had begun before it: growth of 75 MiB with the brake on was seen, and
// 27 MiB once a goroutine helped to mark. With that, the early collection and
// a rate taken over the shortest rise of 4 % of the limit (a longer look back
// made ascents seem slow) 40 of 40 runs at 2000 MB/s on one processor were
// named. A profile without a collection named nothing in 6 of 6 runs at 200
// and 1000 MB/s. The tables over all rates, with other watchers beside, are in
// docs/catch.md.
//
// # What it reads
//
// On cgroup v2 memory.current, memory.stat, memory.max, memory.high,
// memory.swap.max, memory.peak, memory.events and memory.pressure; on v1
// memory.usage_in_bytes, memory.stat, memory.limit_in_bytes and their kin;
// /proc/self/status and the OOM score; and runtime/metrics, never
// runtime.ReadMemStats. A value that the kernel lacks is absent, not zero.
package memguard
