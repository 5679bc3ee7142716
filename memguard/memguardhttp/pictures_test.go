package memguardhttp

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/memguard"
)

// past is one moment a minute, of which each usage stands a MiB above what is
// unreclaimable.
func past(n int, change func(i int, m *memguard.Moment)) (moments []memguard.Moment, s *memguard.Snapshot) {
	now := time.Now()
	for i := range n {
		size := uint64(100+i) << 20
		m := memguard.Moment{
			Time: now.Add(time.Duration(i-n+1) * time.Minute), Usage: cgroupstat.Of(size + 1<<20),
			Unreclaimable: cgroupstat.Of(size), Highest: cgroupstat.Of(size),
		}
		change(i, &m)
		moments = append(moments, m)
	}
	return moments, &memguard.Snapshot{Time: now}
}

// TestChartHoldsLikeAgainstLike: what is unreclaimable is the least of each
// time, as the usage is, and so never above it; the highest is a line of its own.
func TestChartHoldsLikeAgainstLike(t *testing.T) {
	for _, spike := range []bool{false, true} {
		moments, s := past(10, func(i int, m *memguard.Moment) {
			if spike && i == 5 {
				m.Highest = cgroupstat.Of(900 << 20)
			}
		})
		picture, lines := pastChart(moments, s, nil, 10*time.Minute)
		var names []string
		for _, l := range lines {
			names = append(names, l.Name)
		}
		want := []string{"usage", "unreclaimable"}
		if spike {
			want = append(want, "unreclaimable, highest")
		}
		if !slices.Equal(names, want) {
			t.Errorf("lines %q, want %q", names, want)
		}
		if got := strings.Contains(string(picture), "\nunreclaimable: 900"); got {
			t.Error("a spike is drawn as what was unreclaimable all the time")
		}
		if got := strings.Contains(string(picture), "unreclaimable, highest: 900"); got != spike {
			t.Errorf("the highest is shown: %v, want %v", got, spike)
		}
	}
}

func TestCollectionsAreThinned(t *testing.T) {
	for _, c := range []struct {
		moments int
		each    uint64
		marks   int
		first   string
	}{
		{0, 1, 0, ""},
		{3, 0, 0, ""},
		{1, 1, 1, "collection"},
		{40, 1, 40, "collection"},
		{40, 2, 40, "2 collections"},
		{41, 1, 21, "2 collections"},
		{401, 3, 37, "33 collections"},
	} {
		moments, _ := past(c.moments, func(_ int, m *memguard.Moment) { m.GCCycles = c.each })
		events := collections(moments)
		if len(events) != c.marks || c.marks > 0 && events[0].Name != c.first {
			t.Errorf("%d moments of %d: %d marks, %+v", c.moments, c.each, len(events), events)
			continue
		}
		var sum uint64
		for _, e := range events {
			n := uint64(1)
			_, _ = fmt.Sscanf(e.Name, "%d collections", &n) // One has no number.
			sum += n
		}
		if sum != uint64(c.moments)*c.each || c.marks > 0 && !events[len(events)-1].At.Equal(moments[len(moments)-1].Time) {
			t.Errorf("%d of %d collections are marked", sum, uint64(c.moments)*c.each)
		}
	}
}

// TestProcessesAreNamedOnce: a process's name has its PID, and keeps its letters.
func TestProcessesAreNamedOnce(t *testing.T) {
	b := memguard.Breakdown{Name: "usage", Bytes: 3, Children: []memguard.Breakdown{{
		Name: "other_processes", Bytes: 2, Children: []memguard.Breakdown{{Name: "log_shipper\x1b (9)", PID: 9, Bytes: 2}},
	}}}
	var s memguard.Snapshot
	var names []string
	for _, row := range tree(nil, &b, 0, &s) {
		names = append(names, row.Name)
	}
	if want := []string{"usage", "other processes", "log_shipper\x1b (9)"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	var text bytes.Buffer
	writeTree(&text, &b, 0, &s)
	if got := text.String(); strings.Count(got, "(9)") != 1 || !strings.Contains(got, "log_shipper� (9)") {
		t.Errorf("%q", got)
	}
}
