package heapdump

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// However little is free, the profile is the old one or the new one.
func TestRecoverOnAFullVolume(t *testing.T) {
	dir := smallDisk(t, 256)
	s := testStore(t, dir, Options{}, nil)
	parts := fewParts(t, 20)
	i := first(parts, fieldSample)
	// Several times what is collected for one write.
	more := slices.Repeat(parts[i:i+1], 160<<10/len(parts[i].body))
	large := inserted(atFirst(fieldSample), more...)(parts)
	name := numbered(0)
	path := put(t, dir, name, string(large))
	wantAddresses(t, path)
	for free := 0; ; free += 5 {
		fill(t, dir, free)
		before := states(t, dir)
		recovered, err := s.Recover(t.Context())
		if err == nil {
			wantStates(t, dir, before, name)
			if len(recovered) != 1 || free < len(large)/os.Getpagesize() {
				t.Errorf("%d pages free: recovered %v", free, recovered)
			}
			break
		}
		if !errors.Is(err, unix.ENOSPC) || len(recovered) != 0 || !strings.Contains(err.Error(), name) {
			t.Fatalf("%d pages free: recovered %v, %v", free, recovered, err)
		}
		wantStates(t, dir, before)
		if err := os.Remove(filepath.Join(dir, "ballast")); err != nil {
			t.Fatal(err)
		}
	}
	parseProfileFile(t, path)
}

// The function finds out when it opens the directory.
func TestRecoverOpensAFullVolume(t *testing.T) {
	dir := smallDisk(t, 256)
	addressFile(t, dir, noon)
	fill(t, dir, 0)
	before := states(t, dir)
	if recovered, err := Recover(t.Context(), dir); !errors.Is(err, unix.ENOSPC) || len(recovered) != 0 || !strings.Contains(err.Error(), dir) {
		t.Errorf("recovered %v, %v", recovered, err)
	}
	wantStates(t, dir, before)
}

func TestRecoverOnAReadOnlyVolume(t *testing.T) {
	dir := smallDisk(t, 1024)
	s := testStore(t, dir, Options{}, nil)
	name := filepath.Base(addressFile(t, dir, noon))
	before := states(t, dir)
	if err := remount(t, dir, unix.MS_RDONLY, ""); err != nil {
		t.Skip("cannot remount: ", err)
	}
	recovered, err := s.Recover(t.Context())
	if !errors.Is(err, unix.EROFS) || len(recovered) != 0 || !strings.Contains(err.Error(), name) {
		t.Errorf("recovered %v, %v", recovered, err)
	}
	if recovered, err := Recover(t.Context(), dir); !errors.Is(err, unix.EROFS) || len(recovered) != 0 {
		t.Errorf("recovered %v, %v", recovered, err)
	}
	wantStates(t, dir, before)
}

// The directory cannot be written to any more: by its mode, or its flag.
func TestRecoverInAnUnwritableDirectory(t *testing.T) {
	for name, forbid := range map[string]func(t *testing.T, dir string){
		"mode": func(t *testing.T, dir string) {
			if err := os.Chmod(dir, 0o555); err != nil {
				t.Fatal(err)
			}
		},
		"immutable": func(t *testing.T, dir string) {
			if err := setImmutable(dir, true); err != nil {
				t.Skip("cannot make it immutable: ", err)
			}
			t.Cleanup(func() {
				if err := setImmutable(dir, false); err != nil {
					t.Error(err)
				}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := testStore(t, dir, Options{}, nil)
			path := addressFile(t, dir, noon)
			if err := os.Chmod(path, 0o644); err != nil { // For the nobody that root becomes.
				t.Fatal(err)
			}
			before := states(t, dir)
			forbid(t, dir)
			asNobody(t, func() {
				recovered, err := s.Recover(t.Context())
				if !errors.Is(err, fs.ErrPermission) || len(recovered) != 0 || !strings.Contains(err.Error(), filepath.Base(path)) {
					t.Errorf("recovered %v, %v", recovered, err)
				}
			})
			wantStates(t, dir, before)
		})
	}
}

// The last step fails: an immutable file cannot be replaced.
func TestRecoverCannotRename(t *testing.T) {
	dir := t.TempDir()
	path := addressFile(t, dir, noon)
	before := states(t, dir)
	if err := setImmutable(path, true); err != nil {
		t.Skip("cannot make it immutable: ", err)
	}
	t.Cleanup(func() {
		if err := setImmutable(path, false); err != nil {
			t.Error(err)
		}
	})
	recovered, err := Recover(t.Context(), dir)
	if !errors.Is(err, fs.ErrPermission) || len(recovered) != 0 || !strings.Contains(err.Error(), filepath.Base(path)) {
		t.Errorf("recovered %v, %v", recovered, err)
	}
	wantStates(t, dir, before)
}
