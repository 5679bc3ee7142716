package postmortem

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/blackbox"
	"github.com/memguard-dev/go-memguard/internal/crash"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

const (
	mebi  = 1 << 20
	limit = 256 * mebi
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// point is a sample in few words; sizes in MiB.
type point struct {
	at                       time.Duration
	heap, outside, file, tmp uint64
	dirty, others, tables    uint64
	high, spike, gcShare     uint64 // a count, MiB before it, %
	usageOnly                bool
	limit                    uint64
}

func (p point) sample() (sample.Sample, blackbox.Kind) {
	var s sample.Sample
	s.UnixNano, s.Since, s.Scope = noon.Add(p.at).UnixNano(), p.at, sample.Cgroup
	const base = 2 // kernel
	anon := p.heap + p.outside
	s.Usage, s.Limit = cgroupstat.Of((anon+p.others+p.file+p.tmp+base+p.tables)*mebi), cgroupstat.Of(max(p.limit, 256)*mebi)
	s.Stat.Set(cgroupstat.Anon, (anon+p.others)*mebi)
	s.Stat.Set(cgroupstat.File, (p.file+p.tmp)*mebi)
	s.Stat.Set(cgroupstat.Shmem, p.tmp*mebi)
	s.Stat.Set(cgroupstat.InactiveFile, p.file*mebi)
	s.Stat.Set(cgroupstat.ActiveFile, 0)
	s.Stat.Set(cgroupstat.FileDirty, p.dirty*mebi)
	s.Stat.Set(cgroupstat.Kernel, (base+p.tables)*mebi)
	s.Stat.Set(cgroupstat.PageTables, p.tables*mebi)
	s.Stat.Set(cgroupstat.FileMapped, min(3, p.file)*mebi)
	s.Process.RSSAnon, s.Process.RSSFile = cgroupstat.Of(anon*mebi), cgroupstat.Of(min(3, p.file)*mebi)
	s.Go.Objects = p.heap * mebi
	s.Go.TotalCPU, s.Go.GCCPU = p.at, p.at*time.Duration(p.gcShare)/100
	s.Go.GCCycles = p.gcShare * uint64(p.at/time.Second)
	s.Events.OOMKill, s.Events.High = cgroupstat.Of(0), cgroupstat.Of(p.high)
	if p.usageOnly {
		return s, blackbox.Usage
	}
	return s, blackbox.Full
}

// storyOf has a real box record the points.
func storyOf(t *testing.T, points []point, events ...func(*blackbox.Box)) blackbox.Story {
	t.Helper()
	dir, run := t.TempDir(), blackbox.NewRun(noon, 7)
	b := blackbox.New(blackbox.Options{
		Dir: dir, Bytes: blackbox.DefaultBytes, Fault: func(err error) {
			if err != nil {
				t.Error(err)
			}
		},
		Header: blackbox.Header{Run: run, Start: noon, PID: 7, BootID: "this boot", Program: "service"},
	})
	if err := b.Open(); err != nil {
		t.Fatal(err)
	}
	ended, over := context.WithCancel(t.Context())
	over()
	for i, p := range points {
		s, k := p.sample()
		if p.spike > 0 {
			b.Event(s.Time(), blackbox.Spike, p.spike*mebi, 0)
		}
		b.Sample(&s, k)
		if i%100 == 99 {
			b.Run(ended) // Writes what waits.
		}
	}
	for _, event := range events {
		event(b)
	}
	if err := b.Close(noon.Add(time.Hour), false); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(dir, "blackbox-"+run+".box"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := blackbox.Read(f)
	if err != nil || s.Torn > 0 {
		t.Fatalf("%d torn, %v", s.Torn, err)
	}
	s.Stopped = time.Time{} // It was not.
	return s
}

var flat20 = []point{{heap: 20}, {at: time.Second, heap: 20}}

// ramp rises from 20 MiB to a height in a second, in steps of 5 ms.
func ramp(to uint64, at func(p *point, n uint64)) []point {
	var points []point
	for i := range uint64(201) {
		p := point{at: time.Duration(i) * 5 * time.Millisecond}
		at(&p, 20+(to-20)*i/200)
		points = append(points, p)
	}
	return points
}

func heapTo(to uint64) []point { return ramp(to, func(p *point, n uint64) { p.heap = n }) }

func withOutput(o blackbox.CrashOutput) func(*blackbox.Story) {
	return func(s *blackbox.Story) { s.CrashOutput = o }
}

func onNode(s *blackbox.Story) { s.Node = "node" }

func TestJudge(t *testing.T) {
	code := func(n int) *int { return &n }
	for _, c := range []struct {
		name   string
		points []point
		facts  Facts
		story  func(*blackbox.Story)
		kind   Kind
		bucket string
		says   string
	}{
		{name: "stopped", points: heapTo(250), story: func(s *blackbox.Story) { s.Stopped = noon.Add(time.Minute) }, kind: Clean, bucket: "go_heap", says: "Stop was called"},
		{name: "stopped by a panic", points: flat20, story: func(s *blackbox.Story) { s.Panicked = noon }, kind: Crash, bucket: "go_heap", says: "by a panic"},
		{
			name: "panic after Stop", points: flat20, facts: Facts{Crash: &crash.Report{Message: "boom", Function: "main.f"}},
			story: func(s *blackbox.Story) { s.Stopped = noon }, kind: Crash, bucket: "go_heap", says: "crashed: boom in main.f",
		},
		{name: "crash at the limit", points: heapTo(250), facts: Facts{Crash: &crash.Report{Message: "boom"}}, kind: Crash, bucket: "go_heap", says: "boom"},
		{name: "mmap refused", points: flat20, facts: Facts{Crash: &crash.Report{Message: "out of memory", OutOfMemory: true}}, kind: Crash, bucket: "go_heap", says: "RLIMIT_AS"},
		{name: "another boot at the limit", points: heapTo(250), facts: Facts{BootID: "other boot", Node: "node"}, story: onNode, kind: Killed, bucket: "go_heap", says: "boot id"},
		{name: "another node at the limit", points: heapTo(252), facts: Facts{BootID: "other boot", Node: "other"}, story: onNode, kind: OOMSuspected, bucket: "go_heap", says: "it ran on another machine, node;"},
		{name: "another node", points: flat20, facts: Facts{BootID: "other boot", Node: "other", OOMKills: cgroupstat.Of(1)}, story: onNode, kind: Unknown, bucket: "go_heap", says: "it ran on another machine, node;"},
		{name: "another boot of a node without a name", points: heapTo(252), facts: Facts{BootID: "other boot"}, kind: OOMSuspected, bucket: "go_heap", says: "or this one was started again"},
		{name: "the other node has no name", points: flat20, facts: Facts{BootID: "other boot", Node: "node"}, kind: Unknown, bucket: "go_heap", says: "or this one was started again"},
		{name: "heap to the limit", points: heapTo(252), facts: Facts{BootID: "this boot"}, kind: OOMSuspected, bucket: "go_heap", says: "254.0 MiB of 256.0 MiB (99%)"},
		{name: "cut off on a steep ascent", points: heapTo(232), kind: OOMSuspected, bucket: "go_heap", says: "the limit was"},
		{name: "cut off on a gentle ascent", points: ramp(180, func(p *point, n uint64) { p.at *= 1000; p.heap = n }), kind: Unknown, bucket: "go_heap", says: "far from the limit"},
		{name: "outside Go", points: ramp(252, func(p *point, n uint64) { p.outside = n }), kind: OOMSuspected, bucket: "off_heap", says: "off_heap grew by 22"},
		{name: "tmpfs", points: ramp(252, func(p *point, n uint64) { p.tmp = n }), kind: OOMSuspected, bucket: "shared_memory", says: "shared_memory"},
		{name: "page cache at the limit", points: ramp(234, func(p *point, n uint64) { p.heap, p.file = 20, n }), kind: Unknown, bucket: "page_cache", says: "ended without a word; memory was at 256.0 MiB of 256.0 MiB (100%)"},
		{name: "page cache that cannot be dropped", points: ramp(234, func(p *point, n uint64) { p.heap, p.file, p.dirty = 20, n, n }), kind: OOMSuspected, says: "not yet written back"},
		{name: "far from the limit", points: flat20, kind: Unknown, bucket: "go_heap", says: "137 is SIGKILL"},
		{name: "exit code of SIGKILL", points: flat20, facts: Facts{ExitCode: code(137)}, kind: Killed, bucket: "go_heap", says: "killed; memory was at 22.0 MiB of 256.0 MiB (9%); no Stop"},
		{name: "exit code of an exit", points: heapTo(252), facts: Facts{ExitCode: code(1)}, kind: Unknown, bucket: "go_heap", says: "ended itself"},
		{name: "counter rose", points: flat20, facts: Facts{OOMKills: cgroupstat.Of(1)}, kind: OOMSuspected, bucket: "go_heap", says: "rose by 1"},
		{name: "counter of a new cgroup", points: flat20, facts: Facts{OOMKills: cgroupstat.Of(0)}, kind: Unknown, bucket: "go_heap", says: "far"},
		{name: "a box that cannot be read", story: func(s *blackbox.Story) { *s = blackbox.Story{} }, kind: Unknown, says: "cannot be read"},
		{name: "our crash output", points: flat20, story: withOutput(blackbox.OurCrashOutput), kind: Unknown, says: "no Stop and no last words of the Go runtime"},
		{name: "the application's crash output", points: flat20, story: withOutput(blackbox.ApplicationsOutput), kind: Unknown, says: "a crash output of its own"},
		{name: "no crash output", points: flat20, story: withOutput(blackbox.NoCrashOutput), kind: Unknown, says: "no more than a panic here, os.Exit"},
		{name: "no crash output at the limit", points: heapTo(252), facts: Facts{BootID: "this boot"}, story: withOutput(blackbox.NoCrashOutput), kind: OOMSuspected, says: "which had no file to go to, and the machine is the same boot"},
		{name: "no sample", kind: Unknown, says: "ended without a word; there is no sample"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := storyOf(t, c.points)
			if c.story != nil {
				c.story(&s)
			}
			e := Judge(&s, c.facts)
			text := e.Summary + "; " + strings.Join(e.Reasons, "; ")
			if e.Kind != c.kind || c.bucket != "" && e.Bucket != c.bucket || !strings.Contains(text, c.says) {
				t.Errorf("%s, %s: %s\nwant %s, %s: %s", e.Kind, e.Bucket, text, c.kind, c.bucket, c.says)
			}
		})
	}
}

// A sawtooth for minutes, then a ramp: only the ramp is the climb.
func TestClimb(t *testing.T) {
	var points []point
	for i := range 600 {
		points = append(points, point{at: time.Duration(i) * 250 * time.Millisecond, heap: 40 + uint64(i%40)})
	}
	begin := 150 * time.Second
	for i := range 100 {
		points = append(points, point{at: begin + time.Duration(i)*5*time.Millisecond, heap: 40 + uint64(i)*2})
	}
	s := storyOf(t, points)
	e := Judge(&s, Facts{})
	if e.Climb == nil {
		t.Fatal("no climb")
	}
	if off := e.Climb.Start.Sub(noon.Add(begin)); off < -time.Second || off > 100*time.Millisecond {
		t.Errorf("climb begins %v from the ramp", off)
	}
	if r := e.Climb.FinalRate / mebi; r < 350 || r > 420 {
		t.Errorf("final rate %d MiB/s, want about 400", r)
	}
	if g := e.Grew[0]; g.Bucket != "go_heap" || g.After-g.Before < 180*mebi {
		t.Errorf("grew %+v", g)
	}
}

// Where near the end only the usage was read, what can be reclaimed is as it
// was before.
func TestUsageAlone(t *testing.T) {
	points := []point{{heap: 20, file: 30}, {at: time.Second, heap: 20, file: 30}}
	for i := range uint64(100) {
		points = append(points, point{at: time.Second + time.Duration(i)*5*time.Millisecond, heap: 20 + 2*i, file: 30, usageOnly: true})
	}
	s := storyOf(t, points)
	e := Judge(&s, Facts{})
	if e.Climb == nil || e.Climb.From > 26*mebi || e.Climb.To != 220*mebi {
		t.Errorf("climb %+v, want from about 22 to 220 MiB", e.Climb)
	}
}

func TestLastMinute(t *testing.T) {
	var points []point
	for i := range uint64(400) { // 100 s
		points = append(points, point{at: time.Duration(i) * 250 * time.Millisecond, heap: 20 + i%2, file: 30})
	}
	s := storyOf(t, points)
	levels := Judge(&s, Facts{}).LastMinute
	if len(levels) < 119 || len(levels) > 121 {
		t.Fatalf("%d levels, want two a second", len(levels))
	}
	if first, last := levels[0].Time, levels[len(levels)-1]; last.Time.Sub(first) > time.Minute || last.Time.Sub(first) < 59*time.Second ||
		last.Usage != 53*mebi || last.Unreclaimable != 23*mebi {
		t.Errorf("from %v to %+v", first, last)
	}
}

func TestEvents(t *testing.T) {
	s := storyOf(t, flat20, func(b *blackbox.Box) {
		b.Event(noon, blackbox.Spike, 200*mebi, 20*mebi)
		b.Event(noon, blackbox.OOMKill, 2, 5)
		b.Event(noon, blackbox.Crossed, 210*mebi, 205*mebi)
	})
	e := Judge(&s, Facts{})
	if len(e.Spikes) != 1 || e.Spikes[0].Bytes != 200*mebi || e.Peak != e.Spikes[0] ||
		len(e.OOMKills) != 1 || e.OOMKills[0].Count != 2 || len(e.Crossings) != 1 || e.Crossings[0].Threshold != 205*mebi {
		t.Errorf("%+v %+v %+v, peak %+v", e.Spikes, e.OOMKills, e.Crossings, e.Peak)
	}
}

func TestCulprit(t *testing.T) {
	site := func(name string) []heapdump.Site { return []heapdump.Site{{Function: name}} }
	for name, c := range map[string]struct {
		dumps []heapdump.Dump
		want  string
	}{
		"none":                      {nil, ""},
		"no names":                  {[]heapdump.Dump{{Stage: heapdump.Immediate}}, ""},
		"the last fresh one":        {[]heapdump.Dump{{Stage: heapdump.Fresh, Top: site("a")}, {Stage: heapdump.Fresh, Top: site("b")}}, "b"},
		"fresh, though older":       {[]heapdump.Dump{{Stage: heapdump.Fresh, Top: site("a")}, {Stage: heapdump.Immediate, Top: site("b")}}, "a"},
		"immediate for want of any": {[]heapdump.Dump{{Stage: heapdump.Immediate, Top: site("b")}}, "b"},
	} {
		got := ""
		if s := culprit(c.dumps); s != nil {
			got = s.Function
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
