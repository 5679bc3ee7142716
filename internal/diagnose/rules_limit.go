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

// lowering is how long a limit that was lowered below what is held is told of as
// that.
const lowering = 30 * time.Second

// lowered tells of a limit that was higher a moment ago and is now below what is
// held: then there is no time to see how much stays, and garbage, too, kills.
func (r *run) lowered() bool {
	before, _ := r.highest(history.Limit, lowering)
	if before <= r.scale || r.basis < r.scale {
		return false
	}
	r.add(Finding{
		Code: LimitTooClose, Severity: Critical, Confidence: 0.95, class: event, bytes: uint64(r.basis),
		Summary: fmt.Sprintf("the limit was lowered from %s to %s, below the %s that is held", mib(before), mib(r.scale), mib(r.basis)),
		Evidence: []Evidence{
			{"limit_before", before, "By"}, {"limit", r.scale, "By"}, {"unreclaimable", r.basis, "By"}, {"garbage", r.garbage(), "By"},
		},
	})
	return true
}

func (r *run) tooClose() {
	if !r.limited() || r.lowered() {
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
// collection turns what is dead into what is free, or into room beside what
// lives, so all count together, but for the room that there always is.
func (r *run) garbage() float64 {
	const lately = 10 * time.Second
	// A slow collection counts what is allocated meanwhile as alive: the least counts.
	live, alive := r.floor(history.LiveHeap, 2*lately)
	if !alive {
		live, alive = r.highest(history.LiveHeap, 2*lately)
	}
	least, scattered := math.Inf(1), math.Inf(1)
	r.facts.History.Window(lately, func(p *history.Point) {
		unused := float64(p.Bytes(history.Unused))
		least = min(least, float64(p.Bytes(history.Free)+p.Bytes(history.Objects))+unused)
		scattered = min(scattered, unused)
	})
	if own := r.last.Bytes(history.GoMemLimit); !alive && (own == 0 || float64(own) > r.scale) {
		// Nothing was collected yet and nothing has to be soon: it may all live.
		free, _ := r.floor(history.Free, lately)
		return free
	}
	if math.IsInf(least, 1) {
		return 0
	}
	return max(0, least-live-scattered)
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
