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
// 150 MiB, four samples a second.
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
				Since: now, Scope: sample.Process, Usage: cgroupstat.Of(heap + 8<<20), Limit: cgroupstat.Of(150 << 20),
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
	if a.TimeToLimit == nil || a.TimeToLimit.Expected < 20*time.Second || a.TimeToLimit.Expected > 3*time.Minute {
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

// holds is what a doctor is told of a program that holds so many MiB, nearly all
// of it garbage, under a limit.
func holds(now time.Duration, held, limit uint64) *observed {
	o := &observed{sample: sample.Sample{
		Since: now, Scope: sample.Process, Usage: cgroupstat.Of(held << 20), Limit: cgroupstat.Of(limit << 20),
	}}
	o.sample.Process.RSSAnon = cgroupstat.Of(held << 20)
	o.sample.Go.LiveHeap, o.sample.Go.Objects, o.sample.Go.Total = 4<<20, held<<20, held<<20
	return o
}

func TestLimitLoweredIsToldAtOnce(t *testing.T) {
	log := &syncbuf.Buffer{}
	d := newDoctor(mustStart(t, quiet(t, newTree(t), WithLogger(slog.New(slog.NewTextHandler(log, nil))))))
	now := time.Duration(0)
	live := func(span time.Duration, limit uint64) {
		for end := now + span; now < end; now += fullEvery {
			d.attempt(holds(now, 100, limit))
		}
	}
	told := func() int { return strings.Count(log.String(), "code="+string(FindingLimitTooClose)) }
	live(20*time.Second+fullEvery, 400)
	if told() != 0 {
		t.Fatalf("before: %s", log.String())
	}
	for i := range 2 {
		live(fullEvery, 80)
		if f := d.latest.Load().Findings[0]; f.Code != FindingLimitTooClose || f.Severity != SeverityCritical || !strings.Contains(f.Summary, "lowered from 400 MiB to 80.0 MiB, below the 100 MiB") {
			t.Errorf("%d: %+v", i, f)
		}
		eventually(t, "a record of it", func() bool { return told() == i+1 })
		live(time.Second, 80)
		live(60*time.Second+fullEvery, 400)
		if d.latest.Load().Has(FindingLimitTooClose) {
			t.Errorf("it is still told: %+v", d.latest.Load().Findings)
		}
	}
	if n := told(); n != 2 {
		t.Errorf("told %d times of two", n)
	}
}

func TestDoctorTellsWhatGetsWorse(t *testing.T) {
	log := &syncbuf.Buffer{}
	d := newDoctor(mustStart(t, quiet(t, newTree(t), WithLogger(slog.New(slog.NewTextHandler(log, nil))))))
	var severity Severity
	d.diagnose = func(*diagnose.Facts) diagnose.Diagnosis {
		return diagnose.Diagnosis{Findings: []Finding{{Code: FindingTmpfs, Severity: severity}}}
	}
	now := time.Duration(0)
	for _, severity = range []Severity{SeverityWarning, SeverityCritical, SeverityWarning, SeverityCritical, SeverityInfo} {
		for range 4 * 30 {
			d.attempt(holds(now, 10, 400))
			now += fullEvery
		}
	}
	told := func(s Severity) int { return strings.Count(log.String(), "code=tmpfs severity="+string(s)) }
	eventually(t, "both records", func() bool { return told(SeverityWarning)+told(SeverityCritical) >= 2 })
	if told(SeverityWarning) != 1 || told(SeverityCritical) != 1 {
		t.Errorf("%s", log.String())
	}
}

// The same, from the file to the record.
func TestLimitFileLoweredIsTold(t *testing.T) {
	log, tr := &syncbuf.Buffer{}, newTree(t)
	g := mustStart(t, quiet(t, tr, WithLogger(slog.New(slog.NewTextHandler(log, nil)))))
	eventually(t, "a diagnosis", func() bool { return g.doctor.latest.Load() != nil })
	tr.write("memory.max", "94371840\n") // 90 MiB of 120
	eventually(t, "a record of it", func() bool {
		return strings.Contains(log.String(), "the limit was lowered from 256 MiB to 90.0 MiB") && strings.Contains(log.String(), "severity=critical")
	})
}

// A file that could not be read for a moment hides no kill.
func TestKillsOfAGapAreTold(t *testing.T) {
	d := newDoctor(mustStart(t, quiet(t, newTree(t))))
	for i, kills := range []cgroupstat.Value{cgroupstat.Of(1), {}, {}, cgroupstat.Of(2)} {
		o := holds(time.Duration(i)*6*time.Second, 10, 400)
		o.sample.Events.OOMKill = kills
		d.attempt(o)
	}
	if a := d.latest.Load(); !a.Has(FindingInvisibleOOMKill) {
		t.Errorf("%+v", a.Findings)
	}
}
