package diagnose

import (
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"github.com/memguard-dev/go-memguard/internal/history"
)

// BenchmarkDiagnose is one over a history that is full: eight days of a noisy
// service that leaks, so that every window is looked at.
func BenchmarkDiagnose(b *testing.B) {
	s := &service{
		random: rand.New(rand.NewPCG(1, 1)), load: day(0.5, true), base: 60 * mebi, perLoad: 40 * mebi,
		lag: time.Minute, noise: 2 * mebi, leak: 5e6 / 3600,
	}
	h := history.New(250 * time.Millisecond)
	for s.now < 8*24*time.Hour {
		s.step(30*time.Second, h)
	}
	for range 2000 {
		s.step(250*time.Millisecond, h)
	}
	var doctor Doctor
	facts := &Facts{History: h}
	b.ReportAllocs()
	for b.Loop() {
		doctor.Diagnose(facts)
	}
	b.ReportMetric(float64(h.Bytes()), "history-bytes")
	b.ReportMetric(float64(unsafe.Sizeof(history.Point{})), "point-bytes")
}
