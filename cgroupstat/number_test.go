package cgroupstat

import (
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestParseNumber(t *testing.T) {
	for in, want := range map[string]uint64{
		"0\n": 0, "0": 0, "7\n": 7, "00012": 12, "268435456\n": 256 << 20,
		"18446744073709551615\n": math.MaxUint64,
	} {
		if got, err := parseNumber([]byte(in)); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "\n", "-1\n", "+1", " 1", "1 ", "1\n\n", "1\n2\n", "1\r\n", "max\n", "0x10", "1e3", "18446744073709551616", "99999999999999999999999"} {
		if got, err := parseNumber([]byte(in)); !errors.Is(err, errMalformed) {
			t.Errorf("%q: %d, %v; want malformed", in, got, err)
		}
	}
}

func TestParseLimits(t *testing.T) {
	for _, c := range []struct {
		name string
		f    func([]byte) (Value, error)
		in   string
		want Value
		bad  bool
	}{
		{"v2 none", parseMax, "max\n", Value{}, false},
		{"v2 none, no newline", parseMax, "max", Value{}, false},
		{"v2", parseMax, "268435456\n", Of(256 << 20), false},
		{"v2, nothing allowed", parseMax, "0\n", Of(0), false},
		{"v2, huge is still a limit", parseMax, "9223372036854771712\n", Of(9223372036854771712), false},
		{"v2, other word", parseMax, "maximum\n", Value{}, true},
		{"v2, empty", parseMax, "", Value{}, true},
		{"v1", parseLimitV1, "268435456\n", Of(256 << 20), false},
		{"v1 none, pages of 4 KiB", parseLimitV1, "9223372036854771712\n", Value{}, false},
		{"v1 none, pages of 64 KiB", parseLimitV1, "9223372036854710272\n", Value{}, false},
		{"v1, largest limit", parseLimitV1, "4611686018427387904\n", Of(1 << 62), false},
		{"v1, the other version's word", parseLimitV1, "max\n", Value{}, true},
	} {
		if got, err := c.f([]byte(c.in)); got != c.want || (err != nil) != c.bad {
			t.Errorf("%s: %q: %v, %v; want %v", c.name, c.in, got, err, c.want)
		}
	}
}

func TestSwapV1(t *testing.T) {
	for _, c := range []struct{ both, memory, want Value }{
		{Of(300), Of(200), Of(100)},
		{Of(200), Of(200), Of(0)},
		{Of(100), Of(200), Of(0)},
		{Value{}, Of(200), Value{}},
		{Of(200), Value{}, Value{}},
	} {
		if got := swapV1(c.both, c.memory); got != c.want {
			t.Errorf("swapV1(%v, %v) = %v, want %v", c.both, c.memory, got, c.want)
		}
	}
}

func TestLineValue(t *testing.T) {
	text := []byte("under_oom 0\noom_kill_disable 1\noom_kill 5\nlast 9")
	for name, want := range map[string]Value{"oom_kill": Of(5), "under_oom": Of(0), "last": Of(9), "oom": {}, "": {}} {
		if got, err := lineValue(text, name); err != nil || got != want {
			t.Errorf("%q: %v, %v; want %v", name, got, err, want)
		}
	}
	if _, err := lineValue([]byte("oom_kill many\n"), "oom_kill"); !errors.Is(err, errMalformed) {
		t.Errorf("got %v, want malformed", err)
	}
}

var digits = regexp.MustCompile(`^[0-9]+\n?\z`)

func FuzzNumber(f *testing.F) {
	for _, seed := range []string{"", "0\n", "18446744073709551615\n", "18446744073709551616", "max\n", "1\n1", "-1", "9223372036854771712\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		want, wantErr := strconv.ParseUint(strings.TrimSuffix(string(text), "\n"), 10, 64)
		if !digits.Match(text) {
			wantErr = errMalformed
		}
		got, err := parseNumber(text)
		if (err != nil) != (wantErr != nil) || (err == nil && got != want) {
			t.Fatalf("%q: %d, %v; want %d, %v", text, got, err, want, wantErr)
		}
		v, err := parseMax(text)
		if string(text) == "max" || string(text) == "max\n" {
			wantErr = nil
		} else if n, ok := v.Get(); err == nil && (!ok || n != want) {
			t.Fatalf("parseMax(%q) = %v", text, v)
		}
		if (err != nil) != (wantErr != nil) {
			t.Fatalf("parseMax(%q): %v", text, err)
		}
		if v, err := parseLimitV1(text); err == nil && v.Or(0) > unlimitedV1 {
			t.Fatalf("parseLimitV1(%q) = %v", text, v)
		}
	})
}
