package memguardhttp

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

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

// TestListAfterAChange: what was read before a change is read again.
func TestListAfterAChange(t *testing.T) {
	g := start(t)
	var l dumpList
	if dumps, err := l.get(g); err != nil || len(dumps) != 0 {
		t.Fatal(dumps, err)
	}
	dump(t, g)
	if dumps, _ := l.get(g); len(dumps) != 0 {
		t.Errorf("%d dumps within a second, and nobody said that they changed", len(dumps))
	}
	l.forget()
	if dumps, err := l.get(g); err != nil || len(dumps) != 2 {
		t.Errorf("%d dumps, %v", len(dumps), err)
	}
}
