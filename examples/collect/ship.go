package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/memguard-dev/go-memguard/internal/identity"
)

// Kinds of errors, as metrics and records have them.
const (
	faultScan   = "scan"
	faultRead   = "read"
	faultChange = "changed"
	faultBucket = "bucket"
	faultVerify = "verify"
	faultRemove = "remove"
)

// faultKinds are all there are.
var faultKinds = [...]string{faultScan, faultRead, faultChange, faultBucket, faultVerify, faultRemove}

// fault is an error and where it belongs.
type fault struct {
	kind string
	err  error
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// faulty sorts an error: what changed or went is that, wherever it was noticed.
func faulty(kind string, f file, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errVanished):
		return err
	case errors.Is(err, errChanged):
		kind = faultChange
	}
	return &fault{kind, fmt.Errorf("%s: %w", f.text, err)}
}

// shipper ships the files of one pass.
type shipper struct {
	store   *store
	volume  volume
	origins origins
	prefix  string
	// place is where the files of a stem are, as an index of their keys.
	place map[string]int
	// after is called behind each step; tests end the process there.
	after func(step string)
}

func newShipper(s *store, v volume, files []file, prefix string, here identity.Identity, after func(string)) *shipper {
	byName := map[string]file{}
	for _, f := range files {
		byName[f.text] = f
	}
	return &shipper{store: s, volume: v, origins: origins{v, byName, here}, prefix: prefix, place: map[string]int{}, after: after}
}

// shipped is what became of a file.
type shipped struct {
	run   string
	key   string
	bytes int64 // sent; 0: it was there already
	sent  bool
}

// ship brings a file into the bucket and verifies that it is there. Done
// again, it finds what it has done before.
func (s *shipper) ship(ctx context.Context, f file) (_ shipped, err error) {
	o, err := s.origins.of(f)
	if err != nil {
		return shipped{}, faulty(faultRead, f, err)
	}
	s.after("origin")
	src, err := s.volume.open(f)
	if err != nil {
		return shipped{}, faulty(faultRead, f, err)
	}
	defer func() { err = errors.Join(err, faulty(faultRead, f, src.Close())) }()
	c, err := contentOf(io.NewSectionReader(src, 0, f.info.Size()))
	if err == nil && c.size != f.info.Size() {
		err = errChanged
	}
	if err != nil {
		return shipped{}, faulty(faultRead, f, err)
	}
	s.after("hash")
	return s.deliver(ctx, f, o, c, src)
}

// tries is how often a place that somebody else takes meanwhile is chosen anew.
const tries = 3

func (s *shipper) deliver(ctx context.Context, f file, o origin, c content, src io.ReaderAt) (shipped, error) {
	done := shipped{run: o.run}
	run := metaText(o.run)
	places := keys(directory(s.prefix, o), f.fileName, run, c.sha256)
	for range tries {
		at, do, err := s.choose(ctx, f, places, run, c)
		if err != nil {
			return done, faulty(faultBucket, f, err)
		}
		s.after("choose")
		s.place[f.stem] = min(at, 1)
		done.key = places[at]
		if do == arrived {
			return done, nil
		}
		meta := map[string]string{metaRun: run, metaSHA256: c.sha256, metaNode: metaText(o.Node)}
		for key, value := range meta {
			if value == "" {
				delete(meta, key)
			}
		}
		sure := func() error {
			s.after("copy")
			return s.volume.unchanged(f)
		}
		err = s.store.put(ctx, done.key, io.NewSectionReader(src, 0, f.info.Size()+1), c, meta, do == create, sure)
		s.after("put")
		if errors.Is(err, errTaken) {
			continue
		}
		if err != nil {
			return done, faulty(faultBucket, f, err)
		}
		done.bytes, done.sent = c.size, true
		there, err := s.store.look(ctx, done.key, c)
		if err != nil {
			return done, faulty(faultBucket, f, err)
		}
		if !there.same {
			return done, faulty(faultVerify, f, fmt.Errorf("%s: %w", done.key, errUnproven))
		}
		s.after("verify")
		return done, nil
	}
	return done, faulty(faultBucket, f, errTaken)
}

// choose finds the place of a file.
func (s *shipper) choose(ctx context.Context, f file, places []string, run string, c content) (at int, do verb, err error) {
	// The files of a stem stay together: after a profile whose name was
	// another run's, its manifest takes the run's name as well.
	first := min(s.place[f.stem], len(places)-1)
	for at = range places {
		o, err := s.store.look(ctx, places[at], c)
		if err != nil {
			return at, goOn, err
		}
		do := choose(run, c.size, o)
		if at < first && do != arrived {
			continue
		}
		if do == create && at+1 < len(places) {
			// A place that is free now may have been another run's when this
			// file came, and been emptied since.
			next, err := s.store.look(ctx, places[at+1], c)
			if err != nil {
				return at, goOn, err
			}
			if next.same {
				return at + 1, arrived, nil
			}
		}
		if do != goOn {
			return at, do, nil
		}
	}
	return at, goOn, fmt.Errorf("%s: every place is taken by something else", places[0])
}

// maxMeta bounds a name in the metadata.
const maxMeta = 256

// metaText makes a name fit for a header of any store.
func metaText(name string) string {
	if len(name) <= maxMeta && strings.IndexFunc(name, func(r rune) bool { return r < ' ' || r > '~' }) < 0 {
		return name
	}
	return "hash-" + shortHash(name)
}
