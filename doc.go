// Package gomemguard is the root of the module and holds no code: this is its map.
//
//	memguard               Start, Guard, Snapshot: the one composer. Configuration, sampling,
//	                       decisions, GOMEMLIMIT, dumps, log records, OpenTelemetry metrics.
//	cgroupstat             What the kernel says of a cgroup's memory, v1 and v2 under one set
//	                       of names: where it is, limits, memory.stat, events, pressure.
//	heapdump               Go heap profiles as files: capture, manifest, retention.
//	heapdump/sites         Which lines of code a heap profile names; for tools.
//	examples/quickstart    A leak, a limit, a dump that names the culprit: half a minute.
//
//	internal/sample        One instant as a value of fixed size, and what is derived from it.
//	internal/procmem       /proc/self/status and the OOM score.
//	internal/gomem         runtime/metrics.
//	internal/podinfo       A Kubernetes downward API volume.
//	internal/quantity      410Mi and its kin.
//	internal/heapprofile   Encodes heap and goroutine profiles from the runtime's records.
//	internal/wakeup        The kernel's notifications about a cgroup's memory.
//	internal/memcg         Makes a limited cgroup, v1 or v2; for examples and tests.
//	internal/kerneltest    The rigs of the tests: own group, VM with cgroup v2, container.
//	internal/victim        A program that suffers on request.
//	internal/e2e           The promises, shown on real kernels.
//	internal/ratio         Benchmarks ours and the bare thing in turns, and gives the ratio.
//	internal/syncbuf       A buffer that a process writes while a test reads.
//	internal/repotest      What must hold for the repository itself.
//
// Values go one way: the kernel and the runtime are read into a sample,
// a pure function decides on it, actions follow, and what is published is
// only read:
//
//	/proc/self/{cgroup,mountinfo} ── once ──> cgroupstat.Locate ──> Reader (descriptors kept)
//	memory.*, /proc/self/status, runtime/metrics ──> sample ──> published ──> Snapshot, OpenTelemetry
//	                                                   └──> decide ──> heapdump, GOMEMLIMIT, slog
//
// Modules of their own, so that what they need stays out of yours:
// internal/bench (comparison with other libraries), internal/bench/catch (the
// duel: who names the culprit before the kill), internal/otelcheck (the
// metrics through the OpenTelemetry SDK), internal/size (what memguard adds to
// a binary), internal/tools (linters).
package gomemguard
