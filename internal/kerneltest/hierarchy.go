package kerneltest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/memguard-dev/go-memguard/cgroupstat"
)

// hierarchy is where memory groups can be made on this machine.
type hierarchy struct {
	mount   string
	version cgroupstat.Version
}

// findHierarchy prefers the v1 memory controller: where it is mounted, the
// cgroup2 mount beside it does not limit memory.
func findHierarchy(t testing.TB) hierarchy {
	t.Helper()
	if runtime.GOOS != "linux" {
		Missing(t, "cgroups are Linux's, this is %s", runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		Missing(t, "making a cgroup needs root")
	}
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		Missing(t, "no list of mounts: %v", err)
	}
	h, err := memoryHierarchy(string(text))
	if err != nil {
		Missing(t, "%v", err)
	}
	if h.version == cgroupstat.V2 {
		if err := enableMemory(h.mount); err != nil {
			Missing(t, "no memory controller below %s: %v", h.mount, err)
		}
	}
	return h
}

var errNoHierarchy = errors.New("no cgroup hierarchy is mounted")

// memoryHierarchy picks the mount from /proc/self/mountinfo.
func memoryHierarchy(mountinfo string) (hierarchy, error) {
	var unified string
	for line := range strings.Lines(mountinfo) {
		before, after, ok := strings.Cut(line, " - ")
		fields, super := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(super) < 3 {
			continue
		}
		switch {
		case super[0] == "cgroup" && slices.Contains(strings.Split(super[2], ","), "memory"):
			return hierarchy{mount: fields[4], version: cgroupstat.V1}, nil
		case super[0] == "cgroup2" && unified == "":
			unified = fields[4]
		}
	}
	if unified == "" {
		return hierarchy{}, errNoHierarchy
	}
	return hierarchy{mount: unified, version: cgroupstat.V2}, nil
}

// enableMemory gives the children of a v2 group their memory files.
func enableMemory(dir string) error {
	enabled, err := readFields(filepath.Join(dir, "cgroup.subtree_control"))
	if err != nil {
		return err
	}
	if slices.Contains(enabled, "memory") {
		return nil
	}
	available, err := readFields(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	if !slices.Contains(available, "memory") {
		return fmt.Errorf("%s has only the controllers %v", dir, available)
	}
	return writeFile(dir, "cgroup.subtree_control", "+memory")
}

func readFields(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	return strings.Fields(string(text)), err
}

func writeFile(dir, name, value string) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}
