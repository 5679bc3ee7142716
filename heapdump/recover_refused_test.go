package heapdump

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/memguard-dev/go-memguard/heapdump/sites"
	"github.com/memguard-dev/go-memguard/internal/heapprofile"
)

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

// A profile that names a function, wherever, has symbols: it is no news.
func TestRecoverFunctions(t *testing.T) {
	parts := fewParts(t, 8)
	function := part{field: fieldFunction, wire: 2, body: numeric(1, 1)}
	dir := t.TempDir()
	for i, at := range []func([]part) int{atFirst(fieldTime), atFirst(fieldString), atFirst(fieldLocation), atFirst(fieldSample), atEnd} {
		put(t, dir, numbered(i), string(inserted(at, function)(parts)))
	}
	before := states(t, dir)
	if recovered, err := Recover(t.Context(), dir); err != nil || len(recovered) != 0 {
		t.Errorf("recovered %v, %v", recovered, err)
	}
	wantStates(t, dir, before)
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
