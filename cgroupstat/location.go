package cgroupstat

import "fmt"

// Version is that of the hierarchy which has the memory controller.
type Version int

// The versions.
const (
	V1 Version = 1
	V2 Version = 2
)

// String gives "v1" or "v2".
func (v Version) String() string {
	switch v {
	case V1:
		return "v1"
	case V2:
		return "v2"
	default:
		return "none"
	}
}

// MarshalText gives what String gives.
func (v Version) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what String gives.
func (v *Version) UnmarshalText(text []byte) error { return named(v, text, 0, V1, V2) }

// Mode is how the machine mounts its cgroups; it is for people, no decision
// depends on it.
type Mode int

// The modes.
const (
	Unavailable Mode = iota
	Legacy           // v1 only
	Hybrid           // v1 with v2 beside it
	Unified          // v2 only
)

// String gives the mode's name.
func (m Mode) String() string {
	switch m {
	case Legacy:
		return "legacy"
	case Hybrid:
		return "hybrid"
	case Unified:
		return "unified"
	default:
		return "unavailable"
	}
}

// MarshalText gives what String gives.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads what String gives.
func (m *Mode) UnmarshalText(text []byte) error {
	return named(m, text, Unavailable, Legacy, Hybrid, Unified)
}

// named finds the one of all that text names.
func named[T fmt.Stringer](dst *T, text []byte, all ...T) error {
	for _, v := range all {
		if v.String() == string(text) {
			*dst = v
			return nil
		}
	}
	return fmt.Errorf("%T %.64q: unknown name", *dst, text)
}

// Location is where a process's memory cgroup is.
type Location struct {
	Version Version `json:"version"`
	Mode    Mode    `json:"mode"`
	// Mount is the mount point of the hierarchy.
	Mount string `json:"mount"`
	// Path is the process's path as /proc/self/cgroup gives it.
	Path string `json:"path"`
	// Levels are directories: the process's own cgroup first, the topmost
	// visible one last. At most 32, the innermost.
	Levels []string `json:"levels"`
}

// maxLevels bounds the descriptors a Reader keeps.
const maxLevels = 32

// At is a location given by hand, for tools and tests: directories from the
// innermost cgroup outwards.
func At(v Version, levels ...string) Location {
	l := Location{Version: v, Levels: levels[:min(len(levels), maxLevels)]}
	if len(levels) > 0 {
		l.Mount = levels[len(levels)-1]
	}
	return l
}
