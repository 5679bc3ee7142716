package heapprofile

import (
	"encoding/binary"
	"io"
)

// bufferSize is how much is collected for one write.
const bufferSize = 32 << 10

// scratchSize holds every message: 32 numbers of at most 10 bytes and some more.
const scratchSize = 1 << 10

// Wire types of protocol buffers.
const (
	wireVarint = 0
	wireBytes  = 2
)

// appendUint encodes a number of a message; 0 is the default and left out.
// It is called in so many places that copies of it would be most of this
// package.
//
//go:noinline
func appendUint(b []byte, field int, v uint64) []byte {
	if v == 0 {
		return b
	}
	return binary.AppendUvarint(append(b, byte(field<<3|wireVarint)), v)
}

func appendInt(b []byte, field int, v int64) []byte { return appendUint(b, field, uint64(v)) }

// appendBytes encodes a message within a message, or packed numbers.
//
//go:noinline
func appendBytes(b []byte, field int, body []byte) []byte {
	b = append(b, byte(field<<3|wireBytes))
	b = binary.AppendUvarint(b, uint64(len(body)))
	return append(b, body...)
}

// stream writes the fields of the outermost message through one buffer and
// keeps the first error.
type stream struct {
	w   io.Writer
	buf []byte
	err error
}

func (s *stream) reset(w io.Writer) {
	if s.buf == nil {
		s.buf = make([]byte, 0, bufferSize)
	}
	s.w, s.buf, s.err = w, s.buf[:0], nil
}

// finish writes what is left and lets go of the writer.
func (s *stream) finish() error {
	s.flush()
	s.w = nil
	return s.err
}

func (s *stream) flush() {
	if s.err == nil && len(s.buf) > 0 {
		n, err := s.w.Write(s.buf)
		if err == nil && n < len(s.buf) {
			err = io.ErrShortWrite
		}
		s.err = err
	}
	s.buf = s.buf[:0]
}

// room makes n bytes fit behind what is in the buffer.
func (s *stream) room(n int) {
	if len(s.buf)+n > cap(s.buf) {
		s.flush()
	}
}

func (s *stream) uint(field int, v uint64) {
	s.room(1 + binary.MaxVarintLen64)
	s.buf = appendUint(s.buf, field, v)
}

func (s *stream) message(field int, body []byte) {
	s.room(1 + binary.MaxVarintLen64 + len(body))
	s.buf = appendBytes(s.buf, field, body)
}

// text writes an entry of the string table, which may be longer than the buffer.
func (s *stream) text(text string) {
	s.room(1 + binary.MaxVarintLen64)
	s.buf = append(s.buf, byte(profileString<<3|wireBytes))
	s.buf = binary.AppendUvarint(s.buf, uint64(len(text)))
	for text != "" {
		s.room(1)
		n := min(len(text), cap(s.buf)-len(s.buf))
		s.buf = append(s.buf, text[:n]...)
		text = text[n:]
	}
}
