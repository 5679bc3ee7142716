package main

import (
	"cmp"
	"iter"
	"slices"

	"github.com/memguard-dev/go-memguard/internal/inuse"
	"github.com/memguard-dev/go-memguard/internal/postmortem"
)

const (
	// amongTop is how many sites of a run are its top: as many as the log of a
	// dump names.
	amongTop = 5
	// maxPlaces bounds the lines of code that are told apart.
	maxPlaces = 1 << 18
	// maxGrown bounds growth, so that two of them can be added.
	maxGrown = 1 << 61
)

// fleet is what all runs of a tree show together.
type fleet struct {
	Pods int `json:"pods"`
	Runs int `json:"runs"`
	// Measured are the runs with a dump that names its sites.
	Measured int `json:"measured_runs"`
	// Sites are over all groups, the most bytes first.
	Sites  []fleetSite `json:"sites"`
	Groups []group     `json:"groups"`
	// Missing says what could not be read.
	Missing []gap `json:"missing,omitempty"`
}

// group is all runs of one build of a workload.
type group struct {
	Namespace string `json:"namespace,omitempty"`
	Workload  string `json:"workload,omitempty"`
	Build     string `json:"build,omitempty"`
	Pods      int    `json:"pods"`
	Runs      int    `json:"runs"`
	// Exits counts the runs by how they ended; NoVerdict are those of which
	// nobody has said it yet, running ones among them.
	Exits     map[postmortem.Kind]int `json:"exits,omitempty"`
	NoVerdict int                     `json:"no_verdict"`
	Measured  int                     `json:"measured_runs"`
	// Partial are runs with the few sites of the manifest alone: what they held
	// at other sites is not in the totals.
	Partial int         `json:"partial_runs"`
	Sites   []fleetSite `json:"sites"`
	// Profiles are those that the totals are made of, one of each run.
	Profiles []string `json:"profiles,omitempty"`
	// Pprof is a shell's command that merges them.
	Pprof string `json:"pprof,omitempty"`
}

// fleetSite is a line of code and what it held over many runs.
type fleetSite struct {
	Function string `json:"function"`
	File     string `json:"file,omitempty"`
	Line     int64  `json:"line,omitempty"`
	// Bytes are added up over the best dump of each run.
	Bytes int64 `json:"inuse_bytes"`
	// Pods and Runs are those in which it held any, TopPods and TopRuns those
	// in which it is among the first five.
	Pods    int `json:"pods"`
	Runs    int `json:"runs"`
	TopPods int `json:"top_pods"`
	TopRuns int `json:"top_runs"`
	// MedianShare is of the profiles in which it is; nil: there is none.
	MedianShare *float64 `json:"median_share,omitempty"`
	// Grown is since the baselines, over the GrownRuns in which it is known;
	// nil: in none.
	Grown     *int64 `json:"grown_bytes,omitempty"`
	GrownRuns int    `json:"grown_runs"`
	// Workloads are those in which it is; only over all groups.
	Workloads []string `json:"workloads,omitempty"`
}

// rank adds up runs, which come with a pod's in a row and a workload's in a
// row, and gives the n first sites of each group and of all of them; all if n
// is 0. It holds the sites of no run for longer than it takes to add them.
func rank(runs iter.Seq[measured], n int) fleet {
	var f fleet
	all := newTally(true)
	var builds map[string]*tally
	workload := ""
	flush := func() {
		for _, t := range builds {
			f.Groups = append(f.Groups, t.group(n))
		}
		builds = map[string]*tally{}
	}
	for m := range runs {
		if name := m.where.Namespace + "/" + m.where.Workload; name != workload || builds == nil {
			flush()
			workload = name
		}
		t := builds[m.where.build]
		if t == nil {
			t = newTally(false)
			builds[m.where.build] = t
		}
		t.add(m)
		all.add(m)
	}
	flush()
	slices.SortFunc(f.Groups, byMost)
	g := all.group(n)
	f.Pods, f.Runs, f.Measured, f.Sites = g.Pods, g.Runs, g.Measured, g.Sites
	if all.dropped > 0 {
		f.Missing = append(f.Missing, gap{What: "sites left out: too many different ones", Count: all.dropped})
	}
	return f
}

// byMost is the group with the greatest culprit first.
func byMost(a, b group) int {
	most := func(g group) int64 {
		if len(g.Sites) == 0 {
			return 0
		}
		return g.Sites[0].Bytes
	}
	return cmp.Or(cmp.Compare(most(b), most(a)), cmp.Compare(a.Namespace, b.Namespace),
		cmp.Compare(a.Workload, b.Workload), cmp.Compare(a.Build, b.Build))
}

// tally adds up runs.
type tally struct {
	head    group
	places  map[place]*sum
	pod     string // of the last run
	over    bool   // all groups
	dropped int
}

// sum is a place's; pod numbers tell whether it was counted in the pod already.
type sum struct {
	fleetSite
	shares      []float32
	pod, topPod int
}

func newTally(over bool) *tally {
	return &tally{places: map[place]*sum{}, over: over, head: group{Exits: map[postmortem.Kind]int{}}}
}

func (t *tally) add(m measured) {
	h := &t.head
	if pod := m.where.Namespace + "/" + m.where.Pod; h.Runs == 0 || pod != t.pod {
		t.pod = pod
		h.Pods++
	}
	h.Namespace, h.Workload, h.Build = m.where.Namespace, m.where.Workload, m.where.build
	h.Runs++
	if m.kind == "" {
		h.NoVerdict++
	} else {
		h.Exits[m.kind]++
	}
	if m.profile != "" && !t.over {
		h.Profiles = append(h.Profiles, m.profile)
	}
	if m.profile != "" || len(m.sites) > 0 {
		h.Measured++
	}
	if m.profile == "" && len(m.sites) > 0 {
		h.Partial++
	}
	for i := range m.sites {
		t.site(m, &m.sites[i], i < amongTop)
	}
}

func (t *tally) site(m measured, s *held, top bool) {
	key := placeOf(s.function, s.file, s.line)
	p := t.places[key]
	if p == nil {
		if len(t.places) >= maxPlaces {
			t.dropped++
			return
		}
		p = &sum{fleetSite: fleetSite{Function: s.function, File: s.file, Line: s.line}}
		t.places[key] = p
	}
	p.Bytes = inuse.AddCapped(p.Bytes, s.bytes)
	p.Runs++
	if p.pod != t.head.Pods {
		p.pod = t.head.Pods
		p.Pods++
	}
	if top {
		p.TopRuns++
	}
	if top && p.topPod != t.head.Pods {
		p.topPod = t.head.Pods
		p.TopPods++
	}
	if m.profile != "" {
		p.shares = append(p.shares, float32(s.share))
	}
	if s.grown != nil {
		p.grow(*s.grown)
	}
	if name := named(m.where.Namespace) + "/" + named(m.where.Workload); t.over &&
		(len(p.Workloads) == 0 || p.Workloads[len(p.Workloads)-1] != name) {
		p.Workloads = append(p.Workloads, name)
	}
}

// grow adds what a run has grown by, which may be less than nothing.
func (p *sum) grow(bytes int64) {
	if p.Grown == nil {
		p.Grown = new(int64)
	}
	*p.Grown = min(max(*p.Grown, -maxGrown), maxGrown) + min(max(bytes, -maxGrown), maxGrown)
	p.GrownRuns++
}

// group is the tally with its n first sites.
func (t *tally) group(n int) group {
	g := t.head
	g.Sites = make([]fleetSite, 0, len(t.places))
	for _, p := range t.places {
		if len(p.shares) > 0 {
			p.MedianShare = median(p.shares)
		}
		g.Sites = append(g.Sites, p.fleetSite)
	}
	slices.SortFunc(g.Sites, func(a, b fleetSite) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(b.Pods, a.Pods), cmp.Compare(b.Runs, a.Runs),
			cmp.Compare(a.Function, b.Function), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	if n > 0 && n < len(g.Sites) {
		g.Sites = slices.Clone(g.Sites[:n]) // The rest can go.
	}
	return g
}

// median sorts.
func median(shares []float32) *float64 {
	slices.Sort(shares)
	n := len(shares)
	m := (float64(shares[(n-1)/2]) + float64(shares[n/2])) / 2
	return &m
}
