package cgroupstat

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// files makes a directory with these files.
func files(t testing.TB, dir string, content map[string]string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range content {
		write(t, filepath.Join(dir, name), text)
	}
	return dir
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, l Location) *Reader {
	t.Helper()
	r, err := Open(l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

const (
	noneV1 = "9223372036854771712\n"
	statV2 = "anon 100\nfile 50\ninactive_file 30\nactive_file 20\nslab_reclaimable 7\n"
	statV1 = "cache 1\nrss 1\nhierarchical_memory_limit 9223372036854771712\ntotal_rss 100\ntotal_cache 50\ntotal_inactive_file 30\ntotal_active_file 20\n"
)

func levelV2(max string) map[string]string {
	return map[string]string{"memory.current": "4096\n", "memory.stat": statV2, "memory.max": max}
}

func levelV1(limit, hierarchical string) map[string]string {
	return map[string]string{
		"memory.usage_in_bytes": "8192\n", "memory.limit_in_bytes": limit,
		"memory.stat": strings.Replace(statV1, noneV1, hierarchical, 1),
	}
}

func TestReaderV2(t *testing.T) {
	dir := files(t, t.TempDir(), map[string]string{
		"memory.current": "4096\n", "memory.stat": statV2, "memory.max": "268435456\n", "memory.high": "max\n",
		"memory.swap.max": "0\n", "memory.swap.current": "12288\n", "memory.peak": "8192\n",
		"memory.events":   "low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\noom_group_kill 0\n",
		"memory.pressure": "some avg10=1.50 avg60=0.00 avg300=0.00 total=7\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=3\n",
	})
	r := open(t, At(V2, dir))
	if n, err := r.Usage(); n != 4096 || err != nil {
		t.Errorf("usage %d, %v", n, err)
	}
	var s Stat
	if err := r.Stat(&s); err != nil || s.Get(Anon) != Of(100) || s.Get(Swap) != Of(12288) || !s.Get(Kernel).IsZero() {
		t.Errorf("stat %v, %v", s, err)
	}
	if v, err := r.Peak(); v != Of(8192) || err != nil {
		t.Errorf("peak %v, %v", v, err)
	}
	var e Events
	want := Events{Low: Of(0), High: Of(1), Max: Of(2), OOM: Of(3), OOMKill: Of(4), OOMGroupKill: Of(0)}
	if err := r.Events(&e); err != nil || e != want {
		t.Errorf("events %+v, %v", e, err)
	}
	var p Pressure
	if ok, err := r.Pressure(&p); !ok || err != nil || p.Some.Avg10 != 1.5 || p.Full.Total.Microseconds() != 3 {
		t.Errorf("pressure %+v, %v, %v", p, ok, err)
	}
	var l Limits
	if err := r.Limits(&l); err != nil || l.Max != (Limit{Of(256 << 20), 0, dir + "/memory.max", ""}) ||
		!l.High.Bytes.IsZero() || l.Swap != (Limit{Of(0), 0, dir + "/memory.swap.max", ""}) {
		t.Errorf("limits %+v, %v", l, err)
	}
}

func TestReaderV1(t *testing.T) {
	dir := files(t, t.TempDir(), map[string]string{
		"memory.usage_in_bytes": "4096\n", "memory.stat": statV1, "memory.limit_in_bytes": "268435456\n",
		"memory.memsw.limit_in_bytes": "268439552\n", "memory.max_usage_in_bytes": "8192\n", "memory.failcnt": "5\n", "memory.memsw.failcnt": "30\n",
		"memory.oom_control":         "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
		"memory.kmem.usage_in_bytes": "512\n", "memory.kmem.tcp.usage_in_bytes": "64\n",
	})
	r := open(t, At(V1, dir))
	if n, err := r.Usage(); n != 4096 || err != nil {
		t.Errorf("usage %d, %v", n, err)
	}
	var s Stat
	if err := r.Stat(&s); err != nil || s.Get(Anon) != Of(100) || s.Get(Kernel) != Of(512) || s.Get(Sock) != Of(64) || !s.Get(Slab).IsZero() {
		t.Errorf("stat %v, %v", s, err)
	}
	if v, err := r.Peak(); v != Of(8192) || err != nil {
		t.Errorf("peak %v, %v", v, err)
	}
	var e Events
	if err := r.Events(&e); err != nil || e != (Events{Max: Of(35), OOMKill: Of(2)}) {
		t.Errorf("events %+v, %v", e, err)
	}
	if ok, err := r.Pressure(new(Pressure)); ok || err != nil {
		t.Errorf("pressure %v, %v", ok, err)
	}
	var l Limits
	if err := r.Limits(&l); err != nil || l.Max != (Limit{Of(256 << 20), 0, dir + "/memory.limit_in_bytes", ""}) ||
		!l.High.Bytes.IsZero() || l.Swap != (Limit{Of(4096), 0, dir + "/memory.memsw.limit_in_bytes", ""}) {
		t.Errorf("limits %+v, %v", l, err)
	}
}

// A kernel that has only what all have.
func TestReaderLeavesOutWhatTheKernelLacks(t *testing.T) {
	for v, content := range map[Version]map[string]string{
		V1: {"memory.usage_in_bytes": "1\n", "memory.limit_in_bytes": noneV1, "memory.stat": "total_rss 1\n"},
		V2: {"memory.current": "1\n", "memory.max": "max\n", "memory.stat": "anon 1\n"},
	} {
		t.Run(v.String(), func(t *testing.T) {
			r := open(t, At(v, files(t, t.TempDir(), content)))
			var (
				s Stat
				e = Events{Max: Of(1)}
				p = Pressure{Some: PressureLine{Avg10: 1}}
				l = Limits{Max: Limit{Bytes: Of(1)}}
			)
			if err := r.Stat(&s); err != nil || s.Get(Anon) != Of(1) || !s.Get(Swap).IsZero() || !s.Get(Kernel).IsZero() || !s.Get(Sock).IsZero() {
				t.Errorf("stat %v, %v", s, err)
			}
			if v, err := r.Peak(); !v.IsZero() || err != nil {
				t.Errorf("peak %v, %v", v, err)
			}
			if err := r.Events(&e); err != nil || e != (Events{}) {
				t.Errorf("events %+v, %v", e, err)
			}
			if ok, err := r.Pressure(&p); ok || err != nil || p != (Pressure{}) {
				t.Errorf("pressure %+v, %v, %v", p, ok, err)
			}
			if err := r.Limits(&l); err != nil || l != (Limits{}) {
				t.Errorf("limits %+v, %v", l, err)
			}
		})
	}
}

func TestReaderLimitsOfLevels(t *testing.T) {
	const small, large = "67108864\n", "268435456\n"
	for _, c := range []struct {
		name    string
		version Version
		levels  []map[string]string // own first
		want    Value
		level   int
		key     string
	}{
		{"v2 none", V2, []map[string]string{levelV2("max\n"), levelV2("max\n")}, Value{}, 0, ""},
		{"v2 own", V2, []map[string]string{levelV2(small), levelV2(large)}, Of(64 << 20), 0, ""},
		{"v2 parent", V2, []map[string]string{levelV2("max\n"), levelV2(small), levelV2(large)}, Of(64 << 20), 1, ""},
		{"v2 tie goes outwards", V2, []map[string]string{levelV2(small), levelV2(large), levelV2(small)}, Of(64 << 20), 2, ""},
		{"v2 root has no limit file", V2, []map[string]string{levelV2(small), {"memory.stat": statV2}}, Of(64 << 20), 0, ""},
		{"v1 none", V1, []map[string]string{levelV1(noneV1, noneV1), levelV1(noneV1, noneV1)}, Value{}, 0, ""},
		{"v1 own", V1, []map[string]string{levelV1(small, small), levelV1(noneV1, noneV1)}, Of(64 << 20), 0, ""},
		{"v1 parent", V1, []map[string]string{levelV1(large, small), levelV1(small, small)}, Of(64 << 20), 1, ""},
		{"v1 invisible", V1, []map[string]string{levelV1(large, small), levelV1(noneV1, small)}, Of(64 << 20), 1, hierarchicalKey},
		{"v1 invisible but larger", V1, []map[string]string{levelV1(small, small), levelV1(noneV1, large)}, Of(64 << 20), 0, ""},
		{"v1 invisible and alone", V1, []map[string]string{levelV1(noneV1, large)}, Of(256 << 20), 0, hierarchicalKey},
	} {
		t.Run(c.name, func(t *testing.T) {
			var dirs []string
			top := t.TempDir()
			for i, content := range c.levels {
				dirs = append(dirs, files(t, filepath.Join(top, string(rune('a'+i))), content))
			}
			r := open(t, At(c.version, dirs...))
			for range 2 {
				var l Limits
				if err := r.Limits(&l); err != nil {
					t.Fatal(err)
				}
				want := Limit{Bytes: c.want, Level: c.level, Key: c.key}
				if !c.want.IsZero() {
					name := map[Version]string{V1: "memory.limit_in_bytes", V2: "memory.max"}[c.version]
					if c.key != "" {
						name = "memory.stat"
					}
					want.File = filepath.Join(dirs[c.level], name)
				}
				if l.Max != want {
					t.Errorf("got %+v, want %+v", l.Max, want)
				}
				// What is read must not depend on the selected level.
				if err := r.Select(len(dirs) - 1); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestReaderSeesAResize(t *testing.T) {
	dir := files(t, t.TempDir(), levelV2("268435456\n"))
	r := open(t, At(V2, dir))
	for text, want := range map[string]Value{"1048576\n": Of(1 << 20), "max\n": {}, "0\n": Of(0)} {
		write(t, filepath.Join(dir, "memory.max"), text)
		var l Limits
		if err := r.Limits(&l); err != nil || l.Max.Bytes != want {
			t.Errorf("%q: %v, %v", text, l.Max.Bytes, err)
		}
	}
}

func TestReaderSelect(t *testing.T) {
	top := t.TempDir()
	own, parent := levelV2("max\n"), levelV2("max\n")
	parent["memory.current"] = "777\n"
	root := map[string]string{"memory.stat": "anon 9\n"}
	dirs := []string{files(t, top+"/a", own), files(t, top+"/b", parent), files(t, top+"/c", root)}
	r := open(t, At(V2, dirs...))
	if got := r.Location(); !slices.Equal(got.Levels, dirs) || got.Mount != dirs[2] {
		t.Errorf("location %+v", got)
	}
	if r.Level() != 0 {
		t.Errorf("level %d is selected at first", r.Level())
	}
	if err := r.Select(1); err != nil || r.Level() != 1 {
		t.Fatalf("level %d, %v", r.Level(), err)
	}
	if n, err := r.Usage(); n != 777 || err != nil {
		t.Errorf("usage %d, %v", n, err)
	}
	if err := r.Select(2); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Usage(); !errors.Is(err, ErrNoUsage) {
		t.Errorf("usage of the root: %v, want ErrNoUsage", err)
	}
	var s Stat
	if err := r.Stat(&s); err != nil || s.Get(Anon) != Of(9) {
		t.Errorf("stat of the root: %v, %v", s, err)
	}
	for _, level := range []int{-1, 3} {
		if err := r.Select(level); err == nil {
			t.Errorf("level %d was selected", level)
		}
	}
	if err := os.RemoveAll(dirs[0]); err != nil {
		t.Fatal(err)
	}
	if err := r.Select(0); !errors.Is(err, ErrGone) || r.Level() != 2 {
		t.Errorf("select of a level that is gone: %v, level %d", err, r.Level())
	}
}
