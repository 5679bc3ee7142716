package heapdump

import (
	"io"
	"testing"
)

func BenchmarkCapture(b *testing.B) {
	for _, stage := range []Stage{Immediate, Fresh} {
		b.Run(string(stage), func(b *testing.B) {
			s := testStore(b, b.TempDir(), Options{}, nil)
			b.ReportAllocs()
			var size int64
			for b.Loop() {
				d, err := s.Capture(b.Context(), Request{Stage: stage})
				if err != nil {
					b.Fatal(err)
				}
				size = d.Bytes
			}
			b.ReportMetric(float64(size), "file-bytes")
		})
	}
}

// BenchmarkEncode is the part of a capture that is not files.
func BenchmarkEncode(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if err := encodeHeap(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
