package cgroupstat

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Locate finds the memory cgroup of this process. That there is none
// ([ErrNoCgroup]) is normal in some sandboxes.
func Locate() (Location, error) {
	cgroup, err := os.ReadFile("/proc/self/cgroup")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Location{}, fmt.Errorf("%w: %w", ErrNoCgroup, err)
	}
	mountinfo, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return Location{}, fmt.Errorf("%w: %w", ErrNoCgroup, err)
	}
	return locate(string(cgroup), string(mountinfo), func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	})
}
