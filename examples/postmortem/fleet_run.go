package main

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/heapdump/sites"
	"github.com/memguard-dev/go-memguard/internal/identity"
	"github.com/memguard-dev/go-memguard/internal/inuse"
	"github.com/memguard-dev/go-memguard/internal/postmortem"
)

// where is whose a run was. Each name is empty where nothing tells it.
type where struct {
	identity.Identity
	build string
}

// fleetRun is one run of a program somewhere in a tree, without its profiles.
type fleetRun struct {
	id    string
	dir   string // below the root
	where where
	// program is a build's name that does not tell it from others.
	program string
	kind    postmortem.Kind // empty: nobody has said how it ended
	last    time.Time       // the last that is known of it; zero: nothing is
	dumps   []fleetDump
}

// fleetDump is a profile below the root of a tree.
type fleetDump struct {
	profile, manifest string // manifest is empty where none can be read
	stage             heapdump.Stage
	time              time.Time
}

// measured is a run with what its best dump shows, most bytes first.
type measured struct {
	*fleetRun
	sites   []held
	profile string // that has been read; empty: the sites are the manifest's alone
}

// held is a line of code in the dump of one run.
type held struct {
	function, file string
	line           int64
	bytes          int64
	share          float64 // of the whole profile, if one has been read
	grown          *int64  // since the baseline; nil: not known
}

// or fills what is empty in w from others, the first that knows it.
func (w where) or(others ...where) where {
	for _, o := range others {
		w.Namespace, w.Workload = cmp.Or(w.Namespace, o.Namespace), cmp.Or(w.Workload, o.Workload)
		w.Pod, w.Container = cmp.Or(w.Pod, o.Pod), cmp.Or(w.Container, o.Container)
		w.Node, w.build = cmp.Or(w.Node, o.Node), cmp.Or(w.build, o.build)
	}
	return w
}

// plain makes names of others safe to print and bounds them.
func (w where) plain() where {
	for _, name := range []*string{&w.Namespace, &w.Workload, &w.Pod, &w.Container, &w.Node, &w.build} {
		*name = plain(*name)
	}
	return w
}

// whereOf reads a folder <namespace>/<workload>/<build>/<pod>/<container> from
// its end, so that a part of a tree can be read too.
func whereOf(dir string) where {
	var w where
	if dir == "." {
		return w
	}
	parts := strings.Split(dir, "/")
	for _, name := range []*string{&w.Container, &w.Pod, &w.build, &w.Workload, &w.Namespace} {
		if len(parts) == 0 {
			break
		}
		*name, parts = parts[len(parts)-1], parts[:len(parts)-1]
	}
	return w
}

// versioned is a build's name that tells it from others; empty: this one does not.
func versioned(build string) string {
	if strings.HasSuffix(build, " (devel)") || !strings.Contains(build, " ") {
		return "" // Every build without a version has this name.
	}
	return build
}

// buildOf names a manifest's build as verdicts and black boxes do.
func buildOf(b heapdump.Build) string {
	parts := []string{b.Module, b.Version}
	if b.VCSRevision != "" {
		parts = append(parts, b.VCSRevision[:min(12, len(b.VCSRevision))])
	}
	return strings.TrimSpace(strings.Join(parts, " "))
}

// candidates are the dumps to try, the best first: the last fresh one, for
// want of one the last immediate one.
func candidates(dumps []fleetDump) []fleetDump {
	list := slices.DeleteFunc(slices.Clone(dumps), func(d fleetDump) bool { return d.stage == heapdump.Baseline })
	rank := func(d fleetDump) int {
		if d.stage == heapdump.Fresh {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(list, func(a, b fleetDump) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), b.time.Compare(a.time), cmp.Compare(b.profile, a.profile))
	})
	return list
}

// heldOf joins a profile's sites, the measure, with a manifest's, which know
// the growth. Without a profile the manifest's are all there is.
func heldOf(profile []sites.Site, manifest []heapdump.Site) []held {
	grown := map[place]*int64{}
	for _, s := range manifest {
		grown[placeOf(s.Function, s.File, int64(s.Line))] = s.Grown
	}
	all := map[place]*held{}
	add := func(h held) {
		key := placeOf(h.function, h.file, h.line)
		if was := all[key]; was != nil {
			was.bytes, was.share = inuse.AddCapped(was.bytes, h.bytes), was.share+h.share
			return
		}
		h.function, h.file, h.grown = plain(h.function), plain(h.file), grown[key]
		all[key] = &h
	}
	for _, s := range profile {
		add(held{function: s.Function, file: s.File, line: s.Line, bytes: s.Bytes, share: s.Share})
	}
	for _, s := range manifest {
		if profile == nil && s.Bytes > 0 {
			add(held{function: s.Function, file: s.File, line: int64(s.Line), bytes: s.Bytes})
		}
	}
	list := make([]held, 0, len(all))
	for _, h := range all {
		list = append(list, *h)
	}
	slices.SortFunc(list, func(a, b held) int {
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.function, b.function), cmp.Compare(a.line, b.line), cmp.Compare(a.file, b.file))
	})
	return list
}

// place tells a line of code from others, also where each build machine has
// the sources in another folder.
type place struct {
	function, file string
	line           int64
}

func placeOf(function, file string, line int64) place {
	return place{plain(function), plain(path.Base(file)), line}
}

// maxPlain bounds a text of others.
const maxPlain = 512

// plain makes a text of others safe for a terminal, in one line of bounded length.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text[:min(len(text), maxPlain)])
}

// settle makes one run of what was found of it in several places, names what
// a run itself does not, and sorts: a workload's pods in a row.
func settle(runs []*fleetRun) []*fleetRun {
	inDir := map[string]where{}
	for _, r := range runs {
		inDir[r.dir] = inDir[r.dir].or(r.where)
	}
	type key struct{ namespace, pod, container, id string }
	seen := map[key]*fleetRun{}
	var settled []*fleetRun
	for _, r := range runs {
		r.where = r.where.or(inDir[r.dir], whereOf(r.dir), where{build: r.program}).plain()
		k := key{r.where.Namespace, r.where.Pod, r.where.Container, r.id}
		if was := seen[k]; was != nil {
			was.merge(r)
			continue
		}
		seen[k] = r
		settled = append(settled, r)
	}
	slices.SortStableFunc(settled, func(a, b *fleetRun) int {
		return cmp.Or(cmp.Compare(a.where.Namespace, b.where.Namespace), cmp.Compare(a.where.Workload, b.where.Workload),
			cmp.Compare(a.where.Pod, b.where.Pod), cmp.Compare(a.where.build, b.where.build), cmp.Compare(a.id, b.id))
	})
	return settled
}

// merge adds what another copy of the same volume has of the run.
func (r *fleetRun) merge(o *fleetRun) {
	r.kind = cmp.Or(r.kind, o.kind)
	if o.last.After(r.last) {
		r.last = o.last
	}
	for _, d := range o.dumps {
		if !slices.ContainsFunc(r.dumps, func(was fleetDump) bool { return path.Base(was.profile) == path.Base(d.profile) }) {
			r.dumps = append(r.dumps, d)
		}
	}
}
