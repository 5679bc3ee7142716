package diagnose

import (
	"fmt"
	"time"

	"github.com/memguard-dev/go-memguard/internal/sample"
	"github.com/memguard-dev/go-memguard/internal/survey"
)

// Climb is the growth of one bucket in the last moments of a process, too
// short for a trend.
type Climb struct {
	Bucket        string
	Before, After uint64 // bytes
	Duration      time.Duration
	Limit         uint64 // bytes; 0: none
	// Survey is the last one; nil: none.
	Survey *survey.Survey
}

// climbed is what growth of a bucket is called.
var climbed = map[sample.Bucket]Code{
	sample.GoHeap: HeapLeak, sample.GoFree: HeapNotReturned, sample.GoStacks: GoroutineStacks, sample.OffHeap: OffHeap,
	sample.OtherProcesses: OtherProcess, sample.SharedMemory: Tmpfs, sample.PageCache: PageCacheDirty,
	sample.KernelMemory: KernelMemory, sample.SocketBuffers: SocketBuffers, sample.HugePages: HeapNotReturned,
}

// Finding names a climb; ok is false where its bucket has no name of its own.
func (c Climb) Finding() (f Finding, ok bool) {
	for bucket, code := range climbed {
		if bucket.String() != c.Bucket {
			continue
		}
		before, after := float64(c.Before), float64(c.After)
		f = Finding{
			Code: code, Severity: Critical, Confidence: 0.7, class: growing, bytes: c.After - min(c.Before, c.After),
			Summary: fmt.Sprintf("%s grew from %s to %s in the last %.3g s", c.Bucket, mib(before), mib(after), c.Duration.Seconds()),
			Next:    Table[rank(code)].Next,
			Evidence: []Evidence{
				{c.Bucket + "_from", before, "By"}, {c.Bucket + "_to", after, "By"}, {"window", c.Duration.Seconds(), "s"}, {"limit", float64(c.Limit), "By"},
			},
		}
		switch code {
		case Tmpfs:
			f.Summary += mounts(c.Survey)
		case OtherProcess:
			f.Summary += whoIsThere(c.Survey)
		}
		return f, true
	}
	return f, false
}
