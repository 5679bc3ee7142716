package gomem

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func TestJSONLeavesOutWhatIsNotThere(t *testing.T) {
	read := Mem{Objects: 1, Unused: 2, Total: 3, LiveHeap: 4, GCCycles: 5, GCCPU: 6, Goroutines: 7}
	for name, c := range map[string]struct {
		change func(*Mem)
		absent []string
	}{
		"all there":           {func(m *Mem) { m.MemoryLimit = 1 << 30 }, nil},
		"no GOMEMLIMIT":       {func(m *Mem) { m.MemoryLimit = math.MaxInt64 }, []string{"gomemlimit_bytes"}},
		"a GOMEMLIMIT of 0":   {func(*Mem) {}, nil},
		"before the first GC": {func(m *Mem) { m.LiveHeap, m.MemoryLimit = 0, math.MaxInt64 }, []string{"live_heap_bytes", "gomemlimit_bytes"}},
	} {
		m := read
		c.change(&m)
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range []string{"gomemlimit_bytes", "live_heap_bytes"} {
			want := true
			for _, a := range c.absent {
				want = want && a != field
			}
			if strings.Contains(string(text), field) != want {
				t.Errorf("%s: %s there: %v in %s", name, field, !want, text)
			}
		}
		again := Mem{MemoryLimit: 99, Objects: 99}
		if err := json.Unmarshal(text, &again); err != nil || again != m {
			t.Errorf("%s: %+v, %v, want %+v", name, again, err, m)
		}
	}
	if text, err := json.Marshal(Mem{}); err != nil || strings.Contains(string(text), "gomemlimit") {
		t.Errorf("never read: %s, %v", text, err)
	}
	var m Mem
	if err := json.Unmarshal([]byte(`{"gomemlimit_bytes":null}`), &m); err != nil || m.HasMemoryLimit() {
		t.Errorf("null: %+v, %v", m, err)
	}
}
