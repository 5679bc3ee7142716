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

// encodeAddresses writes it without symbols, where they can be added later.
// It allocates about 330 bytes for each distinct allocation stack.
func encodeAddresses(w io.Writer) error {
	return addresses(heapprofile.New(), w)
}

func addresses(e *heapprofile.Encoder, w io.Writer) error {
	if e.BuildID() == "" {
		// Nothing could ever tell that a program is the one to read them.
		return e.Symbolized(w)
	}
	return e.Addresses(w)
}

// encodeGoroutines writes all goroutine stacks, equal ones counted together.
func encodeGoroutines(w io.Writer) error {
	return heapprofile.New().Goroutines(w)
}
