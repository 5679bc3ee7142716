package memguard

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/kerneltest"
	"github.com/memguard-dev/go-memguard/internal/syncbuf"
)

// pod is a downward API volume that is replaced in one step.
type pod struct {
	t       testing.TB
	dir     string
	version int
}

func newPod(t testing.TB) *pod {
	t.Helper()
	p := &pod{t: t, dir: t.TempDir()}
	p.set(map[string]string{})
	return p
}

func (p *pod) set(files map[string]string) {
	p.t.Helper()
	p.version++
	if err := kerneltest.AtomicWrite(p.dir, fmt.Sprintf("..%d", p.version), files); err != nil {
		p.t.Fatal(err)
	}
}

func (p *pod) annotate(lines ...string) {
	p.t.Helper()
	p.set(map[string]string{"annotations": strings.Join(lines, "\n")})
}

// asked counts the dumps of a stage that an annotation asked for.
func askedFor(t testing.TB, g *Guard, token string) (n int) {
	t.Helper()
	dumps, err := g.dumper.store.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dumps {
		if d.Stage == heapdump.Fresh && strings.HasSuffix(d.Reason, "="+token) {
			n++
		}
	}
	return n
}

func TestBasisIsFollowed(t *testing.T) {
	p := newPod(t)
	g := mustStart(t, quiet(t, newTree(t), WithPodInfo(p.dir), WithBasis(Unreclaimable), WithThresholds(Percent(45))))
	p.annotate(`memguard.dev/basis="usage"`)
	// 111 MiB cannot be reclaimed, 120 are used: 43 and 47 % of the limit.
	eventually(t, "a dump for the new basis", func() bool { return g.Snapshot().LastDump != nil })
	s := g.Snapshot()
	if s.Basis != Usage || s.BasisBytes != cgroupstat.Of(120<<20) {
		t.Errorf("basis %s, %v", s.Basis, s.BasisBytes)
	}
	want := Setting{envBasis, "usage", filepath.Join(p.dir, "annotations")}
	if got := g.basisSetting(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	p.annotate()
	eventually(t, "what code says", func() bool { return g.Snapshot().Basis == Unreclaimable })
}

// Each value asks for one dump, also over a restart.
func TestDumpIsAskedForOnce(t *testing.T) {
	p, dir := newPod(t), t.TempDir()
	begin := func() *Guard {
		g, err := start(quiet(t, newTree(t), WithPodInfo(p.dir), WithDumpDir(dir)))
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	g := begin()
	for _, token := range []string{"1", "2"} {
		p.annotate(`memguard.dev/dump="` + token + `"`)
		eventually(t, "dump "+token, func() bool { return askedFor(t, g, token) == 1 })
	}
	stop(t, g)
	g = begin()
	defer stop(t, g)
	p.annotate(`memguard.dev/dump="2"`, `other="1"`)
	p.annotate(`memguard.dev/dump="3"`)
	eventually(t, "dump 3", func() bool { return askedFor(t, g, "3") == 1 })
	if a, b := askedFor(t, g, "1"), askedFor(t, g, "2"); a != 1 || b != 1 {
		t.Errorf("%d and %d dumps for the tokens before", a, b)
	}
}

// Without a black box nothing remembers what an earlier start has served.
func TestDumpAskedForBeforeTheStart(t *testing.T) {
	for box, want := range map[int64]int{0: 0, 64 << 10: 1} {
		p := newPod(t)
		p.annotate(`memguard.dev/dump="old"`)
		g := mustStart(t, quiet(t, newTree(t), WithPodInfo(p.dir), WithBlackBox(box)))
		p.annotate(`memguard.dev/dump="old"`, `memguard.dev/basis="usage"`)
		eventually(t, "a second reading", func() bool { return g.basis() == Usage })
		p.annotate(`memguard.dev/dump="new"`)
		eventually(t, "the new one", func() bool { return askedFor(t, g, "new") == 1 })
		if got := askedFor(t, g, "old"); got != want {
			t.Errorf("a box of %d bytes: %d dumps, want %d", box, got, want)
		}
		stop(t, g)
	}
}

// A bad value is told once, and so is another one; both count.
func TestBadAnnotationsAreTold(t *testing.T) {
	var log syncbuf.Buffer
	p := newPod(t)
	g := mustStart(t, quiet(t, newTree(t), WithPodInfo(p.dir), WithLogger(slog.New(slog.NewTextHandler(&log, nil)))))
	for i, bad := range []string{"lots", "more"} {
		p.annotate(`memguard.dev/threshold="`+bad+`"`, `memguard.dev/basis="usage"`)
		before := g.faults.count(partPodInfo)
		eventually(t, bad, func() bool {
			return strings.Contains(g.Snapshot().Failing["podinfo"], bad) && g.faults.count(partPodInfo) >= before+2
		})
		if s := g.Snapshot(); s.Thresholds[0].Threshold != Percent(80) || s.Basis != Usage {
			t.Errorf("%d: %+v of %s", i, s.Thresholds, s.Basis)
		}
	}
	p.annotate(`memguard.dev/threshold="75%"`)
	eventually(t, "the good one", func() bool { return g.Snapshot().Thresholds[0].Threshold == Percent(75) })
	stop(t, g)
	for word, want := range map[string]int{`\"lots\"`: 1, `\"more\"`: 1, "works again": 1} {
		if n := strings.Count(log.String(), word); n != want {
			t.Errorf("%s is told %d times, want %d:\n%s", word, n, want, log.String())
		}
	}
}

func TestSizeLimitOfTheVolume(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		pod  string
		want int64
	}{
		"none":               {nil, "", 256 << 20},
		"environment":        {map[string]string{envSizeLimit: "100Mi"}, "", 80 << 20},
		"volume wins":        {map[string]string{envSizeLimit: "100Mi"}, "50Mi", 40 << 20},
		"more than the rest": {map[string]string{envSizeLimit: "10Gi"}, "", 256 << 20},
		"no good":            {map[string]string{envSizeLimit: "100Mi"}, "big", 80 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPod(t)
			p.set(map[string]string{"dump_size_limit": c.pod})
			s := quiet(t, newTree(t), WithPodInfo(p.dir))
			s.environment(env(c.env))
			g := mustStart(t, s)
			if got := g.settings.budget(); got != c.want {
				t.Errorf("%d bytes, want %d", got, c.want)
			}
			if bad := g.Snapshot().Failing["podinfo"] != ""; bad != (c.pod == "big") {
				t.Errorf("failing: %q", g.Snapshot().Failing)
			}
		})
	}
}

func TestNodeAllocatableIsNoLimit(t *testing.T) {
	tr, p := newTree(t), newPod(t)
	tr.write("memory.max", "max\n")
	s := quiet(t, tr, WithPodInfo(p.dir))
	source, _ := openSource(s.locate)
	machine, ok := source.machine.Get()
	if err := source.close(); err != nil || !ok {
		t.Skip("the machine's memory is not known: ", err)
	}
	p.set(map[string]string{"memory_limit": fmt.Sprint(machine / 10 * 9)})
	g := mustStart(t, s)
	if l := g.Snapshot().Limit; l.Source != LimitNode || l.Bytes != cgroupstat.Of(machine/10*9) {
		t.Errorf("%+v", l)
	}
	eventually(t, "the finding", func() bool {
		for _, f := range g.Snapshot().Findings {
			if f.Code == FindingNoLimit {
				return true
			}
		}
		return false
	})
}
