// Package gomemguard is the root of the module and holds no code: this is its map.
//
//	memguard               Start, Guard, Snapshot: the one composer. Configuration, sampling,
//	                       decisions, GOMEMLIMIT, dumps, log records, OpenTelemetry metrics.
//	memguard/memguardhttp  The page /debug/memguard, and the same for tools.
//	cgroupstat             What the kernel says of a cgroup's memory, v1 and v2 under one set
//	                       of names: where it is, limits, memory.stat, events, pressure.
//	heapdump               Go heap profiles as files: capture, manifest, retention.
//	heapdump/sites         Which lines of code a heap profile names; for tools.
//	examples/measure       Any command in a limited cgroup: its breakdown and peak.
//	examples/page          A service with memguard's page on a port of its own.
//	examples/postmortem    How a process died, read from a copy of its volume.
//	examples/quickstart    A leak, a limit, a dump that names the culprit: half a minute.
//
//	internal/sample        One instant as a value of fixed size, and what is derived from it.
//	internal/procmem       /proc/self/status and the OOM score.
//	internal/gomem         runtime/metrics.
//	internal/podinfo       A Kubernetes downward API volume.
//	internal/quantity      410Mi and its kin.
//	internal/heapprofile   Encodes heap and goroutine profiles from the runtime's records.
//	internal/blackbox      The last samples in a file that outlives the process.
//	internal/crash         What the Go runtime says at a panic or fatal error.
//	internal/postmortem    How a process ended, from what it left. Pure.
//	internal/history       Memory over time in a fixed size: minutes in full, days as floors.
//	internal/trend         Robust slopes. Pure.
//	internal/survey        What changes slowly: other processes, tmpfs, BPF maps, TCP queues.
//	internal/breakdown     Where each byte of a sample is, as a tree. Pure.
//	internal/diagnose      Which memory grew and what is wrong. Pure.
//	internal/chart         Pictures of memory as SVG: a bar, and lines over time. Pure.
//	internal/inuse         Heap profiles read within bounds, by function.
//	internal/flame         Flame graphs of heap profiles as SVG. Pure.
//	internal/gauntlet      Programs with one thing wrong, and what the diagnosis says of them.
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
//	                                                   ├──> black box ── next start ──> PreviousExit
//	                                                   ├──> history ──> diagnose ──> findings
//	                                                   └──> decide ──> heapdump, GOMEMLIMIT, slog
//
// Modules of their own, so that what they need stays out of yours:
// internal/bench (comparison with other libraries), internal/bench/catch (the
// duel: who names the culprit before the kill), internal/otelcheck (the metrics
// through the OpenTelemetry SDK, and both ways to Prometheus compared),
// internal/otlpcheck (the same over OTLP), memguard/memguardprom (the
// Prometheus collector), internal/webcheck (the page in a real browser),
// deploy/check (the alert rules and the dashboard), examples/kubernetes/check
// (the manifests), examples/measure, examples/otlp, examples/postmortem, examples/prometheus (which a real
// Prometheus scrapes), internal/size (what memguard adds to a binary),
// internal/tools (linters).
package gomemguard
