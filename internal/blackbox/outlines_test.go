package blackbox

import (
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

// recorded puts a life into a ring and gives what is in it then.
func recorded(slots int, life func(add func(at time.Duration, usage uint64))) []Record {
	r := newRing(slots)
	seq := uint64(0)
	begin := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	life(func(at time.Duration, usage uint64) {
		seq++
		var s sample.Sample
		s.UnixNano, s.Since, s.Usage = begin.Add(at).UnixNano(), at, cgroupstat.Of(usage)
		var rec Record
		rec.setSample(seq, &s, Full)
		rec.seal()
		r.add(&rec, func(int) {})
	})
	var all []Record
	for at := 0; at < len(r.image); at += recordBytes {
		if rec := Record(r.image[at : at+recordBytes]); rec.sealed() {
			all = append(all, rec)
		}
	}
	return inOrder(all)
}

// Two hours, the last of them with a spike of a single sample, then a minute
// near the limit at 5 ms.
func TestLastSecondsInFullLastHourInOutline(t *testing.T) {
	const slots = (DefaultBytes - HeadBytes) / recordBytes
	const quiet, near = 2 * time.Hour, time.Minute
	spike := quiet - 40*time.Minute
	last := uint64(0)
	all := recorded(slots, func(add func(time.Duration, uint64)) {
		at := time.Duration(0)
		for ; at < quiet; at += 250 * time.Millisecond {
			usage := uint64(100 << 20)
			if at == spike {
				usage = 250 << 20
			}
			add(at, usage)
			last++
		}
		for ; at < quiet+near; at += 5 * time.Millisecond {
			add(at, 200<<20)
			last++
		}
	})
	if len(all) > slots || all[len(all)-1].Seq() != last {
		t.Fatalf("%d records, the last is %d of %d", len(all), all[len(all)-1].Seq(), last)
	}
	// In full: every sample of the last seconds.
	run := 1
	for i := len(all) - 1; i > 0 && all[i].Seq() == all[i-1].Seq()+1; i-- {
		run++
	}
	if full := time.Duration(run) * 5 * time.Millisecond; full < 3*time.Second {
		t.Errorf("the last %v are there in full, want at least 3 s", full)
	}
	// In outline: no gap larger than twice the period as far as each reaches.
	end := all[len(all)-1].Time()
	r := newRing(slots)
	for i, reach := range reaches {
		period := r.outlines[i].period
		for j := 1; j < len(all); j++ {
			before, now := all[j-1].Time(), all[j].Time()
			if end.Sub(before) < reach-2*period && now.Sub(before) > 2*max(period, 250*time.Millisecond) {
				t.Errorf("outline of %v: nothing for %v, %v before the end", reach, now.Sub(before), end.Sub(now))
			}
		}
	}
	found := false
	for i := range all {
		found = found || all[i].Usage().Or(0) == 250<<20
	}
	if !found {
		t.Error("the spike of 40 minutes ago is lost")
	}
}

func TestRingOfAnySize(t *testing.T) {
	for _, bytes := range []int{MinBytes, DefaultBytes, MaxBytes} {
		slots := (bytes - HeadBytes) / recordBytes
		all := recorded(slots, func(add func(time.Duration, uint64)) {
			for i := range 3 * slots {
				add(time.Duration(i)*10*time.Millisecond, uint64(i))
			}
		})
		if n := len(all); n < slots/3 || n > slots || all[n-1].Seq() != uint64(3*slots) {
			t.Errorf("%d bytes: %d records of %d", bytes, n, slots)
		}
	}
}

// The clock may be set while the process runs: nothing of the end is lost.
func TestClockThatJumps(t *testing.T) {
	const n = 500
	all := recorded((DefaultBytes-HeadBytes)/recordBytes, func(add func(time.Duration, uint64)) {
		for i := range n {
			at := time.Duration(i) * 5 * time.Millisecond
			switch {
			case i > 400:
				at -= time.Hour
			case i > 200:
				at += 24 * time.Hour
			}
			add(at, 1)
		}
	})
	if len(all) != n {
		t.Errorf("%d of %d records", len(all), n)
	}
}

func TestEventsHaveTheirOwnPlace(t *testing.T) {
	r := newRing((MinBytes - HeadBytes) / recordBytes)
	var event Record
	event.setEvent(1, time.Now(), OOMKill, 1, 1)
	r.add(&event, func(slot int) {
		if slot >= eventSlots {
			t.Errorf("event in slot %d", slot)
		}
	})
	var s sample.Sample
	for i := range 1000 {
		var rec Record
		s.UnixNano += int64(time.Second)
		rec.setSample(uint64(i), &s, Usage)
		r.add(&rec, func(slot int) {
			if slot < eventSlots {
				t.Fatalf("sample in slot %d", slot)
			}
		})
	}
}
