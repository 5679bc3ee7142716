package cgroupstat

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// mount is a line of mountinfo that shows a cgroup hierarchy.
type mount struct {
	version Version // none: a v1 hierarchy without the memory controller
	root    string  // path of the cgroup that the mount point shows
	point   string
}

// locate finds the memory cgroup from the texts of /proc/self/cgroup and
// /proc/self/mountinfo; exists probes a path.
func locate(cgroup, mountinfo string, exists func(path string) bool) (Location, error) {
	paths := parseCgroup(cgroup)
	mounts := parseMountinfo(mountinfo)
	// Where the memory controller is on v1, the v2 hierarchy beside it has none.
	for _, v := range []Version{V1, V2} {
		p, ok := paths[v]
		// Some sandboxes have the mounts but no /proc/self/cgroup.
		if !ok && cgroup != "" {
			continue
		}
		if l, ok := best(v, p, mounts, exists); ok {
			l.Mode = mode(mounts)
			return l, nil
		}
	}
	return Location{}, fmt.Errorf("%w: neither /proc/self/cgroup nor /proc/self/mountinfo leads to memory files", ErrNoCgroup)
}

// parseCgroup gives the process's path in the v1 memory hierarchy and in v2.
// A path may hold colons, so a line has three parts and no more.
func parseCgroup(text string) map[Version]string {
	paths := map[Version]string{}
	for line := range strings.Lines(text) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) != 3 || !strings.HasPrefix(parts[2], "/") {
			continue
		}
		switch {
		case slices.Contains(strings.Split(parts[1], ","), "memory"):
			paths[V1] = parts[2]
		case parts[0] == "0" && parts[1] == "":
			paths[V2] = parts[2]
		}
	}
	return paths
}

// parseMountinfo gives the mounts of cgroup hierarchies
// (Documentation/filesystems/proc.rst, 3.5). Lines it cannot read are left out.
func parseMountinfo(text string) []mount {
	var mounts []mount
	for line := range strings.Lines(text) {
		// One space each, and no other space ends a field: a source may be empty.
		fields := strings.Split(strings.TrimSuffix(line, "\n"), " ")
		separator := slices.Index(fields, "-")
		if separator < 6 || len(fields) < separator+4 {
			continue
		}
		options := fields[separator+3]
		m := mount{root: unescape(fields[3]), point: unescape(fields[4])}
		if !path.IsAbs(m.point) {
			continue
		}
		switch fields[separator+1] {
		case "cgroup2":
			m.version = V2
		case "cgroup":
			if slices.Contains(strings.Split(options, ","), "memory") {
				m.version = V1
			}
		default:
			continue
		}
		mounts = append(mounts, m)
	}
	return mounts
}

// mode tells how the machine mounts its cgroups.
func mode(mounts []mount) Mode {
	m := Unavailable
	for _, each := range mounts {
		switch {
		case each.version == V2 && m == Unavailable:
			m = Unified
		case each.version != V2 && m == Unavailable:
			m = Legacy
		case each.version == V2 && m == Legacy, each.version != V2 && m == Unified:
			m = Hybrid
		}
	}
	return m
}

// unescape undoes the kernel's \040 and its kin (fs/seq_file.c mangle_path).
func unescape(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if n, ok := octal(text[i:]); ok {
			out.WriteByte(n)
			i += 3
			continue
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

func octal(text string) (byte, bool) {
	if len(text) < 4 || text[0] != '\\' || text[1] > '3' {
		return 0, false
	}
	var n byte
	for _, c := range []byte(text[1:4]) {
		if c < '0' || c > '7' {
			return 0, false
		}
		n = n<<3 | (c - '0')
	}
	return n, true
}

// best takes the mount that shows the process's own cgroup, and of several the
// one that shows most levels.
func best(v Version, processPath string, mounts []mount, exists func(string) bool) (Location, bool) {
	var found Location
	foundOwn := false
	for _, m := range mounts {
		if m.version != v {
			continue
		}
		relative, inside := m.relative(processPath)
		levels := m.levels(relative, func(dir string) bool { return hasMemory(v, dir, exists) })
		if len(levels) == 0 {
			continue
		}
		own := inside && levels[0] == path.Join(m.point, relative)
		if len(found.Levels) == 0 || (own && !foundOwn) || (own == foundOwn && len(levels) > len(found.Levels)) {
			found, foundOwn = Location{Version: v, Mount: m.point, Path: processPath, Levels: levels}, own
		}
	}
	return found, len(found.Levels) > 0
}

// relative is the process's path below the mount's root. A path outside of it
// (another cgroup namespace, or a container that shows a host path) leaves the
// mount point itself.
func (m mount) relative(processPath string) (string, bool) {
	p := strings.TrimSuffix(processPath, " (deleted)")
	if m.root != "/" {
		rest, ok := strings.CutPrefix(p, m.root)
		if !ok || (rest != "" && rest[0] != '/') {
			return "", false
		}
		p = rest
	}
	if strings.Contains(p+"/", "/../") {
		return "", false
	}
	return p, true
}

// levels walks from the process's cgroup up to the mount point over the
// directories that have memory files. A cgroup that is deleted or has the
// controller off is passed over: its parent is what is charged.
func (m mount) levels(relative string, has func(dir string) bool) []string {
	var levels []string
	point := path.Clean(m.point)
	for dir := path.Join(point, relative); ; dir = path.Dir(dir) {
		if has(dir) && len(levels) < maxLevels {
			levels = append(levels, dir)
		}
		if dir == point || len(dir) <= len(point) {
			return levels
		}
	}
}

// hasMemory looks for the files that a level with the memory controller has;
// the root of v2 has memory.stat but no usage.
func hasMemory(v Version, dir string, exists func(string) bool) bool {
	usage := "memory.current"
	if v == V1 {
		usage = "memory.usage_in_bytes"
	}
	return exists(path.Join(dir, usage)) || exists(path.Join(dir, "memory.stat"))
}
