package memguard

import (
	"fmt"
	"math"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/memguard-dev/go-memguard/cgroupstat"
)

// goMemLimit keeps GOMEMLIMIT at a share of the limit. It belongs to the
// sampler's goroutine.
type goMemLimit struct {
	ratio    float64 // 0: leave GOMEMLIMIT alone
	previous int64   // before the first change
	set      int64   // what was set last; 0: nothing
	limit    cgroupstat.Value
}

func newGoMemLimit(ratio float64) *goMemLimit {
	// An operator's own GOMEMLIMIT wins, also when it is empty or "off".
	if _, ok := os.LookupEnv("GOMEMLIMIT"); ok {
		ratio = 0
	}
	return &goMemLimit{ratio: ratio, previous: debug.SetMemoryLimit(-1)}
}

// follow sets GOMEMLIMIT when the limit is another than last time.
func (g *goMemLimit) follow(limit cgroupstat.Value) error {
	if g.ratio == 0 || limit == g.limit {
		return nil
	}
	got, err := memlimit.Set(
		memlimit.WithRatio(g.ratio),
		memlimit.WithProvider(func() (uint64, error) {
			n, ok := limit.Get()
			if !ok {
				return 0, memlimit.ErrNoLimit
			}
			return n, nil
		}),
	)
	if err != nil {
		return fmt.Errorf("set GOMEMLIMIT: %w", err)
	}
	g.set, g.limit = got, limit
	return nil
}

// restore puts back what was in force before, unless somebody else has
// changed it since.
func (g *goMemLimit) restore() {
	if g.set != 0 && debug.SetMemoryLimit(-1) == g.set {
		debug.SetMemoryLimit(g.previous)
	}
	g.set = 0
}

// goMemLimitNow is GOMEMLIMIT in force; absent when there is none.
func goMemLimitNow() cgroupstat.Value {
	n := debug.SetMemoryLimit(-1)
	if n == math.MaxInt64 {
		return cgroupstat.Value{}
	}
	return cgroupstat.Of(uint64(n))
}
