package heapdump

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/heapdump/sites"
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

// hostile are profiles that no capture writes.
var hostile = map[string]func([]part) []byte{
	"nothing":                func([]part) []byte { return nil },
	"text":                   func([]part) []byte { return []byte("not a profile at all") },
	"zeros":                  func([]part) []byte { return make([]byte, 4096) },
	"ones":                   func([]part) []byte { return bytes.Repeat([]byte{0xff}, 4096) },
	"gzip":                   func([]part) []byte { return []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x01\x00\x00\xff\xff") },
	"no head":                func(parts []part) []byte { return together(parts[first(parts, fieldLocation):]) },
	"no strings":             without(fieldString),
	"no mappings":            without(fieldMapping),
	"twice":                  func(parts []part) []byte { return slices.Concat(together(parts), together(parts)) },
	"zero behind":            raw(0),
	"length of 2^40":         raw(fieldString<<3|2, binary.AppendUvarint(nil, 1<<40)...),
	"length of 2^63":         raw(fieldSample<<3|2, binary.AppendUvarint(nil, 1<<63)...),
	"length of 2^64-1":       raw(fieldSample<<3|2, binary.AppendUvarint(nil, math.MaxUint64)...),
	"length beyond the end":  raw(fieldSample<<3|2, 100, 1, 2, 3),
	"varint without end":     raw(fieldSample<<3|2, bytes.Repeat([]byte{0x80}, 1<<20)...),
	"varint of 11 bytes":     raw(12<<3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1),
	"varint of 65 bits":      raw(12<<3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2),
	"tag without end":        func([]part) []byte { return bytes.Repeat([]byte{0x80}, 1<<20) },
	"wire type 1":            raw(fieldTime<<3|1, 1, 2, 3, 4, 5, 6, 7, 8),
	"wire type 3":            raw(fieldSample<<3|3, fieldSample<<3|4),
	"wire type 4":            raw(fieldSample<<3 | 4),
	"wire type 5":            raw(fieldTime<<3|5, 1, 2, 3, 4),
	"wire type 7":            raw(fieldTime<<3|7, 1, 2, 3, 4),
	"number for a sample":    raw(fieldSample<<3, 1),
	"bytes for a number":     raw(fieldDrop<<3|2, 1, 9),
	"unknown field 13":       raw(13<<3, 1),
	"unknown field 99":       raw(99<<3|2, 1, 1),
	"field of 2^61-1":        raw(math.MaxUint64&^7, 1),
	"other drop_frames":      replaced(fieldDrop, part{field: fieldDrop, value: 1}),
	"no drop_frames":         without(fieldDrop),
	"fields before the head": inserted(func([]part) int { return 0 }, part{field: fieldSample, wire: 2}),

	"message of 64 KiB":    inserted(atFirst(fieldString), part{field: fieldString, wire: 2, body: make([]byte, 64<<10)}),
	"first text not empty": replaced(fieldString, part{field: fieldString, wire: 2, body: []byte("x")}),
	"one string less": func(parts []part) []byte {
		i := first(parts, fieldString)
		return together(slices.Delete(slices.Clone(parts), i, i+1))
	},
	"one string more": inserted(atFirst(fieldMapping), part{field: fieldString, wire: 2, body: []byte("x")}),
	"string behind":   inserted(atEnd, part{field: fieldString, wire: 2, body: []byte("x")}),
	"100000 strings":  inserted(atFirst(fieldMapping), slices.Repeat([]part{{field: fieldString, wire: 2}}, 1e5)...),
	"100000 mappings": func(parts []part) []byte {
		i := first(parts, fieldMapping)
		return inserted(atFirst(fieldMapping), slices.Repeat(parts[i:i+1], 1e5)...)(parts)
	},
	"mapping behind": func(parts []part) []byte {
		return inserted(atEnd, parts[first(parts, fieldMapping)])(parts)
	},
	"mapping of other strings": replaced(fieldMapping, part{field: fieldMapping, wire: 2, body: slices.Concat(numeric(1, 1), numeric(5, 1e6), numeric(6, 1e6+1))}),
	"mapping twice the field": func(parts []part) []byte {
		i := first(parts, fieldMapping)
		return changed(parts, i, slices.Concat(parts[i].body, parts[i].body))
	},

	"location 0":            replaced(fieldLocation, location(0, 1, 1)),
	"location 2 first":      replaced(fieldLocation, location(2, 1, 1)),
	"location 2^32":         replaced(fieldLocation, location(1<<32, 1, 1)),
	"location 2^64-1":       replaced(fieldLocation, location(math.MaxUint64, 1, 1)),
	"location in mapping 9": replaced(fieldLocation, location(1, 999, 1)),
	"location twice":        inserted(atFirst(fieldLocation), location(1, 1, 1)),
	"location with a line": func(parts []part) []byte {
		i := first(parts, fieldLocation)
		return changed(parts, i, append(slices.Clone(parts[i].body), 4<<3|2, 2, 1<<3, 1))
	},
	"location within itself": func(parts []part) []byte {
		i := first(parts, fieldLocation)
		return changed(parts, i, slices.Concat(parts[i].body, []byte{fieldLocation<<3 | 2, byte(len(parts[i].body))}, parts[i].body))
	},
	"location cut off": func(parts []part) []byte {
		i := first(parts, fieldLocation)
		return changed(parts, i, parts[i].body[:len(parts[i].body)-1])
	},

	"sample of a location to come": sample([]byte{100}, []byte{1, 1, 1, 1}),
	"sample of location 0":         sample([]byte{0}, []byte{1, 1, 1, 1}),
	"sample of location 2^64-1":    sample(binary.AppendUvarint(nil, math.MaxUint64), []byte{1, 1, 1, 1}),
	"sample of 3 values":           sample([]byte{1}, []byte{1, 1, 1}),
	"sample of 5 values":           sample([]byte{1}, []byte{1, 1, 1, 1, 1}),
	"sample without values":        sample([]byte{1}, nil),
	"sample with a value cut off":  sample([]byte{1}, []byte{1, 1, 1, 0x80}),
	"label of no string":           sample([]byte{1}, []byte{1, 1, 1, 1}, numeric(1, 1e6)...),
	"label of bytes":               sample([]byte{1}, []byte{1, 1, 1, 1}, 2<<3|2, 1, 1),
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

// numbered is a final name.
func numbered(i int) string {
	set := setName{millis: noon.Add(-time.Hour).UnixMilli() + int64(i), pid: 7}
	return set.file([]Stage{Immediate, Fresh, Baseline}[i%3], heapProfile)
}

// wantNamed: the error is one of these for every file, and no other.
func wantNamed(t testing.TB, err error, want map[string]error) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(want) {
		t.Errorf("%d lines for %d files:\n%v", len(lines), len(want), err)
	}
	for name, reason := range want {
		if !errors.Is(err, reason) || !slices.ContainsFunc(lines, func(line string) bool { return strings.HasSuffix(line, name+": "+reason.Error()) }) {
			t.Errorf("nothing says of %s that it is %q:\n%v", name, reason, err)
		}
	}
}

// allocated is how many bytes fn takes, whether it gives them back or not.
func allocated(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestRecoverHostile(t *testing.T) {
	parts := fewParts(t, 20)
	dir := t.TempDir()
	names, want := map[string]string{}, map[string]error{}
	for i, what := range slices.Sorted(maps.Keys(hostile)) {
		name := numbered(i)
		put(t, dir, name, string(hostile[what](parts)))
		names[name], want[name] = what, ErrProfile
	}
	good := filepath.Base(addressFile(t, dir, noon))
	before := states(t, dir)
	var recovered []string
	var err error
	bytes := allocated(func() { recovered, err = Recover(t.Context(), dir) })
	if len(recovered) != 1 || filepath.Base(recovered[0]) != good {
		for _, path := range recovered {
			t.Errorf("recovered %s %q", path, names[filepath.Base(path)])
		}
	}
	for name, reason := range want {
		if !strings.Contains(err.Error(), name+": "+reason.Error()) {
			t.Errorf("%q is passed over in silence", names[name])
		}
	}
	wantNamed(t, err, want)
	wantStates(t, dir, before, good)
	t.Logf("%d files, %d bytes allocated for each", len(before), bytes/uint64(len(before)))
	if most := uint64(len(before)) << 20; bytes > most {
		t.Errorf("%d bytes allocated, bound is %d", bytes, most)
	}
}

// Every length but the whole is refused.
func TestRecoverTruncated(t *testing.T) {
	dir := t.TempDir()
	profile := together(fewParts(t, 200))
	want := map[string]error{}
	var lengths []int
	for n := range 100 {
		lengths = append(lengths, n, len(profile)-1-n, n*len(profile)/100)
	}
	slices.Sort(lengths)
	for i, n := range slices.Compact(lengths) {
		put(t, dir, numbered(i), string(profile[:n]))
		want[numbered(i)] = ErrProfile
	}
	before := states(t, dir)
	recovered, err := Recover(t.Context(), dir)
	if len(recovered) != 0 {
		t.Errorf("recovered %v", recovered)
	}
	wantNamed(t, err, want)
	wantStates(t, dir, before)
	// The whole it is that was cut.
	put(t, dir, numbered(0), string(profile))
	if recovered, _ := Recover(t.Context(), dir); len(recovered) != 1 {
		t.Errorf("recovered %v", recovered)
	}
}

func TestRecoverOtherBuild(t *testing.T) {
	profile := addressBytes(t)
	parts := partsOf(t, profile)
	mapping := first(parts, fieldMapping)
	id := []byte(heapprofile.New().BuildID())
	patch := bytes.Clone(profile)
	patch[bytes.Index(patch, id)] ^= 1
	last := bytes.Clone(profile)
	last[bytes.Index(last, id)+len(id)-1] ^= 1
	buildID := slices.IndexFunc(parts, func(p part) bool { return bytes.Equal(p.body, id) })
	dir := t.TempDir()
	want := map[string]error{}
	for i, text := range [][]byte{
		patch, last,
		changed(parts, buildID, nil),
		changed(parts, buildID, append(slices.Clone(id), '0')),
		changed(parts, buildID, id[1:]),
		// The id is right, and the program another size or elsewhere in its file.
		changed(parts, mapping, mappingOf(parts[mapping], 3, 4096)),
		changed(parts, mapping, mappingOf(parts[mapping], 4, 1<<30)),
	} {
		put(t, dir, numbered(i), string(text))
		want[numbered(i)] = ErrOtherBuild
	}
	before := states(t, dir)
	recovered, err := Recover(t.Context(), dir)
	if len(recovered) != 0 || errors.Is(err, ErrProfile) {
		t.Errorf("recovered %v, %v", recovered, err)
	}
	wantNamed(t, err, want)
	wantStates(t, dir, before)
}

// mappingOf is the body of a mapping with more added to one of its fields.
func mappingOf(p part, field, more uint64) []byte {
	var body []byte
	seen := false
	for rest := p.body; len(rest) > 0; {
		tag, n := binary.Uvarint(rest)
		v, m := binary.Uvarint(rest[n:])
		rest = rest[n+m:]
		if tag>>3 == field {
			v, seen = v+more, true
		}
		body = append(body, numeric(tag>>3, v)...)
	}
	if !seen {
		body = append(body, numeric(field, more)...)
	}
	return body
}

// Addresses that lead anywhere give names or none.
func TestRecoverAnyAddress(t *testing.T) {
	parts := fewParts(t, 1)
	own := first(parts, fieldLocation)
	behind := first(parts, fieldSample)
	var start uint64
	for rest := parts[own].body; len(rest) > 0; {
		tag, n := binary.Uvarint(rest)
		v, m := binary.Uvarint(rest[n:])
		if rest = rest[n+m:]; tag>>3 == 3 {
			start = v
		}
	}
	addresses := []uint64{1, math.MaxUint64, math.MaxUint64 - 1, math.MaxInt64, 1 << 63, 1 << 47}
	for i := range uint64(50_000) {
		addresses = append(addresses, start-100_000+7*i)
	}
	more := make([]part, len(addresses))
	for i, address := range addresses {
		more[i] = location(uint64(behind-own+1+i), 1, address)
	}
	dir := t.TempDir()
	name := numbered(1)
	path := put(t, dir, name, string(inserted(func([]part) int { return behind }, more...)(parts)))
	before := states(t, dir)
	recovered, err := Recover(t.Context(), dir)
	if err != nil || len(recovered) != 1 {
		t.Errorf("recovered %v, %v", recovered, err)
	}
	wantStates(t, dir, before, name)
	parseProfileFile(t, path)
}

func FuzzRecover(f *testing.F) {
	parts := fewParts(f, 8)
	f.Add(together(parts))
	for _, what := range slices.Sorted(maps.Keys(hostile)) {
		if text := hostile[what](parts); len(text) < 8<<10 {
			f.Add(text)
		}
	}
	dir := f.TempDir()
	s := testStore(f, dir, Options{}, nil)
	path := filepath.Join(dir, numbered(1))
	f.Fuzz(func(t *testing.T, text []byte) {
		put(t, dir, numbered(1), string(text))
		before := states(t, dir)
		recovered, err := s.Recover(t.Context())
		if len(recovered) == 0 {
			wantStates(t, dir, before)
			return
		}
		if err != nil {
			t.Error(err)
		}
		wantStates(t, dir, before, numbered(1))
		parseProfileFile(t, path)
		in, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		if _, err := sites.Top(in, 1); err != nil && !errors.Is(err, sites.ErrNoSymbols) {
			t.Error(err)
		}
	})
}
