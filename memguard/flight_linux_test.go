package memguard

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/internal/blackbox"
	"github.com/memguard-dev/go-memguard/internal/syncbuf"
)

// filesOf are the names in a directory that begin so.
func filesOf(t *testing.T, dir, prefix string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, prefix+"*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func stop(t *testing.T, g *Guard) {
	t.Helper()
	if err := g.Stop(); err != nil {
		t.Error(err)
	}
}

func TestPreviousExit(t *testing.T) {
	dir := t.TempDir()
	g := mustStart(t, quiet(t, newTree(t), WithDumpDir(dir)))
	if e, ok := g.PreviousExit(); ok {
		t.Fatalf("before the first: %+v", e)
	}
	stop(t, g)

	var log syncbuf.Buffer
	g = mustStart(t, quiet(t, newTree(t), WithDumpDir(dir), WithLogger(slog.New(slog.NewTextHandler(&log, nil)))))
	e, ok := g.PreviousExit()
	if !ok || e.Kind != ExitClean || e.Summary == "" || e.PID != os.Getpid() || e.Limit.Or(0) != 256<<20 || e.Basis != "unreclaimable" || e.Thresholds != "80%" {
		t.Errorf("%v, %+v", ok, e)
	}
	if e.Last == nil || e.Last.Usage.Or(0) != 120<<20 || e.Peak.Bytes != 120<<20 {
		t.Errorf("last %+v, peak %+v", e.Last, e.Peak)
	}
	if _, err := os.Stat(e.File); err != nil {
		t.Error(err)
	}
	stop(t, g)
	if !strings.Contains(log.String(), "how the process before ended") {
		t.Errorf("not told:\n%s", log.String())
	}
	if crash := filesOf(t, dir, "crash-"); len(crash) > 0 {
		t.Errorf("empty crash outputs stay: %v", crash)
	}

	// Each end is told once, and of two the later one counts.
	g = mustStart(t, quiet(t, newTree(t), WithDumpDir(dir)))
	if next, ok := g.PreviousExit(); !ok || next.Run == e.Run {
		t.Errorf("%v: %s again", ok, next.Run)
	}
	if n := len(filesOf(t, dir, "exit-")); n != 2 {
		t.Errorf("%d verdicts of two runs", n)
	}
}

func TestStopByAPanicIsNotClean(t *testing.T) {
	dir := t.TempDir()
	g := mustStart(t, quiet(t, newTree(t), WithDumpDir(dir)))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		defer func() { stop(t, g) }()
		panic("for the test")
	}()
	g = mustStart(t, quiet(t, newTree(t), WithDumpDir(dir)))
	if e, _ := g.PreviousExit(); e.Kind != ExitCrash {
		t.Errorf("%s: %v", e.Kind, e.Reasons)
	}
}

func TestBlackBoxOff(t *testing.T) {
	s := quiet(t, newTree(t), WithBlackBox(0))
	g := mustStart(t, s)
	stop(t, g)
	for _, prefix := range []string{"blackbox-", "crash-", "exit-"} {
		if found := filesOf(t, s.dumpDir.value, prefix); len(found) > 0 {
			t.Errorf("files %v", found)
		}
	}
}

func TestBoxOfAnotherProgramIsItsOwn(t *testing.T) {
	dir := t.TempDir()
	b := blackbox.New(blackbox.Options{
		Dir: dir, Bytes: blackbox.MinBytes, Fault: func(error) {},
		Header: blackbox.Header{Run: blackbox.NewRun(time.Now(), 1), Start: time.Now(), PID: 1, Program: "sidecar"},
	})
	if err := errors.Join(b.Open(), b.Close(time.Now(), false)); err != nil {
		t.Fatal(err)
	}
	g := mustStart(t, quiet(t, newTree(t), WithDumpDir(dir)))
	if e, ok := g.PreviousExit(); ok {
		t.Errorf("%+v", e)
	}
}

func TestDamagedBoxIsSetAside(t *testing.T) {
	dir := t.TempDir()
	name := "blackbox-" + blackbox.NewRun(time.Now(), 1)
	if err := os.WriteFile(filepath.Join(dir, name+".box"), []byte(strings.Repeat("junk", 20000)), 0o600); err != nil {
		t.Fatal(err)
	}
	var log syncbuf.Buffer
	g := mustStart(t, quiet(t, newTree(t), WithDumpDir(dir), WithLogger(slog.New(slog.NewTextHandler(&log, nil)))))
	stop(t, g)
	if _, err := os.Stat(filepath.Join(dir, name+".bad")); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "not a black box, or damaged") {
		t.Errorf("not told:\n%s", log.String())
	}
}

func TestRunsOfTheBoxAreRetained(t *testing.T) {
	dir := t.TempDir()
	for range 5 {
		g := mustStart(t, quiet(t, newTree(t), WithDumpDir(dir), WithRetention(2, 256<<20)))
		eventually(t, "at most two earlier runs and this one", func() bool { return len(filesOf(t, dir, "blackbox-")) <= 3 })
		stop(t, g)
	}
}

func TestLimitAndThresholdsAreInTheBox(t *testing.T) {
	tr, dir, pod := newTree(t), t.TempDir(), t.TempDir()
	g := mustStart(t, quiet(t, tr, WithDumpDir(dir), WithPodInfo(pod)))
	tr.write("memory.max", "536870912\n")
	if err := os.WriteFile(filepath.Join(pod, "threshold"), []byte("70%"), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new limit and threshold", func() bool {
		s := g.Snapshot()
		return s.Limit.Bytes.Or(0) == 512<<20 && s.Thresholds[0].Threshold == Percent(70)
	})
	stop(t, g)
	g = mustStart(t, quiet(t, tr, WithDumpDir(dir)))
	if e, _ := g.PreviousExit(); e.Thresholds != "70%" || e.Limit.Or(0) != 512<<20 {
		t.Errorf("%+v", e)
	}
}

// What the kernel counts between two samples.
func TestSpikeAndOOMKillAreTold(t *testing.T) {
	tr, dir := newTree(t), t.TempDir()
	var log syncbuf.Buffer
	g := mustStart(t, quiet(t, tr, WithDumpDir(dir), WithLogger(slog.New(slog.NewTextHandler(&log, nil)))))
	tr.write("memory.peak", "251658240\n") // 240 MiB
	tr.write("memory.events", "low 0\nhigh 0\nmax 0\noom 1\noom_kill 2\n")
	eventually(t, "both", func() bool { return g.spikes.Load() == 1 && g.oomKills.Load() == 2 })
	stop(t, g)
	for _, part := range []string{"rose and fell between two samples", "peak=240.0MiB", "[80%]", "killed another process", "processes=2"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("the log lacks %q:\n%s", part, log.String())
		}
	}
	g = mustStart(t, quiet(t, tr, WithDumpDir(dir)))
	e, _ := g.PreviousExit()
	if len(e.Spikes) != 1 || e.Spikes[0].Bytes != 240<<20 || len(e.OOMKills) != 1 || e.OOMKills[0].Count != 2 {
		t.Errorf("%+v %+v", e.Spikes, e.OOMKills)
	}
}

// stuck is a log handler that hangs at its second record, until it is let go.
type stuck struct {
	slog.Handler
	records *atomic.Int32
	release chan struct{}
}

func (s stuck) Enabled(context.Context, slog.Level) bool { return true }

func (s stuck) Handle(context.Context, slog.Record) error {
	if s.records.Add(1) > 1 {
		<-s.release
	}
	return nil
}

// Stop gives up waiting for the handler, and the box says that it was called.
func TestHungLogHandlerIsNoUncleanEnd(t *testing.T) {
	dir := t.TempDir()
	stop(t, mustStart(t, quiet(t, newTree(t), WithDumpDir(dir))))

	handler := stuck{slog.DiscardHandler, new(atomic.Int32), make(chan struct{})}
	g, err := start(quiet(t, newTree(t), WithDumpDir(dir), WithLogger(slog.New(handler))))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the handler to hang", func() bool { return handler.records.Load() == 2 })
	begin := time.Now()
	if err := g.Stop(); !errors.Is(err, ErrStopTimeout) || time.Since(begin) > 2*stopTimeout {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
	run := g.flight.header.Run
	g = mustStart(t, quiet(t, newTree(t), WithDumpDir(dir)))
	if e, ok := g.PreviousExit(); !ok || e.Kind != ExitClean || e.Run != run {
		t.Errorf("%v: %s of %s, want %s of %s", ok, e.Kind, e.Run, ExitClean, run)
	}
	close(handler.release)
}

// What takes the runtime's last words is in the box, and so in the reasons.
func TestCrashOutputIsInTheBox(t *testing.T) {
	dir := t.TempDir()
	own, err := os.Create(filepath.Join(t.TempDir(), "own"))
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	output := func() blackbox.CrashOutput {
		t.Helper()
		g := mustStart(t, quiet(t, newTree(t), WithDumpDir(dir)))
		stop(t, g)
		f, err := os.Open(filepath.Join(dir, "blackbox-"+g.flight.header.Run+".box"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		s, err := blackbox.Read(f)
		if err != nil {
			t.Fatal(err)
		}
		return s.CrashOutput
	}
	if o := output(); o != blackbox.OurCrashOutput {
		t.Errorf("%q, want ours", o)
	}
	if err := debug.SetCrashOutput(own, debug.CrashOptions{}); err != nil {
		t.Fatal(err)
	}
	o := output()
	if err := debug.SetCrashOutput(nil, debug.CrashOptions{}); err != nil {
		t.Fatal(err)
	}
	if o != blackbox.ApplicationsOutput {
		t.Errorf("%q, want the application's", o)
	}
}
