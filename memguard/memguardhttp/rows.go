package memguardhttp

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/memguard-dev/go-memguard/heapdump"
)

// dumpView is a row of the list.
type dumpView struct {
	Time, Machine, Stage, Reason, Culprit, Heap, Size string
	// File, Manifest and Goroutine are names of files.
	File, Manifest, Goroutine string
	// Nameless is one that cannot be drawn for lack of symbols.
	Nameless bool
}

// comparison is a baseline and the dump to hold against it.
type comparison struct{ Base, Peak string }

// What the page shows of the dumps; all of it is in the list and the manifests.
const (
	maxRows    = 50
	maxCaption = 300
)

// dumps are shown newest first.
func (p *overviewPage) dumps(dumps []heapdump.Dump, without *nameless) {
	p.Older = max(0, len(dumps)-maxRows)
	for i := len(dumps) - 1; i >= p.Older; i-- {
		d := &dumps[i]
		v := dumpView{
			Time: d.Time.UTC().Format("2006-01-02 15:04:05"), Machine: d.Time.UTC().Format(time.RFC3339),
			Stage: string(d.Stage), Reason: cut(d.Reason, maxCaption), Size: size(uint64(max(d.Bytes, 0))),
			File: filepath.Base(d.Path), Manifest: base(d.Manifest), Goroutine: base(d.Goroutine),
		}
		v.Nameless = without.has(d)
		if d.HeapBytes > 0 {
			v.Heap = size(d.HeapBytes)
		}
		if len(d.Top) > 0 {
			v.Culprit = cut(site(&d.Top[0]), maxCaption)
		}
		p.Dumps = append(p.Dumps, v)
	}
	if b, peak, ok := growth(dumps); ok {
		p.Compare = &comparison{filepath.Base(b.Path), filepath.Base(peak.Path)}
	}
}

func base(path string) string {
	if path == "" {
		return ""
	}
	return filepath.Base(path)
}

// growth is the newest baseline with a later dump of the same run, and of these
// the largest; a fresh one before others.
func growth(dumps []heapdump.Dump) (from, to *heapdump.Dump, ok bool) {
	for i := len(dumps) - 1; i >= 0 && !ok; i-- {
		if dumps[i].Stage != heapdump.Baseline {
			continue
		}
		from = &dumps[i]
		for j := range dumps {
			d := &dumps[j]
			if d.Stage == heapdump.Baseline || d.Run != from.Run || !d.Time.After(from.Time) {
				continue
			}
			if to == nil || d.Stage == heapdump.Fresh && to.Stage != heapdump.Fresh ||
				(d.Stage == heapdump.Fresh || to.Stage != heapdump.Fresh) && d.HeapBytes >= to.HeapBytes {
				to, ok = d, true
			}
		}
	}
	return from, to, ok
}

func site(s *heapdump.Site) string {
	text := s.Function
	if s.File != "" {
		text = fmt.Sprintf("%s (%s:%d)", text, filepath.Base(s.File), s.Line)
	}
	if s.Grown != nil {
		return text + " grew " + sizeOf(float64(*s.Grown))
	}
	return text + " holds " + sizeOf(float64(s.Bytes))
}
