package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"time"
)

//go:embed catch.md.tmpl
var pageText string

var page = template.Must(template.New("catch.md").Funcs(template.FuncMap{
	"mib":     func(n uint64) uint64 { return n >> 20 },
	"date":    func(t time.Time) string { return t.Format("2006-01-02") },
	"uint64":  func(n int) uint64 { return uint64(n) },
	"seconds": func(d time.Duration) string { return d.Round(time.Second).String() },
}).Parse(pageText))

// markdown is the whole page.
func (r *report) markdown() ([]byte, error) {
	var b bytes.Buffer
	err := page.Execute(&b, r)
	return b.Bytes(), err
}

// noValue stands where nothing was measured: it is not a zero.
const noValue = "–"

// of picks the cells with results of a watcher, in their order.
func (r *report) of(name string, want func(*outcome) bool) []*outcome {
	var cells []*outcome
	for i := range r.Cells {
		if o := &r.Cells[i]; o.Entrant == name && want(o) {
			cells = append(cells, o)
		}
	}
	return cells
}

// names of the watchers, in the order of the list.
func (r *report) names() []string {
	var names []string
	for _, e := range entrants(r.Settings.Limit) {
		if len(r.of(e.Name, func(*outcome) bool { return true })) > 0 {
			names = append(names, e.Name)
		}
	}
	return names
}

// Main is the rows of the table of all: same GOMAXPROCS for everyone, object
// sizes taken together.
func (r *report) Main() string {
	var b strings.Builder
	for _, name := range r.names() {
		label, cost := name, r.cost(name)
		for _, rate := range append([]int{r.Settings.Slow}, r.Settings.Rates...) {
			cells := r.of(name, func(o *outcome) bool {
				return o.Kind != costCell && o.Rate == rate && o.Procs == r.Settings.OthersProcs
			})
			if len(cells) == 0 {
				continue
			}
			fmt.Fprintf(&b, "| %s | %d | %s | %s |\n", label, rate, row(cells), cost)
			label, cost = "", "" // Told once, for all its rows.
		}
	}
	return b.String()
}

// cost is the memory that a watcher's dump took.
func (r *report) cost(name string) string {
	for _, o := range r.of(name, func(o *outcome) bool { return o.Kind == costCell }) {
		c := costOf(o)
		return mebibytes(c.Median, c.N)
	}
	return noValue
}

// Without is the cost of the program itself, measured in the same way.
func (r *report) Without() string { return r.cost(noneName) }

// Ours is the rows of every cell of memguard.
func (r *report) Ours() string {
	var b strings.Builder
	for _, name := range []string{memguardName, memguardOffName} {
		for _, o := range r.of(name, func(o *outcome) bool { return o.Kind == raceCell }) {
			fmt.Fprintf(&b, "| %s | %d | %d | %d | %s |\n", name, o.Procs, o.Object, o.Rate, row([]*outcome{o}))
		}
	}
	return b.String()
}

// row is the columns that both tables share.
func row(cells []*outcome) string {
	var all []result
	missing := 0
	for _, o := range cells {
		all = append(all, o.Results...)
		missing += o.missing() + len(o.Failed)
	}
	if len(all) == 0 {
		return strings.Join(slices.Concat([]string{"not run"}, slices.Repeat([]string{noValue}, 5)), " | ")
	}
	f := figuresOf(all)
	share := func(n int) string {
		text := fmt.Sprintf("%d/%d", n, f.Runs)
		if missing > 0 {
			text += "*"
		}
		return text
	}
	caught := share(f.Caught)
	if f.Torn > 0 {
		caught += fmt.Sprintf(" (%d torn)", f.Torn)
	}
	return strings.Join([]string{
		fmt.Sprintf("%.0f", f.Rate.Median), caught, share(f.Named),
		mebibytes(f.LeakedAt.Median, f.LeakedAt.N), times(f.First), times(f.Naming),
	}, " | ")
}

// times is median and worst, in ms.
func times(s spread) string {
	if s.N == 0 {
		return noValue
	}
	return number(s.Median) + " / " + number(s.Max)
}

func number(v float64) string {
	text := fmt.Sprintf("%.0f", v)
	if v > -10 && v < 10 {
		text = fmt.Sprintf("%.1f", v)
	}
	if text == "-0.0" {
		return "0.0"
	}
	return text
}

// mebibytes is a median; n is how many values it comes from.
func mebibytes(bytes float64, n int) string {
	if n == 0 {
		return noValue
	}
	return number(bytes / (1 << 20))
}

// Gaps is a line for every cell that has fewer results than were asked for.
func (r *report) Gaps() []string {
	var lines []string
	for i := range r.Cells {
		o := &r.Cells[i]
		if o.missing() > 0 {
			lines = append(lines, fmt.Sprintf("%s: %d of %d runs not run, %s", o, o.missing(), o.Asked, o.Unrun))
		}
		if len(o.Failed) > 0 {
			lines = append(lines, fmt.Sprintf("%s: %d of %d runs failed, the first with: %s", o, len(o.Failed), o.Asked, o.Failed[0]))
		}
	}
	return lines
}

// Versions names the opponents as the binary had them linked.
func (r *report) Versions() string {
	var all []string
	for module, version := range r.Machine.Modules {
		all = append(all, module+" "+version)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// Threshold in MiB is where everybody is told to act.
func (r *report) Threshold() string {
	c := cell{Limit: r.Settings.Limit}
	return fmt.Sprintf("%.1f", float64(c.threshold())/(1<<20))
}

// HeldAbove in MiB is how far above the threshold a held ramp stops.
func (r *report) HeldAbove() int { return holdAbove >> 20 }
