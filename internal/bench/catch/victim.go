package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

// victimCommand is how the runner starts this program as the victim.
const victimCommand = "victim"

// ramp is what the victim does to itself.
type ramp struct {
	Rate    int           // MB/s (10^6)
	Object  int           // bytes of one leaked object
	Base    int           // bytes of small linked objects held before
	Settle  time.Duration // between the two
	Busy    int           // goroutines that only burn CPU
	Hold    uint64        // usage to stop at and hold; 0 = leak until killed
	HoldFor time.Duration // and then to end
}

func (r *ramp) flags(f *flag.FlagSet) {
	f.IntVar(&r.Rate, "rate", 200, "MB leaked in a second")
	f.IntVar(&r.Object, "object", 1<<10, "bytes of one leaked object")
	f.IntVar(&r.Base, "base", 100<<20, "bytes of small linked objects held from the start")
	f.DurationVar(&r.Settle, "settle", time.Second, "rest between start and ramp")
	f.IntVar(&r.Busy, "busy", 0, "goroutines that burn CPU")
	f.Uint64Var(&r.Hold, "hold", 0, "usage in bytes to stop at and hold; 0 = leak until killed")
	f.DurationVar(&r.HoldFor, "hold-for", 5*time.Second, "how long to hold before the end")
}

func (r *ramp) args() []string {
	return []string{
		"-rate", strconv.Itoa(r.Rate), "-object", strconv.Itoa(r.Object), "-base", strconv.Itoa(r.Base),
		"-settle", r.Settle.String(), "-busy", strconv.Itoa(r.Busy), "-hold", strconv.FormatUint(r.Hold, 10), "-hold-for", r.HoldFor.String(),
	}
}

// What the victim keeps alive.
var (
	sessions *session
	payloads [][]byte
)

func victim(args []string) error {
	var r ramp
	f := flag.NewFlagSet(victimCommand, flag.ContinueOnError)
	r.flags(f)
	watcher := f.String("watcher", "", "who watches")
	dir := f.String("dir", "", "directory for dumps")
	out := f.String("progress", "", "file to tell progress in")
	usage := f.String("usage", "", "the group's usage file")
	limit := f.Uint64("limit", 0, "the group's limit in bytes")
	if err := f.Parse(args); err != nil {
		return err
	}
	p, err := newProgress(*out)
	if err != nil {
		return err
	}
	u, err := os.Open(*usage)
	if err != nil {
		return err
	}
	start, ok := watchers[*watcher]
	if !ok {
		return fmt.Errorf("no watcher %q", *watcher)
	}
	if err := start(*dir, *limit); err != nil {
		return fmt.Errorf("%s: %w", *watcher, err)
	}
	for range r.Busy {
		go burn()
	}
	buildSessions(r.Base)
	time.Sleep(r.Settle)
	leak(&r, p, u)
	p.add(uint64(len(payloads)*r.Object), readUsage(u))
	if r.Hold > 0 {
		time.Sleep(r.HoldFor)
		return nil
	}
	select {}
}

func burn() {
	for i := 0; ; i++ {
		runtime.KeepAlive(i)
	}
}

// session is small and full of pointers, as a cache is: costly to mark.
type session struct {
	next, user, tenant *session
	_                  [40]byte // Padding to 64 bytes.
}

// buildSessions links objects that come through many call stacks.
func buildSessions(total int) {
	const batch = 256
	for i := range total / (64 * batch) {
		route(i, 12, batch)
	}
}

// route goes down one of 2^depth paths.
func route(path, depth, n int) {
	switch {
	case depth == 0:
		for range n {
			sessions = &session{next: sessions, user: sessions, tenant: sessions}
		}
	case path>>(depth-1)&1 == 0:
		route(path, depth-1, n)
	default:
		detour(path, depth-1, n)
	}
}

//go:noinline
func detour(path, depth, n int) { route(path, depth, n) }

// step is how much is leaked between two looks at the clock.
const step = 256 << 10

// leak keeps to the rate over the whole run; what it fell behind it makes up.
func leak(r *ramp, p *progress, usage *os.File) {
	payloads = make([][]byte, 0, (1<<30)/r.Object)
	each := max(1, step/r.Object)
	begin := time.Now()
	for leaked := 0; ; {
		leakPayloads(each, r.Object)
		leaked += each * r.Object
		now := readUsage(usage)
		p.add(uint64(leaked), now)
		if r.Hold > 0 && now >= r.Hold {
			return
		}
		due := begin.Add(time.Duration(float64(leaked) / float64(r.Rate) * 1e3))
		for wait := time.Until(due); wait > 0; wait = time.Until(due) {
			time.Sleep(wait)
		}
	}
}

// leakPayloads is the line that a dump has to name.
//
//go:noinline
func leakPayloads(n, object int) {
	for range n {
		payload := make([]byte, object)
		for i := 0; i < len(payload); i += 512 {
			payload[i] = 1
		}
		payloads = append(payloads, payload)
	}
}

var usageText [32]byte

func readUsage(f *os.File) uint64 {
	n, err := f.ReadAt(usageText[:], 0)
	if n == 0 {
		panic(err)
	}
	v := uint64(0)
	for _, c := range bytes.TrimSpace(usageText[:n]) {
		v = v*10 + uint64(c-'0')
	}
	return v
}
