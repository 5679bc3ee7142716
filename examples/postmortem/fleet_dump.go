package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/identity"
)

// dumpOf takes the name of a heap profile apart: heap-<time>-p<pid>-<stage>.pb.
func dumpOf(dir, name string) (fleetDump, bool) {
	base, ok := strings.CutPrefix(strings.TrimSuffix(name, ".gz"), "heap-")
	base, pb := strings.CutSuffix(base, ".pb")
	stamp, rest, named := strings.Cut(base, "-p")
	_, stage, staged := strings.Cut(rest, "-")
	at, err := time.Parse(stampLayout, stamp)
	if !ok || !pb || !named || !staged || err != nil {
		return fleetDump{}, false
	}
	return fleetDump{profile: path.Join(dir, name), stage: heapdump.Stage(stage), time: at}, true
}

// stampLayout is how names of dumps and of runs begin.
const stampLayout = "20060102T150405.000Z"

// writers are the runs of a folder by process id, oldest first: as text, since
// a run's name begins with the time of its start.
type writers map[string][]string

func writersOf(runs []*fleetRun) writers {
	w := writers{}
	for _, r := range runs {
		_, rest, _ := strings.Cut(r.id, "-p")
		pid, _, _ := strings.Cut(rest, "-")
		w[pid] = append(w[pid], r.id)
	}
	for _, ids := range w {
		slices.Sort(ids)
	}
	return w
}

// of is the run that wrote a profile without a manifest: the last one with its
// process id that began before it. Those of none are of one together, so that
// none counts twice.
func (w writers) of(profile string) string {
	stamp, rest, _ := strings.Cut(strings.TrimPrefix(path.Base(profile), "heap-"), "-p")
	pid, _, _ := strings.Cut(rest, "-")
	i, _ := slices.BinarySearch(w[pid], stamp+"-q") // After all that begin at that moment.
	if i == 0 {
		return path.Join(path.Dir(profile), "p"+pid)
	}
	return w[pid][i-1]
}

// manifest reads the one beside a profile; files are its folder's, sorted.
func (t *tree) manifest(d *fleetDump, files []string) (heapdump.Manifest, bool) {
	base, _, _ := strings.Cut(path.Base(d.profile), ".pb")
	name := base + ".json"
	if _, ok := slices.BinarySearch(files, name); !ok {
		t.gaps.add("profiles without a manifest", d.profile, nil)
		return heapdump.Manifest{}, false
	}
	name = path.Join(path.Dir(d.profile), name)
	m, err := t.readManifest(name)
	if err == nil && m.Run == "" {
		err = errors.New("no run")
	}
	if err != nil {
		t.gaps.add("manifests that cannot be read", name, err)
		return heapdump.Manifest{}, false
	}
	d.manifest, d.stage = name, cmp.Or(m.Stage, d.stage)
	if !m.Time.IsZero() {
		d.time = m.Time
	}
	m.Run = plain(m.Run)
	return m, true
}

func (t *tree) readManifest(name string) (m heapdump.Manifest, err error) {
	err = t.read(name, func(in io.Reader) error {
		m, err = heapdump.ReadManifest(in)
		return err
	})
	return m, err
}

// identified is what memguard writes into the context of a manifest. Anybody
// else's context may be of any kind, and tells nothing.
func identified(m heapdump.Manifest) identity.Identity {
	var c struct {
		Identity identity.Identity `json:"identity"`
	}
	if len(m.Context) == 0 || json.Unmarshal(m.Context, &c) != nil {
		return identity.Identity{}
	}
	return c.Identity
}
