package memguard

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/heapdump"
)

// reporter writes log records away from the sampler: a handler that blocks
// must not stop the watch. What does not fit its queue is counted.
type reporter struct {
	logger  *slog.Logger
	events  events
	records chan record
	done    chan struct{} // closed: write what is queued and end
	ended   chan struct{}
	dropped atomic.Uint64
}

type record struct {
	time  time.Time
	event string // its OpenTelemetry name; empty: none
	level slog.Level
	text  string
	attrs []slog.Attr
}

func newReporter(l *slog.Logger, e events) *reporter {
	return &reporter{logger: l, events: e, records: make(chan record, 64), done: make(chan struct{}), ended: make(chan struct{})}
}

func (r *reporter) log(level slog.Level, text string, attrs ...slog.Attr) {
	r.event("", level, text, attrs...)
}

// event is a log record that is an OpenTelemetry event, too.
func (r *reporter) event(name string, level slog.Level, text string, attrs ...slog.Attr) {
	select {
	case r.records <- record{time.Now(), name, level, text, attrs}:
	default:
		r.dropped.Add(1)
	}
}

// stop waits until what is queued is written.
func (r *reporter) stop() {
	close(r.done)
	<-r.ended
}

func (r *reporter) run() {
	defer close(r.ended)
	for {
		select {
		case rec := <-r.records:
			r.write(rec)
		case <-r.done:
			for {
				select {
				case rec := <-r.records:
					r.write(rec)
				default:
					return
				}
			}
		}
	}
}

func (r *reporter) write(rec record) {
	if n := r.dropped.Swap(0); n > 0 {
		rec.attrs = append(rec.attrs, slog.Uint64("records_dropped", n))
	}
	r.logger.LogAttrs(context.Background(), rec.level, rec.text, rec.attrs...)
	if rec.event != "" {
		r.events.emit(rec)
	}
}

// logStart is the one record that says what memguard found and will do.
func (g *Guard) logStart(missing []error) {
	s, limit := g.settings, *g.limit.Load()
	last := g.published.load()
	attrs := []slog.Attr{
		limitAttr(limit),
		slog.String("limit_source", string(limit.Source)),
	}
	if limit.File != "" {
		attrs = append(attrs, slog.String("limit_file", limit.File))
	}
	attrs = append(attrs,
		slog.String("scope", last.Scope.String()),
		valueAttr("usage", last.Usage),
		valueAttr("gomemlimit", goMemLimitNow()),
		slog.String("gomemlimit_by", g.goMemLimitOrigin()),
		slog.Any("thresholds", g.targets.Load().thresholds.value),
		slog.String("basis", string(g.basis())),
	)
	if loc := g.location.Load(); loc != nil {
		attrs = append(attrs, slog.String("cgroup", loc.Version.String()+" "+loc.Levels[0]))
	}
	if w := g.sampler.waker.current.Load(); w != nil {
		attrs = append(attrs, slog.String("woken_by", w.Sources().String()))
	}
	level := slog.LevelInfo
	if g.dumper != nil {
		attrs = append(attrs, slog.String("dump_dir", g.dumper.store.Dir()))
		if g.dumper.store.FS() == heapdump.Tmpfs {
			level = slog.LevelWarn
			attrs = append(attrs, slog.String("dump_dir_warning", "tmpfs: dumps are charged to this container's memory"))
		}
	}
	if len(missing) > 0 {
		texts := make([]string, len(missing))
		for i, err := range missing {
			texts[i] = err.Error()
		}
		attrs = append(attrs, slog.Any("missing", texts))
	}
	s.logger.LogAttrs(context.Background(), level, "memguard: watching memory", attrs...)
}

// goMemLimitOrigin says who set GOMEMLIMIT.
func (g *Guard) goMemLimitOrigin() string {
	m := g.sampler.goMem
	switch {
	case m.set != 0:
		return "memguard"
	case m.ratio == 0 && g.settings.ratio.value != 0:
		return "environment"
	default:
		return "unchanged"
	}
}

func limitAttr(l Limit) slog.Attr { return valueAttr("limit", l.Bytes) }

func valueAttr(key string, v cgroupstat.Value) slog.Attr {
	if n, ok := v.Get(); ok {
		return slog.String(key, mebibytes(n))
	}
	return slog.String(key, "none")
}

// tellLimit warns where a new limit is below what is held already.
func (g *Guard) tellLimit(l Limit, held cgroupstat.Value) {
	level, text := slog.LevelInfo, "memguard: limit changed"
	if n, ok := held.Get(); ok && l.enforced() && n > l.Bytes.Or(0) {
		level, text = slog.LevelWarn, "memguard: limit changed to less than is held"
	}
	g.reporter.log(level, text, limitAttr(l),
		slog.String("limit_source", string(l.Source)), slog.String("limit_file", l.File), valueAttr("unreclaimable", held))
}

func (g *Guard) tellTargets(t *targets) {
	g.reporter.log(slog.LevelInfo, "memguard: configuration changed",
		slog.Any("thresholds", t.thresholds.value), slog.String("thresholds_from", t.thresholds.origin),
		slog.String("basis", string(t.basis.value)), slog.String("basis_from", t.basis.origin),
		valueAttr("supplied_limit", t.supplied.Bytes))
}

// tellAsked is about a dump that an annotation asked for.
func (g *Guard) tellAsked(token string, d heapdump.Dump, err error) {
	if err != nil {
		g.reporter.log(slog.LevelWarn, "memguard: the dump that an annotation asked for failed",
			slog.String("token", token), slog.String("path", d.Path), slog.String("err", err.Error()))
		return
	}
	g.tellDump(d, g.published.load().Usage)
}

func (g *Guard) tellFault(p part, err error) {
	if err == nil {
		g.reporter.log(slog.LevelInfo, "memguard: works again", slog.String("part", p.String()))
		return
	}
	g.reporter.log(slog.LevelWarn, "memguard: failing, will try again", slog.String("part", p.String()), slog.String("err", err.Error()))
}

// tellRecovery is about the dumps of earlier runs.
func (g *Guard) tellRecovery(paths []string, err error) {
	if g.ctx.Err() != nil {
		return
	}
	if n := len(paths); n > 0 {
		g.reporter.log(slog.LevelInfo, "memguard: symbols added to dumps of an earlier run",
			slog.Int("dumps", n), slog.String("last", paths[n-1]))
	}
	if err != nil {
		g.reporter.log(slog.LevelWarn, "memguard: some dumps of earlier runs stay as they are", slog.String("err", err.Error()))
	}
}

func (g *Guard) tellDump(d heapdump.Dump, usage cgroupstat.Value) {
	attrs := []slog.Attr{
		slog.String("path", d.Path), slog.String("stage", string(d.Stage)), slog.String("reason", d.Reason),
		valueAttr("usage", usage), slog.String("stale", mebibytes(d.StaleBytes)), slog.Duration("took", d.Duration),
	}
	if len(d.Top) > 0 {
		attrs = append(attrs, slog.Any("top", topTexts(d.Top)))
	}
	g.reporter.log(slog.LevelWarn, "memguard: heap dump written", attrs...)
}

// tellExit is about an earlier run.
func (g *Guard) tellExit(e *PreviousExit) {
	level := slog.LevelInfo
	if e.Kind == ExitOOMSuspected || e.Kind == ExitCrash {
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{
		slog.String("kind", string(e.Kind)), slog.String("summary", e.Summary), slog.Time("ended", e.Time),
		slog.String("run", e.Run), slog.Any("reasons", e.Reasons),
	}
	for _, a := range []slog.Attr{
		slog.String("bucket", e.Bucket), slog.String("file", e.File), slog.String("crash_file", e.CrashFile),
	} {
		if a.Value.String() != "" {
			attrs = append(attrs, a)
		}
	}
	if c := e.Culprit; c != nil {
		attrs = append(attrs, slog.Any("culprit", topTexts([]heapdump.Site{*c})))
	}
	if n := len(e.Dumps); n > 0 {
		attrs = append(attrs, slog.Int("dumps", n), slog.String("last_dump", e.Dumps[n-1].Path))
	}
	g.reporter.event(eventPreviousExit, level, "memguard: how the process before ended", attrs...)
}

// tellOOMKill is about another process, for this one is still there.
func (g *Guard) tellOOMKill(n, total uint64) {
	g.reporter.event(eventOOMKill, slog.LevelWarn, "memguard: the kernel killed another process of this container for memory",
		slog.Uint64("processes", n), slog.Uint64("oom_kill", total))
}

// tellSpike is about what no sample saw.
func (g *Guard) tellSpike(height, sampled uint64, gap time.Duration, reached []Threshold) {
	level := slog.LevelInfo
	if len(reached) > 0 {
		level = slog.LevelWarn
	}
	g.reporter.event(eventSpike, level, "memguard: usage rose and fell between two samples",
		slog.String("peak", mebibytes(height)), slog.String("sampled", mebibytes(sampled)),
		slog.Duration("within", gap), slog.Any("thresholds_reached", thresholdTexts(reached)))
}

func thresholdTexts(list []Threshold) []string {
	texts := make([]string, len(list))
	for i, t := range list {
		texts[i] = t.String()
	}
	return texts
}

// topTexts is a line for each site: function, place, bytes in use, growth
// since the baseline.
func topTexts(sites []heapdump.Site) []string {
	texts := make([]string, len(sites))
	for i, s := range sites {
		texts[i] = fmt.Sprintf("%s %s:%d %s", s.Function, filepath.Base(s.File), s.Line, mebibytes(uint64(max(0, s.Bytes))))
		if s.Grown != nil {
			texts[i] += " +" + mebibytes(uint64(max(0, *s.Grown)))
		}
	}
	return texts
}
