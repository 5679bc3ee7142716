package otlpcheck

import (
	"errors"
	"log/slog"
	"os"
	"testing"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/memguard-dev/go-memguard/memguard"
)

// patience is what no wait of a test takes unless something is broken.
const patience = time.Minute

func TestMain(m *testing.M) {
	// Exports fail here by design.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	os.Exit(m.Run())
}

func start(t *testing.T, opts ...memguard.Option) *memguard.Guard {
	t.Helper()
	g, err := memguard.Start(append([]memguard.Option{
		memguard.WithDumpDir(t.TempDir()), memguard.WithLogger(slog.New(slog.DiscardHandler)),
		memguard.WithMemoryLimit(1 << 40), memguard.WithThresholds(memguard.Bytes(1 << 40)),
	}, opts...)...)
	if err != nil {
		t.Fatal(errors.Join(err, g.Stop()))
	}
	t.Cleanup(func() { stop(t, g, "at the end") })
	return g
}

// stop fails when Stop does, or blocks.
func stop(t *testing.T, g *memguard.Guard, when string) {
	t.Helper()
	answers(t, "Stop "+when, func() {
		if err := g.Stop(); err != nil {
			t.Errorf("Stop %s: %v", when, err)
		}
	})
}

// eventually waits until ok; state says how far it came.
func eventually(t *testing.T, what string, ok func() bool, state func() string) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v; %s", what, patience, state())
		}
	}
}

// answers fails when a call blocks.
func answers(t *testing.T, what string, call func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		call()
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("%s: no answer within %v", what, patience)
	}
}

// samples is memguard.sampler.samples.
func samples(t *testing.T, g *memguard.Guard) float64 {
	t.Helper()
	for m := range g.Measurements() {
		if m.Metric.Name == "memguard.sampler.samples" {
			return m.Value
		}
	}
	t.Fatal("memguard.sampler.samples is not measured")
	return 0
}
