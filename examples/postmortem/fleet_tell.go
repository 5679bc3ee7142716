package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/memguard-dev/go-memguard/internal/postmortem"
)

// fleetOptions are the flags of -fleet.
type fleetOptions struct {
	sites int // of each group; 0: all
	since time.Time
	json  bool
}

// fleetFlags adds them; what it returns gives them after the parsing, nil
// without -fleet.
func fleetFlags(flags *flag.FlagSet) func() (*fleetOptions, error) {
	var o fleetOptions
	on := flags.Bool("fleet", false, "read a tree of such directories and rank the sites of all pods together")
	flags.IntVar(&o.sites, "n", 10, "with -fleet: how many sites of each build; 0 is all")
	flags.BoolVar(&o.json, "json", false, "with -fleet: JSON in place of text")
	flags.Func("since", "with -fleet: leave out runs that ended before, 24h ago or at 2006-01-02", func(text string) (err error) {
		o.since, err = parseSince(text, time.Now())
		return err
	})
	return func() (*fleetOptions, error) {
		var wrong error
		flags.Visit(func(f *flag.Flag) {
			forFleet := slices.Contains([]string{"n", "json", "since"}, f.Name)
			switch {
			case f.Name == "fleet" || *on == forFleet:
			case *on:
				wrong = fmt.Errorf("-%s is for a single directory, not for -fleet", f.Name)
			default:
				wrong = fmt.Errorf("-%s is for -fleet only", f.Name)
			}
		})
		switch {
		case wrong != nil || !*on:
			return nil, wrong
		case o.sites < 0:
			return nil, fmt.Errorf("-n %d: want 0 or more", o.sites)
		}
		return &o, nil
	}
}

// tellFleet reads a tree of volumes and ranks what held the memory of all.
func tellFleet(dir string, o fleetOptions, l limits, out io.Writer) (err error) {
	t, err := openTree(dir, l)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.root.Close()) }()
	runs := since(t.runs(), o.since)
	if len(runs) == 0 {
		return fmt.Errorf("no run below %s%s", dir, reasons(t.gaps))
	}
	f := rank(t.measure(runs), o.sites)
	f.Missing = append(t.gaps, f.Missing...)
	for i := range f.Groups {
		f.Groups[i].Pprof = pprofCommand(dir, f.Groups[i].Profiles, t.profiles)
	}
	if o.json {
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(f)
	}
	f.tell(out)
	return nil
}

// reasons are why there may be nothing.
func reasons(missing []gap) string {
	text := ""
	for _, m := range missing {
		text += fmt.Sprintf("; %d %s, as %s", m.Count, m.What, m.Example)
	}
	return text
}

func (f *fleet) tell(out io.Writer) {
	fmt.Fprintf(out, "%s, %s, %s; %s with a dump that names its sites\n",
		count(len(f.Groups), "build"), count(f.Pods, "pod"), count(f.Runs, "run"), count(f.Measured, "run"))
	if len(f.Sites) > 0 {
		section(out, "who held it, over all pods", "in use at the last dump of each run")
		table(out, f.Sites)
	}
	for i := range f.Groups {
		f.Groups[i].tell(out)
	}
	if len(f.Missing) > 0 {
		section(out, "missing", "")
		for _, m := range f.Missing {
			fmt.Fprintf(out, "  %d %s", m.Count, m.What)
			if m.Example != "" {
				fmt.Fprintf(out, ", the first %s", m.Example)
			}
			fmt.Fprintln(out)
		}
	}
}

func (g *group) tell(out io.Writer) {
	section(out, named(g.Namespace)+"/"+named(g.Workload)+", build "+named(g.Build), "")
	fmt.Fprintf(out, "  %s, %s", count(g.Pods, "pod"), count(g.Runs, "run"))
	sep := ": "
	for _, kind := range postmortem.Kinds {
		if n := g.Exits[kind]; n > 0 {
			fmt.Fprintf(out, "%s%d %s", sep, n, kind)
			sep = ", "
		}
	}
	if g.NoVerdict > 0 {
		fmt.Fprintf(out, "%s%d without a verdict", sep, g.NoVerdict)
	}
	fmt.Fprintln(out)
	if n := g.Runs - g.Measured; n > 0 {
		fmt.Fprintf(out, "  %s without a dump that names its sites\n", count(n, "run"))
	}
	if g.Partial > 0 {
		fmt.Fprintf(out, "  of %s only the sites in the manifest are known: the totals are the least\n", count(g.Partial, "run"))
	}
	if len(g.Sites) > 0 {
		table(out, g.Sites)
	}
	if g.Pprof != "" {
		fmt.Fprintf(out, "  %s\n", g.Pprof)
	}
}

// table has a line for each site. Runs are those in which it held any, top
// those in which it is among the first five.
func table(out io.Writer, list []fleetSite) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "total\tgrown\tmedian\tpods\truns\ttop\t  site\n")
	for _, s := range list {
		grown, share := "-", "-"
		if s.Grown != nil {
			grown = size(*s.Grown)
		}
		if s.MedianShare != nil {
			share = fmt.Sprintf("%.1f%%", *s.MedianShare*100)
		}
		site := s.Function
		if s.File != "" {
			site += "  " + path.Base(s.File) + ":" + strconv.FormatInt(s.Line, 10)
		}
		if n := len(s.Workloads); n > 0 {
			site += "  " + s.Workloads[0]
			if n > 1 {
				site += fmt.Sprintf(" and %d more", n-1)
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t  %s\n", size(s.Bytes), grown, share, s.Pods, s.Runs, s.TopRuns, site)
	}
	_ = w.Flush() // What out refuses, the next line is refused too.
}

// size is in GiB from one on: a fleet holds many.
func size(n int64) string {
	if n >= 1<<30 || n <= -1<<30 {
		return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// named is a name for people, also where there is none.
func named(name string) string {
	if name == "" {
		return "-"
	}
	return name
}

// since leaves out the runs of which nothing is known after a time. What has
// no time is kept.
func since(runs []*fleetRun, from time.Time) []*fleetRun {
	return slices.DeleteFunc(runs, func(r *fleetRun) bool { return !r.last.IsZero() && r.last.Before(from) })
}

// parseSince reads how long ago, 24h, or a time, 2006-01-02 or RFC 3339.
func parseSince(text string, now time.Time) (time.Time, error) {
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return now.Add(-ago), nil
	}
	for _, layout := range [...]string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s: want how long ago, as 24h, or a time, as 2006-01-02", strconv.Quote(text))
}
