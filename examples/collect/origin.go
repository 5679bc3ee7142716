package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/blackbox"
	"github.com/memguard-dev/go-memguard/internal/identity"
)

const (
	maxExit = 8 << 20
	// revisionLength is how much of a revision names a build.
	revisionLength = 12
	// devel is a build without revision and version.
	devel = "devel"
)

// errGarbage: a file that should say whose it is does not.
var errGarbage = errors.New("unreadable")

// origin is where a file comes from. The zero value is unknown.
type origin struct {
	identity.Identity
	build string
	// run is the life of one process; empty: nobody says.
	run string
}

// origins tells them from what lies in the volume, else from the environment.
type origins struct {
	volume volume
	files  map[string]file // by name
	here   identity.Identity
}

// of gives the origin of a file. A manifest or story that is damaged may be
// anybody's: then the origin is unknown, and not taken for the environment's.
func (s origins) of(f file) (origin, error) {
	if f.run != "" {
		return s.ofRun(f)
	}
	manifest, ok := s.files[manifestOf(f.stem)]
	if !ok {
		return origin{Identity: s.here}, nil
	}
	o, err := read(s.volume, manifest, readManifest)
	if errors.Is(err, errGarbage) {
		return origin{}, nil
	}
	o.Identity = fill(o.Identity, s.here)
	return o, err
}

func (s origins) ofRun(f file) (origin, error) {
	garbage := false
	for _, source := range [...]struct {
		name string
		read func(io.Reader) (origin, error)
	}{
		{"exit-" + f.run + ".json", readExit},
		{"blackbox-" + f.run + ".box", readBox},
		{"blackbox-" + f.run + ".bad", readBox},
	} {
		witness, ok := s.files[source.name]
		if !ok {
			continue
		}
		o, err := read(s.volume, witness, source.read)
		if errors.Is(err, errGarbage) {
			garbage = true
			continue
		}
		o.Identity, o.run = fill(o.Identity, s.here), f.run
		return o, err
	}
	if garbage {
		return origin{run: f.run}, nil
	}
	return origin{Identity: s.here, run: f.run}, nil
}

func read(v volume, f file, parse func(io.Reader) (origin, error)) (_ origin, err error) {
	opened, err := v.open(f)
	if err != nil {
		return origin{}, err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	o, err := parse(opened)
	if err != nil {
		return origin{}, fmt.Errorf("%s: %w", f.text, err)
	}
	return o, nil
}

func readManifest(r io.Reader) (origin, error) {
	m, err := heapdump.ReadManifest(r)
	if errors.Is(err, heapdump.ErrManifest) || errors.Is(err, heapdump.ErrTooLarge) {
		return origin{}, errors.Join(errGarbage, err)
	}
	if err != nil {
		return origin{}, err
	}
	o := origin{run: m.Run, build: buildOf(m.Build.Version, m.Build.VCSRevision)}
	var context struct {
		Identity identity.Identity `json:"identity"`
	}
	// A context of another shape tells no names.
	if len(m.Context) > 0 && json.Unmarshal(m.Context, &context) == nil {
		o.Identity = context.Identity
	}
	return o, nil
}

func readExit(r io.Reader) (origin, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxExit+1))
	if err != nil {
		return origin{}, err
	}
	var exit struct {
		identity.Identity
		Build string `json:"build"`
	}
	if len(text) > maxExit {
		return origin{}, fmt.Errorf("%w: more than %d bytes", errGarbage, maxExit)
	}
	if err := json.Unmarshal(text, &exit); err != nil {
		return origin{}, fmt.Errorf("%w: %w", errGarbage, err)
	}
	return origin{Identity: exit.Identity, build: buildNamed(exit.Build)}, nil
}

func readBox(r io.Reader) (origin, error) {
	story, err := blackbox.Read(io.LimitReader(r, blackbox.HeadBytes))
	if errors.Is(err, blackbox.ErrFormat) || errors.Is(err, blackbox.ErrVersion) {
		return origin{}, errors.Join(errGarbage, err)
	}
	if err != nil {
		return origin{}, err
	}
	return origin{Identity: story.Identity, build: buildNamed(story.Build)}, nil
}

// buildNamed reads "module version revision", as boxes and exit stories have it.
func buildNamed(text string) string {
	_, rest, _ := strings.Cut(text, " ")
	version, revision, _ := strings.Cut(rest, " ")
	return buildOf(version, revision)
}

func buildOf(version, revision string) string {
	switch {
	case revision != "":
		return revision[:min(len(revision), revisionLength)]
	case version == "" || version == "(devel)":
		return devel
	}
	return version
}

// fill takes from the environment what a file leaves out, if both are of one
// pod or the file names none.
func fill(id, here identity.Identity) identity.Identity {
	if id.Pod != "" && id.Pod != here.Pod {
		return id
	}
	for _, f := range [...]struct{ name, from *string }{
		{&id.Namespace, &here.Namespace},
		{&id.Workload, &here.Workload},
		{&id.Pod, &here.Pod},
		{&id.Container, &here.Container},
		{&id.Node, &here.Node},
	} {
		if *f.name == "" {
			*f.name = *f.from
		}
	}
	return id
}
