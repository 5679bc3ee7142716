package heapdump

import (
	"io"

	"github.com/memguard-dev/go-memguard/internal/heapprofile"
)

// encode writes the heap as of the last GC: with symbols, or without them
// where they can be added later. It does not stop the world; it allocates
// about 370 bytes for each distinct allocation stack, and 330 without symbols.
func (c *capture) encode(w io.Writer) error {
	if c.edge.heap != nil {
		return c.edge.heap(w)
	}
	c.encoder = nil
	if c.req.Urgent && c.armed != nil {
		// No file was ready, but the room for the records is.
		c.encoder = c.armed.encoder
	}
	if c.encoder == nil {
		c.encoder = heapprofile.New()
	}
	if c.req.Urgent {
		return addresses(c.encoder, w)
	}
	return c.encoder.Symbolized(w)
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
