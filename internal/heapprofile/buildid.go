package heapprofile

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"strconv"
)

var errNotELF = errors.New("not an ELF file of this machine")

// Bounds of what is read of an ELF file.
const (
	maxSections = 1024
	maxNotes    = 64 << 10
	maxBuildID  = 256
)

// Parts of the ELF format, by their names in its specification.
const (
	shtNote      = 7
	ntGNUBuildID = 3
	ntGoBuildID  = 4
)

// buildID finds the build id in the notes of an ELF file of this machine's
// word size and byte order: the GNU one, which profilers go by, else Go's.
// Empty without an error: it has none.
//
// It goes by sections, since the Go linker's note segment has Go's alone.
func buildID(r io.ReaderAt) (string, error) {
	var header [64]byte
	if _, err := r.ReadAt(header[:], 0); err != nil {
		return "", err
	}
	order := binary.NativeEndian
	word := func(b []byte) uint64 { return order.Uint64(b) }
	// Where things are in the file's header and in that of a section.
	class, table, entry, offset, size := byte(2), 40, 58, 24, 32
	if strconv.IntSize == 32 {
		word = func(b []byte) uint64 { return uint64(order.Uint32(b)) }
		class, table, entry, offset, size = 1, 32, 46, 16, 20
	}
	if string(header[:4]) != "\x7fELF" || header[4] != class {
		return "", errNotELF
	}
	at, step, count := word(header[table:]), order.Uint16(header[entry:]), order.Uint16(header[entry+2:])
	var found string
	for range min(count, maxSections) {
		var section [40]byte
		if _, err := r.ReadAt(section[:], int64(at)); err != nil {
			return "", err
		}
		at += uint64(step)
		if order.Uint32(section[4:]) != shtNote {
			continue
		}
		notes := make([]byte, min(word(section[size:]), maxNotes))
		if _, err := r.ReadAt(notes, int64(word(section[offset:]))); err != nil {
			return "", err
		}
		id, gnu := noteBuildID(notes, order)
		if gnu {
			return id, nil
		}
		if id != "" {
			found = id
		}
	}
	return found, nil
}

// noteBuildID searches the notes of one segment.
func noteBuildID(notes []byte, order binary.ByteOrder) (id string, gnu bool) {
	padded := func(n uint32) uint64 { return (uint64(n) + 3) &^ 3 }
	for len(notes) >= 12 {
		nameSize, descSize, kind := order.Uint32(notes), order.Uint32(notes[4:]), order.Uint32(notes[8:])
		notes = notes[12:]
		name, desc := padded(nameSize), padded(descSize)
		// The last note may lack its padding.
		if name > uint64(len(notes)) || uint64(descSize) > uint64(len(notes))-name {
			return id, false
		}
		text, value := notes[:nameSize], notes[name:name+uint64(descSize)]
		if len(value) <= maxBuildID {
			switch {
			case kind == ntGNUBuildID && string(text) == "GNU\x00":
				return hex.EncodeToString(value), true
			case kind == ntGoBuildID && string(text) == "Go\x00\x00":
				id = string(bytes.TrimRight(value, "\x00"))
			}
		}
		notes = notes[min(name+desc, uint64(len(notes))):]
	}
	return id, false
}
