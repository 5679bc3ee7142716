package memguard

import (
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/breakdown"
	"github.com/memguard-dev/go-memguard/internal/gomem"
	"github.com/memguard-dev/go-memguard/internal/procmem"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

// Scope says whose memory the usage is: of the cgroup, of the process alone
// where no cgroup can be read, or of the Go runtime where there is no /proc.
type Scope = sample.Scope

// The scopes.
const (
	ScopeNone    = sample.None
	ScopeCgroup  = sample.Cgroup
	ScopeProcess = sample.Process
	ScopeRuntime = sample.Runtime
)

// ProcessMemory is the kernel's account of this process (/proc/self/status).
type ProcessMemory = procmem.Mem

// GoMemory is the Go runtime's account of itself (runtime/metrics).
type GoMemory = gomem.Mem

// Snapshot is what memguard knew at one instant, at most a quarter of a
// second ago. Sizes are in bytes; what the kernel does not tell is absent.
type Snapshot struct {
	// Time is when it was sampled; zero on a guard that never ran.
	Time time.Time `json:"time"`
	// Running is false before Start, after Stop and when switched off.
	Running bool  `json:"running"`
	Scope   Scope `json:"scope"`
	// Limit is the effective limit, and where it comes from.
	Limit Limit `json:"limit"`
	// Cgroup is where the process is; nil where there is no cgroup.
	Cgroup *cgroupstat.Location `json:"cgroup,omitempty"`
	// Usage is memory.current on cgroup v2, memory.usage_in_bytes on v1.
	Usage cgroupstat.Value `json:"usage_bytes,omitzero"`
	// WorkingSet is usage − inactive_file, floor 0.
	WorkingSet cgroupstat.Value `json:"working_set_bytes,omitzero"`
	// Unreclaimable is usage − file pages − reclaimable slab, floor 0.
	Unreclaimable cgroupstat.Value `json:"unreclaimable_bytes,omitzero"`
	// Peak is memory.peak (Linux 5.19) or memory.max_usage_in_bytes.
	Peak cgroupstat.Value `json:"peak_bytes,omitzero"`
	// Basis is the quantity held against the thresholds, BasisBytes its value.
	Basis      Basis            `json:"basis"`
	BasisBytes cgroupstat.Value `json:"basis_bytes,omitzero"`
	// Thresholds are those in force, in bytes under this limit.
	Thresholds []ThresholdState `json:"thresholds"`
	// Stat is memory.stat.
	Stat cgroupstat.Stat `json:"stat"`
	// Events is memory.events, or failcnt and oom_control on v1.
	Events cgroupstat.Events `json:"events"`
	// Pressure is memory.pressure; nil where the kernel has none.
	Pressure *cgroupstat.Pressure `json:"pressure,omitempty"`
	Process  ProcessMemory        `json:"process"`
	Go       GoMemory             `json:"go"`
	// Breakdown splits the usage up; zero where nothing is known of it.
	Breakdown Breakdown `json:"breakdown,omitzero"`
	// Findings say what is wrong, what matters most first; healthy if nothing
	// is. They are seconds old; empty before the first diagnosis.
	Findings []Finding `json:"findings,omitempty"`
	// Trends are what rises steadily, TimeToLimit when it meets the limit; nil
	// where nothing rises. Sizing is what limit and request should be.
	Trends      []Trend      `json:"trends,omitempty"`
	TimeToLimit *TimeToLimit `json:"time_to_limit,omitempty"`
	Sizing      *Sizing      `json:"sizing,omitempty"`
	// LastDump is the last complete dump of this run; nil before the first.
	LastDump *heapdump.Dump `json:"last_dump,omitempty"`
	// Samples counts readings, Errors failed ones by what failed.
	Samples uint64            `json:"samples"`
	Errors  map[string]uint64 `json:"errors,omitempty"`
	// Failing holds the errors in force now, by what fails.
	Failing map[string]string `json:"failing,omitempty"`

	sample sample.Sample
}

// ThresholdState is a threshold and where it lies; Bytes is absent when it is
// a share and there is no limit.
type ThresholdState struct {
	Threshold Threshold        `json:"threshold"`
	Bytes     cgroupstat.Value `json:"bytes,omitzero"`
}

// HeapInUse is the memory of heap spans that hold objects.
func (s *Snapshot) HeapInUse() uint64 { return s.Go.HeapInUse() }

// Gap is RSS − heap in use: what the process holds beside its heap, such as
// free memory not returned, stacks, cgo and mapped files. It is negative while
// heap spans have pages that were never touched; ok is false without an RSS.
func (s *Snapshot) Gap() (bytes int64, ok bool) { return s.sample.Gap() }

// Snapshot copies the last sample without locking, reading a file or waiting.
func (g *Guard) Snapshot() Snapshot {
	if g == nil || g.sampler == nil {
		return Snapshot{Limit: Limit{Source: LimitNone}}
	}
	last := g.published.load()
	basis := g.basis()
	out := Snapshot{
		Time:          last.Time(),
		Running:       g.ctx.Err() == nil,
		Scope:         last.Scope,
		Limit:         *g.limit.Load(),
		Cgroup:        g.location.Load(),
		Usage:         last.Usage,
		WorkingSet:    last.WorkingSet(),
		Unreclaimable: last.Unreclaimable(),
		Peak:          last.Peak,
		Basis:         basis,
		BasisBytes:    basis.of(&last),
		Stat:          last.Stat,
		Events:        last.Events,
		Process:       last.Process,
		Go:            last.Go,
		LastDump:      g.lastDump.Load(),
		Samples:       g.samples.Load(),
		Failing:       g.faults.active(),
		sample:        last,
	}
	if last.HasPressure {
		pressure := last.Pressure
		out.Pressure = &pressure
	}
	a := g.doctor.latest.Load()
	out.Breakdown, _ = breakdown.Of(&last, a.lastSurvey())
	if a != nil {
		out.Findings, out.Trends, out.TimeToLimit, out.Sizing = a.Findings, a.Trends, a.TimeToLimit, a.Sizing
	}
	for _, t := range g.targets.Load().thresholds.value {
		out.Thresholds = append(out.Thresholds, ThresholdState{t, t.At(out.Limit.Bytes)})
	}
	for p := range parts {
		if n := g.faults.count(p); n > 0 {
			if out.Errors == nil {
				out.Errors = make(map[string]uint64)
			}
			out.Errors[p.String()] = n
		}
	}
	return out
}
