package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/blackbox"
	"github.com/memguard-dev/go-memguard/internal/crash"
	"github.com/memguard-dev/go-memguard/internal/postmortem"
)

// past is one run of a program, as far as the volume tells of it.
type past struct {
	exit  postmortem.Exit
	story *blackbox.Story // nil: no box that can be read
	told  bool            // the next start has written a verdict
	crash string          // the first lines of the runtime's last words
	dumps []heapdump.Dump
	// missing says what could not be read.
	missing []string
}

// load reads what is in a directory, the oldest run first.
func load(dir string, exitCode *int) ([]past, error) {
	files, err := blackbox.List(dir)
	if err != nil {
		return nil, err
	}
	dumps, err := readDumps(dir)
	if err != nil {
		return nil, err
	}
	runs := make([]past, 0, len(files))
	for _, f := range files {
		runs = append(runs, loadRun(f, dumps[f.Run], exitCode))
	}
	if len(runs) == 0 {
		return nil, fmt.Errorf("no black box and no verdict in %s: -fleet reads the folders in it", dir)
	}
	return runs, nil
}

func loadRun(f blackbox.Files, dumps []heapdump.Dump, exitCode *int) past {
	p := past{dumps: dumps}
	lacks := func(err error) {
		if err != nil {
			p.missing = append(p.missing, err.Error())
		}
	}
	facts := postmortem.Facts{ExitCode: exitCode, Dumps: dumps, Box: f.Box}
	if f.Box == "" {
		lacks(fmt.Errorf("the black box of %s is not there", f.Run))
	} else {
		story, err := readBox(f.Box)
		p.story = story
		lacks(err)
	}
	if f.Crash != "" {
		report, text, err := readCrash(f.Crash)
		facts.Crash, facts.CrashFile, p.crash = report, f.Crash, text
		lacks(err)
	}
	// The verdict that was written knew the machine; a new one is made where
	// there is none, or where there is something new to judge by.
	if f.Exit != "" {
		err := readExit(f.Exit, &p.exit)
		p.told = err == nil
		lacks(err)
	}
	if !p.told || exitCode != nil && p.story != nil {
		story := blackbox.Story{Header: blackbox.Header{Run: f.Run}}
		if p.story != nil {
			story = *p.story
		}
		p.exit = postmortem.Judge(&story, facts)
	}
	return p
}

// ended tells whether it is known that the run is over.
func (p *past) ended() bool {
	return p.told || p.crash != "" || p.story != nil && (!p.story.Stopped.IsZero() || !p.story.Panicked.IsZero())
}

func readBox(path string) (_ *blackbox.Story, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	s, err := blackbox.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return &s, nil
}

func readExit(path string, e *postmortem.Exit) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, e); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return nil
}

// crashLines is how much of the runtime's last words is shown.
const crashLines = 12

func readCrash(path string) (_ *crash.Report, _ string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var text strings.Builder
	report, ok, err := crash.Parse(io.TeeReader(f, &text)) // It reads up to a bound.
	if err != nil || !ok {
		return nil, "", err
	}
	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	return &report, strings.Join(lines[:min(len(lines), crashLines)], "\n"), nil
}

// readDumps gives the dumps by run, oldest first.
func readDumps(dir string) (map[string][]heapdump.Dump, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "heap-*.json"))
	if err != nil {
		return nil, err
	}
	byRun := map[string][]heapdump.Dump{}
	for _, path := range paths {
		m, err := readManifest(path)
		if err != nil {
			continue // Of a dump whose run nobody knows then.
		}
		profile := strings.TrimSuffix(path, ".json") + ".pb"
		if _, err := os.Stat(profile); err != nil {
			continue
		}
		byRun[m.Run] = append(byRun[m.Run], heapdump.Dump{
			Path: profile, Manifest: path, Stage: m.Stage, Reason: m.Reason, Time: m.Time, Run: m.Run, PID: m.PID,
			StaleBytes: m.StaleBytes, HeapBytes: m.HeapBytes, Top: m.Top,
		})
	}
	for _, dumps := range byRun {
		// Of one crossing the immediate one is before the fresh one by capture.
		slices.SortStableFunc(dumps, func(a, b heapdump.Dump) int {
			if c := a.Time.Compare(b.Time); c != 0 {
				return c
			}
			return strings.Compare(string(b.Stage), string(a.Stage))
		})
	}
	return byRun, nil
}

func readManifest(path string) (_ heapdump.Manifest, err error) {
	f, err := os.Open(path)
	if err != nil {
		return heapdump.Manifest{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return heapdump.ReadManifest(f)
}
