package memguard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/blackbox"
)

// startTimeout bounds how long Start waits for the volume of the dumps.
const startTimeout = 2 * time.Second

// errSlowVolume reports a volume that did not answer in that time.
var errSlowVolume = fmt.Errorf("no answer within %v", startTimeout)

// opened is a volume that answered.
type opened struct {
	store *heapdump.Store // nil: there is none
	close bool            // it is nobody else's to close
	wrong error           // of the configured directory
	err   error
}

// openVolume opens the directory for dumps, has the flight begin, and gives what
// is missing. Where the volume does not answer the guard does without dumps,
// and the rest of the flight begins when it does.
func (g *Guard) openVolume(h blackbox.Header, follower *podInfoFollower) (missing []error) {
	s := g.settings
	ctx, cancel := context.WithTimeout(g.ctx, s.volumeTimeout)
	defer cancel()
	d := newDumper(g)
	opening := make(chan opened, 1)
	go func() { opening <- openStore(s, h.Run, d.collector.collect) }()
	volume := make(chan opened, 1)
	select {
	case v := <-opening:
		if v.wrong != nil {
			s.fail(s.dumpDir.origin, v.wrong)
		}
		if v.err != nil {
			return []error{v.err}
		}
		d.store = v.store
		g.dumper = d
		volume <- v
	case <-ctx.Done():
		missing = append(missing, fmt.Errorf("%w: %w", ErrNoDumpDir, errSlowVolume))
		go func() {
			v := <-opening
			v.close = true
			if err := errors.Join(v.wrong, v.err); err != nil {
				g.tellLate(err)
			}
			volume <- v
		}()
	}
	if s.boxBytes.value == 0 || !blackbox.Supported {
		if g.dumper == nil {
			go closeLate(volume)
		}
		return missing
	}
	g.flight = newFlight(g, h)
	g.sampler.record(blackbox.Full)
	go g.flight.run(volume)
	begun, err := g.flight.waitBegun(ctx)
	if err != nil {
		missing = append(missing, err)
	}
	if !begun {
		missing = append(missing, fmt.Errorf("black box: %w", errSlowVolume))
		if follower != nil {
			// Nobody says whether an earlier start has served it.
			g.asked.begin(follower.dump.Text)
		}
	}
	return missing
}

// closeLate closes a store that came too late for anybody.
func closeLate(volume <-chan opened) {
	if v := <-volume; v.store != nil {
		_ = v.store.Close() // Nothing was written there.
	}
}

// openStore opens the configured directory, or the default one when that
// cannot be used.
func openStore(s *settings, run string, gc func()) (o opened) {
	options := heapdump.Options{Keep: s.keep.value, MaxBytes: s.budget() - s.boxBudget(), Run: run, GC: gc}
	if dir := s.dumpDir.value; dir != "" {
		store, err := heapdump.Open(dir, options)
		if err == nil {
			return opened{store: store}
		}
		o.wrong = fmt.Errorf("%w: accepted is an existing directory that can be written to", err)
	}
	dir := defaultDumpDir()
	err := makePrivateDir(dir)
	if err == nil {
		o.store, err = heapdump.Open(dir, options)
	}
	if err != nil {
		o.store, o.err = nil, fmt.Errorf("%w: %w", ErrNoDumpDir, err)
	}
	return o
}

// makePrivateDir makes a directory in the shared temporary directory, and
// takes one that exists only when nobody else could have planted it.
func makePrivateDir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if err == nil || !errors.Is(err, os.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory", dir)
	}
	if !ownedByMe(info) {
		return fmt.Errorf("%s belongs to another user", dir)
	}
	return nil
}

// tellLate is about a volume that answers after Start had gone on without it.
func (g *Guard) tellLate(err error) {
	if err != nil {
		g.reporter.log(slog.LevelWarn, "memguard: the volume answers now, not all is well", slog.String("err", err.Error()))
		return
	}
	g.reporter.log(slog.LevelInfo, "memguard: the volume answers now, the black box is there")
}
