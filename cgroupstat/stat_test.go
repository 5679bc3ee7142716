package cgroupstat

import (
	"encoding/json"
	"testing"
)

func TestKeys(t *testing.T) {
	seen, seen1 := map[string]bool{}, map[string]bool{}
	for _, k := range Keys() {
		info := k.Info()
		if info.Name == "" || info.Name != k.String() || seen[info.Name] || (info.V1 != "" && seen1[info.V1]) {
			t.Errorf("%d: %+v", k, info)
		}
		if info.Unit != "By" && info.Unit != "1" {
			t.Errorf("%v has the unit %q", k, info.Unit)
		}
		seen[info.Name], seen1[info.V1] = true, true
	}
	if len(seen) == 0 || numKeys > 64 {
		t.Errorf("%d keys do not fit into 64 bits", numKeys)
	}
	if beyond := numKeys; beyond.String() != "unknown" || beyond.Info().Name != "unknown" {
		t.Errorf("%v %+v", beyond, beyond.Info())
	}
}

func TestStatGetSet(t *testing.T) {
	var s Stat
	s.Set(numKeys, 1)
	s.Set(255, 1)
	if s != (Stat{}) || !s.Get(numKeys).IsZero() || !s.Get(255).IsZero() {
		t.Error("a key that is none was set")
	}
	for i, k := range Keys() {
		if !s.Get(k).IsZero() {
			t.Errorf("%v is present too early", k)
		}
		s.Set(k, uint64(i))
		if s.Get(k) != Of(uint64(i)) {
			t.Errorf("%v is %v, want %d", k, s.Get(k), i)
		}
	}
}

func TestStatJSON(t *testing.T) {
	var s Stat
	if out, err := json.Marshal(s); err != nil || string(out) != "{}" {
		t.Errorf("%s, %v", out, err)
	}
	s.Set(Anon, 0)
	s.Set(PgPgOut, 1<<64-1)
	out, err := json.Marshal(s)
	if want := `{"anon":0,"pgpgout":18446744073709551615}`; err != nil || string(out) != want {
		t.Fatalf("%s, %v; want %s", out, err, want)
	}
	var back Stat
	back.Set(File, 9)
	if err := json.Unmarshal(out, &back); err != nil || back != s {
		t.Errorf("back: %v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"name of later":1,"file":2}`), &back); err != nil || back.Get(File) != Of(2) || !back.Get(Anon).IsZero() {
		t.Errorf("back: %v, %v", back, err)
	}
	for _, bad := range []string{`{"anon":-1}`, `[]`, `{"anon":"1"}`} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("%s: want an error", bad)
		}
	}
}

func TestWorkingSetAndUnreclaimable(t *testing.T) {
	stat := func(pairs ...uint64) (s Stat) {
		for i := 0; i < len(pairs); i += 2 {
			s.Set(Key(pairs[i]), pairs[i+1])
		}
		return s
	}
	in, ac, slab := uint64(InactiveFile), uint64(ActiveFile), uint64(SlabReclaimable)
	for _, c := range []struct {
		name          string
		usage         uint64
		stat          Stat
		working, hard Value
	}{
		{"v2", 1000, stat(in, 300, ac, 200, slab, 50), Of(700), Of(450)},
		{"v1 tells no slab", 1000, stat(in, 300, ac, 200), Of(700), Of(500)},
		{"only inactive", 1000, stat(in, 300), Of(700), Value{}},
		{"only active", 1000, stat(ac, 300), Value{}, Value{}},
		{"nothing", 1000, Stat{}, Value{}, Value{}},
		{"memory.stat ahead of the usage", 100, stat(in, 300, ac, 200, slab, 50), Of(0), Of(0)},
		{"file pages alone", 500, stat(in, 300, ac, 200, slab, 50), Of(200), Of(0)},
		{"no overflow", 1, stat(in, 1<<64-1, ac, 1<<64-1, slab, 1<<64-1), Of(0), Of(0)},
	} {
		if got := WorkingSet(c.usage, &c.stat); got != c.working {
			t.Errorf("%s: working set %v, want %v", c.name, got, c.working)
		}
		if got := Unreclaimable(c.usage, &c.stat); got != c.hard {
			t.Errorf("%s: unreclaimable %v, want %v", c.name, got, c.hard)
		}
	}
}
