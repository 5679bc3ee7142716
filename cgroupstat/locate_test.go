package cgroupstat

import (
	"errors"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// tree is what one process sees of its cgroups.
type tree struct {
	name      string
	cgroup    string   // /proc/self/cgroup
	mountinfo string   // lines of /proc/self/mountinfo
	memory    []string // directories that have memory files
	want      Location // zero: ErrNoCgroup
}

func testLocate(t *testing.T, trees []tree) {
	t.Helper()
	for _, tree := range trees {
		t.Run(tree.name, func(t *testing.T) {
			got, err := locate(tree.cgroup, tree.mountinfo, func(file string) bool {
				return slices.Contains(tree.memory, path.Dir(file))
			})
			if tree.want.Version == 0 {
				if !errors.Is(err, ErrNoCgroup) {
					t.Fatalf("got %+v, %v, want ErrNoCgroup", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			tree.want.Mode = modeOf(tree.mountinfo)
			if !reflect.DeepEqual(got, tree.want) {
				t.Errorf("got  %+v\nwant %+v", got, tree.want)
			}
		})
	}
}

// modeOf is the plain reading that mode is held against.
func modeOf(mountinfo string) Mode {
	v1, v2 := strings.Contains(mountinfo, " - cgroup "), strings.Contains(mountinfo, " - cgroup2 ")
	switch {
	case v1 && v2:
		return Hybrid
	case v1:
		return Legacy
	case v2:
		return Unified
	}
	return Unavailable
}

func TestMode(t *testing.T) {
	const (
		memory  = "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
		systemd = "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
		unified = "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
	)
	for mountinfo, want := range map[string]Mode{
		"": Unavailable, memory: Legacy, unified: Unified, systemd + unified: Hybrid, unified + memory + systemd: Hybrid,
	} {
		if got := mode(parseMountinfo(mountinfo)); got != want {
			t.Errorf("%q: %v, want %v", mountinfo, got, want)
		}
	}
}

// upwards gives the directories from mount + relative up to mount.
func upwards(mount, relative string) []string {
	var dirs []string
	for dir := path.Join(mount, relative); len(dir) > len(mount); dir = path.Dir(dir) {
		dirs = append(dirs, dir)
	}
	return append(dirs, mount)
}

func TestParseCgroup(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       map[Version]string
	}{
		{"empty", "", map[Version]string{}},
		{"v2", "0::/user.slice\n", map[Version]string{V2: "/user.slice"}},
		{"no newline at the end", "0::/a", map[Version]string{V2: "/a"}},
		{"v1 beside v2", "4:memory:/a\n0::/b\n", map[Version]string{V1: "/a", V2: "/b"}},
		{"controllers mounted together", "3:cpuset,memory:/a\n", map[Version]string{V1: "/a"}},
		{"path with colons", "4:memory:/x.slice:cri-containerd:0a1b\n", map[Version]string{V1: "/x.slice:cri-containerd:0a1b"}},
		{"path with a space", "0::/a b\n", map[Version]string{V2: "/a b"}},
		{"named hierarchy", "1:name=systemd:/a\n", map[Version]string{}},
		{"named hierarchy called memory", "1:name=memory:/a\n", map[Version]string{}},
		{"controller whose name begins alike", "4:memory2:/a\n", map[Version]string{}},
		{"v2 line with controllers is none", "0:cpu:/a\n", map[Version]string{}},
		{"no controllers outside of hierarchy 0", "5::/a\n", map[Version]string{}},
		{"path that is not absolute", "0::a\n", map[Version]string{}},
		{"too few parts", "0:/a\n\nmemory\n", map[Version]string{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := parseCgroup(test.text); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestParseMountinfo(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []mount
	}{
		{"empty", "", nil},
		{"v2", "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n", []mount{{V2, "/", "/sys/fs/cgroup"}}},
		{"no optional fields", "30 23 0:26 / /c rw - cgroup2 cgroup2 rw\n", []mount{{V2, "/", "/c"}}},
		{"several optional fields", "30 23 0:26 / /c rw shared:4 master:2 unbindable - cgroup2 none rw", []mount{{V2, "/", "/c"}}},
		{"v1 memory", "35 31 0:32 /docker/0a /m ro master:9 - cgroup cgroup rw,memory\n", []mount{{V1, "/docker/0a", "/m"}}},
		{"v1 memory with others", "35 31 0:32 / /m rw - cgroup none rw,cpu,cpuacct,memory\n", []mount{{V1, "/", "/m"}}},
		{"v1 memory with release agent", "35 31 0:32 / /m rw - cgroup none rw,xattr,memory,release_agent=/x/memory\n", []mount{{V1, "/", "/m"}}},
		{"v1 other controllers", "36 31 0:33 / /c rw - cgroup cgroup rw,cpu,cpuacct\n", []mount{{0, "/", "/c"}}},
		{"v1 named hierarchy", "36 31 0:33 / /c rw - cgroup cgroup rw,name=memory\n", []mount{{0, "/", "/c"}}},
		{"empty source", "35 31 0:32 / /m rw - cgroup  rw,memory\n", []mount{{V1, "/", "/m"}}},
		{"escapes", `30 23 0:26 /a\040b /mnt/c\011d\012e\134040 rw - cgroup2 none rw` + "\n", []mount{{V2, "/a b", "/mnt/c\td\ne\\040"}}},
		{"no escape", `30 23 0:26 / /c\04 rw - cgroup2 none rw` + "\n" + `30 23 0:26 / /c\999\ rw - cgroup2 none rw`, []mount{{V2, "/", `/c\04`}, {V2, "/", `/c\999\`}}},
		{"spaces that the kernel does not escape", "30 23 0:26 /a\u00a0b /c\vd rw - cgroup2 none rw\n", []mount{{V2, "/a\u00a0b", "/c\vd"}}},
		{"file systems named alike", "30 23 0:26 / /c rw - tmpfs cgroup2 rw,memory\n31 23 0:27 / /d rw - fuse.cgroup cgroup rw,memory\n", nil},
		{"no separator", "30 23 0:26 / /c rw cgroup2 cgroup2 rw\n", nil},
		{"mount point that is not absolute", "30 23 0:26 / c rw - cgroup2 none rw\n", nil},
		{"separator too early", "30 23 0:26 / - cgroup2 cgroup2 rw\n", nil},
		{"cut off", "30 23 0:26 / /c rw - cgroup2\n30 23\n\n", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := parseMountinfo(test.text); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestLevelsAreBounded(t *testing.T) {
	const mountinfo = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
	deep := ""
	for range 2 * maxLevels {
		deep += "/d"
	}
	l, err := locate("0::"+deep+"\n", mountinfo, func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	if want := upwards("/sys/fs/cgroup", deep)[:maxLevels]; !slices.Equal(l.Levels, want) {
		t.Errorf("levels %q, want the innermost %d", l.Levels, maxLevels)
	}
	if at := At(V2, upwards("/c", deep)...); len(at.Levels) != maxLevels {
		t.Errorf("At keeps %d levels, want %d", len(at.Levels), maxLevels)
	}
}

func TestAt(t *testing.T) {
	got := At(V1, "/m/a/b", "/m/a")
	if want := (Location{Version: V1, Mount: "/m/a", Levels: []string{"/m/a/b", "/m/a"}}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := At(V2); len(got.Levels) != 0 {
		t.Errorf("got %+v, want no levels", got)
	}
}

func TestHasMemory(t *testing.T) {
	for _, c := range []struct {
		name    string
		version Version
		file    string
		want    bool
	}{
		{"v2", V2, "/c/memory.current", true},
		{"v2 root has no usage", V2, "/c/memory.stat", true},
		{"v1", V1, "/c/memory.usage_in_bytes", true},
		{"v1 with memory.stat alone", V1, "/c/memory.stat", true},
		{"v2 is not v1", V2, "/c/memory.usage_in_bytes", false},
		{"v1 is not v2", V1, "/c/memory.current", false},
		{"PSI without the controller", V2, "/c/memory.pressure", false},
		{"nothing", V2, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := hasMemory(c.version, "/c", func(file string) bool { return file == c.file }); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
