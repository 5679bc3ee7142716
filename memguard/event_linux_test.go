package memguard

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/log/embedded"
)

// eventRecorder is a provider that keeps what is emitted.
type eventRecorder struct {
	embedded.LoggerProvider

	mu      sync.Mutex
	records []log.Record
}

func (e *eventRecorder) Logger(string, ...log.LoggerOption) log.Logger {
	return eventSink{recorder: e}
}

type eventSink struct {
	embedded.Logger

	recorder *eventRecorder
}

func (eventSink) Enabled(context.Context, log.EnabledParameters) bool { return true }

func (s eventSink) Emit(_ context.Context, r log.Record) {
	e := s.recorder
	e.mu.Lock()
	defer e.mu.Unlock()
	e.records = append(e.records, r.Clone())
}

// named gives the attributes of the first event of a name, and its severity.
func (e *eventRecorder) named(name string) (attrs map[attribute.Key]attribute.Value, severity log.Severity) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.records {
		if r.EventName() == name {
			attrs = map[attribute.Key]attribute.Value{}
			r.WalkAttributes(func(kv attribute.KeyValue) bool {
				attrs[kv.Key] = kv.Value
				return true
			})
			return attrs, r.Severity()
		}
	}
	return nil, 0
}

func TestEvents(t *testing.T) {
	tr, dir := newTree(t), t.TempDir()
	stop(t, mustStart(t, quiet(t, tr, WithDumpDir(dir))))
	var events eventRecorder
	g := mustStart(t, quiet(t, tr, WithDumpDir(dir), WithLoggerProvider(&events)))
	tr.write("memory.peak", "251658240\n")
	tr.write("memory.events", "low 0\nhigh 0\nmax 0\noom 1\noom_kill 1\n")
	eventually(t, "both", func() bool { return g.spikes.Load() == 1 && g.oomKills.Load() == 1 })
	stop(t, g)
	for name, want := range map[string]struct {
		severity log.Severity
		key      attribute.Key
		value    string
	}{
		eventPreviousExit: {log.SeverityInfo, "memguard.kind", "clean"},
		eventOOMKill:      {log.SeverityWarn, "memguard.processes", "1"},
		eventSpike:        {log.SeverityWarn, "memguard.thresholds_reached", `["80%"]`},
	} {
		attrs, severity := events.named(name)
		if severity != want.severity || attrs[want.key].String() != want.value {
			t.Errorf("%s: severity %v, %v", name, severity, attrs)
		}
	}
	for _, r := range events.records {
		if r.EventName() == "" || r.Timestamp().IsZero() || r.Body().String() == "" {
			t.Errorf("%+v", r)
		}
	}
}

func TestEventAttribute(t *testing.T) {
	for _, a := range []slog.Attr{
		slog.Int("n", 1), slog.Uint64("n", 1), slog.Bool("b", true), slog.Duration("d", time.Second),
		slog.Any("list", []string{"a"}), slog.Any("odd", struct{}{}),
	} {
		if kv := eventAttribute(a); !kv.Valid() || kv.Key != attribute.Key("memguard."+a.Key) {
			t.Errorf("%v: %v", a, kv)
		}
	}
}
