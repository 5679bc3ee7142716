package memguard

import (
	"fmt"
	"math"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/gomem"
)

// goMemLimit keeps GOMEMLIMIT at a share of the limit. It belongs to the
// sampler's goroutine.
type goMemLimit struct {
	ratio    float64 // 0: leave GOMEMLIMIT alone
	previous int64   // before the first change
	set      int64   // what was set last; 0: nothing
	limit    cgroupstat.Value
	braked   bool
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
	g.set, g.limit, g.braked = got, limit, false
	return nil
}

// brakeLimit is less than any heap: a collection that runs must then end
// before the program may allocate much more.
const brakeLimit = 1 << 20

// canBrake: GOMEMLIMIT is lowered for a moment only where it is ours.
func (g *goMemLimit) canBrake() bool { return g.set != 0 }

// brake lowers GOMEMLIMIT, or puts back the share of the limit.
func (g *goMemLimit) brake(on bool) {
	if on == g.braked || g.set == 0 {
		return
	}
	// Somebody else has changed it since: it is theirs now.
	if now := debug.SetMemoryLimit(-1); !g.isOurs(now) {
		return
	}
	g.braked = on
	if on {
		debug.SetMemoryLimit(brakeLimit)
	} else {
		debug.SetMemoryLimit(g.set)
	}
}

// overlook makes of what was read the limit that holds but for the brake.
func (g *goMemLimit) overlook(m *gomem.Mem) {
	if g.braked && m.MemoryLimit == brakeLimit {
		m.MemoryLimit = uint64(g.set)
	}
}

func (g *goMemLimit) isOurs(now int64) bool {
	return now == g.set || g.braked && now == brakeLimit
}

// restore puts back what was in force before, unless somebody else has
// changed it since.
func (g *goMemLimit) restore() {
	if g.set != 0 && g.isOurs(debug.SetMemoryLimit(-1)) {
		debug.SetMemoryLimit(g.previous)
	}
	g.set, g.braked = 0, false
}

// goMemLimitNow is GOMEMLIMIT in force; absent when there is none.
func goMemLimitNow() cgroupstat.Value {
	n := debug.SetMemoryLimit(-1)
	if n == math.MaxInt64 {
		return cgroupstat.Value{}
	}
	return cgroupstat.Of(uint64(n))
}
