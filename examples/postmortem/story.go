package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
)

// tell writes the whole story of a run.
func (p *past) tell(out io.Writer, o options) {
	e := &p.exit
	fmt.Fprintf(out, "%s: %s\n", e.Kind, e.Summary)
	for _, reason := range e.Reasons {
		fmt.Fprintf(out, "  - %s\n", reason)
	}
	p.identity(out)
	p.events(out)
	if p.crash != "" {
		section(out, "last words of the runtime", "")
		fmt.Fprintln(out, indent(p.crash))
	}
	p.plot(out, o)
	p.growth(out)
	p.sites(out)
	if len(p.missing) > 0 {
		section(out, "missing", "")
		for _, m := range p.missing {
			fmt.Fprintf(out, "  %s\n", m)
		}
	}
}

func section(out io.Writer, title, note string) {
	if note != "" {
		title += ", " + note
	}
	fmt.Fprintf(out, "\n%s\n", title)
}

func indent(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }

func (p *past) identity(out io.Writer) {
	e := &p.exit
	line := func(key, format string, a ...any) { fmt.Fprintf(out, "  %-9s %s\n", key, fmt.Sprintf(format, a...)) }
	fmt.Fprintln(out)
	line("run", "%s", e.Run)
	if e.Program != "" {
		line("program", "%s", strings.TrimSpace(e.Program+"  "+e.Build))
	}
	if where := strings.Trim(e.Pod+"/"+e.Container, "/"); where != "" {
		line("where", "%s", where)
	}
	if !e.Start.IsZero() {
		line("lived", "%v, to %s", e.Time.Sub(e.Start).Round(time.Millisecond), e.Time.Format("2006-01-02 15:04:05.000Z07:00"))
	}
	if n, ok := e.Limit.Get(); ok {
		line("limit", "%s, thresholds %s of %s", mebibytes(n), e.Thresholds, e.Basis)
	}
	if l := e.Last; l != nil {
		line("at last", "usage %s, not reclaimable %s, Go heap in use %s, RSS %s, %d goroutines",
			value(l.Usage), value(l.Unreclaimable), mebibytes(l.HeapInUse), value(l.RSS), l.Goroutines)
	}
	if e.Peak.Bytes > 0 {
		line("highest", "%s, %s", mebibytes(e.Peak.Bytes), p.ago(e.Peak.Time))
	}
	if c := e.Climb; c != nil {
		line("climb", "from %s to %s in %v: %s/s, at last %s/s", mebibytes(c.From), mebibytes(c.To),
			c.Duration.Round(time.Millisecond), mebibytes(c.Rate), mebibytes(c.FinalRate))
	}
}

// ago is a time as seen from the end.
func (p *past) ago(t time.Time) string {
	d := p.exit.Time.Sub(t)
	switch {
	case d < 0:
		return fmt.Sprintf("%v after the last sample", (-d).Round(time.Millisecond))
	case d < 10*time.Second:
		d = d.Round(time.Millisecond)
	default:
		d = roundly(d)
	}
	return fmt.Sprintf("%v before the end", d)
}

func (p *past) events(out io.Writer) {
	type event struct {
		at   time.Time
		text string
	}
	var list []event
	for _, c := range p.exit.Crossings {
		list = append(list, event{c.Time, fmt.Sprintf("threshold %s crossed: %s", mebibytes(c.Threshold), mebibytes(c.Bytes))})
	}
	for _, s := range p.exit.Spikes {
		list = append(list, event{s.Time, "between two samples usage rose to " + mebibytes(s.Bytes) + " and fell"})
	}
	for _, k := range p.exit.OOMKills {
		list = append(list, event{k.Time, fmt.Sprintf("other processes of the container that the kernel killed: %d", k.Count)})
	}
	for _, d := range p.dumps {
		list = append(list, event{d.Time, fmt.Sprintf("heap dump, %s: %s", d.Stage, filepath.Base(d.Path))})
	}
	if len(list) == 0 {
		return
	}
	slices.SortStableFunc(list, func(a, b event) int { return a.at.Compare(b.at) })
	section(out, "what happened", "")
	for _, e := range list {
		fmt.Fprintf(out, "  %24s  %s\n", p.ago(e.at), e.text)
	}
}

// growth is where memory went, in the order in which it grew.
func (p *past) growth(out io.Writer) {
	if len(p.exit.Grew) == 0 {
		return
	}
	section(out, "where it went", "from the start of the climb to the last sample")
	most := int64(1)
	for _, g := range p.exit.Grew {
		most = max(most, int64(g.After)-int64(g.Before))
	}
	for _, g := range p.exit.Grew {
		grown := int64(g.After) - int64(g.Before)
		if g.Before == 0 && g.After == 0 {
			continue
		}
		bar := strings.Repeat("█", int(max(0, grown)*20/most))
		text := fmt.Sprintf("  %-16s %11s → %11s  %s", g.Bucket, mebibytes(g.Before), mebibytes(g.After), bar)
		fmt.Fprintln(out, strings.TrimRight(text, " "))
	}
}

func mebibytes(n uint64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

func value(v cgroupstat.Value) string {
	n, ok := v.Get()
	if !ok {
		return "not known"
	}
	return mebibytes(n)
}
