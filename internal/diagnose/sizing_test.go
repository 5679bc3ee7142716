package diagnose

import (
	"math"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/history"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

// TestSizing: a request of P50 + 15 % and a limit of P99 + 20 %, of the time
// lived and not of the samples, which are many near the limit.
func TestSizing(t *testing.T) {
	h := history.New(250 * time.Millisecond)
	var before sample.Sample
	at := time.Duration(0)
	for _, part := range []struct {
		mib        uint64
		life, step time.Duration
	}{{100, 600 * time.Second, time.Second}, {200, 30 * time.Second, 10 * time.Millisecond}, {150, 370 * time.Second, time.Second}} {
		for end := at + part.life; at < end; {
			at += part.step
			s := sample.Sample{Since: at, Scope: sample.Cgroup, Usage: cgroupstat.Of((part.mib + 50) * mebi)}
			s.Stat.Set(cgroupstat.InactiveFile, 50*mebi)
			p := history.PointOf(&s, &before, history.Seen{})
			h.Add(&p)
			before = s
		}
	}
	got := (&Doctor{}).Diagnose(&Facts{History: h}).Sizing
	if got == nil {
		t.Fatal("none")
	}
	for name, c := range map[string]struct{ got, want uint64 }{
		"P50": {got.P50, 100}, "P90": {got.P90, 150}, "P99": {got.P99, 200}, "request": {got.Request, 115}, "limit": {got.Limit, 240},
	} {
		if off := float64(c.got)/float64(c.want*mebi) - 1; math.Abs(off) > 0.011 {
			t.Errorf("%s is %d, want %d MiB", name, c.got, c.want)
		}
	}
	if got.Lived < 999*time.Second || got.Lived > 1001*time.Second {
		t.Errorf("lived %v", got.Lived)
	}
}
