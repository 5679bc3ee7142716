package cgroupstat

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestWorkingSetOfRecordedTrees reads the memory files of groups with page
// cache, as real kernels have left them, and wants the working set that cAdvisor
// and the kubelet make of the same files.
func TestWorkingSetOfRecordedTrees(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join("testdata", "recorded", "*"))
	if err != nil || len(dirs) < 2 {
		t.Fatalf("recorded trees %v, %v", dirs, err)
	}
	versions := map[Version]bool{}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			dir, err := filepath.Abs(dir)
			if err != nil {
				t.Fatal(err)
			}
			version, usageFile, inactive := V2, "memory.current", "inactive_file"
			if strings.HasPrefix(filepath.Base(dir), "v1") {
				version, usageFile, inactive = V1, "memory.usage_in_bytes", "total_inactive_file"
			}
			versions[version] = true
			// cAdvisor: usage, from which the line is taken, floor 0.
			want := number(t, dir, usageFile, "")
			want -= min(want, number(t, dir, "memory.stat", inactive))

			r := open(t, At(version, dir))
			usage, err := r.Usage()
			if err != nil {
				t.Fatal(err)
			}
			var s Stat
			if err := r.Stat(&s); err != nil {
				t.Fatal(err)
			}
			if got := WorkingSet(usage, &s); got != Of(want) {
				t.Errorf("working set %v, cAdvisor's is %d", got, want)
			}
		})
	}
	if !versions[V1] || !versions[V2] {
		t.Errorf("of versions %v only", versions)
	}
}

// number reads a file with one number, or the line of a key.
func number(t *testing.T, dir, file, key string) uint64 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if key != "" && (len(fields) != 2 || fields[0] != key) {
			continue
		}
		n, err := strconv.ParseUint(fields[len(fields)-1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	t.Fatalf("%s/%s has no %s", dir, file, key)
	return 0
}
