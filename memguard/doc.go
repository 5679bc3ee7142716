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
//	MEMGUARD_GOMEMLIMIT      0.9 (default), 90%, or off; a GOMEMLIMIT in the environment always wins
//
// GOMEMLIMIT is set through automemlimit, whose own variable AUTOMEMLIMIT, if
// somebody has set it, overrides the ratio.
//
// # What it costs
//
// One goroutine samples through descriptors that stay open and allocates
// nothing: a usage reading is one pread. Three more wait: for dumps, for log
// records, and, where there is one, for changes of the downward API volume.
// Nothing is done at import.
//
// # What it reads
//
// On cgroup v2 memory.current, memory.stat, memory.max, memory.high,
// memory.swap.max, memory.peak, memory.events and memory.pressure; on v1
// memory.usage_in_bytes, memory.stat, memory.limit_in_bytes and their kin;
// /proc/self/status and the OOM score; and runtime/metrics, never
// runtime.ReadMemStats. A value that the kernel lacks is absent, not zero.
package memguard
