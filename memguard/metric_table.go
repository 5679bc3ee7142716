package memguard

import (
	"slices"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/diagnose"
	"github.com/memguard-dev/go-memguard/internal/postmortem"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

// row is a metric and where its values are in a view.
type row struct {
	Metric
	collect func(v *view, put put)
}

// attributes are the values of a metric's attributes, in their order.
type attributes = [maxAttributes]string

type put func(n float64, values attributes)

// The attribute keys.
const (
	attrType     = "memguard.type"
	attrBucket   = "memguard.bucket"
	attrCode     = "memguard.finding.code"
	attrSeverity = "memguard.finding.severity"
	attrSource   = "memguard.limit.source"
	attrAt       = "memguard.threshold"
	attrStage    = "memguard.stage"
	attrResult   = "memguard.result"
	attrPart     = "memguard.part"
	attrExit     = "memguard.exit.kind"
)

// one is a metric without attributes whose value may be absent.
func one(get func(v *view) cgroupstat.Value) func(*view, put) {
	return func(v *view, put put) {
		if n, ok := get(v).Get(); ok {
			put(float64(n), attributes{})
		}
	}
}

// typed puts a value that may be absent.
func typed(put put, name string, v cgroupstat.Value) {
	if n, ok := v.Get(); ok {
		put(float64(n), attributes{name})
	}
}

// trends puts the rates of those in these units.
func (v *view) trends(put put, units ...string) {
	if v.assessment == nil {
		return
	}
	for _, t := range v.assessment.Trends {
		if slices.Contains(units, t.Unit) {
			put(t.Rate, attributes{t.Name})
		}
	}
}

// told puts what was counted out of a number that the kernel may not tell:
// none is 0 only where it does.
func told(put put, n uint64, from cgroupstat.Value) {
	if n > 0 || !from.IsZero() {
		put(float64(n), attributes{})
	}
}

func seconds(n int64) float64 { return time.Duration(n).Seconds() }

// table is all metrics. Names never change their meaning; new ones come at the
// end of their group.
var table = []*row{
	{
		Metric{"memguard.limit", "By", Gauge, "Effective memory limit: the least of the cgroup's levels, a supplied limit and the machine.", []string{attrSource}, 4, "memory.max, memory.limit_in_bytes of every level"},
		func(v *view, put put) { typed(put, string(v.limit.Source), v.limit.Bytes) },
	},
	{
		Metric{"memguard.threshold", "By", Gauge, "Where a dump is taken.", []string{attrAt}, maxThresholds, "configuration, downward API"},
		func(v *view, put put) {
			for _, t := range v.guard.targets.Load().thresholds.value {
				typed(put, t.String(), t.At(v.limit.Bytes))
			}
		},
	},
	{
		Metric{"memguard.headroom", "By", Gauge, "Limit minus unreclaimable memory: what is left before the kernel kills.", nil, 1, "limit, unreclaimable"},
		func(v *view, put put) {
			limit, ok1 := v.limit.Bytes.Get()
			n, ok2 := v.sample.Unreclaimable().Get()
			if ok1 && ok2 {
				put(float64(limit)-float64(n), attributes{})
			}
		},
	},
	{
		Metric{"memguard.usage", "By", UpDownCounter, "Memory charged to the container, page cache included.", nil, 1, "memory.current, memory.usage_in_bytes"},
		one(func(v *view) cgroupstat.Value { return v.sample.Usage }),
	},
	{
		Metric{"memguard.working_set", "By", UpDownCounter, "Usage without inactive file pages, as kubectl top shows it.", nil, 1, "usage, memory.stat inactive_file"},
		one(func(v *view) cgroupstat.Value { return v.sample.WorkingSet() }),
	},
	{
		Metric{"memguard.unreclaimable", "By", UpDownCounter, "Usage that the kernel cannot take back before it kills.", nil, 1, "usage, memory.stat"},
		one(func(v *view) cgroupstat.Value { return v.sample.Unreclaimable() }),
	},
	{
		Metric{"memguard.peak", "By", Gauge, "Highest usage the kernel has recorded.", nil, 1, "memory.peak (Linux 5.19), memory.max_usage_in_bytes"},
		one(func(v *view) cgroupstat.Value { return v.sample.Peak }),
	},
	{
		Metric{"memguard.breakdown", "By", UpDownCounter, "Usage by who holds it; the buckets add up to the usage.", []string{attrBucket}, int(sample.NumBuckets), "memory.stat, /proc/self/status, runtime/metrics"},
		func(v *view, put put) {
			if buckets, ok := v.sample.Buckets(); ok {
				for b, n := range buckets {
					put(float64(n), attributes{sample.Bucket(b).String()})
				}
			}
		},
	},
	{
		Metric{"memguard.finding", "{finding}", Gauge, "1 for each finding in force, by code and severity.", []string{attrCode, attrSeverity}, 3 * len(diagnose.Table), "docs/findings.md"},
		func(v *view, put put) {
			if v.assessment != nil {
				for _, f := range v.assessment.Findings {
					put(1, attributes{string(f.Code), string(f.Severity)})
				}
			}
		},
	},
	{
		Metric{"memguard.trend", "By/s", Gauge, "How fast a part of the memory rises where it does so steadily; absent while it does not.", []string{attrType}, diagnose.NumTrends(), "trend of unreclaimable, live_heap, gap and each bucket"},
		func(v *view, put put) { v.trends(put, "By") },
	},
	{
		Metric{"memguard.trend.count", "1/s", Gauge, "How fast goroutines and threads become more where they do so steadily; absent while they do not.", []string{attrType}, 2, "trend of goroutines and threads"},
		func(v *view, put put) { v.trends(put, "{goroutine}", "{thread}") },
	},
	{
		Metric{"memguard.time_to_limit", "s", Gauge, "When unreclaimable memory meets the limit if it goes on rising; absent while it does not.", nil, 1, "trend of the unreclaimable memory"},
		func(v *view, put put) {
			if v.assessment != nil && v.assessment.TimeToLimit != nil {
				put(v.assessment.TimeToLimit.Expected.Seconds(), attributes{})
			}
		},
	},
	{
		Metric{"memguard.recommended", "By", Gauge, "From the working set of this process's life: request P50 + 15 %, limit P99 + 20 %.", []string{attrType}, 2, "working set over time"},
		func(v *view, put put) {
			if v.assessment != nil && v.assessment.Sizing != nil {
				put(float64(v.assessment.Sizing.Request), attributes{"request"})
				put(float64(v.assessment.Sizing.Limit), attributes{"limit"})
			}
		},
	},
	{
		Metric{"memguard.events", "{event}", Counter, "What the kernel counted for this cgroup: low, high, max, oom, oom_kill, oom_group_kill.", []string{attrType}, 6, "memory.events; v1: memory.failcnt, memory.oom_control"},
		func(v *view, put put) {
			e := &v.sample.Events
			typed(put, "low", e.Low)
			typed(put, "high", e.High)
			typed(put, "max", e.Max)
			typed(put, "oom", e.OOM)
			typed(put, "oom_kill", e.OOMKill)
			typed(put, "oom_group_kill", e.OOMGroupKill)
		},
	},
	{
		Metric{"memguard.pressure.stalled", "s", Counter, "Time in which some or all tasks waited for memory.", []string{attrType}, 2, "memory.pressure (cgroup v2, Linux 4.20)"},
		func(v *view, put put) {
			if p := &v.sample.Pressure; v.sample.HasPressure {
				put(p.Some.Total.Seconds(), attributes{"some"})
				put(p.Full.Total.Seconds(), attributes{"full"})
			}
		},
	},
	{
		Metric{"memguard.process.rss", "By", UpDownCounter, "Resident memory of this process by type.", []string{attrType}, 3, "/proc/self/status"},
		func(v *view, put put) {
			typed(put, "anon", v.sample.Process.RSSAnon)
			typed(put, "file", v.sample.Process.RSSFile)
			typed(put, "shmem", v.sample.Process.RSSShmem)
		},
	},
	{
		Metric{"memguard.go.memory", "By", UpDownCounter, "Memory the Go runtime mapped, by type; released is no longer resident.", []string{attrType}, 6, "runtime/metrics /memory/classes"},
		func(v *view, put put) {
			m := &v.sample.Go
			put(float64(m.Objects), attributes{"heap_objects"})
			put(float64(m.Unused), attributes{"heap_unused"})
			put(float64(m.Free), attributes{"heap_free"})
			put(float64(m.Released), attributes{"heap_released"})
			put(float64(m.Stacks+m.OSStacks), attributes{"stacks"})
			put(float64(m.Metadata), attributes{"metadata"})
		},
	},
	{
		Metric{"memguard.heap.in_use", "By", UpDownCounter, "Memory of heap spans that hold objects.", nil, 1, "runtime/metrics"},
		func(v *view, put put) { put(float64(v.sample.Go.HeapInUse()), attributes{}) },
	},
	{
		Metric{"memguard.heap.live", "By", UpDownCounter, "Heap that the last garbage collection found live; absent before the first.", nil, 1, "runtime/metrics /gc/heap/live"},
		func(v *view, put put) {
			if n := v.sample.Go.LiveHeap; n > 0 {
				put(float64(n), attributes{})
			}
		},
	},
	{
		Metric{"memguard.gap", "By", Gauge, "RSS minus heap in use; negative while heap pages were never touched.", nil, 1, "/proc/self/status, runtime/metrics"},
		func(v *view, put put) {
			if n, ok := v.sample.Gap(); ok {
				put(float64(n), attributes{})
			}
		},
	},
	{
		Metric{"memguard.gomemlimit", "By", Gauge, "GOMEMLIMIT in force; absent when there is none.", nil, 1, "runtime/metrics /gc/gomemlimit"},
		func(v *view, put put) {
			if v.sample.Go.HasMemoryLimit() {
				put(float64(v.sample.Go.MemoryLimit), attributes{})
			}
		},
	},
	{
		Metric{"memguard.goroutines", "{goroutine}", UpDownCounter, "Live goroutines.", nil, 1, "runtime/metrics /sched/goroutines"},
		func(v *view, put put) { put(float64(v.sample.Go.Goroutines), attributes{}) },
	},
	{
		Metric{"memguard.dumps", "{dump}", Counter, "Heap dumps by stage and result.", []string{attrStage, attrResult}, 2 * len(stages), "memguard"},
		func(v *view, put put) {
			if d := v.guard.dumper; d != nil {
				for i, stage := range stages {
					put(float64(d.counts[i][resultOK].Load()), attributes{string(stage), "ok"})
					put(float64(d.counts[i][resultFailed].Load()), attributes{string(stage), "failed"})
				}
			}
		},
	},
	{
		Metric{"memguard.dump.size", "By", Counter, "Bytes of heap profiles written, by stage.", []string{attrStage}, len(stages), "memguard"},
		func(v *view, put put) {
			if d := v.guard.dumper; d != nil {
				for i, stage := range stages {
					put(float64(d.bytes[i].Load()), attributes{string(stage)})
				}
			}
		},
	},
	{
		Metric{"memguard.dump.duration", "s", Counter, "Time that writing heap profiles took, the garbage collection of a fresh one included, by stage.", []string{attrStage}, len(stages), "memguard"},
		func(v *view, put put) {
			if d := v.guard.dumper; d != nil {
				for i, stage := range stages {
					put(seconds(d.took[i].Load()), attributes{string(stage)})
				}
			}
		},
	},
	{
		Metric{"memguard.previous_exit", "{exit}", Gauge, "1 for how the process before this one ended.", []string{attrExit}, len(postmortem.Kinds), "black box"},
		func(v *view, put put) {
			if e := v.guard.previous.Load(); e != nil {
				put(1, attributes{string(e.Kind)})
			}
		},
	},
	{
		Metric{"memguard.oom_kills", "{process}", Counter, "Other processes of the container that the kernel killed for memory since Start.", nil, 1, "memory.events, memory.oom_control oom_kill"},
		func(v *view, put put) { told(put, v.guard.oomKills.Load(), v.sample.Events.OOMKill) },
	},
	{
		Metric{"memguard.spikes", "{spike}", Counter, "Rises of the usage that came and went between two samples.", nil, 1, "memory.peak"},
		func(v *view, put put) { told(put, v.guard.spikes.Load(), v.sample.Peak) },
	},
	{
		Metric{"memguard.blackbox.dropped", "{record}", Counter, "Records that the black box lost because its volume did not answer.", nil, 1, "memguard"},
		func(v *view, put put) {
			if f := v.guard.flight; f != nil {
				put(float64(f.box.Dropped()), attributes{})
			}
		},
	},
	{
		Metric{"memguard.volume.in_memory", "{volume}", Gauge, "1 where the dump directory is a tmpfs, which is charged to the memory that is short; 0 elsewhere.", nil, 1, "statfs"},
		func(v *view, put put) {
			if d := v.guard.dumper; d != nil {
				n := 0.0
				if d.store.FS() == heapdump.Tmpfs {
					n = 1
				}
				put(n, attributes{})
			}
		},
	},
	{
		Metric{"memguard.start_time", "s", Gauge, "Unix time of Start.", nil, 1, "clock"},
		func(v *view, put put) { put(float64(v.guard.sampler.start.UnixMilli())/1000, attributes{}) },
	},
	{
		Metric{"memguard.sampler.samples", "{sample}", Counter, "Readings taken.", nil, 1, "memguard"},
		func(v *view, put put) { put(float64(v.guard.samples.Load()), attributes{}) },
	},
	{
		Metric{"memguard.sampler.period", "s", Gauge, "Time from the last reading to the next.", nil, 1, "memguard"},
		func(v *view, put put) { put(seconds(v.guard.period.Load()), attributes{}) },
	},
	{
		Metric{"memguard.sampler.duration", "s", Counter, "Time that all readings took.", nil, 1, "memguard"},
		func(v *view, put put) { put(seconds(v.guard.busy.Load()), attributes{}) },
	},
	{
		Metric{"memguard.sampler.errors", "{error}", Counter, "Failed readings and actions by what failed.", []string{attrPart}, int(parts), "memguard"},
		func(v *view, put put) {
			for p := range parts {
				put(float64(v.guard.faults.count(p)), attributes{p.String()})
			}
		},
	},
}

// semconvTable is the container metrics of the OpenTelemetry semantic
// conventions, v1.44, whose names in Prometheus are cAdvisor's.
var semconvTable = []*row{
	{
		Metric{"container.memory.usage", "By", UpDownCounter, "Memory usage of the container.", nil, 1, "usage"},
		one(func(v *view) cgroupstat.Value { return v.sample.Usage }),
	},
	{
		Metric{"container.memory.available", "By", UpDownCounter, "Container memory available: limit minus working set; absent where the container has no limit of its own.", nil, 1, "limit, working set"},
		func(v *view, put put) {
			limit, _ := v.limit.Bytes.Get()
			if n, ok := v.sample.WorkingSet().Get(); ok && v.limit.enforced() {
				put(float64(limit-min(limit, n)), attributes{})
			}
		},
	},
	{
		Metric{"container.memory.rss", "By", UpDownCounter, "Container memory RSS: anonymous memory.", nil, 1, "memory.stat anon, rss"},
		one(func(v *view) cgroupstat.Value { return v.sample.Stat.Get(cgroupstat.Anon) }),
	},
	{
		Metric{"container.memory.working_set", "By", UpDownCounter, "Container memory working set.", nil, 1, "usage, memory.stat inactive_file"},
		one(func(v *view) cgroupstat.Value { return v.sample.WorkingSet() }),
	},
}
