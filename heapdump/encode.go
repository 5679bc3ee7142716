package heapdump

import (
	"io"

	"github.com/memguard-dev/go-memguard/internal/heapprofile"
)

// encodeHeap writes the heap as of the last GC, symbols included. It does not
// stop the world; it allocates about 370 bytes for each distinct allocation
// stack.
func encodeHeap(w io.Writer) error {
	return heapprofile.New().Symbolized(w)
}

// encodeGoroutines writes all goroutine stacks, equal ones counted together.
func encodeGoroutines(w io.Writer) error {
	return heapprofile.New().Goroutines(w)
}
