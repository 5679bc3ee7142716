package main

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// report is all that a duel found: the tables are made from nothing else.
type report struct {
	Machine  machine       `json:"machine"`
	Settings settings      `json:"settings"`
	Began    time.Time     `json:"began"`
	Took     time.Duration `json:"took_ns"`
	Cells    []outcome     `json:"cells"`
}

// Kinds of cells.
const (
	raceCell = "race" // leaks until killed
	slowCell = "slow" // the same, so slowly that every watcher has to catch it
	costCell = "cost" // is held above the threshold
)

// outcome is one cell with its runs.
type outcome struct {
	Entrant string   `json:"watcher"`
	Kind    string   `json:"kind"`
	Rate    int      `json:"rate_mb_s"`
	Object  int      `json:"object_bytes"`
	Procs   int      `json:"gomaxprocs"`
	Asked   int      `json:"runs_asked"`
	Results []result `json:"results"`
	Failed  []string `json:"failed,omitempty"`  // runs without a result, and why
	Unrun   string   `json:"not_run,omitempty"` // why there are fewer than asked
}

func (o *outcome) String() string {
	return fmt.Sprintf("%s, %s at %d MB/s, objects of %d B, GOMAXPROCS %d", o.Entrant, o.Kind, o.Rate, o.Object, o.Procs)
}

func (o *outcome) summary() string {
	f := figuresOf(o.Results)
	text := fmt.Sprintf("caught %d, named %d of %d", f.Caught, f.Named, f.Runs)
	if o.Kind == costCell {
		text += ", cost " + mebibytes(costOf(o).Median, costOf(o).N)
	}
	if len(o.Failed) > 0 {
		text += fmt.Sprintf(", failed %d: %s", len(o.Failed), o.Failed[0])
	}
	if o.Unrun != "" {
		text += ", stopped: " + o.Unrun
	}
	return text
}

// missing is how many runs there are not.
func (o *outcome) missing() int { return o.Asked - len(o.Results) - len(o.Failed) }

// problem is what makes the figures unfit to compare: a run that failed, or a
// watcher that catches nothing even where it has all the time.
func (r *report) problem() error {
	var errs []error
	for i := range r.Cells {
		o := &r.Cells[i]
		for _, f := range o.Failed {
			errs = append(errs, fmt.Errorf("%s: %s", o, f))
		}
		if o.Kind == slowCell && len(o.Results) > 0 && figuresOf(o.Results).Caught == 0 {
			errs = append(errs, fmt.Errorf("%s: caught nothing, so it does not seem to work at all", o))
		}
	}
	return errors.Join(errs...)
}

// figures are what a table tells of some runs. An empty median has no values.
type figures struct {
	Runs, Caught, Named, Torn int
	Rate                      spread // MB/s reached
	First, Naming             spread // ms after crossing
	LeakedAt                  spread // bytes leaked when the file that counts was there
}

// spread is the median and the greatest of some values.
type spread struct {
	N           int
	Median, Max float64
}

func spreadOf(values []float64) spread {
	n := len(values)
	if n == 0 {
		return spread{}
	}
	values = slices.Sorted(slices.Values(values))
	return spread{N: n, Median: (values[(n-1)/2] + values[n/2]) / 2, Max: values[n-1]}
}

// figuresOf sums up. The file that counts is the first that names the culprit,
// or else the first. A run without a file has no time.
func figuresOf(results []result) figures {
	f := figures{Runs: len(results)}
	var rate, first, naming, leaked []float64
	for i := range results {
		r := &results[i]
		rate = append(rate, r.Rate)
		f.Torn += r.Torn
		if r.Files == 0 {
			continue
		}
		f.Caught++
		first = append(first, ms(r.First))
		if !r.Named {
			leaked = append(leaked, float64(r.FirstAt))
			continue
		}
		f.Named++
		naming = append(naming, ms(r.Naming))
		leaked = append(leaked, float64(r.NamingAt))
	}
	f.Rate, f.First, f.Naming = spreadOf(rate), spreadOf(first), spreadOf(naming)
	f.LeakedAt = spreadOf(leaked)
	return f
}

// costOf is bytes. Without a file there is nothing that could have cost any,
// but for the program without a watcher, which shows what else is in it.
func costOf(o *outcome) spread {
	var costs []float64
	for i := range o.Results {
		if r := &o.Results[i]; r.Files > 0 || o.Entrant == noneName {
			costs = append(costs, float64(r.Cost))
		}
	}
	return spreadOf(costs)
}
