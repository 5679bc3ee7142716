package cgroupstat

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A line of /proc/self/cgroup as proc(5) describes it.
var cgroupLine = regexp.MustCompile(`(?s)^([^:]*):([^:]*):(/.*)$`)

func FuzzParseCgroup(f *testing.F) {
	f.Add("4:memory:/a\n0::/b\n")
	f.Add("9:cpu,memory:/x.slice:cri-containerd:0a\n1:name=systemd:/\n")
	f.Add("0::/../x (deleted)\n\n::\n0:memory:/\n")
	f.Fuzz(func(t *testing.T, text string) {
		want := map[Version]string{}
		for _, line := range strings.Split(text, "\n") {
			m := cgroupLine.FindStringSubmatch(line)
			switch {
			case m == nil:
			case strings.Contains(","+m[2]+",", ",memory,"):
				want[V1] = m[3]
			case m[1] == "0" && m[2] == "":
				want[V2] = m[3]
			}
		}
		if got := parseCgroup(text); !maps.Equal(got, want) {
			t.Errorf("parseCgroup(%q) = %q, want %q", text, got, want)
		}
	})
}

// mangle escapes as the kernel does in mountinfo (fs/seq_file.c).
func mangle(text string) string {
	return strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`, "#", `\043`).Replace(text)
}

func FuzzParseMountinfo(f *testing.F) {
	f.Add("/", "/sys/fs/cgroup", "cgroup2", "rw,nsdelegate", "garbage\n- - -\n")
	f.Add("/a b", "/m\\040", "cgroup", "rw,memory", "30 23 0:26 / /c rw - cgroup2\n")
	f.Add("/docker/0a", "/x\n#", "", "rw,cpu", "")
	f.Fuzz(func(t *testing.T, root, point, source, options, noise string) {
		for _, m := range parseMountinfo(noise) {
			if !strings.HasPrefix(m.point, "/") {
				t.Errorf("parseMountinfo(%q) gives %+v", noise, m)
			}
		}
		if strings.ContainsAny(options, " \n") {
			return
		}
		root, point = "/"+root, "/"+point
		want := []mount{{0, root, point}, {V2, root, point}}
		if slices.Contains(strings.Split(options, ","), "memory") {
			want[0].version = V1
		}
		text := ""
		for _, fs := range []string{"cgroup", "cgroup2", "tmpfs"} {
			text += fmt.Sprintf("30 23 0:26 %s %s rw master:1 - %s %s %s\n", mangle(root), mangle(point), fs, mangle(source), options)
		}
		if got := parseMountinfo(text); !slices.Equal(got, want) {
			t.Errorf("parseMountinfo(%q) = %+v, want %+v", text, got, want)
		}
	})
}

// Whatever the texts say, levels go from the inside outwards, one directory at
// a time, end at the mount point, and never leave it.
func FuzzLocate(f *testing.F) {
	const v1 = "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
	const v2 = "30 23 0:26 /a/b /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
	f.Add("4:memory:/a\n0::/b\n", v1+v2)
	f.Add("0::/a/b/c/../../../../x (deleted)\n", v2)
	f.Add("0::/../x\n", "30 23 0:26 /.. / rw - cgroup2 cgroup2 rw\n")
	f.Add("", v1)
	f.Add("0::/a/b//c/./d/\n", v2+"31 23 0:26 /a /m/../n/ rw - cgroup2 cgroup2 rw\n")
	f.Fuzz(func(t *testing.T, cgroup, mountinfo string) {
		if _, err := locate(cgroup, mountinfo, func(string) bool { return false }); !errors.Is(err, ErrNoCgroup) {
			t.Fatalf("nothing exists: %v, want ErrNoCgroup", err)
		}
		l, err := locate(cgroup, mountinfo, func(string) bool { return true })
		if err != nil {
			if !errors.Is(err, ErrNoCgroup) {
				t.Fatal(err)
			}
			return
		}
		if !slices.ContainsFunc(parseMountinfo(mountinfo), func(m mount) bool { return m.version == l.Version && m.point == l.Mount }) {
			t.Fatalf("%+v: no such mount", l)
		}
		if paths := parseCgroup(cgroup); paths[l.Version] != l.Path {
			t.Fatalf("%+v: no such path", l)
		}
		if len(l.Levels) == 0 || len(l.Levels) > maxLevels {
			t.Fatalf("%d levels", len(l.Levels))
		}
		point := path.Clean(l.Mount)
		for i, dir := range l.Levels {
			if i > 0 && dir != path.Dir(l.Levels[i-1]) {
				t.Fatalf("%q is not the parent of %q", dir, l.Levels[i-1])
			}
			if dir != point && !within(dir, point) {
				t.Fatalf("%q is outside of %q", dir, point)
			}
		}
		if top := l.Levels[len(l.Levels)-1]; top != point && len(l.Levels) < maxLevels {
			t.Fatalf("levels end at %q, not at %q", top, point)
		}
	})
}

func within(dir, parent string) bool {
	return strings.HasPrefix(dir, strings.TrimSuffix(parent, "/")+"/")
}
