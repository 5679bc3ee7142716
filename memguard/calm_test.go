package memguard

import (
	"testing"
	"time"
)

func TestCalm(t *testing.T) {
	p := calmPolicy{rise: 0.05, window: 10 * time.Second, most: 60 * time.Second, least: 2 * time.Second}
	for name, c := range map[string]struct {
		basis       func(second int) uint64
		near, steep bool
		want        int // second; -1 for never
	}{
		"at rest from the start": {func(int) uint64 { return 100 }, false, false, 10},
		"grows, then rests":      {func(s int) uint64 { return uint64(min(s, 7)) * 100 }, false, false, 17},
		"small growth":           {func(s int) uint64 { return 500 + uint64(s) }, false, false, 10},
		"grows for ever":         {func(s int) uint64 { return uint64(s) * 100 }, false, false, 60},
		"the threshold is near":  {func(s int) uint64 { return uint64(s) * 100 }, true, false, 2},
		"steep":                  {func(s int) uint64 { return uint64(s) * 100 }, true, true, -1},
	} {
		got := -1
		var state calm
		for s := range 100 {
			var now bool
			if state, now = state.settle(p, time.Duration(s)*time.Second, c.basis(s), 1000, c.near, c.steep); now {
				if got >= 0 {
					t.Errorf("%s: twice", name)
				}
				got = s
			}
		}
		if got != c.want {
			t.Errorf("%s: after %d s, want %d", name, got, c.want)
		}
	}
}
