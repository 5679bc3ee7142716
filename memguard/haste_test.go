package memguard

import (
	"testing"
	"time"
)

// testHaste makes a collection take 100 ms, and thresholds of 80 of 100.
var testHaste = hastePolicy{
	arm: 0.25, disarm: 0.35, rise: 0.04,
	steep: 6, lead: 1.5, leadUnbraked: 2.5,
	again: 0.125, pause: 30 * time.Second,
	brake: time.Second, brakeMost: 3 * time.Second, release: 10 * time.Second,
}

// course runs readings 10 ms apart through hasten, with a limit of 1000 and a
// threshold of 800.
type course struct {
	t     *testing.T
	h     haste
	now   time.Duration
	brake bool // may be used
}

func (c *course) step(basis, rate uint64, busy bool) urge {
	c.now += 10 * time.Millisecond
	var u urge
	c.h, u = hasten(c.h, testHaste, prospect{
		since: c.now, basis: basis, limit: 1000, distance: 800 - min(800, basis), rate: rate,
		canBrake: c.brake, gc: 100 * time.Millisecond, collecting: busy,
	})
	return u
}

func TestHastenArms(t *testing.T) {
	c := course{t: t, brake: true}
	for _, s := range []struct {
		basis uint64
		armed bool
	}{{100, false}, {540, false}, {550, true}, {900, true}, {460, true}, {440, false}} {
		u := c.step(s.basis, 0, false)
		if c.h.armed != s.armed || u.refresh || u.steep || c.h.braked {
			t.Errorf("at %d: %+v, %+v", s.basis, c.h, u)
		}
	}
	// Far from the threshold, but not for long.
	if u := c.step(100, 3000, false); !c.h.armed || !u.steep || u.refresh || c.h.braked || u.look == 0 {
		t.Errorf("steep and far: %+v, %+v", c.h, u)
	}
}

func TestHastenSlowAscentIsLeftAlone(t *testing.T) {
	c := course{t: t, brake: true}
	for basis := uint64(500); basis < 1000; basis += 5 {
		// 500 ms from threshold to limit at 400 a second would be steep.
		if u := c.step(basis, 100, basis > 800); u.refresh && basis < 900 || u.steep && basis < 900 || c.h.braked && basis < 900 {
			t.Fatalf("at %d: %+v, %+v", basis, c.h, u)
		}
	}
}

func TestHastenRefreshesOnceBeforeASteepCrossing(t *testing.T) {
	for _, braked := range []bool{true, false} {
		c := course{t: t, brake: braked}
		var at []uint64
		busy := false
		for basis := uint64(400); basis < 800; basis += 10 {
			u := c.step(basis, 1000, busy)
			if u.refresh {
				at = append(at, basis)
				busy = true
			}
		}
		// A collection and a half before the threshold, or two and a half.
		want := uint64(650)
		if !braked {
			want = 550
		}
		if len(at) != 1 || at[0] != want {
			t.Errorf("brake %v: refreshed at %v, want once at %d", braked, at, want)
		}
		if c.h.braked != braked {
			t.Errorf("brake %v: %+v", braked, c.h)
		}
	}
}

func TestHastenRefreshesAgainAfterGrowth(t *testing.T) {
	c := course{t: t}
	if u := c.step(650, 1000, false); !u.refresh {
		t.Fatal("no refresh")
	}
	for _, s := range []struct {
		basis   uint64
		refresh bool
	}{{660, false}, {774, false}, {775, true}, {780, false}} {
		if u := c.step(s.basis, 1000, false); u.refresh != s.refresh {
			t.Errorf("at %d: %+v", s.basis, u)
		}
	}
	c.now += testHaste.pause
	if u := c.step(700, 1000, false); !u.refresh {
		t.Error("none after the pause")
	}
}

func TestBrakeIsHeldNoLongerThanAllowed(t *testing.T) {
	c := course{t: t, brake: true}
	c.step(700, 1000, false)
	held := time.Duration(0)
	for range 500 {
		c.step(700, 1000, true)
		if c.h.braked {
			held += 10 * time.Millisecond
		}
	}
	if held < testHaste.brake-20*time.Millisecond || held > testHaste.brake {
		t.Errorf("held for %v in 5 s, want %v", held, testHaste.brake)
	}
	c.now += testHaste.release
	if c.step(700, 1000, true); !c.h.braked {
		t.Error("not used again after the rest")
	}
	if c.step(700, 0, false); c.h.braked {
		t.Error("held with nothing to wait for")
	}
	// A release in good time needs no rest.
	if c.step(700, 1000, true); !c.h.braked {
		t.Error("not used again")
	}
}

func TestACrossingHasTheBrakeWhateverWasUsedBefore(t *testing.T) {
	var h haste
	var held time.Duration
	for i := range 1000 {
		now := time.Duration(i) * 10 * time.Millisecond
		h, _ = hasten(h, testHaste, prospect{
			since: now, basis: 790, limit: 1000, distance: 10, rate: 1000, canBrake: true, gc: 800 * time.Millisecond,
			collecting: true, dumping: now > 5*time.Second,
		})
		if h.braked && now > 5*time.Second {
			held += 10 * time.Millisecond
		}
	}
	if held < 1580*time.Millisecond || held > 1600*time.Millisecond {
		t.Errorf("held for %v, want twice a collection", held)
	}
}

func TestHastenWithoutALimit(t *testing.T) {
	h, u := hasten(haste{armed: true, braked: true}, testHaste, prospect{basis: 5, rate: 1 << 40})
	if h.armed || h.braked || u != (urge{}) {
		t.Errorf("%+v, %+v", h, u)
	}
}

// FuzzHasten: the brake is never on where it is not allowed, never longer than
// allowed in a row, and there are no more refreshes than growth explains.
func FuzzHasten(f *testing.F) {
	f.Add([]byte{10, 50, 60, 70, 80, 90}, true)
	f.Fuzz(func(t *testing.T, walk []byte, canBrake bool) {
		var h haste
		var a ascent
		var held time.Duration
		refreshes := 0
		for i, b := range walk {
			since, basis := time.Duration(i)*10*time.Millisecond, uint64(b)*4
			a.add(since, basis)
			p := prospect{since: since, basis: basis, limit: 1000, distance: 800 - min(800, basis), rate: a.rate(40), canBrake: canBrake, gc: 100 * time.Millisecond, collecting: b%3 == 0, dumping: b%5 == 0}
			var u urge
			h, u = hasten(h, testHaste, p)
			if h.braked && !canBrake {
				t.Fatal("braked")
			}
			if held += 10 * time.Millisecond; !h.braked {
				held = 0
			}
			if held > 2*testHaste.brake+10*time.Millisecond {
				t.Fatalf("held for %v", held)
			}
			if u.refresh {
				refreshes++
			}
			if u.look < 0 {
				t.Fatalf("look after %v", u.look)
			}
		}
		if refreshes > 1+len(walk) {
			t.Fatalf("%d refreshes", refreshes)
		}
	})
}
