package heapprofile

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// maxMessage bounds a field of a profile of addresses: a path in the string
// table is the longest.
const maxMessage = 8 << 10

// maxField is beyond all fields known.
const maxField = 1 << 10

// message is one field: a number or bytes.
type message struct {
	field, wire int
	value       uint64
	body        []byte // valid until the next one
}

// messages reads the fields of the outermost message, one at a time.
type messages struct {
	r    *bufio.Reader
	body [maxMessage]byte
}

func newMessages(r io.Reader) *messages {
	return &messages{r: bufio.NewReaderSize(r, bufferSize)}
}

// next gives io.EOF at the end, ErrFormat for what is cut off or too large,
// and the reader's own errors.
func (ms *messages) next() (message, error) {
	if _, err := ms.r.Peek(1); err != nil {
		return message{}, err // io.EOF: between two fields
	}
	tag, err := ms.varint()
	if err != nil {
		return message{}, err
	}
	m := message{field: int(min(tag>>3, maxField)), wire: int(tag & 7)}
	if m.value, err = ms.varint(); err != nil {
		return message{}, err
	}
	switch {
	case m.wire == wireVarint:
		return m, nil
	case m.wire != wireBytes, m.value > maxMessage:
		return message{}, ErrFormat
	}
	m.body = ms.body[:m.value]
	if _, err := io.ReadFull(ms.r, m.body); err != nil {
		return message{}, cutOff(err)
	}
	return m, nil
}

func (ms *messages) varint() (uint64, error) {
	var b [binary.MaxVarintLen64]byte
	for i := range b {
		var err error
		if b[i], err = ms.r.ReadByte(); err != nil {
			return 0, cutOff(err)
		}
		if b[i] < 0x80 {
			v, n := binary.Uvarint(b[:i+1])
			if n <= 0 {
				return 0, ErrFormat
			}
			return v, nil
		}
	}
	return 0, ErrFormat
}

// cutOff tells the end of a file in the middle from an error in reading it.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrFormat
	}
	return err
}

// cutMessage takes the first field off a message.
func cutMessage(b []byte) (m message, rest []byte, ok bool) {
	tag, n := binary.Uvarint(b)
	if n <= 0 {
		return message{}, nil, false
	}
	b = b[n:]
	m = message{field: int(min(tag>>3, maxField)), wire: int(tag & 7)}
	if m.value, n = binary.Uvarint(b); n <= 0 {
		return message{}, nil, false
	}
	b = b[n:]
	switch m.wire {
	case wireVarint:
		return m, b, true
	case wireBytes:
		if m.value > uint64(len(b)) {
			return message{}, nil, false
		}
		m.body = b[:m.value]
		return m, b[m.value:], true
	default:
		return message{}, nil, false
	}
}

// numbers reads a message of numbers only into f by field; a field may be
// there once.
func numbers(body []byte, f []uint64) bool {
	for len(body) > 0 {
		m, rest, ok := cutMessage(body)
		if !ok || m.wire != wireVarint || m.field == 0 || m.field >= len(f) || m.value == 0 || f[m.field] != 0 {
			return false
		}
		f[m.field] = m.value
		body = rest
	}
	return true
}
