package heapdump

import (
	"strings"
	"testing"
)

// history makes sets from words run:heap or run:heap/bytes, one millisecond
// apart; the name of a set is its place, 0 to 9 and a to z.
func history(text string) []set {
	var sets []set
	for i, word := range strings.Fields(text) {
		run, size, _ := strings.Cut(word, ":")
		s := set{name: setName{millis: int64(i), pid: 1}, run: run, bytes: 10}
		heap, bytes, ok := strings.Cut(size, "/")
		s.heap = uint64(number(heap))
		if ok {
			s.bytes = number(bytes)
		}
		if run == "-" {
			s.run = ""
		}
		sets = append(sets, s)
	}
	return sets
}

func number(digits string) (n int64) {
	for _, d := range digits {
		n = n*10 + int64(d-'0')
	}
	return n
}

func places(sets []set) string {
	var b strings.Builder
	for _, s := range sets {
		b.WriteByte("0123456789abcdefghijklmnopqrstuvwxyz"[s.name.millis])
	}
	return b.String()
}

func TestRetain(t *testing.T) {
	const unbounded = 1 << 40
	for _, c := range []struct {
		name     string
		sets     string // the last one was just written, the current run is c
		keep     int
		maxBytes int64
		remove   string
	}{
		{"nothing", "", 1, 1, ""},
		{"within bounds", "a:1 c:2", 2, 20, ""},
		{"the only set exceeds the bytes", "c:5/100", 8, 10, ""},
		{"count of one", "c:1 c:9 c:2", 1, unbounded, "01"},
		{"spares first, largest, newest", "c:1 c:2 c:9 c:3 c:4 c:5", 3, unbounded, "134"},
		{"then the first goes, then the largest", "c:1 c:2 c:9 c:3", 2, unbounded, "10"},
		{"the first is the largest", "c:9 c:2 c:3 c:4", 2, unbounded, "12"},
		{"plain sets of other runs go first", "a:1 a:9 a:2 c:1 c:9 c:2 c:3", 6, unbounded, "0"},
		{"then plain sets of this run", "a:1 a:9 a:2 c:1 c:9 c:2 c:3", 5, unbounded, "05"},
		{"then other runs' largest, newest", "a:1 a:9 a:2 c:1 c:9 c:2 c:3", 3, unbounded, "0512"},
		{"then this run's first, largest", "a:1 a:9 a:2 c:1 c:9 c:2 c:3", 1, unbounded, "051234"},
		{"a crash loop keeps the latest runs", "a:1 b:1 d:1 e:1 f:1 c:1", 3, unbounded, "012"},
		{"other runs, the oldest first", "a:1 a:9 a:2 b:1 b:9 b:2 c:1", 4, unbounded, "031"},
		{"interleaved runs", "a:1 c:1 a:9 c:9 a:2 c:2", 5, unbounded, "0"},
		{"sets without manifest are one other run", "-:0/5 -:0/9 -:0/6 c:1", 3, unbounded, "0"},
		{"bytes", "c:1/40 c:2/40 c:9/40 c:3/40", 8, 120, "1"},
		{"bytes, more than one", "c:1/40 c:2/40 c:9/40 c:3/40", 8, 81, "10"},
		{"bytes and count", "a:1/90 c:1/10 c:2/10 c:3/10 c:4/10", 3, 30, "230"},
		{"equal heaps: the later is the largest", "c:1 c:9 c:9 c:2", 3, unbounded, "1"},
		{"no heap sizes: the files count", "a:0/9 a:0/50 a:0/8 c:0", 3, unbounded, "0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sets := history(c.sets)
			var last setName
			if len(sets) > 0 {
				last = sets[len(sets)-1].name
			}
			if got := places(retain(sets, "c", []setName{last}, c.keep, c.maxBytes)); got != c.remove {
				t.Errorf("removes %q, want %q", got, c.remove)
			}
		})
	}
}

// A baseline pushes out no dump of its own run, neither as the newest nor as
// the largest set.
func TestRetainBaseline(t *testing.T) {
	for name, c := range map[string]struct {
		sets     string
		baseline int
		keep     int
		remove   string
	}{
		"newest":                     {"c:9 c:1 c:1", 2, 2, "2"},
		"largest and newest":         {"c:5 c:1 c:9", 2, 2, "2"},
		"first":                      {"c:9 c:1 c:2 c:1", 0, 2, "10"},
		"alone":                      {"c:9", 0, 1, ""},
		"of another run":             {"a:9 a:1 a:1 c:1", 2, 3, "0"},
		"of another run, all it has": {"a:1 c:1 c:2", 0, 2, "0"},
	} {
		sets := history(c.sets)
		sets[c.baseline].baseline = true
		last := sets[len(sets)-1].name
		if got := places(retain(sets, "c", []setName{last}, c.keep, 1<<40)); got != c.remove {
			t.Errorf("%s: removes %q, want %q", name, got, c.remove)
		}
	}
}

// Another process with a clock ahead has newer sets: ours stays all the same.
func TestRetainSparesTheSetJustWritten(t *testing.T) {
	sets := history("c:1 a:5 a:6 a:7")
	if got := places(retain(sets, "c", []setName{sets[0].name}, 1, 1)); got != "123" {
		t.Errorf("removes %q, want 123", got)
	}
}

// Runs that end within seconds leave sets that might still be written to. They
// must not cost this run its own.
func TestRetainInACrashLoop(t *testing.T) {
	sets := history("a:1 a:2 b:1 b:2 d:1 d:2 c:1 c:2 c:3")
	for i := range 6 {
		sets[i].writing = true
	}
	fresh := []setName{sets[7].name, sets[8].name}
	if got := places(retain(sets, "c", fresh, 4, 1<<40)); got != "02" {
		t.Errorf("removes %q, want 02", got)
	}
	if got := places(retain(sets, "c", fresh, 1, 1<<40)); got != "0246" {
		t.Errorf("removes %q, want 0246", got)
	}
	if got := places(retain(sets, "c", fresh, 8, 30)); got != "024613" {
		t.Errorf("removes %q for the bytes, want 024613", got)
	}
}

func FuzzRetain(f *testing.F) {
	f.Add([]byte{1, 2, 3, 200, 100, 4}, 2, int64(100))
	f.Fuzz(func(t *testing.T, data []byte, keep int, maxBytes int64) {
		if len(data) == 0 || len(data) > 1024 || keep < 1 || maxBytes < 1 {
			return
		}
		sets := make([]set, len(data))
		for i, b := range data {
			sets[i] = set{name: setName{int64(i / 2), i % 2}, run: string('a' + rune(b%4)), heap: uint64(b >> 2), bytes: int64(b)}
		}
		last := sets[int(data[0])%len(sets)].name
		left, bytes := len(sets), int64(0)
		for _, s := range sets {
			bytes += s.bytes
		}
		gone := map[setName]bool{}
		for _, s := range retain(sets, "c", []setName{last}, keep, maxBytes) {
			if left <= keep && bytes <= maxBytes {
				t.Fatal("removes more than the bounds ask for")
			}
			if s.name == last || gone[s.name] {
				t.Fatalf("removes %v", s.name)
			}
			gone[s.name] = true
			left--
			bytes -= s.bytes
		}
		if left > 1 && (left > keep || bytes > maxBytes) {
			t.Fatalf("%d sets of %d bytes are left of %d, %d allowed", left, bytes, keep, maxBytes)
		}
	})
}
