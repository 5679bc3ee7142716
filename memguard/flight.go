package memguard

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/blackbox"
	"github.com/memguard-dev/go-memguard/internal/crash"
	"github.com/memguard-dev/go-memguard/internal/postmortem"
)

// maxPast is how many ends of earlier runs one start tells.
const maxPast = 8

// flight is what this process leaves for its successor, and what it makes of
// what its predecessors have left.
type flight struct {
	guard  *Guard
	dir    string
	header blackbox.Header
	box    *blackbox.Box
	crash  *crash.Output
}

// boxBudget is the part of the retention's bytes that is for black boxes.
func (s *settings) boxBudget() int64 {
	if s.boxBytes.value == 0 {
		return 0
	}
	const beside = 64 << 10 // crash output and verdict of a run, generously
	return min(s.budget()/4, int64(s.keep.value)*(s.boxBytes.value+beside))
}

// newFlight reads what was left and begins to record. What fails is in the
// error; the flight is usable beside it, but nil where this system or volume
// can have no black box at all.
func newFlight(g *Guard, store *heapdump.Store, h blackbox.Header) (*flight, error) {
	f := &flight{guard: g, dir: store.Dir(), header: h}
	errs := []error{f.readPast(store)}
	f.box = blackbox.New(blackbox.Options{
		Dir: f.dir, Header: h, Bytes: int(g.settings.boxBytes.value),
		Fault: func(err error) { g.faults.set(partBlackBox, err) },
	})
	f.setState()
	err := f.box.Open()
	errs = append(errs, err)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, errors.Join(errs...)
	}
	errs = append(errs, f.catchCrash())
	return f, errors.Join(errs...)
}

// catchCrash has the runtime's last words written beside the box.
func (f *flight) catchCrash() error {
	file, err := blackbox.CreateCrash(f.dir, f.header.Run)
	if err != nil {
		return fmt.Errorf("crash output: %w", err)
	}
	f.crash, err = crash.Install(file)
	err = errors.Join(err, file.Close())
	if errors.Is(err, crash.ErrTaken) {
		err = nil // The application has one of its own, which is fine.
	}
	if f.crash == nil {
		err = errors.Join(err, blackbox.RemoveEmptyCrash(f.dir, f.header.Run))
	}
	if err != nil {
		return fmt.Errorf("crash output: %w", err)
	}
	return nil
}

// setState has the box say what is in force.
func (f *flight) setState() {
	if f == nil {
		return
	}
	g := f.guard
	f.box.SetState(blackbox.State{
		Limit: g.limit.Load().Bytes, Basis: string(g.basis()),
		Thresholds: strings.Join(thresholdTexts(g.targets.Load().thresholds.value), ", "),
		Asked:      g.asked.last(),
	})
}

// close marks the end that was asked for.
func (f *flight) close(now time.Time, panicking bool) error {
	if f == nil {
		return nil
	}
	err := f.box.Close(now, panicking)
	if panicking {
		return err // The runtime has not said its last words yet.
	}
	return errors.Join(err, f.crash.Remove(), blackbox.RemoveEmptyCrash(f.dir, f.header.Run))
}

// panicking tells whether the caller runs among the deferred calls of a panic.
func panicking() bool {
	const deepest = 256
	var pcs [deepest]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		frame, more := frames.Next()
		if frame.Function == "runtime.gopanic" {
			return true
		}
		if !more {
			return false
		}
	}
}

// retain keeps what earlier runs have left within bounds.
func (f *flight) retain() error {
	// The box of this run is counted, and does not count.
	s := f.guard.settings
	return blackbox.Retain(f.dir, s.keep.value+1, s.boxBudget()+s.boxBytes.value)
}

// readPast judges how earlier runs of this program ended, the newest first,
// and writes each verdict beside its box.
func (f *flight) readPast(store *heapdump.Store) error {
	dead, err := blackbox.FindDead(f.dir, func(h *blackbox.Header) bool { return succeeds(&f.header, h) }, maxPast)
	errs := []error{err}
	if len(dead) == 0 {
		return err
	}
	for i, d := range dead {
		exit, asked, err := f.judge(d, store)
		errs = append(errs, err, d.Close())
		if i == 0 {
			f.guard.previous.Store(&exit)
			f.guard.asked.store(asked)
		} else {
			f.guard.tellExit(&exit)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("earlier runs: %w", err)
	}
	return nil
}

// judge says how one run ended, and for which dump it was asked last. What
// cannot be read is missing in the verdict and told in the error.
func (f *flight) judge(d *blackbox.Dead, store *heapdump.Store) (_ postmortem.Exit, asked string, _ error) {
	story, err := d.Story()
	errs := []error{err}
	facts := postmortem.Facts{BootID: f.header.BootID, OOMKills: f.oomKills(), Box: d.Path}
	dumps, err := store.OfRun(d.Run)
	for _, dump := range dumps {
		// One that was killed before it could say so is known by pid and time.
		if dump.Run != "" || dump.PID == story.PID && during(&story, dump.Time) {
			facts.Dumps = append(facts.Dumps, dump)
		}
	}
	errs = append(errs, err, nameDumps(store, facts.Dumps), readCrash(d, &facts))
	exit := postmortem.Judge(&story, facts)
	text, err := json.MarshalIndent(&exit, "", "  ")
	if err == nil {
		exit.File, err = d.Tell(append(text, '\n'))
	}
	return exit, story.Asked, errors.Join(append(errs, err)...)
}

// nameDumps names the sites of the last dump of a run that was killed before it
// could.
func nameDumps(store *heapdump.Store, dumps []heapdump.Dump) error {
	last := -1
	for i := range dumps {
		if len(dumps[i].Top) > 0 {
			return nil
		}
		if dumps[i].Stage != heapdump.Baseline {
			last = i
		}
	}
	if last < 0 {
		return nil
	}
	var err error
	dumps[last].Top, err = store.TopOf(dumps[last], topSites)
	if errors.Is(err, heapdump.ErrOtherBuild) {
		return nil // Only that one can name them.
	}
	return err
}

// during tells whether a run was alive then.
func during(s *blackbox.Story, at time.Time) bool {
	n := len(s.Samples)
	return n > 0 && at.After(s.Header.Start) && at.Before(s.Samples[n-1].Time().Add(time.Minute))
}

func readCrash(d *blackbox.Dead, facts *postmortem.Facts) (err error) {
	file, path, err := d.Crash()
	if file == nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	report, ok, err := crash.Parse(io.LimitReader(file, maxCrash))
	if ok {
		facts.Crash, facts.CrashFile = &report, path
	}
	return err
}

// maxCrash bounds how much of a crash output is read.
const maxCrash = 4 << 20

// oomKills is the counter of the cgroup as this process found it.
func (f *flight) oomKills() cgroupstat.Value { return f.guard.published.load().Events.OOMKill }
