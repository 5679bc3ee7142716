package memguard

import (
	"slices"
	"testing"

	"github.com/memguard-dev/go-memguard/cgroupstat"
)

func TestWakeUsages(t *testing.T) {
	for _, c := range []struct {
		thresholds []Threshold
		limit      cgroupstat.Value
		want       []uint64
	}{
		{nil, cgroupstat.Of(1000), nil},
		{[]Threshold{Percent(80)}, cgroupstat.Value{}, nil},
		{[]Threshold{Percent(80)}, cgroupstat.Of(1000), []uint64{700, 800}},
		{[]Threshold{Bytes(800), Percent(80), Percent(90)}, cgroupstat.Of(1000), []uint64{700, 784, 800, 900}},
	} {
		if got := wakeUsages(c.thresholds, c.limit); !slices.Equal(got, c.want) {
			t.Errorf("%v of %v: %v, want %v", c.thresholds, c.limit, got, c.want)
		}
	}
}

func TestWakerWithoutNotifications(t *testing.T) {
	k := newWaker(&Guard{})
	if w, err := k.open(); w != nil || err != nil {
		t.Errorf("no target: %v, %v", w, err)
	}
	// Ordinary files cannot wake anybody, and no directory even less.
	for _, dir := range []string{t.TempDir(), t.TempDir() + "/gone"} {
		k.follow(&wakeTarget{location: cgroupstat.At(cgroupstat.V2, dir)})
		if w, err := k.open(); w != nil || err != nil {
			t.Errorf("%s: %v, %v", dir, w, err)
		}
	}
}
