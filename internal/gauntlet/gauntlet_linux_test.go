package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/diagnose"
	"github.com/memguard-dev/go-memguard/internal/kerneltest"
	"github.com/memguard-dev/go-memguard/internal/syncbuf"
	"github.com/memguard-dev/go-memguard/memguard"
)

var (
	rounds = flag.Int("rounds", 1, "how often each scenario is run")
	only   = flag.String("only", "", "the scenarios to run, a pattern; empty: all")
	atOnce = flag.Int("at-once", 14, "how many run at the same time")
)

// program is the gauntlet with C in it.
var program = kerneltest.Binary{Pkg: "internal/gauntlet", CGo: true}

// outcome is what memguard said of one run.
type outcome struct {
	Scenario string          `json:"scenario"`
	Version  string          `json:"version"`
	First    diagnose.Code   `json:"first"`
	Summary  string          `json:"summary"`
	All      []diagnose.Code `json:"all"`
	// Leaks are those told at any time before; of a healthy one there is none.
	Leaks []string `json:"leaks,omitempty"`
	// AddsUp: at every line. Off is how far the tree's total was from what
	// memory.current had been within the half second before, Remainder what
	// nothing explains, both in bytes and at the median of the lines; Usage is
	// the last total.
	AddsUp    bool   `json:"adds_up"`
	Off       uint64 `json:"off"`
	Remainder uint64 `json:"remainder"`
	Usage     uint64 `json:"usage"`
	// Dirty is dirty page cache and that under write-back, at the median.
	Dirty uint64 `json:"dirty"`
	Error string `json:"error,omitempty"`
	// trail is a line for each second.
	trail []string
}

const outcomePrefix = "gauntlet-outcome: "

// wrong says what is not as it should be; empty: nothing.
func (o *outcome) wrong(s *scenario) string {
	const enough = 1 << 20
	var list []string
	if o.Error != "" {
		list = append(list, o.Error)
	}
	if !slices.Contains(s.want, o.First) {
		list = append(list, fmt.Sprintf("first finding %q (%s), want %q; all %q", o.First, o.Summary, s.want, o.All))
	}
	if len(o.Leaks) > 0 {
		list = append(list, fmt.Sprintf("told of a healthy program: %q", o.Leaks))
	}
	if !o.AddsUp {
		list = append(list, "a tree that does not add up")
	}
	if o.Off > max(enough, o.Usage/50) {
		list = append(list, fmt.Sprintf("the tree is %d bytes off a usage of %d", o.Off, o.Usage))
	}
	if o.Version == "v2" && o.Remainder > max(enough, o.Usage*3/100) {
		list = append(list, fmt.Sprintf("remainder %d of %d bytes", o.Remainder, o.Usage))
	}
	return strings.Join(list, "; ")
}

func TestKernelGauntlet(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	runAll(t)
}

// retries is of how many scenarios one may have a second try.
const retries = 10

// runAll runs all scenarios, several at once, and gives the outcomes. Where
// they are not counted over many rounds, what is wrong has a second try, alone:
// the machine may be busy. More than a few are no accident.
func runAll(t *testing.T) []outcome {
	t.Helper()
	path := program.Build(t)
	pattern := regexp.MustCompile(*only)
	probe := kerneltest.NewGroup(t, 1<<20)
	var list []scenario
	for _, s := range scenarios() {
		if pattern.MatchString(s.name) && (!s.v2only || probe.Version == cgroupstat.V2) {
			list = append(list, s)
		}
	}
	var outcomes []outcome
	var again []*scenario
	var mu sync.Mutex
	// run is a test of its own, so that it may end in any goroutine.
	run := func(s *scenario, round int, secondTry bool) {
		t.Run(fmt.Sprintf("%s/%d", s.name, round), func(t *testing.T) {
			o := once(t, s, path)
			mu.Lock()
			defer mu.Unlock()
			if wrong := o.wrong(s); secondTry && wrong != "" {
				again = append(again, s)
				t.Logf("%s: once more, alone: %s\n%s", s.name, wrong, strings.Join(o.trail, "\n"))
				return
			}
			outcomes = append(outcomes, o)
			o.report(t, s)
		})
	}
	for round := range *rounds {
		var wg sync.WaitGroup
		slots := make(chan struct{}, *atOnce)
		var apart keyed
		for i := range list {
			wg.Go(func() {
				defer apart.lock(list[i].apart)()
				slots <- struct{}{}
				defer func() { <-slots }()
				run(&list[i], round, *rounds == 1)
			})
		}
		wg.Wait()
	}
	for _, s := range again {
		run(s, 1, false)
	}
	if len(again) > 0 {
		t.Logf("%d of %d scenarios had a second try", len(again), len(list))
	}
	if len(again) > max(1, len(list)/retries) {
		t.Errorf("%d of %d scenarios needed a second try", len(again), len(list))
	}
	return outcomes
}

// keyed is a lock for each name but the empty one.
type keyed struct{ locks sync.Map }

func (k *keyed) lock(name string) (unlock func()) {
	if name == "" {
		return func() {}
	}
	one, _ := k.locks.LoadOrStore(name, new(sync.Mutex))
	mu := one.(*sync.Mutex)
	mu.Lock()
	return mu.Unlock
}

func (o *outcome) report(t *testing.T, s *scenario) {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s%s", outcomePrefix, text)
	if wrong := o.wrong(s); wrong != "" {
		t.Errorf("%s\n%s", wrong, strings.Join(o.trail, "\n"))
	}
}

// once runs a scenario in a group of its own until it is judged.
func once(t *testing.T, s *scenario, path string) outcome {
	g := kerneltest.NewGroup(t, s.limit)
	o := outcome{Scenario: s.name, Version: g.Version.String(), AddsUp: true}
	fail := func(err error) outcome {
		o.Error = err.Error()
		return o
	}
	if s.high > 0 {
		if err := os.WriteFile(filepath.Join(g.Dir, "memory.high"), []byte(strconv.FormatInt(s.high, 10)), 0); err != nil {
			return fail(err)
		}
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "dumps"), 0o700); err != nil {
		return fail(err)
	}
	cmd := exec.Command(path, s.name, dir)
	cmd.Env = append(append(os.Environ(), "MEMGUARD_DUMP_DIR="+filepath.Join(dir, "dumps")), s.env...)
	var stderr syncbuf.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fail(err)
	}
	g.Start(t, cmd)
	end := time.AfterFunc(s.after+time.Minute, func() { _ = cmd.Process.Kill() })
	defer end.Stop()
	kernel := follow(g)
	defer func() {
		if err := kernel.stop(); err != nil {
			t.Error(err)
		}
	}()
	watched := o.watch(s, out, kernel)
	if err := cmd.Process.Signal(os.Interrupt); err == nil {
		_, _ = io.Copy(io.Discard, out) // Until it has ended.
	}
	ended := cmd.Wait()
	if watched != nil {
		o.Error = fmt.Sprintf("%v: %v; it said\n%s", watched, ended, stderr.String())
	}
	return o
}

// watch reads the lines until the scenario is judged.
func (o *outcome) watch(s *scenario, out io.Reader, kernel *follower) error {
	var off, remainder, dirty []uint64
	var last report
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r report
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return err
		}
		if r.At/time.Second != last.At/time.Second {
			o.trail = append(o.trail, r.line())
		}
		last = r
		o.AddsUp = o.AddsUp && r.AddsUp
		if r.At > 5*time.Second {
			off = append(off, kernel.distance(r.Usage))
			remainder = append(remainder, r.Remainder)
			dirty = append(dirty, part(&r, "page_cache", "dirty")+part(&r, "page_cache", "writeback"))
		}
		if s.healthy {
			for _, f := range r.Findings {
				if isLeak(f.Code) && !slices.Contains(s.want, f.Code) && len(o.Leaks) < 3 {
					o.Leaks = append(o.Leaks, fmt.Sprintf("%v: %s: %s", r.At.Round(time.Second), f.Code, f.Summary))
				}
			}
		}
		if r.At >= s.after {
			break
		}
	}
	if last.At < s.after {
		return errors.Join(fmt.Errorf("it ended after %v", last.At), lines.Err())
	}
	for i, f := range last.Findings {
		if i == 0 {
			o.First, o.Summary = f.Code, f.Summary
		}
		o.All = append(o.All, f.Code)
	}
	slices.Sort(off)
	slices.Sort(remainder)
	slices.Sort(dirty)
	o.Dirty = dirty[len(dirty)/2]
	o.Off, o.Remainder, o.Usage = off[len(off)/2], remainder[len(remainder)/2], last.Usage
	return nil
}

// line is a report in short, sizes in MiB.
func (r *report) line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%5.1fs usage %d", r.At.Seconds(), r.Usage>>20)
	var add func(name string, n *memguard.Breakdown)
	add = func(name string, n *memguard.Breakdown) {
		if n.Bytes >= mib && len(n.Children) == 0 {
			fmt.Fprintf(&b, " %s %d", name, n.Bytes>>20)
		}
		for i := range n.Children {
			add(strings.TrimPrefix(name+"/"+n.Children[i].Name, "/"), &n.Children[i])
		}
	}
	add("", &r.Tree)
	for _, f := range r.Findings {
		fmt.Fprintf(&b, " %s", f.Code)
	}
	return b.String()
}

func part(r *report, path ...string) uint64 {
	n, ok := r.Tree.Find(path...)
	if !ok {
		return 0
	}
	return n.Bytes
}

// isLeak tells of the findings that say that something grows without end.
func isLeak(c diagnose.Code) bool {
	return slices.Contains([]diagnose.Code{
		diagnose.HeapLeak, diagnose.GoroutineLeak, diagnose.ThreadGrowth, diagnose.OffHeap, diagnose.Tmpfs,
		diagnose.OtherProcess, diagnose.KernelMemory, diagnose.SocketBuffers,
	}, c)
}
