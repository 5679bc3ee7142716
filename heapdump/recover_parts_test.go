package heapdump

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"slices"
	"testing"

	"github.com/memguard-dev/go-memguard/internal/heapprofile"
)

// Fields of a profile, as in profile.proto.
const (
	fieldSample   = 2
	fieldMapping  = 3
	fieldLocation = 4
	fieldFunction = 5
	fieldString   = 6
	fieldDrop     = 7
	fieldTime     = 9
)

// addressBytes is a profile without symbols, as it lies in a file.
func addressBytes(t testing.TB) []byte {
	t.Helper()
	if !addressesOnly() {
		t.Skip("profiles have symbols from the start here: the build is not known")
	}
	var b bytes.Buffer
	if err := heapprofile.New().Addresses(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// part is a field of the outermost message of a profile.
type part struct {
	field, wire uint64
	value       uint64
	body        []byte
}

// partsOf takes a well-formed profile apart.
func partsOf(t testing.TB, profile []byte) []part {
	t.Helper()
	var parts []part
	uvarint := func() uint64 {
		v, n := binary.Uvarint(profile)
		if n <= 0 {
			t.Fatal("not a profile")
		}
		profile = profile[n:]
		return v
	}
	for len(profile) > 0 {
		tag := uvarint()
		p := part{field: tag >> 3, wire: tag & 7, value: uvarint()}
		if p.wire == 2 {
			p.body, profile = slices.Clone(profile[:p.value]), profile[p.value:]
		}
		parts = append(parts, p)
	}
	return parts
}

// together is the profile of such parts.
func together(parts []part) []byte {
	var b []byte
	for _, p := range parts {
		b = binary.AppendUvarint(b, p.field<<3|p.wire)
		if p.wire == 2 {
			p.value = uint64(len(p.body))
		}
		b = append(binary.AppendUvarint(b, p.value), p.body...)
	}
	return b
}

// first is where the first field of that number is.
func first(parts []part, field uint64) int {
	return slices.IndexFunc(parts, func(p part) bool { return p.field == field })
}

// fewParts are those of a profile with that many samples, still whole.
func fewParts(t testing.TB, samples int) []part {
	t.Helper()
	// One at least, also in a process that has done nothing yet.
	leakForTest(1, 1<<20)
	runtime.GC()
	leaked = nil
	var few []part
	for _, p := range partsOf(t, addressBytes(t)) {
		if p.field != fieldLocation && p.field != fieldSample || samples > 0 {
			few = append(few, p)
		}
		if p.field == fieldSample {
			samples--
		}
	}
	if first(few, fieldSample) < 0 {
		t.Fatal("no sample")
	}
	return few
}

// numeric encodes a field that is a number.
func numeric(field, v uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(nil, field<<3), v)
}

// raw is a field as it is, whatever follows from its tag.
func raw(tag uint64, more ...byte) func([]part) []byte {
	return func(parts []part) []byte {
		return slices.Concat(together(parts), binary.AppendUvarint(nil, tag), more)
	}
}

// changed makes a copy with another i-th field.
func changed(parts []part, i int, body []byte) []byte {
	parts = slices.Clone(parts)
	parts[i].body = body
	return together(parts)
}

func inserted(i func([]part) int, p ...part) func([]part) []byte {
	return func(parts []part) []byte { return together(slices.Insert(slices.Clone(parts), i(parts), p...)) }
}

func atFirst(field uint64) func([]part) int {
	return func(parts []part) int { return first(parts, field) }
}

func atEnd(parts []part) int { return len(parts) }

// location encodes one; mapping 0 is none.
func location(id, mapping, address uint64) part {
	return part{field: fieldLocation, wire: 2, body: slices.Concat(numeric(1, id), numeric(2, mapping), numeric(3, address))}
}

func without(field uint64) func([]part) []byte {
	return func(parts []part) []byte {
		return together(slices.DeleteFunc(slices.Clone(parts), func(p part) bool { return p.field == field }))
	}
}

// replaced puts another in the place of the first field of that number.
func replaced(field uint64, p part) func([]part) []byte {
	return func(parts []part) []byte {
		parts = slices.Clone(parts)
		parts[first(parts, field)] = p
		return together(parts)
	}
}

// sample puts that in the place of the first one.
func sample(locations, values []byte, label ...byte) func([]part) []byte {
	var body []byte
	for i, packed := range [][]byte{locations, values, label} {
		if len(packed) > 0 {
			body = append(append(body, byte(i+1)<<3|2, byte(len(packed))), packed...)
		}
	}
	return replaced(fieldSample, part{field: fieldSample, wire: 2, body: body})
}
