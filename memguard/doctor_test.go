package memguard

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/diagnose"
	"github.com/memguard-dev/go-memguard/internal/sample"
	"github.com/memguard-dev/go-memguard/internal/syncbuf"
)

// patient is a doctor whose program leaks a MiB a second below a limit of
// 200 MiB, four samples a second.
func patient(t *testing.T) (d *doctor, log *syncbuf.Buffer, live func(d time.Duration)) {
	t.Helper()
	log = &syncbuf.Buffer{}
	g := mustStart(t, quiet(t, newTree(t), WithLogger(slog.New(slog.NewTextHandler(log, nil)))))
	d = newDoctor(g)
	now := time.Duration(0)
	live = func(span time.Duration) {
		for end := now + span; now < end; now += fullEvery {
			heap := 20<<20 + uint64(now.Seconds()*(1<<20))
			o := observed{sample: sample.Sample{
				Since: now, Scope: sample.Process, Usage: cgroupstat.Of(heap + 8<<20), Limit: cgroupstat.Of(200 << 20),
			}}
			o.sample.Process.RSSAnon, o.sample.Process.RSSFile = cgroupstat.Of(heap+4<<20), cgroupstat.Of(4<<20)
			o.sample.Go.LiveHeap, o.sample.Go.Objects, o.sample.Go.Total = heap, heap, heap+4<<20
			o.sample.Go.GCCycles = uint64(now.Seconds())
			d.attempt(&o)
		}
	}
	return d, log, live
}

func TestDoctorTellsAFindingOnce(t *testing.T) {
	d, log, live := patient(t)
	live(20 * time.Second)
	if first := d.latest.Load().Findings[0].Code; first != FindingHealthy {
		t.Errorf("%s of a start-up", first)
	}
	live(60 * time.Second)
	a := d.latest.Load()
	if f := a.Findings[0]; f.Code != FindingHeapLeak || f.Severity == SeverityInfo {
		t.Fatalf("%+v", a.Findings)
	}
	if a.TimeToLimit == nil || a.TimeToLimit.Expected < time.Minute || a.TimeToLimit.Expected > 3*time.Minute {
		t.Errorf("time to the limit: %+v", a.TimeToLimit)
	}
	if a.Sizing == nil || a.Sizing.Limit <= a.Sizing.Request {
		t.Errorf("sizing %+v", a.Sizing)
	}
	told := func() int { return strings.Count(log.String(), "code="+string(FindingHeapLeak)) }
	eventually(t, "a record of it", func() bool { return told() > 0 })
	live(30 * time.Second)
	if n := told(); n != 1 {
		t.Errorf("told %d times:\n%s", n, log.String())
	}
}

func TestDoctorSurvivesItsOwnMistakes(t *testing.T) {
	d, _, live := patient(t)
	right, wrong := d.diagnose, true
	d.diagnose = func(f *diagnose.Facts) diagnose.Diagnosis {
		if wrong {
			panic("a bug")
		}
		return right(f)
	}
	live(20 * time.Second)
	failing := d.guard.Snapshot().Failing["diagnosis"]
	if !strings.Contains(failing, "a bug") || !strings.Contains(failing, "doctor_test.go") {
		t.Errorf("failing: %q", failing)
	}
	wrong = false
	live(90 * time.Second)
	if failing := d.guard.Snapshot().Failing["diagnosis"]; failing != "" {
		t.Errorf("still failing: %s", failing)
	}
	if first := d.latest.Load().Findings[0].Code; first != FindingHeapLeak {
		t.Errorf("afterwards: %s", first)
	}
}
