package heapprofile

import (
	"io"
	"runtime"
	"strconv"
	"time"
)

// MaxGoroutines is how many goroutines have their stacks read, at most: a
// stack takes about 500 bytes for the time of the profile.
const MaxGoroutines = 100_000

// Goroutines writes all goroutine stacks with symbols, equal ones counted
// together. It stops the world for an instant.
//
// With more than MaxGoroutines the profile has a single sample without a
// stack, which counts them, and a comment that says so.
func (e *Encoder) Goroutines(w io.Writer) error {
	records, n := readGoroutines(MaxGoroutines)
	return e.goroutines(w, records, n, time.Now())
}

// readGoroutines returns the stacks, or no more than how many there are when
// they are more than limit.
func readGoroutines(limit int) ([]runtime.StackRecord, int) {
	n := runtime.NumGoroutine()
	for {
		// Some more, for those that begin meanwhile.
		n += n/16 + 16
		if n > limit {
			n = limit
		}
		records := make([]runtime.StackRecord, n)
		got, ok := runtime.GoroutineProfile(records)
		if ok {
			return records[:got], got
		}
		if got > limit {
			return nil, got
		}
		n = got
	}
}

// goroutines encodes n goroutines; with more of them than records there are
// no records.
func (e *Encoder) goroutines(w io.Writer, records []runtime.StackRecord, n int, now time.Time) error {
	e.places.prepare(1)
	e.symbols = newSymbols(textMappings + 2*len(e.maps))
	defer func() { e.symbols = nil }()
	e.begin(w)

	counts := make(map[[32]uintptr]int64)
	for i := range records {
		counts[records[i].Stack0]++
	}
	for stack, count := range counts {
		record := runtime.StackRecord{Stack0: stack}
		e.sample(record.Stack(), []int64{count}, 0, false)
	}
	if n > len(records) {
		e.sample(nil, []int64{int64(n)}, 0, false)
		e.out.uint(profileComment, e.symbols.text(strconv.Itoa(n)+" goroutines: more than "+
			strconv.Itoa(MaxGoroutines)+" stacks are not read"))
	}
	e.valueType(profileSampleType, textGoroutine, textCount)
	e.valueType(profilePeriodType, textGoroutine, textCount)
	e.out.uint(profilePeriod, 1)
	return e.end(now)
}
