package cgroupstat

import (
	"errors"
	"strconv"
	"strings"
	"testing"
)

func TestParseEvents(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       Events
		bad        bool
	}{
		{
			"linux 6.18", "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\nsock_throttled 7\n",
			Events{Of(1), Of(2), Of(3), Of(4), Of(5), Of(6), Of(7)},
			false,
		},
		{
			"linux 5.10 has no group kills", "low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\n",
			Events{Low: Of(0), High: Of(0), Max: Of(12), OOM: Of(1), OOMKill: Of(1)},
			false,
		},
		{"a name to come, whatever it holds", "max 1\nevicted many\noom_kill 2", Events{Max: Of(1), OOMKill: Of(2)}, false},
		{"empty", "", Events{}, false},
		{"no number", "max\n", Events{}, true},
		{"a word for a number", "max many\n", Events{}, true},
		{"two numbers", "max 1 2\n", Events{}, true},
		{"a line without a number before a good one", "low\nhigh 3\n", Events{}, true},
		{"a blank line", "low 1\n\nhigh 3\n", Events{}, true},
		{"too large", "oom_kill 18446744073709551616\n", Events{}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got Events
			err := parseEvents([]byte(c.text), &got)
			if (err != nil) != c.bad || (c.bad && !errors.Is(err, errMalformed)) {
				t.Fatalf("error %v, want one: %v", err, c.bad)
			}
			if !c.bad && got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// plainEvents is parseEvents without regard to speed.
func plainEvents(text string) (Events, bool) {
	var e Events
	fields := map[string]*Value{
		"low": &e.Low, "high": &e.High, "max": &e.Max, "oom": &e.OOM, "oom_kill": &e.OOMKill,
		"oom_group_kill": &e.OOMGroupKill, "sock_throttled": &e.SockThrottled,
	}
	for line := range strings.Lines(text) {
		name, number, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !ok || name == "" {
			return e, false
		}
		v := fields[name]
		if v == nil {
			continue
		}
		n, err := strconv.ParseUint(number, 10, 64)
		if err != nil || !digits.MatchString(number) {
			return e, false
		}
		*v = Of(n)
	}
	return e, true
}

func FuzzEvents(f *testing.F) {
	f.Add([]byte("low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\nsock_throttled 7\n"))
	f.Add([]byte("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"))
	f.Add([]byte("max\nlow 3\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var got Events
		err := parseEvents(text, &got)
		want, ok := plainEvents(string(text))
		if (err == nil) != ok || (ok && got != want) {
			t.Fatalf("%q: %+v, %v; want %+v, %v", text, got, err, want, ok)
		}
		if v, err := lineValue(text, "oom_kill"); err == nil && ok && v.IsZero() != want.OOMKill.IsZero() {
			t.Fatalf("%q: oom_kill %v, want %v", text, v, want.OOMKill)
		}
	})
}
