package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// settings are the flags of duel that the tables tell.
type settings struct {
	Runs         int           `json:"runs"` // of a cell of memguard
	OpponentRuns int           `json:"opponent_runs"`
	Budget       time.Duration `json:"budget_ns"`
	Limit        uint64        `json:"limit_bytes"`
	Base         int           `json:"base_bytes"`
	Slow         int           `json:"slow_mb_s"`
	CostRate     int           `json:"cost_mb_s"`
	Rates        []int         `json:"rates_mb_s"`
	Objects      []int         `json:"object_bytes"`
	Procs        []int         `json:"gomaxprocs"` // of memguard
	OthersProcs  int           `json:"opponent_gomaxprocs"`
	Only         []string      `json:"only,omitempty"`
}

// maxFailures is how often a cell may fail before the rest of it is left out.
const maxFailures = 3

func duel(ctx context.Context, args []string) error {
	s := settings{Base: 100 << 20}
	f := flag.NewFlagSet("duel", flag.ContinueOnError)
	f.IntVar(&s.Runs, "runs", 20, "runs of each cell of memguard")
	f.IntVar(&s.OpponentRuns, "opponent-runs", 3, "runs of each cell of the others, of the slow and of the held ramps")
	f.DurationVar(&s.Budget, "budget", 90*time.Minute, "time for all; what is left then is told as not run")
	f.Uint64Var(&s.Limit, "limit", 256<<20, "limit of the group in bytes")
	f.IntVar(&s.Slow, "slow", 10, "MB/s of the ramp that shows that every watcher works")
	f.IntVar(&s.CostRate, "cost-rate", 20, "MB/s of the ramp that is held to see what a dump costs")
	f.IntVar(&s.OthersProcs, "opponent-procs", 2, "GOMAXPROCS of the opponents' victims")
	rates := f.String("rates", "50,200,500,1000,2000", "MB/s, comma-separated")
	objects := f.String("objects", "1024,65536", "bytes of a leaked object, comma-separated")
	procs := f.String("procs", "2,1", "GOMAXPROCS of memguard's victims, comma-separated")
	only := f.String("only", "", "these watchers, separated by semicolons, instead of all")
	volume := f.String("volume", os.TempDir(), "where dump directories are made")
	out := f.String("out", "docs/catch.md", "file for the tables")
	figures := f.String("json", "", "file for the figures of every run")
	if err := f.Parse(args); err != nil {
		return err
	}
	var errs [3]error
	s.Rates, errs[0] = numbers(*rates)
	s.Objects, errs[1] = numbers(*objects)
	s.Procs, errs[2] = numbers(*procs)
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	if s.Runs < 1 || s.OpponentRuns < 1 || s.Slow < 1 || s.CostRate < 1 || s.OthersProcs < 1 {
		return errors.New("duel: runs, rates and GOMAXPROCS are 1 or more")
	}
	if *only != "" {
		s.Only = strings.Split(*only, ";")
	}
	plan, err := s.plan()
	if err != nil {
		return err
	}
	machine, err := thisMachine()
	if err != nil {
		return err
	}
	r := report{Machine: machine, Settings: s, Began: time.Now().UTC()}
	r.Cells = fight(ctx, plan, s, *volume, os.Stderr)
	r.Took = time.Since(r.Began).Round(time.Second)
	return errors.Join(writeJSON(*figures, &r), writeTables(*out, &r), r.problem(), ctx.Err())
}

func numbers(list string) ([]int, error) {
	var all []int
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q: want whole numbers from 1, comma-separated", list)
		}
		all = append(all, n)
	}
	return all, nil
}

// fight runs the cells one after the other, each victim alone.
func fight(ctx context.Context, plan []outcome, s settings, volume string, progress io.Writer) []outcome {
	end := time.Now().Add(s.Budget)
	for i := range plan {
		o := &plan[i]
		c, e := s.cell(o, volume)
		for run := range o.Asked {
			if ctx.Err() != nil {
				o.Unrun = "interrupted"
				break
			}
			if time.Now().After(end) {
				o.Unrun = "the time was used up"
				break
			}
			if len(o.Failed) == maxFailures {
				o.Unrun = "it kept failing"
				break
			}
			// A fixed rest would meet every poll at the same point of its period.
			c.Ramp.Settle = e.Settle + e.Period*time.Duration(2*run+1)/time.Duration(2*o.Asked)
			r, err := c.run(ctx)
			switch {
			case ctx.Err() != nil: // An interrupted victim is nobody's failure.
			case err != nil:
				o.Failed = append(o.Failed, firstLine(err))
			case !r.Killed && o.Kind != costCell:
				o.Failed = append(o.Failed, "killed, but not for the limit")
			default:
				o.Results = append(o.Results, r)
			}
		}
		fmt.Fprintf(progress, "%d/%d %s: %s\n", i+1, len(plan), o, o.summary())
	}
	return plan
}

// firstLine keeps a victim's dying words, and the paths of this machine, out
// of the tables.
func firstLine(err error) string {
	line, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	words := strings.Fields(line)
	for i, w := range words {
		if strings.HasPrefix(w, "/") {
			words[i] = "(path)"
		}
	}
	return strings.Join(words, " ")
}

func writeJSON(path string, r *report) error {
	if path == "" {
		return nil
	}
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

func writeTables(path string, r *report) error {
	text, err := r.markdown()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

// remakeTable writes the tables from figures of before.
func remakeTable(args []string) error {
	f := flag.NewFlagSet("table", flag.ContinueOnError)
	figures := f.String("json", "", "file with the figures")
	out := f.String("out", "docs/catch.md", "file for the tables")
	if err := f.Parse(args); err != nil {
		return err
	}
	b, err := os.ReadFile(*figures)
	if err != nil {
		return err
	}
	var r report
	if err := json.Unmarshal(b, &r); err != nil {
		return fmt.Errorf("%s: %w", *figures, err)
	}
	return writeTables(*out, &r)
}
