package memguardhttp

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/memguard-dev/go-memguard/heapdump"
)

// TestListOfAVolumeThatHangs: the page has the list as it was, and says why.
func TestListOfAVolumeThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := dumpList{dumps: []heapdump.Dump{{Path: "/old"}}, reading: make(chan struct{})}
		began := time.Now()
		dumps, err := l.get(nil)
		if !errors.Is(err, errVolume) || len(dumps) != 1 || time.Since(began) != listPatience {
			t.Errorf("%v, %v after %v", dumps, err, time.Since(began))
		}
	})
}

// asked counts dumps that were asked for: a baseline may be written meanwhile.
func asked(dumps []heapdump.Dump) (n int) {
	for i := range dumps {
		if dumps[i].Stage == heapdump.Immediate || dumps[i].Stage == heapdump.Fresh {
			n++
		}
	}
	return n
}

// TestListAfterAChange: what was read before a change is read again, after a
// while or at once.
func TestListAfterAChange(t *testing.T) {
	g := start(t)
	now := time.Now()
	l := dumpList{clock: func() time.Time { return now }}
	get := func(want int, when string) {
		t.Helper()
		if dumps, err := l.get(g); err != nil || asked(dumps) != want {
			t.Errorf("%s: %d dumps, %v, want %d", when, asked(dumps), err, want)
		}
	}
	get(0, "at first")
	dump(t, g)
	now = now.Add(listAge)
	get(0, "within a second, and nobody said that they changed")
	now = now.Add(1)
	get(2, "later")
	dump(t, g)
	l.forget()
	get(4, "at once")
}

// TestManyDumpsAndLongReasons: the page shows the newest, and the beginnings.
func TestManyDumpsAndLongReasons(t *testing.T) {
	var dumps []heapdump.Dump
	for i := range maxRows + 7 {
		dumps = append(dumps, heapdump.Dump{
			Path: fmt.Sprintf("/x/heap-%d.pb", i), Reason: strings.Repeat("ä", 100_000),
			Top: []heapdump.Site{{Function: strings.Repeat("f", 100_000)}},
		})
	}
	var p overviewPage
	p.dumps(dumps, new(nameless))
	if len(p.Dumps) != maxRows || p.Older != 7 || p.Dumps[0].File != fmt.Sprintf("heap-%d.pb", maxRows+6) {
		t.Errorf("%d dumps from %s, %d older", len(p.Dumps), p.Dumps[0].File, p.Older)
	}
	if d := p.Dumps[0]; len(d.Reason) > maxCaption+3 || !utf8.ValidString(d.Reason) || len(d.Culprit) > maxCaption+3 {
		t.Errorf("reason of %d bytes, culprit of %d", len(d.Reason), len(d.Culprit))
	}
	g := start(t)
	if _, err := g.Dump(t.Context(), strings.Repeat("x", 10*maxReason)); err != nil {
		t.Fatal(err)
	}
	var l dumpList
	list, err := l.get(g)
	if err != nil || len(list) == 0 {
		t.Fatal(len(list), err)
	}
	for _, d := range list {
		if len(d.Reason) > maxReason+3 {
			t.Errorf("a reason of %d bytes is kept", len(d.Reason))
		}
	}
}

func TestCut(t *testing.T) {
	for text, want := range map[string]string{"": "", "abc": "abc", "abcd": "abc…", "aää": "aä…", "äää": "ä…", "\xff\xff\xff\xff": "\xff\xff\xff…", "\x80\x80\x80\x80": "…"} {
		if got := cut(text, 3); got != want {
			t.Errorf("%q is cut to %q, want %q", text, got, want)
		}
	}
}
