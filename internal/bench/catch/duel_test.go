package main

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

func smallSettings() settings {
	return settings{
		Runs: 4, OpponentRuns: 2, Limit: 256 << 20, Slow: 10, CostRate: 20,
		Rates: []int{50, 500}, Objects: []int{1024, 65536}, Procs: []int{2, 1}, OthersProcs: 2,
	}
}

func TestPlan(t *testing.T) {
	s := smallSettings()
	plan, err := s.plan()
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for i := range plan {
		o := &plan[i]
		count[o.Entrant+" "+o.Kind]++
		if runs := 2; strings.HasPrefix(o.Entrant, "memguard") && o.Kind == raceCell {
			if runs = 4; o.Asked != runs {
				t.Errorf("%s: %d runs, want %d", o, o.Asked, runs)
			}
		} else if o.Asked != runs {
			t.Errorf("%s: %d runs, want %d", o, o.Asked, runs)
		}
	}
	for name, want := range map[string]int{
		"memguard race": 8, "memguard, GOMEMLIMIT off race": 8, "holmes race": 4, "poll + GC race": 4,
		"holmes, GOMEMLIMIT 90 % race": 2, "holmes, GOMEMLIMIT 90 % slow": 0,
		"memguard slow": 1, "memguard, GOMEMLIMIT off cost": 1, "autopprof slow": 1, "none cost": 1, "none race": 0,
	} {
		if count[name] != want {
			t.Errorf("%s: %d cells, want %d", name, count[name], want)
		}
	}
	if i := slices.IndexFunc(plan, func(o outcome) bool { return o.Kind == raceCell }); i != count["none cost"]+2*7 {
		t.Errorf("a race is cell %d, before what shows that all work", i)
	}
	s.Only = []string{"nobody"}
	if _, err := s.plan(); err == nil {
		t.Error("nobody takes part")
	}
}

func TestFightTellsWhatItLeavesOut(t *testing.T) {
	s := smallSettings()
	s.Budget = -time.Second
	plan, err := s.plan()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range fight(t.Context(), plan, s, t.TempDir(), io.Discard) {
		if o.Unrun == "" || o.missing() != o.Asked {
			t.Fatalf("%s: %d missing, %q", &o, o.missing(), o.Unrun)
		}
	}
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	if o := fight(interrupted, plan[:1], s, t.TempDir(), io.Discard)[0]; o.Unrun != "interrupted" || len(o.Failed) != 0 {
		t.Errorf("%q, failed %v", o.Unrun, o.Failed)
	}
}

func TestNumbers(t *testing.T) {
	if got, err := numbers("50, 200"); err != nil || !slices.Equal(got, []int{50, 200}) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"", "1,,2", "0", "-3", "x"} {
		if got, err := numbers(bad); err == nil {
			t.Errorf("%q: got %v, want an error", bad, got)
		}
	}
}

func TestDeadlineIsEnough(t *testing.T) {
	s := smallSettings()
	c, e := s.cell(&outcome{Entrant: "holmes", Kind: raceCell, Rate: 10, Object: 1024, Procs: 2}, "")
	if least := e.Settle + e.Period + 27*time.Second; c.Deadline < least {
		t.Errorf("got %v, want %v or more", c.Deadline, least)
	}
}
