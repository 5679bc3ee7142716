package memguard

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/blackbox"
	"github.com/memguard-dev/go-memguard/internal/crash"
	"github.com/memguard-dev/go-memguard/internal/postmortem"
)

// maxPast is how many ends of earlier runs one start tells.
const maxPast = 8

// readPast judges how earlier runs of this program ended, the newest first,
// and writes each verdict beside its box.
func (f *flight) readPast(store *heapdump.Store) error {
	dead, err := blackbox.FindDead(f.dir, func(h *blackbox.Header) bool { return succeeds(&f.header, h) }, maxPast)
	errs := []error{err}
	if len(dead) == 0 {
		return err
	}
	exits := make([]postmortem.Exit, len(dead))
	for i, d := range dead {
		exit, asked, err := f.judge(d, store)
		errs = append(errs, err, d.Close())
		exits[i] = exit
		if i == 0 {
			f.guard.previous.Store(&exit)
			f.guard.asked.begin(asked)
			f.setState()
		}
	}
	for i := range exits {
		f.guard.tellExit(&exits[len(exits)-1-i]) // The last one last.
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("earlier runs: %w", err)
	}
	return nil
}

// begin takes what the run before had last, unless one was asked for since.
func (a *asked) begin(token string) {
	token = asToken(token)
	a.token.CompareAndSwap(nil, &token)
}

// judge says how one run ended, and for which dump it was asked last. What
// cannot be read is missing in the verdict and told in the error.
func (f *flight) judge(d *blackbox.Dead, store *heapdump.Store) (_ postmortem.Exit, asked string, _ error) {
	story, err := d.Story()
	errs := []error{err}
	story.Run = d.Run // Also where the rest cannot be read.
	facts := postmortem.Facts{BootID: f.header.BootID, Node: f.header.Node, OOMKills: f.kills, Box: d.Path}
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
	report, ok, err := crash.Parse(file)
	if ok {
		facts.Crash, facts.CrashFile = &report, path
	}
	return err
}
