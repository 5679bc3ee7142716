package podinfo

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

func atomicWrite(t *testing.T, dir, version string, files map[string]string) {
	t.Helper()
	if err := kerneltest.AtomicWrite(dir, version, files); err != nil {
		t.Fatal(err)
	}
}

func texts(i Info) map[string]string {
	all := map[string]string{}
	for name, item := range map[string]Item{
		"limit": i.MemoryLimit, "threshold": i.Threshold, "basis": i.Basis, "dump": i.Dump, "size": i.SizeLimit,
	} {
		if item.Err != nil {
			all[name] = "error"
		} else if item.Text != "" {
			all[name] = item.Text
		}
	}
	return all
}

func expect(t *testing.T, v *Volume, wantChange bool, want map[string]string) {
	t.Helper()
	info, changed := v.Read()
	if got := texts(info); !maps.Equal(got, want) || changed != wantChange {
		t.Errorf("got %v, changed %v (%v); want %v, %v", got, changed, info.Err(), want, wantChange)
	}
}

const all = `kubectl.kubernetes.io/restartedAt="2026-11-02"
memguard.dev/basis="usage"
memguard.dev/dump="1"
memguard.dev/dump-size-limit="1Gi"
memguard.dev/threshold="70%"
`

func TestFollowsTheSwap(t *testing.T) {
	dir := t.TempDir()
	v := Open(dir)
	atomicWrite(t, dir, "..2026_11_01", map[string]string{"memory_limit": "268435456", "threshold": "80%\n", "annotations": ""})
	first := map[string]string{"limit": "268435456", "threshold": "80%"}
	expect(t, v, true, first)
	expect(t, v, false, first)
	atomicWrite(t, dir, "..2026_11_02", map[string]string{"memory_limit": "134217728", "threshold": "", "annotations": all})
	expect(t, v, true, map[string]string{"limit": "134217728", "threshold": "70%", "basis": "usage", "dump": "1", "size": "1Gi"})
	info, _ := v.Read()
	if want := filepath.Join(dir, "annotations"); info.Threshold.File != want {
		t.Errorf("threshold comes from %s, want %s", info.Threshold.File, want)
	}
	// What has not been replaced is not even looked at.
	if err := os.Chmod(filepath.Join(dir, "..2026_11_02"), 0); err != nil {
		t.Fatal(err)
	}
	if _, changed := v.Read(); changed {
		t.Error("read again")
	}
	atomicWrite(t, dir, "..2026_11_03", map[string]string{"memory_limit": "1", "threshold": "60%", "annotations": ""})
	expect(t, v, true, map[string]string{"limit": "1", "threshold": "60%"})
}

// States that a volume is seen in when a kubelet, a node or a disk is in trouble.
func TestStatesOfAVolume(t *testing.T) {
	good := map[string]string{"memory_limit": "268435456", "threshold": "80%", "annotations": all}
	for name, c := range map[string]struct {
		spoil func(dir string) error
		want  map[string]string
	}{
		"..data away": {
			func(dir string) error { return os.Remove(filepath.Join(dir, "..data")) },
			map[string]string{"limit": "error", "threshold": "error", "basis": "error", "dump": "error", "size": "error"},
		},
		"files away": {
			func(dir string) error { return os.Remove(filepath.Join(dir, "..1", "threshold")) },
			map[string]string{"limit": "268435456", "threshold": "error", "basis": "usage", "dump": "1", "size": "1Gi"},
		},
		"empty files": {
			func(dir string) error {
				return errors.Join(os.Truncate(filepath.Join(dir, "..1", "memory_limit"), 0), os.Truncate(filepath.Join(dir, "..1", "annotations"), 0))
			},
			map[string]string{"threshold": "80%"},
		},
		"half an annotation": {
			func(dir string) error {
				return os.WriteFile(filepath.Join(dir, "..1", "annotations"), []byte("a=\"1\"\nmemguard.dev/basis=\"usa"), 0o600)
			},
			map[string]string{"limit": "268435456", "threshold": "80%", "basis": "error"},
		},
		"half a line": {
			func(dir string) error {
				return os.WriteFile(filepath.Join(dir, "..1", "annotations"), []byte("memguard.dev/bas"), 0o600)
			},
			map[string]string{"limit": "268435456", "threshold": "80%", "basis": "error", "dump": "error", "size": "error"},
		},
		"binary": {
			func(dir string) error {
				return os.WriteFile(filepath.Join(dir, "..1", "annotations"), []byte("\x7fELF\x00\xff\n\n=\n"), 0o600)
			},
			map[string]string{"limit": "268435456", "threshold": "80%"},
		},
		"a megabyte": {
			func(dir string) error {
				long := "a=\"" + strings.Repeat("\\x00", 1<<18) + "\"\n"
				return os.WriteFile(filepath.Join(dir, "..1", "annotations"), []byte(long+all), 0o600)
			},
			map[string]string{"limit": "268435456", "threshold": "80%", "basis": "usage", "dump": "1", "size": "1Gi"},
		},
		"three megabytes": {
			func(dir string) error {
				long := "a=\"" + strings.Repeat("x", 3<<20) + "\"\n"
				return os.WriteFile(filepath.Join(dir, "..1", "annotations"), []byte(all+long), 0o600)
			},
			map[string]string{"limit": "268435456", "threshold": "80%", "basis": "error", "dump": "error", "size": "error"},
		},
		"long values": {
			func(dir string) error {
				return errors.Join(
					os.WriteFile(filepath.Join(dir, "..1", "threshold"), []byte(strings.Repeat("8", maxValue+1)), 0o600),
					os.WriteFile(filepath.Join(dir, "..1", "annotations"), []byte("memguard.dev/dump=\""+strings.Repeat("8", maxValue)+"\"\nmemguard.dev/basis=\"usage\""), 0o600))
			},
			map[string]string{"limit": "268435456", "threshold": "error", "dump": "error", "basis": "usage"},
		},
		"a directory for a file": {
			func(dir string) error {
				file := filepath.Join(dir, "..1", "memory_limit")
				return errors.Join(os.Remove(file), os.Mkdir(file, 0o700))
			},
			map[string]string{"limit": "error", "threshold": "80%", "basis": "usage", "dump": "1", "size": "1Gi"},
		},
		"a link out of it": {
			func(dir string) error {
				file := filepath.Join(dir, "..1", "memory_limit")
				return errors.Join(os.Remove(file), os.Symlink("/etc/hostname", file))
			},
			map[string]string{"limit": "error", "threshold": "80%", "basis": "usage", "dump": "1", "size": "1Gi"},
		},
		"..data elsewhere": {
			func(dir string) error {
				link := filepath.Join(dir, "..data")
				return errors.Join(os.Remove(link), os.Symlink("/etc", link))
			},
			map[string]string{"limit": "error", "threshold": "error", "basis": "error", "dump": "error", "size": "error"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			atomicWrite(t, dir, "..1", good)
			v := Open(dir)
			v.Read()
			if err := c.spoil(dir); err != nil {
				t.Fatal(err)
			}
			v.generation = "" // As after a swap.
			v.Read()
			info, _ := v.Read()
			if got := texts(info); !maps.Equal(got, c.want) {
				t.Errorf("got %v (%v), want %v", got, info.Err(), c.want)
			}
			// And all is well once it is.
			if err := os.RemoveAll(filepath.Join(dir, "..data")); err != nil {
				t.Fatal(err)
			}
			atomicWrite(t, dir, "..2", good)
			info, _ = v.Read()
			if got, want := texts(info), map[string]string{"limit": "268435456", "threshold": "80%", "basis": "usage", "dump": "1", "size": "1Gi"}; !maps.Equal(got, want) {
				t.Errorf("then got %v (%v), want %v", got, info.Err(), want)
			}
		})
	}
}

// Files that are written in place count when two readings agree.
func TestPlainFilesSettle(t *testing.T) {
	dir := t.TempDir()
	v := Open(dir)
	expect(t, v, true, map[string]string{})
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "threshold"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("8")
	expect(t, v, false, map[string]string{})
	write("85%")
	expect(t, v, false, map[string]string{})
	expect(t, v, true, map[string]string{"threshold": "85%"})
	expect(t, v, false, map[string]string{"threshold": "85%"})
}

func TestMissingVolume(t *testing.T) {
	v := Open(filepath.Join(t.TempDir(), "missing"))
	expect(t, v, true, map[string]string{})
}

// A kubelet that swaps all the time: what is read belongs together.
func TestSwappedWhileRead(t *testing.T) {
	dir := t.TempDir()
	version := func(i int) map[string]string {
		return map[string]string{"memory_limit": strconv.Itoa(i), "threshold": strconv.Itoa(i), "annotations": fmt.Sprintf("memguard.dev/dump=\"%d\"\n", i)}
	}
	atomicWrite(t, dir, "..0", version(0))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 1; i < 300; i++ {
			atomicWrite(t, dir, ".."+strconv.Itoa(i), version(i))
			if err := os.RemoveAll(filepath.Join(dir, ".."+strconv.Itoa(i-1))); err != nil {
				t.Error(err)
			}
		}
	}()
	v := Open(dir)
	seen := 0
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		info, changed := v.Read()
		if info.Err() != nil || !changed {
			continue
		}
		seen++
		if a, b, c := info.MemoryLimit.Text, info.Threshold.Text, info.Dump.Text; a != b || b != c {
			t.Errorf("mixed: %s %s %s", a, b, c)
		}
	}
	if info, _ := v.Read(); info.Threshold.Text != "299" || info.Err() != nil {
		t.Errorf("at last %+v", info)
	}
	t.Logf("%d of 300 versions seen", seen)
}

func TestAnnotations(t *testing.T) {
	tests := map[string]struct {
		text, want string
		bad        bool
	}{
		"first":      {"memguard.dev/threshold=\"75%\"\nz=\"1\"\n", "75%", false},
		"last":       {"a=\"1\"\nmemguard.dev/threshold=\"0.5\"", "0.5", false},
		"other":      {"memguard.dev/threshold-x=\"1\"\n", "", false},
		"escaped":    {"a=\"x\\nmemguard.dev/threshold=\\\"1\\\"\"\n", "", false},
		"binary":     {"\x00\xff\xfe=\n\n", "", false},
		"broken":     {"memguard.dev/threshold=75%\n", "", true},
		"raw string": {"memguard.dev/threshold=`75%`\n", "", true},
		"rune":       {"memguard.dev/threshold='7'\n", "", true},
		"empty":      {"", "", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parseAnnotations(strings.NewReader(tt.text))
			a := got[ThresholdAnnotation]
			if a.value != tt.want || (errors.Join(err, a.err) != nil) != tt.bad {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func FuzzAnnotations(f *testing.F) {
	f.Add(all)
	f.Fuzz(func(t *testing.T, text string) {
		found, err := parseAnnotations(strings.NewReader(text))
		for key, a := range found {
			if !strings.HasPrefix(key, ours) || len(a.value) > maxValue {
				t.Errorf("%q: %q", key, a.value)
			}
		}
		if err != nil && len(found) > 0 {
			t.Errorf("%v beside %v", err, found)
		}
	})
}
