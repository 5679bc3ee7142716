// Package postmortem says how a process ended from what it left: its black
// box, its crash output, its dumps. It is pure: it opens nothing.
package postmortem

import (
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/blackbox"
	"github.com/memguard-dev/go-memguard/internal/breakdown"
	"github.com/memguard-dev/go-memguard/internal/crash"
	"github.com/memguard-dev/go-memguard/internal/diagnose"
	"github.com/memguard-dev/go-memguard/internal/identity"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

// Kind says how a process ended.
type Kind string

// The kinds.
const (
	// Clean: the guard was stopped.
	Clean Kind = "clean"
	// OOMSuspected: it ended without a word where memory was at its limit, or
	// about to reach it. SIGKILL by the kernel leaves no other trace.
	OOMSuspected Kind = "oom_suspected"
	// Crash: a Go panic, a fatal error, or a signal with a trace.
	Crash Kind = "crash"
	// Killed: ended from outside for another reason: the node was started
	// again, or the exit code says SIGKILL.
	Killed Kind = "killed"
	// Unknown: it ended without a word and far from the limit. SIGKILL from
	// outside, and os.Exit or a return from main without Stop, leave the same
	// nothing; the container's last exit code tells which it was.
	Unknown Kind = "unknown"
)

// Kinds are all there are.
var Kinds = [...]Kind{Clean, OOMSuspected, Crash, Killed, Unknown}

// Exit is how a process ended, and what it left. Sizes are in bytes.
type Exit struct {
	Kind Kind `json:"kind"`
	// Summary is one sentence, Reasons are why Kind is what it is.
	Summary string   `json:"summary"`
	Reasons []string `json:"reasons"`
	// Time is that of the end: when it was stopped, else of the last sample.
	Time time.Time `json:"time"`

	// Run names this life of the program in dumps' manifests and file names.
	Run     string    `json:"run"`
	PID     int       `json:"pid,omitempty"`
	Start   time.Time `json:"start,omitzero"`
	Program string    `json:"program,omitempty"`
	Build   string    `json:"build,omitempty"`
	// Identity is where it ran.
	identity.Identity

	// Limit, Basis and Thresholds are those last in force.
	Limit      cgroupstat.Value `json:"limit_bytes,omitzero"`
	Basis      string           `json:"basis,omitempty"`
	Thresholds string           `json:"thresholds,omitempty"`
	// Last is the last sample; nil: there is none.
	Last *Moment `json:"last_sample,omitempty"`
	// Peak is the highest usage known of.
	Peak Height `json:"peak,omitzero"`
	// LastMinute is the last minute before the end, the highest of each half second.
	LastMinute []Level `json:"last_minute,omitempty"`
	// Climb is the ascent it ended in; nil: there was none.
	Climb *Climb `json:"climb,omitempty"`
	// Bucket is where most of the climb went, without one where most memory
	// is: go_heap, go_free, go_stacks, go_metadata, off_heap, other_processes,
	// shared_memory, page_cache, kernel, socket_buffers or remainder. Grew
	// is all of them, most growth first.
	Bucket string   `json:"bucket,omitempty"`
	Grew   []Growth `json:"grew,omitempty"`
	// Breakdown is that of the last complete sample; Findings and Trends are
	// told from the last moments.
	Breakdown *breakdown.Node    `json:"breakdown,omitempty"`
	Findings  []diagnose.Finding `json:"findings,omitempty"`
	Trends    []diagnose.Trend   `json:"trends,omitempty"`
	// Spikes came and went between two samples; OOMKills were of other
	// processes of the container; Crossings are thresholds that fired.
	Spikes    []Height   `json:"spikes,omitempty"`
	OOMKills  []Kills    `json:"oom_kills,omitempty"`
	Crossings []Crossing `json:"crossings,omitempty"`

	// Crash is what the runtime said, CrashFile where; nil: it said nothing.
	Crash     *crash.Report `json:"crash,omitempty"`
	CrashFile string        `json:"crash_file,omitempty"`
	// Dumps are those of that run, oldest first. Culprit is the site that the
	// last one of them names first; nil: none names any.
	Dumps   []heapdump.Dump `json:"dumps,omitempty"`
	Culprit *heapdump.Site  `json:"culprit,omitempty"`

	// Box is the black box, File this verdict in the volume; empty: it could
	// not be written.
	Box  string `json:"box,omitempty"`
	File string `json:"-"`
	// Torn counts damaged records of the box.
	Torn int `json:"torn_records,omitempty"`
}

// Moment is what is kept of a sample. Parts other than the usage may be some
// milliseconds older than it.
type Moment struct {
	Time          time.Time        `json:"time"`
	Usage         cgroupstat.Value `json:"usage_bytes,omitzero"`
	Unreclaimable cgroupstat.Value `json:"unreclaimable_bytes,omitzero"`
	WorkingSet    cgroupstat.Value `json:"working_set_bytes,omitzero"`
	// NotWritten is dirty file pages and those being written back, which
	// cannot be dropped at once.
	NotWritten cgroupstat.Value `json:"not_written_back_bytes,omitzero"`
	RSS        cgroupstat.Value `json:"rss_bytes,omitzero"`
	HeapInUse  uint64           `json:"heap_in_use_bytes"`
	LiveHeap   uint64           `json:"live_heap_bytes"`
	// GoMemLimit is GOMEMLIMIT; absent when there was none.
	GoMemLimit cgroupstat.Value `json:"gomemlimit_bytes,omitzero"`
	Goroutines uint64           `json:"goroutines"`
	Threads    cgroupstat.Value `json:"threads,omitzero"`
	GCCycles   uint64           `json:"gc_cycles"`
	// OOMKills is the cgroup's oom_kill counter.
	OOMKills cgroupstat.Value `json:"oom_kill,omitzero"`
}

func momentOf(s *sample.Sample) *Moment {
	m := &Moment{
		Time: s.Time().UTC(), Usage: s.Usage, Unreclaimable: s.Unreclaimable(), WorkingSet: s.WorkingSet(),
		RSS: s.Process.RSS, HeapInUse: s.Go.HeapInUse(), LiveHeap: s.Go.LiveHeap, Goroutines: s.Go.Goroutines,
		Threads: s.Process.Threads, GCCycles: s.Go.GCCycles, OOMKills: s.Events.OOMKill,
	}
	if n, ok := s.Stat.Get(cgroupstat.FileDirty).Get(); ok {
		m.NotWritten = cgroupstat.Of(n + s.Stat.Get(cgroupstat.FileWriteback).Or(0))
	}
	if s.Go.HasMemoryLimit() {
		m.GoMemLimit = cgroupstat.Of(s.Go.MemoryLimit)
	}
	return m
}

// Height is a usage at some time.
type Height struct {
	Time  time.Time `json:"time"`
	Bytes uint64    `json:"bytes"`
}

// Level is usage and unreclaimable memory at some time.
type Level struct {
	Time          time.Time `json:"time"`
	Usage         uint64    `json:"usage_bytes"`
	Unreclaimable uint64    `json:"unreclaimable_bytes"`
}

// Kills is the kernel's kill of so many processes.
type Kills struct {
	Time  time.Time `json:"time"`
	Count uint64    `json:"count"`
}

// Crossing is a threshold that fired.
type Crossing struct {
	Time      time.Time `json:"time"`
	Bytes     uint64    `json:"basis_bytes"`
	Threshold uint64    `json:"threshold_bytes"`
}

// Climb is an ascent of unreclaimable memory.
type Climb struct {
	Start time.Time `json:"start"`
	From  uint64    `json:"from_bytes"`
	To    uint64    `json:"to_bytes"`
	// Duration is from Start to the last sample, Rate what it rose per second
	// on average over that; FinalRate is that of its last second.
	Duration  time.Duration `json:"duration_ns"`
	Rate      uint64        `json:"bytes_per_second"`
	FinalRate uint64        `json:"final_bytes_per_second"`
}

// Growth is what a bucket held at the start of the climb and at its end.
type Growth struct {
	Bucket string `json:"bucket"`
	Before uint64 `json:"before_bytes"`
	After  uint64 `json:"after_bytes"`
}

// Facts are what is known beside the box.
type Facts struct {
	// BootID is that of now; empty: not known.
	BootID string
	// Node is that of now; empty: not known.
	Node string
	// OOMKills is the cgroup's counter of now.
	OOMKills cgroupstat.Value
	// ExitCode is what the parent saw, 137 or -9 for SIGKILL; nil: not known.
	ExitCode *int

	Crash     *crash.Report
	CrashFile string
	Dumps     []heapdump.Dump
	Box       string
}

// Judge says how the process of a story ended.
func Judge(s *blackbox.Story, f Facts) Exit {
	e := Exit{
		Run: s.Run, PID: s.PID, Start: s.Header.Start, Program: s.Program, Build: s.Build, Identity: s.Identity,
		Limit: s.Limit, Basis: s.Basis, Thresholds: s.Thresholds,
		Crash: f.Crash, CrashFile: f.CrashFile, Dumps: f.Dumps, Culprit: culprit(f.Dumps), Box: f.Box, Torn: s.Torn,
	}
	e.Time = s.Header.Start
	for i := range s.Events {
		e.event(&s.Events[i])
	}
	curve := curveOf(s.Samples)
	if n := len(s.Samples); n > 0 {
		last := s.Samples[n-1].Sample()
		e.Last, e.Time = momentOf(&last), last.Time().UTC()
		if !last.Limit.IsZero() {
			e.Limit = last.Limit
		}
		e.Peak = curve.peak(e.Spikes)
		e.LastMinute = curve.lastMinute()
		e.Climb = curve.climb(e.Limit.Or(0))
		e.grow(curve)
	}
	e.verdict(s, f, curve)
	e.diagnose(s)
	e.Summary = e.sentence()
	return e
}

func (e *Exit) event(r *blackbox.Record) {
	a, b := r.Event()
	switch r.Kind() {
	case blackbox.Spike:
		e.Spikes = append(e.Spikes, Height{r.Time(), a})
	case blackbox.OOMKill:
		e.OOMKills = append(e.OOMKills, Kills{r.Time(), a})
	case blackbox.Crossed:
		e.Crossings = append(e.Crossings, Crossing{r.Time(), a, b})
	}
}

// culprit is the first site of the last dump that names any; a fresh profile
// tells more than an immediate one.
func culprit(dumps []heapdump.Dump) *heapdump.Site {
	var found *heapdump.Site
	fresh := false
	for i := range dumps {
		d := &dumps[i]
		if len(d.Top) == 0 || fresh && d.Stage != heapdump.Fresh {
			continue
		}
		found, fresh = &d.Top[0], d.Stage == heapdump.Fresh
	}
	return found
}
