package heapdump

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

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
