package otlpcheck

import (
	"net"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/memguard"
)

// interval is short, so that exports fail again and again.
const interval = 10 * time.Millisecond

// TestCollectorIsDown has nobody listening, then a collector, then nobody, and
// then one again.
func TestCollectorIsDown(t *testing.T) {
	for _, over := range []protocol{overGRPC, overHTTP} {
		t.Run(string(over), func(t *testing.T) {
			address := freeAddress(t)
			e := newExporter(t, over, address, patience)
			g := start(t, memguard.WithMeterProvider(newProvider(t, e, interval)))
			for range 2 {
				goesOnWhileFailing(t, g, e)
				c := collect(t, over, address)
				arrivesAt(t, c, g, e)
				c.stop(t)
			}
			goesOnWhileFailing(t, g, e)
			stop(t, g, "while exports fail")
		})
	}
}

// TestCollectorHangs has one that takes connections and says nothing, so that
// the first export does not end. Nothing here may wait for that.
func TestCollectorHangs(t *testing.T) {
	for _, over := range []protocol{overGRPC, overHTTP} {
		t.Run(string(over), func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			})
			e := newExporter(t, over, l.Addr().String(), time.Hour)
			g := start(t, memguard.WithMeterProvider(newProvider(t, e, interval)))
			eventually(t, "an export begins", func() bool { return e.begun.Load() == 1 }, e.state)

			goesOn(t, g, func() bool { return true }, e.state)
			stop(t, g, "during an export")
			if n := e.done.Load(); n != 0 {
				t.Errorf("%d exports ended, want none: %s", n, e.state())
			}
		})
	}
}

func goesOnWhileFailing(t *testing.T, g *memguard.Guard, e *exporter) {
	t.Helper()
	before := e.failed.Load()
	goesOn(t, g, func() bool { return e.failed.Load() >= before+3 }, e.state)
}

// goesOn waits for enough and for three samples, which must come meanwhile.
func goesOn(t *testing.T, g *memguard.Guard, enough func() bool, state func() string) {
	t.Helper()
	before := samples(t, g)
	eventually(t, "samples rise while exports fail", func() bool {
		answers(t, "Snapshot while exports fail", func() {
			if !g.Snapshot().Running {
				t.Error("Snapshot while exports fail: not running")
			}
		})
		return enough() && samples(t, g) >= before+3
	}, state)
}

// arrivesAt waits for an export that is newer than the collector.
func arrivesAt(t *testing.T, c *collector, g *memguard.Guard, e *exporter) {
	t.Helper()
	before := samples(t, g)
	eventually(t, "metrics arrive once the collector is there", func() bool {
		all := c.sink.AllMetrics()
		return len(all) > 0 && read(t, all[len(all)-1]).values["memguard.sampler.samples{}"] > before
	}, e.state)
	for _, data := range c.sink.AllMetrics() {
		read(t, data).checkSum(t)
	}
}
