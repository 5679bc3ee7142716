package postmortem

import (
	"strings"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/blackbox"
	"github.com/memguard-dev/go-memguard/internal/diagnose"
	"github.com/memguard-dev/go-memguard/internal/survey"
)

// around is what the box was told beside the samples.
func around(b *blackbox.Box) {
	b.SetAround(blackbox.Surroundings{
		Version: cgroupstat.V2, High: cgroupstat.Of(240 * mebi),
		Survey: survey.Survey{
			Time: noon,
			Processes: []survey.Process{
				{PID: 1, Name: "service", Self: true},
				{PID: 7, Name: "sidecar", RSS: cgroupstat.Of(90 * mebi), RSSAnon: cgroupstat.Of(80 * mebi), OOMScore: cgroupstat.Of(900)},
			},
			OtherAnon: 80 * mebi,
			Tmpfs:     []survey.Mount{{Dir: "/cache", Bytes: 30 * mebi, Size: 1 << 30}},
		},
	})
}

// What was around the process names what grew, though it is gone.
func TestTheDeadNameTheirSurroundings(t *testing.T) {
	slowly := func(points []point) []point {
		for i := range points {
			points[i].at *= 100
		}
		return points
	}
	for name, c := range map[string]struct {
		points []point
		code   diagnose.Code
		says   string
	}{
		"a volume in seconds":          {ramp(252, func(p *point, n uint64) { p.tmp = n }), diagnose.Tmpfs, "/cache 30"},
		"a volume":                     {slowly(ramp(252, func(p *point, n uint64) { p.tmp = n })), diagnose.Tmpfs, "/cache 30"},
		"another process in seconds":   {ramp(252, func(p *point, n uint64) { p.others = n }), diagnose.OtherProcess, "sidecar (pid 7, oom_score 900) 90"},
		"another process":              {slowly(ramp(252, func(p *point, n uint64) { p.others = n })), diagnose.OtherProcess, "sidecar (pid 7, oom_score 900) 90"},
		"writes held up, cgroup v2":    {slowly(ramp(252, func(p *point, n uint64) { p.heap, p.file, p.dirty = 10, n-10, n/12 })), diagnose.PageCacheDirty, "not yet written"},
		"held up at memory.high":       {slowly(ramp(238, func(p *point, n uint64) { p.heap, p.high = n, max(n, 200)-200 })), diagnose.Throttled, "memory.high, 240"},
		"collections take the CPU":     {slowly(ramp(200, func(p *point, n uint64) { p.heap, p.gcShare = 180, 60 })), diagnose.GCThrash, "60 %"},
		"the kernel's own page tables": {slowly(ramp(200, func(p *point, n uint64) { p.heap, p.tables = 20, n })), diagnose.KernelMemory, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := storyOf(t, c.points, around)
			e := Judge(&s, Facts{})
			for _, f := range e.Findings {
				if f.Code == c.code && strings.Contains(f.Summary, c.says) {
					return
				}
			}
			t.Errorf("want %s: %s; got", c.code, c.says)
			for _, f := range e.Findings {
				t.Errorf("%s: %s", f.Code, f.Summary)
			}
		})
	}
}

func TestBreakdownOfTheDead(t *testing.T) {
	s := storyOf(t, ramp(200, func(p *point, n uint64) { p.heap, p.others, p.tables, p.file = 20, n, 5, 10 }), around)
	e := Judge(&s, Facts{})
	if e.Breakdown == nil {
		t.Fatal("none")
	}
	for _, path := range [][]string{{"other_processes", "sidecar (7)"}, {"kernel", "page_tables"}, {"outside_go", "mapped_files"}} {
		if n, ok := e.Breakdown.Find(path...); !ok || n.Bytes == 0 {
			t.Errorf("%v: %+v", path, n)
		}
	}
}

// A spike that the samples missed is told of the dead as well.
func TestSpikeOfTheDead(t *testing.T) {
	points := make([]point, 200)
	for i := range points {
		points[i] = point{at: time.Duration(i) * 250 * time.Millisecond, heap: 20}
	}
	points[150].spike = 220
	s := storyOf(t, points)
	e := Judge(&s, Facts{})
	found := false
	for _, f := range e.Findings {
		found = found || f.Code == diagnose.Spike && strings.Contains(f.Summary, "220 MiB")
	}
	if !found {
		t.Errorf("%+v", e.Findings)
	}
}
