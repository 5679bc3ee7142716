package blackbox

import (
	"testing"
	"time"
)

// The sampler pays no allocation for a record, whether there is room for it or not.
func TestRecordingAllocatesNothing(t *testing.T) {
	b := New(Options{Header: Header{Run: NewRun(time.Now(), 1)}, Bytes: MinBytes, Fault: func(error) {}})
	s := benchSample()
	now := time.Now()
	for _, drained := range []bool{true, false} {
		n := testing.AllocsPerRun(2*waiting, func() {
			b.Sample(&s, Full)
			b.Event(now, Spike, 1, 2)
			if drained {
				b.drain()
			}
		})
		if n != 0 {
			t.Errorf("drained %v: %v allocations", drained, n)
		}
	}
	if b.Dropped() == 0 {
		t.Error("the queue was never full")
	}
}

// counted is a file that only counts.
type counted struct{ bytes, writes int }

func (c *counted) WriteAt(p []byte, _ int64) (int, error) {
	c.bytes += len(p)
	c.writes++
	return len(p), nil
}
func (*counted) linked() bool { return true }
func (*counted) Close() error { return nil }

// One record is written as one, and with it the few of outlines that are over:
// not all that lies between them in the file.
func TestOnlyWhatChangedIsWritten(t *testing.T) {
	b := New(Options{Header: Header{Run: NewRun(time.Now(), 1)}, Bytes: DefaultBytes, Fault: func(error) {}})
	var c counted
	b.target = &c
	s := benchSample()
	const n = 1000
	wraps := 0
	for range n {
		s.UnixNano += int64(5 * time.Second) // Every interval of the outlines is over.
		b.Sample(&s, Full)
		before := c.bytes
		b.drain()
		if wrote := c.bytes - before; wrote > spans*recordBytes {
			wraps++
			t.Errorf("%d bytes for a record", wrote)
		}
		if wraps > 3 {
			t.FailNow()
		}
	}
	if c.writes > 4*n || c.writes <= n {
		t.Errorf("%d writes for %d records", c.writes, n)
	}
}
