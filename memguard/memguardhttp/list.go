package memguardhttp

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/memguard"
)

// dumpList is the list of dumps, read anew once a second at most, for it looks
// at all files. A volume that does not answer keeps no page waiting: then it
// is the list as it was.
type dumpList struct {
	mu      sync.Mutex
	read    time.Time
	dumps   []heapdump.Dump
	err     error
	reading chan struct{}    // closed at the end of the reading that runs
	changed bool             // since it began
	clock   func() time.Time // nil: time.Now
}

func (l *dumpList) now() time.Time {
	if l.clock != nil {
		return l.clock()
	}
	return time.Now()
}

const (
	listAge = time.Second
	// listPatience is how long a page waits for the list.
	listPatience = time.Second
)

// maxReason is how many bytes of a dump's reason are kept; its manifest has all.
const maxReason = 1 << 10

// cut shortens a text, between characters.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	// Not a part of the text, which would keep all of it in memory.
	return strings.Clone(text[:most]) + "…"
}

var errVolume = errors.New("the volume of the dumps does not answer")

func (l *dumpList) get(g *memguard.Guard) ([]heapdump.Dump, error) {
	timer := time.NewTimer(listPatience)
	defer timer.Stop()
	for {
		done := l.refresh(g)
		if done == nil {
			break
		}
		select {
		case <-done:
		case <-timer.C:
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.dumps, errVolume
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dumps, l.err
}

// refresh begins to read the list if it is old; nil: it is not.
func (l *dumpList) refresh(g *memguard.Guard) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reading != nil {
		return l.reading
	}
	if l.now().Sub(l.read) <= listAge {
		return nil
	}
	l.reading, l.changed = make(chan struct{}), false
	go l.load(g)
	return l.reading
}

func (l *dumpList) load(g *memguard.Guard) {
	dumps, err := dumpsOf(g)
	for i := range dumps {
		dumps[i].Reason = cut(dumps[i].Reason, maxReason)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dumps, l.err = dumps, err
	if !l.changed {
		l.read = l.now()
	}
	close(l.reading)
	l.reading = nil
}

// dumpsOf turns a panic into an error: here it would end the host.
func dumpsOf(g *memguard.Guard) (dumps []heapdump.Dump, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return g.Dumps()
}

// forget has the list read anew, also where it is being read.
func (l *dumpList) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.read, l.changed = time.Time{}, true
}
