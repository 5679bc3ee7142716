package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/heapdump/sites"
	"github.com/memguard-dev/go-memguard/internal/blackbox"
	"github.com/memguard-dev/go-memguard/internal/crash"
	"github.com/memguard-dev/go-memguard/internal/identity"
	"github.com/memguard-dev/go-memguard/internal/postmortem"
)

// What is read at most.
const (
	maxVerdict = 4 << 20
	// maxTries is how many dumps of a run are opened for one that can be read:
	// as many as a volume keeps.
	maxTries = heapdump.DefaultKeep
	// maxRunSites are those of a run that are added up. A line beyond them
	// holds less than a thousandth of it.
	maxRunSites = 1024
)

// runs are those of the whole tree, without their profiles.
func (t *tree) runs() []*fleetRun {
	var all []*fleetRun
	t.walk(".", 0, func(dir string, files []string) { all = append(all, t.runsOf(dir, files)...) })
	return settle(all)
}

// runsOf are those that a folder's files tell of.
func (t *tree) runsOf(dir string, files []string) []*fleetRun {
	byID := map[string]*fleetRun{}
	var list []*fleetRun
	of := func(id string) *fleetRun {
		if byID[id] == nil {
			byID[id] = &fleetRun{id: id, dir: dir}
			list = append(list, byID[id])
		}
		return byID[id]
	}
	for _, f := range blackbox.ByRun(dir, files) {
		t.end(of(f.Run), f)
	}
	var nameless []fleetDump
	for _, name := range files {
		d, ok := dumpOf(dir, name)
		if !ok {
			continue
		}
		t.profiles = append(t.profiles, d.profile)
		m, ok := t.manifest(&d, files)
		if !ok {
			nameless = append(nameless, d)
			continue
		}
		r := of(m.Run)
		r.dumps = append(r.dumps, d)
		r.know(identified(m), buildOf(m.Build), d.time)
	}
	writers := writersOf(list)
	for _, d := range nameless {
		r := of(writers.of(d.profile))
		r.dumps = append(r.dumps, d)
		r.know(identity.Identity{}, "", d.time)
	}
	return list
}

// know adds what another file tells of the run.
func (r *fleetRun) know(id identity.Identity, build string, at time.Time) {
	r.where = r.where.or(where{Identity: id, build: versioned(build)})
	r.program = cmp.Or(r.program, build)
	if at.After(r.last) {
		r.last = at
	}
}

// end reads how a run ended: the verdict; where there is none yet, what box
// and last words prove. That they prove nothing is what a running one has too.
func (t *tree) end(r *fleetRun, f blackbox.Files) {
	if f.Exit != "" {
		var e postmortem.Exit
		err := t.read(f.Exit, func(in io.Reader) error { return verdict(in, &e) })
		if err == nil {
			r.kind = e.Kind
			r.know(e.Identity, e.Build, e.Time)
			return
		}
		t.gaps.add("verdicts that cannot be read", f.Exit, err)
	}
	story := blackbox.Story{Header: blackbox.Header{Run: f.Run}}
	facts := postmortem.Facts{Box: f.Box, CrashFile: f.Crash}
	if f.Box != "" {
		err := t.read(f.Box, func(in io.Reader) error {
			s, err := blackbox.Read(in)
			if err == nil {
				story = s
			}
			return err
		})
		if err != nil {
			t.gaps.add("black boxes that cannot be read", f.Box, err)
		}
	}
	if f.Crash != "" {
		err := t.read(f.Crash, func(in io.Reader) error {
			report, ok, err := crash.Parse(in)
			if ok {
				facts.Crash = &report
			}
			return err
		})
		if err != nil {
			t.gaps.add("last words that cannot be read", f.Crash, err)
		}
	}
	e := postmortem.Judge(&story, facts)
	if e.Kind != postmortem.Unknown {
		r.kind = e.Kind
	}
	r.know(e.Identity, e.Build, e.Time)
}

// verdict reads an exit-*.json.
func verdict(in io.Reader, e *postmortem.Exit) error {
	text, err := io.ReadAll(io.LimitReader(in, maxVerdict+1))
	if err != nil {
		return err
	}
	if len(text) > maxVerdict {
		return fmt.Errorf("verdict: more than %d bytes", maxVerdict)
	}
	if err := json.Unmarshal(text, e); err != nil {
		return err
	}
	if !slices.Contains(postmortem.Kinds[:], e.Kind) {
		return fmt.Errorf("verdict of an unknown kind: %q", e.Kind)
	}
	return nil
}

// measure reads the best dump of each run, one at a time.
func (t *tree) measure(runs []*fleetRun) iter.Seq[measured] {
	return func(yield func(measured) bool) {
		for _, r := range runs {
			if !yield(t.best(r)) {
				return
			}
		}
	}
}

// best is the first dump that names its sites, itself or in its manifest.
func (t *tree) best(r *fleetRun) measured {
	list := candidates(r.dumps)
	for _, d := range list[:min(len(list), maxTries)] {
		var top []heapdump.Site
		if d.manifest != "" {
			m, err := t.readManifest(d.manifest)
			if err != nil {
				t.gaps.add("manifests that cannot be read", d.manifest, err)
			}
			top = m.Top
		}
		var found []sites.Site
		err := t.read(d.profile, func(in io.Reader) (err error) {
			found, err = sites.Top(in, maxRunSites)
			return err
		})
		switch {
		case err == nil:
			return measured{r, heldOf(found, top), d.profile}
		case errors.Is(err, sites.ErrNoSymbols):
			t.gaps.add("profiles without symbols", d.profile, err)
		default:
			t.gaps.add("profiles that cannot be read", d.profile, err)
		}
		if only := heldOf(nil, top); len(only) > 0 {
			return measured{r, only, ""}
		}
	}
	return measured{fleetRun: r}
}
