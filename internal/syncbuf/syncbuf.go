// Package syncbuf is a buffer that several goroutines may use: a process or a
// logger writes while a test reads. Only tests and their rigs import it.
package syncbuf

import (
	"bytes"
	"sync"
)

// Buffer holds what was written. The zero Buffer is empty.
type Buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write appends; it never fails.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String gives all that was written so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
