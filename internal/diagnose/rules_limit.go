package diagnose

import (
	"fmt"
	"math"
	"time"

	"github.com/memguard-dev/go-memguard/internal/history"
)

// tight is the share of the limit that leaves less room than the recommended
// limit does, which is 20 %.
const tight = 1 / 1.2

func (r *run) tooClose() {
	if r.facts.Unlimited || r.last.Bytes(history.Limit) == 0 {
		return
	}
	held, ok := r.floor(history.Unreclaimable, 10*time.Second)
	// What the runtime would give back if it had to is room: with GOMEMLIMIT
	// and GOGC=off a heap full of garbage is as it should be.
	if ok {
		held -= r.garbage()
	}
	if _, told := r.last.Get(history.Reclaimable); !told {
		// Elsewhere it is not in that sum.
		held -= r.forgettable(float64(r.last.Bytes(history.Kernel)))
	}
	if !ok || r.share(held) < tight {
		return
	}
	f := r.held(LimitTooClose, held, "Memory that neither the kernel nor the runtime can give back")
	f.class, f.Severity = margin, Warning
	if r.share(held) >= 0.95 {
		f.Severity = Critical
	}
	if s := r.sizing(); s != nil {
		f.Summary += fmt.Sprintf("; from its own life a limit of %s is right", mib(float64(s.Limit)))
	}
	r.add(f)
}

// garbage is the free and dead part of the Go heap, at the least of late. A
// collection turns what is dead into what is free, so both count together.
func (r *run) garbage() float64 {
	const lately = 10 * time.Second
	// A slow collection counts what is allocated meanwhile as alive: the least counts.
	live, alive := r.floor(history.LiveHeap, 2*lately)
	if !alive {
		live, alive = r.highest(history.LiveHeap, 2*lately)
	}
	if !alive {
		free, _ := r.floor(history.Free, lately)
		return free
	}
	least := math.Inf(1)
	r.facts.History.Window(lately, func(p *history.Point) {
		least = min(least, float64(p.Bytes(history.Free)+p.Bytes(history.Objects)))
	})
	if math.IsInf(least, 1) {
		return 0
	}
	return max(0, least-live)
}

func (r *run) noLimit() {
	if !r.facts.Unlimited {
		return
	}
	f := Finding{
		Code: NoLimit, Severity: Warning, Confidence: 1, class: margin,
		Summary: fmt.Sprintf("no memory limit but that of the machine; usage is %s", mib(float64(r.last.Bytes(history.Usage)))),
	}
	r.add(f)
}
