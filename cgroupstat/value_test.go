package cgroupstat

import (
	"encoding/json"
	"math"
	"testing"
)

func TestValue(t *testing.T) {
	for _, c := range []struct {
		v       Value
		n       uint64
		ok      bool
		or7     uint64
		text, j string
	}{
		{Value{}, 0, false, 7, "absent", "null"},
		{Of(0), 0, true, 0, "0", "0"},
		{Of(math.MaxUint64), math.MaxUint64, true, math.MaxUint64, "18446744073709551615", "18446744073709551615"},
	} {
		n, ok := c.v.Get()
		if n != c.n || ok != c.ok || c.v.Or(7) != c.or7 || c.v.IsZero() == c.ok || c.v.String() != c.text {
			t.Errorf("%#v: Get %d %v, Or(7) %d, IsZero %v, String %s", c.v, n, ok, c.v.Or(7), c.v.IsZero(), c.v)
		}
		out, err := json.Marshal(c.v)
		if err != nil || string(out) != c.j {
			t.Errorf("%v: JSON %s, %v; want %s", c.v, out, err, c.j)
		}
		back := Of(1)
		if err := json.Unmarshal(out, &back); err != nil || back != c.v {
			t.Errorf("%s: back %v, %v", out, back, err)
		}
	}
	if Of(0) == (Value{}) {
		t.Error("0 is not absent")
	}
}

func TestValueJSON(t *testing.T) {
	out, err := json.Marshal(Events{Max: Of(0), OOMKill: Of(3)})
	if err != nil || string(out) != `{"max":0,"oom_kill":3}` {
		t.Errorf("absent values have to be left out: %s, %v", out, err)
	}
	for _, bad := range []string{"-1", "1.5", `"1"`, "18446744073709551616", "{}", ""} {
		var v Value
		if err := json.Unmarshal([]byte(bad), &v); err == nil {
			t.Errorf("%q gives %v, want an error", bad, v)
		}
	}
}

func TestNames(t *testing.T) {
	for v, want := range map[Version]string{V1: "v1", V2: "v2", 0: "none"} {
		if v.String() != want {
			t.Errorf("Version(%d) is %s, want %s", v, v, want)
		}
	}
	for m, want := range map[Mode]string{Unavailable: "unavailable", Legacy: "legacy", Hybrid: "hybrid", Unified: "unified"} {
		if m.String() != want {
			t.Errorf("Mode(%d) is %s, want %s", m, m, want)
		}
	}
}

func TestLocationJSON(t *testing.T) {
	l := Location{Version: V2, Mode: Hybrid, Mount: "/m", Path: "/p", Levels: []string{"/m/p", "/m"}}
	out, err := json.Marshal(l)
	if want := `{"version":"v2","mode":"hybrid","mount":"/m","path":"/p","levels":["/m/p","/m"]}`; err != nil || string(out) != want {
		t.Fatalf("got %s, %v; want %s", out, err, want)
	}
	var back Location
	if err := json.Unmarshal(out, &back); err != nil || back.Version != V2 || back.Mode != Hybrid {
		t.Errorf("back: %+v, %v", back, err)
	}
	for _, bad := range []string{`{"version":"v3"}`, `{"mode":"mixed"}`} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("%s: want an error", bad)
		}
	}
}
