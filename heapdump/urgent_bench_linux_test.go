package heapdump

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/internal/heapprofile"
	"github.com/memguard-dev/go-memguard/internal/ratio"
)

// BenchmarkImmediate holds the way from the request to a profile with its name
// against the usual way to the same: pprof.WriteHeapProfile into a file that is
// renamed. "armed" is what a crossing waits for. "with arming" is timed in turns
// with the other and makes ready each time, which a crossing need not wait for.
//
// The rate of sampling is an ordinary one: at a rate of 1 pprof would spend most
// of its time on records of its own allocations.
func BenchmarkImmediate(b *testing.B) {
	defer func() { heldStacks = nil }()
	manyRecords(b, 30_000)
	dir := b.TempDir()
	s := testStore(b, dir, Options{}, nil)
	arm(b, s)
	if len(s.armed.spares) == 0 {
		b.Skip("no O_TMPFILE in ", dir)
	}
	at := noon
	armed := func() written {
		at = at.Add(time.Millisecond)
		s.current = capture{Store: s, ctx: b.Context(), req: Request{Time: at, Stage: Immediate, Urgent: true}}
		w, err := s.current.profile()
		if err != nil {
			b.Fatal(err)
		}
		return w
	}
	done := func(w written) {
		if err := w.file.Close(); err != nil {
			b.Fatal(err)
		}
		if err := os.Remove(s.join(s.current.set.file(Immediate, heapProfile))); err != nil {
			b.Fatal(err)
		}
		if err := s.armed.makeReady(&s.dir); err != nil {
			b.Fatal(err)
		}
	}
	plain := func() {
		final := filepath.Join(dir, "plain")
		f, err := os.Create(final + ".tmp")
		if err != nil {
			b.Fatal(err)
		}
		if err := pprof.WriteHeapProfile(f); err != nil {
			b.Fatal(err)
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
		if err := os.Rename(final+".tmp", final); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("armed", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w := armed()
			b.StopTimer()
			done(w)
			b.StartTimer()
		}
		b.ReportMetric(float64(heapprofile.Records()), "records")
	})
	b.Run("pprof.WriteHeapProfile", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			plain()
		}
	})
	b.Run("with arming, against pprof.WriteHeapProfile", func(b *testing.B) {
		ratio.Bench(b, func() { done(armed()) }, plain)
	})
}

// childNeeds holds Need against what a capture really takes.
func childNeeds(t *testing.T, dir string) {
	s := testStore(t, dir, Options{}, nil)
	urgent(t, s, Request{Time: noon}) // What happens once in a process is not meant.
	finish(t, s, false)
	for i, records := range []int{1_000, 30_000} {
		manyRecords(t, records)
		for _, ready := range []bool{false, true} {
			if ready {
				measureArm(t, s, dir)
			}
			for j, stage := range []Stage{Immediate, Fresh} {
				need := s.Need(stage)
				files := taken(t, dir)
				before := resetPeak(t)
				urgent(t, s, Request{Time: noon.Add(time.Duration(1+10*i+j) * time.Minute), Stage: stage})
				grown := max(0, status(t, "VmHWM:")-before)
				if s.FS() == Tmpfs {
					grown += taken(t, dir) - files
				}
				fmt.Printf("MEASURED %s, %d records, armed %v, %s: need %d KiB, taken %d KiB\n",
					s.FS(), heapprofile.Records(), ready, stage, need>>10, grown>>10)
				if int64(need) < grown/2 {
					t.Errorf("need %d bytes, taken %d", need, grown)
				}
			}
			finish(t, s, false)
		}
		if err := s.Disarm(); err != nil {
			t.Error(err)
		}
	}
}

// measureArm holds the estimate of what arming takes against what it took.
func measureArm(t testing.TB, s *Store, dir string) {
	t.Helper()
	need, files, before := s.NeedToArm(), taken(t, dir), resetPeak(t)
	arm(t, s)
	grown := max(0, status(t, "VmHWM:")-before)
	if s.FS() == Tmpfs {
		grown += taken(t, dir) - files
	}
	fmt.Printf("MEASURED %s, %d records, to arm: need %d KiB, taken %d KiB, then %d KiB\n",
		s.FS(), heapprofile.Records(), need>>10, grown>>10, s.NeedToArm()>>10)
	if int64(need) < grown/2 {
		t.Errorf("need %d bytes to arm, taken %d", need, grown)
	}
	if left := s.NeedToArm(); left > need/4 {
		t.Errorf("armed, and yet %d of %d bytes are needed", left, need)
	}
}

// taken is the space in use on the volume of dir.
func taken(t testing.TB, dir string) int64 {
	t.Helper()
	used, err := usedSpace(dir)
	if err != nil {
		t.Fatal(err)
	}
	return used
}

// resetPeak makes VmHWM begin anew and returns what it begins with.
func resetPeak(t testing.TB) int64 {
	t.Helper()
	rssAnon(t)
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
	return status(t, "VmHWM:")
}

func TestNeed(t *testing.T) {
	skipRace(t)
	for kind, dir := range map[Kind]func(*testing.T) string{
		Disk:  func(t *testing.T) string { return t.TempDir() },
		Tmpfs: func(t *testing.T) string { return smallDisk(t, 8192) },
	} {
		t.Run(string(kind), func(t *testing.T) { logMeasured(t, runChild(t, "need", dir(t))) })
	}
}
