package postmortem

import (
	"fmt"
	"time"

	"github.com/memguard-dev/go-memguard/internal/blackbox"
)

const (
	// near is the share of the limit that unreclaimable memory cannot have
	// reached by chance: a few MiB are left.
	near = 0.95
	// brim is the share at which usage is at the limit, but for what the
	// kernel counts in batches, and dirtied the share that pages which cannot
	// be dropped at once must then have.
	brim, dirtied = 0.98, 0.90
	// horizon bounds from both sides how far ahead the last rate is believed:
	// by then another sample would have been taken.
	horizonLeast, horizonMost = 50 * time.Millisecond, time.Second
)

// verdict sets Kind and Reasons, the strongest evidence first.
func (e *Exit) verdict(s *blackbox.Story, f Facts, c curve) {
	because := func(k Kind, format string, a ...any) {
		if e.Kind == "" {
			e.Kind = k
		}
		e.Reasons = append(e.Reasons, fmt.Sprintf(format, a...))
	}
	switch {
	case f.Crash != nil:
		because(Crash, "the Go runtime wrote its last words: %s", f.Crash.Message)
		if f.Crash.OutOfMemory {
			because(Crash, "the kernel refused the runtime memory, as it does beyond RLIMIT_AS or without overcommit; it did not kill")
		}
		return
	case !s.Panicked.IsZero():
		e.Time = s.Panicked.UTC()
		because(Crash, "Stop was called by a panic, among its deferred calls")
		return
	case !s.Stopped.IsZero():
		e.Time = s.Stopped.UTC()
		because(Clean, "Stop was called")
		return
	case s.Header.Start.IsZero():
		because(Unknown, "its black box cannot be read")
		return
	}
	words := lastWords(s)
	booted := f.BootID != "" && s.BootID != "" // both are known
	elsewhere := booted && f.BootID != s.BootID
	switch {
	case elsewhere && s.Node != "" && s.Node == f.Node:
		because(Killed, "the machine was started again: its boot id is another one")
		return
	case elsewhere && s.Node != "" && f.Node != "":
		because("", "no Stop, %s; it ran on another machine, %s", words, s.Node)
	case elsewhere:
		because("", "no Stop, %s; it ran on another machine, or this one was started again: the boot id is another one, and which node it was is not known", words)
	case booted:
		because("", "no Stop, %s, and the machine is the same boot", words)
	default:
		because("", "no Stop and %s", words)
	}
	if code := f.ExitCode; code != nil && *code != 137 && *code != -9 {
		because(Unknown, "the exit code %d is not that of SIGKILL: the program ended itself", *code)
		return
	}
	for _, reason := range e.atTheLimit(c) {
		because(OOMSuspected, "%s", reason)
	}
	// A counter that rose means that the cgroup is still the same one.
	if now, ok := f.OOMKills.Get(); ok && !elsewhere && e.Last != nil && now > e.Last.OOMKills.Or(now) {
		because(OOMSuspected, "the cgroup's oom_kill counter rose by %d meanwhile", now-e.Last.OOMKills.Or(now))
	}
	if e.Kind != "" {
		return
	}
	because("", "%s", e.farFromTheLimit(c))
	if f.ExitCode != nil {
		because(Killed, "the exit code %d is that of SIGKILL", *f.ExitCode)
		return
	}
	because(Unknown, "SIGKILL from outside leaves no more than %s; the container's last exit code tells: 137 is SIGKILL", noMore(s))
}

// lastWords says that there are none, and whether there could have been.
func lastWords(s *blackbox.Story) string {
	switch s.CrashOutput {
	case blackbox.ApplicationsOutput:
		return "no last words here: the application has a crash output of its own"
	case blackbox.NoCrashOutput:
		return "no last words, which had no file to go to"
	}
	return "no last words of the Go runtime"
}

// noMore is what leaves nothing.
func noMore(s *blackbox.Story) string {
	switch s.CrashOutput {
	case blackbox.ApplicationsOutput, blackbox.NoCrashOutput:
		return "a panic here, os.Exit or a return from main without Stop"
	}
	return "os.Exit or a return from main without Stop"
}

// atTheLimit gives the reasons to think that the limit was reached.
func (e *Exit) atTheLimit(c curve) []string {
	limit, ok := e.Limit.Get()
	if !ok || limit == 0 || e.Last == nil {
		return nil
	}
	share := func(n uint64) float64 { return float64(n) / float64(limit) }
	last := len(c.heights) - 1
	height := c.heights[last]
	var reasons []string
	if share(height) >= near {
		reasons = append(reasons, fmt.Sprintf("at the last sample %s that the kernel cannot reclaim", of(height, limit)))
	}
	if e.Climb != nil {
		rate := float64(e.Climb.FinalRate)
		if by := height + uint64(rate*c.ahead().Seconds()); share(by) >= near && share(height) < near {
			left := time.Duration(float64(limit-height) / rate * float64(time.Second))
			reasons = append(reasons, fmt.Sprintf("at the last sample %s, rising by %s/s: the limit was %v away",
				of(height, limit), mebibytes(e.Climb.FinalRate), left.Round(time.Millisecond)))
		}
	}
	usage := e.Last.Usage.Or(0)
	stuck := e.Last.NotWritten.Or(0)
	if len(reasons) == 0 && share(usage) >= brim && share(height+stuck) >= dirtied {
		reasons = append(reasons, fmt.Sprintf("usage %s, with %s of file pages not yet written back, which cannot be dropped at once", of(usage, limit), mebibytes(stuck)))
	}
	return reasons
}

// ahead is how far the last rate is believed.
func (c curve) ahead() time.Duration {
	last := len(c.times) - 1
	if last < 1 {
		return horizonLeast
	}
	return min(max(2*c.times[last].Sub(c.times[last-1]), horizonLeast), horizonMost)
}

func (e *Exit) farFromTheLimit(c curve) string {
	limit, ok := e.Limit.Get()
	switch {
	case e.Last == nil:
		return "there is no sample of it"
	case !ok || limit == 0:
		return "there was no limit"
	}
	return fmt.Sprintf("far from the limit: at the last sample %s that the kernel cannot reclaim", of(c.heights[len(c.heights)-1], limit))
}

func of(n, limit uint64) string {
	return fmt.Sprintf("%s of %s (%.0f%%)", mebibytes(n), mebibytes(limit), 100*float64(n)/float64(limit))
}

func mebibytes(n uint64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// sentence is the end in one line.
func (e *Exit) sentence() string {
	var text string
	switch e.Kind {
	case Clean:
		return "stopped cleanly"
	case Crash:
		if e.Crash == nil {
			return "crashed by a panic"
		}
		text = "crashed: " + e.Crash.Message
		if e.Crash.Function != "" {
			text += " in " + e.Crash.Function
		}
		return text
	case Killed:
		return "killed; " + e.memory()
	case Unknown:
		return "ended without a word; " + e.memory()
	}
	text = "out of memory"
	if e.Last != nil {
		text += ": " + e.used()
	}
	if c := e.Climb; c != nil {
		text += fmt.Sprintf(", up from %s in %v, at last by %s/s", mebibytes(c.From), roundly(c.Duration), mebibytes(c.FinalRate))
	}
	if len(e.Grew) > 0 {
		text += fmt.Sprintf("; %s grew by %s", e.Bucket, mebibytes(uint64(max(0, e.Grew[0].bytes()))))
	} else if e.Bucket != "" {
		text += "; most of it is " + e.Bucket
	}
	if e.Culprit != nil && (e.Bucket == "go_heap" || e.Bucket == "go_free") {
		text += "; " + e.Culprit.Function
	}
	return text
}

// memory is where it was, and no more: that it was not the reason nobody knows.
func (e *Exit) memory() string {
	if e.Last == nil {
		return "there is no sample of it"
	}
	return "memory was at " + e.used()
}

func (e *Exit) used() string {
	used := e.Last.Usage.Or(0)
	if limit, ok := e.Limit.Get(); ok {
		return of(used, limit)
	}
	return mebibytes(used)
}

// roundly leaves two or three digits of a duration.
func roundly(d time.Duration) time.Duration {
	switch {
	case d > time.Minute:
		return d.Round(time.Second)
	case d > time.Second:
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(time.Millisecond)
}
