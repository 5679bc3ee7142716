package main

import (
	"os"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

// asVictim makes the test binary be what the runner starts.
const asVictim = "CATCH_TEST_VICTIM"

func TestMain(m *testing.M) {
	if os.Getenv(asVictim) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func quickCell(t *testing.T, watcher string) *cell {
	t.Helper()
	kerneltest.NewGroup(t, 256<<20) // Skips where no group can be made.
	return &cell{
		Watcher: watcher, Procs: 2, Limit: 256 << 20, Volume: t.TempDir(), Deadline: time.Minute,
		Env:  []string{asVictim + "=1"},
		Ramp: ramp{Rate: 200, Object: 1024, Base: 100 << 20, Settle: time.Second},
	}
}

func TestMemguardCatchesAndNames(t *testing.T) {
	// About one in forty is not named (docs/catch.md): not twice in a row.
	for range 2 {
		r, err := quickCell(t, "memguard").run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !r.Killed || r.Files == 0 || r.Torn != 0 {
			t.Fatalf("want a kill that leaves a dump, got %+v", r)
		}
		if r.Named {
			return
		}
		t.Logf("not named: %+v", r)
	}
	t.Error("want a kill that leaves the culprit's name")
}

func TestHeldRampEnds(t *testing.T) {
	c := quickCell(t, "poll + GC")
	c.Ramp.Hold, c.Ramp.HoldFor = c.threshold()+holdAbove, time.Second
	r, err := c.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.Killed || r.Files == 0 || r.Cost == 0 {
		t.Errorf("want a dump without a kill and its cost, got %+v", r)
	}
}

func TestAutopprofHasItsStage(t *testing.T) {
	c := quickCell(t, "autopprof")
	if _, err := os.Stat(pidsMount); err != nil {
		kerneltest.Missing(t, "the stage needs a v1 pids hierarchy: %v", err)
	}
	if r, err := c.run(t.Context()); err != nil || !r.Killed {
		t.Errorf("killed %v, %v", r.Killed, err)
	}
}

func TestBrokenWatcherFailsTheRun(t *testing.T) {
	if r, err := quickCell(t, "nobody").run(t.Context()); err == nil {
		t.Errorf("got %+v, want an error", r)
	}
}
