package podinfo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// atomicWrite lays a volume out as the kubelet does: a directory of its own,
// ..data pointing at it, and a link for each file.
func atomicWrite(t *testing.T, dir, version string, files map[string]string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(filepath.Join(dir, version), 0o755))
	for name, text := range files {
		must(os.WriteFile(filepath.Join(dir, version, name), []byte(text), 0o644))
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			must(os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)))
		}
	}
	must(os.Symlink(version, filepath.Join(dir, "..data_tmp")))
	must(os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
}

func TestReadFollowsTheSwap(t *testing.T) {
	dir := t.TempDir()
	atomicWrite(t, dir, "..2026_11_01", map[string]string{"memory_limit": "268435456", "threshold": "80%\n"})
	got, err := Read(dir)
	if want := (Info{"268435456", "80%"}); err != nil || got != want {
		t.Fatalf("got %+v, %v; want %+v", got, err, want)
	}
	atomicWrite(t, dir, "..2026_11_02", map[string]string{"memory_limit": "134217728", "threshold": "70%"})
	got, err = Read(dir)
	if want := (Info{"134217728", "70%"}); err != nil || got != want {
		t.Fatalf("after the swap: got %+v, %v; want %+v", got, err, want)
	}
}

func TestAnnotations(t *testing.T) {
	tests := map[string]struct {
		text, want string
		bad        bool
	}{
		"first":   {"memguard.dev/threshold=\"75%\"\nz=\"1\"\n", "75%", false},
		"last":    {"a=\"1\"\nmemguard.dev/threshold=\"0.5\"", "0.5", false},
		"other":   {"memguard.dev/threshold-x=\"1\"\n", "", false},
		"escaped": {"a=\"x\\nmemguard.dev/threshold=\\\"1\\\"\"\n", "", false},
		"binary":  {"\x00\xff\xfe=\n\n", "", false},
		"broken":  {"memguard.dev/threshold=75%\n", "", true},
		"empty":   {"", "", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := annotation(tt.text, ThresholdAnnotation)
			if got != tt.want || (err != nil) != tt.bad {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestReadOddVolumes(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	if got, err := Read(missing); err != nil || got != (Info{}) {
		t.Errorf("missing volume: %+v, %v", got, err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "threshold"), []byte(strings.Repeat("8", maxFile+1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "memory_limit"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Read(dir)
	if err == nil || !strings.Contains(err.Error(), "threshold: longer than") || !strings.Contains(err.Error(), "memory_limit") {
		t.Errorf("got %v, want an error that names both files", err)
	}
}

func FuzzAnnotation(f *testing.F) {
	f.Add("memguard.dev/threshold=\"75%\"\n")
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = annotation(text, ThresholdAnnotation)
	})
}
