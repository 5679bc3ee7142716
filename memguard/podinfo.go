package memguard

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/memguard-dev/go-memguard/internal/podinfo"
)

// podInfoFollower follows the downward API volume, in one goroutine.
type podInfoFollower struct {
	guard   *Guard
	volume  *podinfo.Volume
	base    *targets // what holds where the volume says nothing
	dump    podinfo.Item
	err     error // of the last reading
	dumping atomic.Bool
}

// newPodInfoFollower reads the volume for the first time.
func newPodInfoFollower(g *Guard, dir string) *podInfoFollower {
	f := &podInfoFollower{guard: g, volume: podinfo.Open(dir), base: g.targets.Load()}
	f.look(true)
	return f
}

func (f *podInfoFollower) run(ctx context.Context) {
	g := f.guard
	if g.flight == nil {
		// Nothing says whether an earlier start has served it: it is not to
		// push out the evidence of why that start is over.
		g.asked.store(f.dump.Text)
	}
	f.ask()
	ticker := time.NewTicker(g.settings.podInfoEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f.look(false)
			f.ask()
		}
	}
}

// look reads the volume and puts in force what it says.
func (f *podInfoFollower) look(first bool) {
	g := f.guard
	info, changed := f.volume.Read()
	if !changed {
		g.faults.set(partPodInfo, f.err)
		return
	}
	last := g.targets.Load()
	next, err := withPodInfo(f.base, last, &info)
	f.err = errors.Join(err, f.sizeLimit(&info, first))
	f.dump = info.Dump
	g.faults.renew(partPodInfo, f.err)
	if next.equal(last) {
		return
	}
	g.targets.Store(next)
	if !first {
		g.flight.setState()
		g.tellTargets(next)
	}
}

// sizeLimit takes what the volume says of the other volume, the one for dumps.
// A volume's size limit does not change while a container runs.
func (f *podInfoFollower) sizeLimit(info *podinfo.Info, first bool) error {
	item := info.SizeLimit
	if !first || item.Err != nil || item.Text == "" {
		return nil
	}
	if err := f.guard.settings.readSizeLimit(item.File, item.Text); err != nil {
		return fmt.Errorf("%s: %w", item.File, err)
	}
	return nil
}

// ask takes a dump for an annotation, once for each of its values.
func (f *podInfoFollower) ask() {
	g := f.guard
	token := asToken(f.dump.Text)
	if f.dump.Err != nil || token == "" || token == g.asked.last() || !f.dumping.CompareAndSwap(false, true) {
		return
	}
	// Noted before it is taken: one that is the end of this process must not
	// be the end of the next.
	g.asked.store(token)
	g.flight.setState()
	g.wg.Go(func() {
		defer f.dumping.Store(false)
		d, err := g.Dump(g.ctx, fmt.Sprintf("annotation %s=%s", podinfo.DumpAnnotation, token))
		if g.ctx.Err() == nil {
			g.tellAsked(token, d, err)
		}
	})
}

// maxToken bounds what is kept of a token.
const maxToken = 100

// asToken is a token as the black box keeps it.
func asToken(text string) string {
	text = strings.ToValidUTF8(text[:min(len(text), maxToken)], "")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text))
}

// asked is the token of the last dump that an annotation asked for.
type asked struct{ token atomic.Pointer[string] }

func (a *asked) store(token string) {
	token = asToken(token)
	a.token.Store(&token)
}

func (a *asked) last() string {
	if token := a.token.Load(); token != nil {
		return *token
	}
	return ""
}
