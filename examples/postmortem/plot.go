package main

import (
	"fmt"
	"io"
	"math"
	"time"

	"github.com/guptarohit/asciigraph"

	"github.com/memguard-dev/go-memguard/internal/blackbox"
)

const (
	plotHeight = 12
	// plotMargin is what the axis takes of a line.
	plotMargin = 12
)

// plot draws the end of the run.
func (p *past) plot(out io.Writer, o options) {
	if p.story == nil || len(p.story.Samples) < 2 {
		return
	}
	samples := p.story.Samples
	end := samples[len(samples)-1].Time()
	span := min(o.last, end.Sub(samples[0].Time()))
	if span <= 0 {
		return
	}
	usage, hard := columns(samples, end, span, o.columns-plotMargin)
	section(out, "the last "+span.Round(time.Millisecond).String(), "in MiB: usage ─, of which the kernel cannot reclaim ▪")
	top := highest(usage)
	lines := [][]float64{usage, hard}
	chars := []asciigraph.CharSet{asciigraph.DefaultCharSet, asciigraph.CreateCharSet("▪")}
	if n, ok := p.exit.Limit.Get(); ok && float64(n)/(1<<20) < 4*top {
		limit := make([]float64, len(usage))
		for i := range limit {
			limit[i] = float64(n) / (1 << 20)
		}
		lines, chars = append([][]float64{limit}, lines...), append([]asciigraph.CharSet{asciigraph.CreateCharSet("┄")}, chars...)
	}
	fmt.Fprintln(out, asciigraph.PlotMany(lines,
		asciigraph.Height(plotHeight), asciigraph.LowerBound(0), asciigraph.Precision(0), asciigraph.SeriesChars(chars...),
		asciigraph.XAxisRange(-span.Seconds(), 0), asciigraph.XAxisTickCount(4),
		asciigraph.XAxisValueFormatter(func(s float64) string {
			return roundly(time.Duration(s * float64(time.Second))).String()
		}),
	))
}

// roundly leaves out what nobody reads.
func roundly(d time.Duration) time.Duration {
	if d.Abs() > 10*time.Second {
		return d.Round(time.Second)
	}
	return d.Round(10 * time.Millisecond)
}

// columns gives for each column the highest usage in it, and what of that the
// kernel cannot reclaim. A column without a sample has what the one before
// had: the sampler rests where nothing happens.
func columns(samples []blackbox.Record, end time.Time, span time.Duration, n int) (usage, hard []float64) {
	usage, hard = make([]float64, n), make([]float64, n)
	for i := range usage {
		usage[i], hard[i] = math.NaN(), math.NaN()
	}
	reclaimable := uint64(0)
	for i := range samples {
		r := &samples[i]
		all := r.Usage().Or(0)
		if r.Kind() == blackbox.Full {
			s := r.Sample()
			reclaimable = all - min(all, s.Unreclaimable().Or(all))
		}
		back := end.Sub(r.Time())
		if back > span || back < 0 {
			continue
		}
		at := int(float64(n-1) * (1 - float64(back)/float64(span)))
		if u := float64(all) / (1 << 20); !(usage[at] >= u) {
			usage[at], hard[at] = u, float64(all-min(all, reclaimable))/(1<<20)
		}
	}
	for i := 1; i < n; i++ {
		if math.IsNaN(usage[i]) {
			usage[i], hard[i] = usage[i-1], hard[i-1]
		}
	}
	return usage, hard
}

func highest(values []float64) float64 {
	top := 0.0
	for _, v := range values {
		if v > top { // False for what is not a number.
			top = v
		}
	}
	return top
}
