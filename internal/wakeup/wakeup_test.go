package wakeup

import (
	"math"
	"slices"
	"testing"
)

func TestSourceString(t *testing.T) {
	for s, want := range map[Source]string{
		0: "none", Events: "events", Pressure: "pressure", Threshold: "threshold",
		Events | Pressure: "events,pressure", Events | Pressure | Threshold: "events,pressure,threshold",
	} {
		if got := s.String(); got != want {
			t.Errorf("%b: %q, want %q", s, got, want)
		}
	}
}

func TestRegistrable(t *testing.T) {
	const page = 4096
	for _, c := range []struct{ in, want []uint64 }{
		{nil, []uint64{never}},
		{[]uint64{0}, []uint64{never}},
		{[]uint64{0, page}, []uint64{page}},
		{[]uint64{1}, []uint64{page}},
		{[]uint64{page + 1, page - 1}, []uint64{page, 2 * page}},
		{[]uint64{page, 3, page, 1}, []uint64{page}},
		{[]uint64{math.MaxUint64, math.MaxInt64, 7}, []uint64{page}},
		{[]uint64{math.MaxInt64 - page}, []uint64{(math.MaxInt64-page)/page*page + page}},
	} {
		in := slices.Clone(c.in)
		if got := registrable(in, page); !slices.Equal(got, c.want) {
			t.Errorf("%d: %d, want %d", c.in, got, c.want)
		}
		if !slices.Equal(in, c.in) {
			t.Errorf("the argument %d became %d", c.in, in)
		}
	}
}

func TestControl(t *testing.T) {
	if got := string(control(7, 12, "1048576")); got != "7 12 1048576" {
		t.Errorf("%q", got)
	}
}
