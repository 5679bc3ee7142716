package memguard

import (
	"context"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
)

// The OpenTelemetry events. Each is a log record as well, with the same attributes.
const (
	// eventPreviousExit tells how the process before ended, at Start.
	eventPreviousExit = "memguard.previous_exit"
	// eventOOMKill is the kernel's kill of another process of the container.
	eventOOMKill = "memguard.oom_kill"
	// eventSpike is a usage that came and went between two samples.
	eventSpike = "memguard.spike"
	// eventFinding is a finding that is new and matters.
	eventFinding = "memguard.finding"
)

// events emits what is worth more than a line in a log.
type events struct {
	logger log.Logger
}

func newEvents(p log.LoggerProvider) events { return events{p.Logger(scopeName)} }

func (e events) emit(rec record) {
	var out log.Record
	out.SetEventName(rec.event)
	out.SetTimestamp(rec.time)
	out.SetObservedTimestamp(time.Now())
	out.SetSeverity(severity(rec.level))
	out.SetSeverityText(rec.level.String())
	out.SetBody(attribute.StringValue(rec.text))
	for _, a := range rec.attrs {
		out.AddAttributes(eventAttribute(a))
	}
	e.logger.Emit(context.Background(), out)
}

func severity(l slog.Level) log.Severity {
	switch {
	case l >= slog.LevelError:
		return log.SeverityError
	case l >= slog.LevelWarn:
		return log.SeverityWarn
	default:
		return log.SeverityInfo
	}
}

func eventAttribute(a slog.Attr) attribute.KeyValue {
	key := "memguard." + a.Key
	switch v := a.Value; v.Kind() {
	case slog.KindInt64:
		return attribute.Int64(key, v.Int64())
	case slog.KindUint64:
		return attribute.Int64(key, int64(v.Uint64()))
	case slog.KindFloat64:
		return attribute.Float64(key, v.Float64())
	case slog.KindBool:
		return attribute.Bool(key, v.Bool())
	case slog.KindAny:
		if list, ok := v.Any().([]string); ok {
			return attribute.StringSlice(key, list)
		}
	}
	return attribute.String(key, a.Value.String())
}
