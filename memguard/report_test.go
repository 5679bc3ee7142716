package memguard

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/syncbuf"
)

func TestUnreadableLimitKeepsTheLastOne(t *testing.T) {
	tr := newTree(t)
	var log syncbuf.Buffer
	s := quiet(t, tr, WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	g := mustStart(t, s)
	tr.write("memory.max", "")
	eventually(t, "several errors counted", func() bool { return g.Snapshot().Errors["limit"] >= 3 })
	snap := g.Snapshot()
	if snap.Limit.Bytes != cgroupstat.Of(256<<20) || debug.SetMemoryLimit(-1) != 256<<20/10*9+5 && debug.SetMemoryLimit(-1) < 256<<20/10*9 {
		t.Errorf("limit %+v, GOMEMLIMIT %d", snap.Limit, debug.SetMemoryLimit(-1))
	}
	if snap.Failing["limit"] == "" {
		t.Errorf("failing %v", snap.Failing)
	}
	tr.write("memory.max", "134217728\n")
	eventually(t, "the new limit", func() bool { return g.Snapshot().Limit.Bytes == cgroupstat.Of(128<<20) })
	eventually(t, "the end of the fault", func() bool { return g.Snapshot().Failing["limit"] == "" })
	if err := g.Stop(); err != nil {
		t.Error(err)
	}
	if n := strings.Count(log.String(), "failing, will try again"); n != 1 {
		t.Errorf("told %d times, want once:\n%s", n, log.String())
	}
	if !strings.Contains(log.String(), "works again") {
		t.Errorf("recovery was not told:\n%s", log.String())
	}
}

func TestUnreadableUsageKeepsTheLoopAlive(t *testing.T) {
	tr := newTree(t)
	g := mustStart(t, quiet(t, tr))
	for _, name := range []string{"memory.current", "memory.stat", "memory.events"} {
		text, err := os.ReadFile(filepath.Join(tr.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		tr.write(name, "junk")
		eventually(t, "an error for "+name, func() bool { return len(g.Snapshot().Failing) > 0 })
		tr.write(name, string(text))
		eventually(t, "recovery of "+name, func() bool { return len(g.Snapshot().Failing) == 0 })
	}
}

func TestStartSaysWhatItFound(t *testing.T) {
	var log syncbuf.Buffer
	s := quiet(t, newTree(t), WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	mustStart(t, s)
	for _, part := range []string{"limit=256.0MiB", "limit_source=cgroup", "memory.max", "gomemlimit=230.4MiB", "gomemlimit_by=memguard", "80%", "dump_dir=" + s.dumpDir.value} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("the record at start lacks %q:\n%s", part, log.String())
		}
	}
	if n := strings.Count(log.String(), "\n"); n != 1 {
		t.Errorf("%d records, want one:\n%s", n, log.String())
	}
}

// blockedHandler never returns until it is let go.
type blockedHandler struct{ release chan struct{} }

func (h blockedHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h blockedHandler) Handle(_ context.Context, r slog.Record) error {
	if r.Message != "memguard: watching memory" {
		<-h.release
	}
	return nil
}
func (h blockedHandler) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h blockedHandler) WithGroup(string) slog.Handler      { return h }

func TestBlockedLoggerDoesNotStopTheWatch(t *testing.T) {
	tr := newTree(t)
	h := blockedHandler{make(chan struct{})}
	g := mustStart(t, quiet(t, tr, WithLogger(slog.New(h))))
	defer close(h.release)
	tr.write("memory.events", "junk")
	eventually(t, "the fault", func() bool { return len(g.Snapshot().Failing) > 0 })
	before := g.Snapshot().Samples
	eventually(t, "more samples", func() bool { return g.Snapshot().Samples > before+3 })
	tr.write("memory.current", "230686720\n")
	eventually(t, "a dump", func() bool { return g.Snapshot().LastDump != nil })
}
