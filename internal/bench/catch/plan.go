package main

import (
	"fmt"
	"slices"
	"time"
)

// plan is the cells in the order they run: what shows that everybody works
// comes first, what is only for completeness last.
func (s *settings) plan() ([]outcome, error) {
	all := entrants(s.Limit)
	for _, name := range s.Only {
		if !slices.ContainsFunc(all, func(e entrant) bool { return e.Name == name }) {
			return nil, fmt.Errorf("no watcher %q takes part", name)
		}
	}
	wanted := func(e *entrant) bool { return len(s.Only) == 0 || slices.Contains(s.Only, e.Name) }
	var plan, last []outcome
	for i := range all {
		if e := &all[i]; wanted(e) && !e.Extra {
			plan = append(plan,
				outcome{Entrant: e.Name, Kind: slowCell, Rate: s.Slow, Object: s.Objects[0], Procs: s.OthersProcs, Asked: s.OpponentRuns},
				outcome{Entrant: e.Name, Kind: costCell, Rate: s.CostRate, Object: s.Objects[0], Procs: s.OthersProcs, Asked: s.OpponentRuns})
		}
	}
	if len(s.Only) == 0 {
		plan = append(plan, outcome{Entrant: noneName, Kind: costCell, Rate: s.CostRate, Object: s.Objects[0], Procs: s.OthersProcs, Asked: s.OpponentRuns})
	}
	for i := range all {
		e := &all[i]
		if !wanted(e) {
			continue
		}
		procs, objects, runs := s.Procs, s.Objects, s.Runs
		if !e.Ours {
			procs, runs = []int{s.OthersProcs}, s.OpponentRuns
		}
		if e.Extra {
			objects = objects[:1]
		}
		for _, p := range procs {
			for _, object := range objects {
				for _, rate := range s.Rates {
					o := outcome{Entrant: e.Name, Kind: raceCell, Rate: rate, Object: object, Procs: p, Asked: runs}
					if e.Extra || e.Name == memguardOffName {
						last = append(last, o)
					} else {
						plan = append(plan, o)
					}
				}
			}
		}
	}
	return append(plan, last...), nil
}

// cell makes one field of the plan ready to run.
func (s *settings) cell(o *outcome, volume string) (cell, entrant) {
	e := entrant{Name: noneName, Watcher: "none", Settle: time.Second, Hold: 3 * time.Second}
	all := entrants(s.Limit)
	if i := slices.IndexFunc(all, func(e entrant) bool { return e.Name == o.Entrant }); i >= 0 {
		e = all[i]
	}
	c := cell{
		Watcher: e.Watcher, Env: e.Env, Procs: o.Procs, Limit: s.Limit, Volume: volume,
		Ramp: ramp{Rate: o.Rate, Object: o.Object, Base: s.Base},
	}
	if o.Kind == costCell {
		c.Ramp.Hold, c.Ramp.HoldFor = c.threshold()+holdAbove, e.Hold
	}
	// What the ramp needs at its rate, and a minute for a machine that is slow.
	c.Deadline = e.Settle + e.Period + e.Hold + time.Duration(s.Limit/uint64(o.Rate)/1e3)*time.Millisecond + time.Minute
	return c, e
}
