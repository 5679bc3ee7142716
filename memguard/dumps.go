package memguard

import (
	"fmt"
	"os"

	"github.com/memguard-dev/go-memguard/heapdump"
)

// Dumps are the complete dumps in the dump directory, those of earlier and of
// other processes included, oldest first. The list is valid beside an error,
// which says what it lacks.
func (g *Guard) Dumps() ([]heapdump.Dump, error) {
	store, err := g.store()
	if err != nil {
		return nil, err
	}
	list, err := store.List()
	return list, g.orStopped(err)
}

// OpenDump opens a file of a dump for reading: its profile, manifest or
// goroutine profile, by path or the last part of it. Any other name is
// fs.ErrNotExist: nothing else can be read in this way.
func (g *Guard) OpenDump(name string) (*os.File, error) {
	store, err := g.store()
	if err != nil {
		return nil, err
	}
	f, err := store.OpenFile(name)
	return f, g.orStopped(err)
}

// DeleteDump deletes a dump, by the path of its profile or the last part of
// it, with its manifest and goroutine profile. Any other name is
// fs.ErrNotExist.
func (g *Guard) DeleteDump(name string) error {
	store, err := g.store()
	if err != nil {
		return err
	}
	return g.orStopped(store.Remove(name))
}

func (g *Guard) store() (*heapdump.Store, error) {
	if g == nil || g.sampler == nil || g.ctx.Err() != nil {
		return nil, ErrStopped
	}
	if g.dumper == nil {
		return nil, ErrNoDumpDir
	}
	return g.dumper.store, nil
}

// orStopped names the error of an operation that Stop met halfway.
func (g *Guard) orStopped(err error) error {
	if err != nil && g.ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", ErrStopped, err)
	}
	return err
}

// omits says in the manifest of a dump asked for why no fresh one follows, and
// names the sites there that the fresh one would have named.
func (d *dumper) omits(r *heapdump.Request) {
	if r.Stage != heapdump.Immediate {
		return
	}
	now := d.guard.published.load()
	if err := d.afford(&now, heapdump.Fresh); err != nil {
		r.Omitted, r.Top = err.Error(), topSites
	}
}
