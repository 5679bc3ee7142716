package heapdump

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func remount(t testing.TB, dir string, flags uintptr, options string) error {
	t.Helper()
	err := unix.Mount("", dir, "", unix.MS_REMOUNT|flags, options)
	if err == nil && flags&unix.MS_RDONLY != 0 {
		t.Cleanup(func() { _ = unix.Mount("", dir, "", unix.MS_REMOUNT, "") }) // For the stores to close on.
	}
	return err
}

func TestFullBetweenTheStages(t *testing.T) {
	dir := smallDisk(t, 4096)
	s := testStore(t, dir, Options{}, nil)
	first := urgent(t, s, Request{Time: noon})
	fill(t, dir, 0)
	d, err := s.Capture(t.Context(), Request{Time: noon, Stage: Fresh, Urgent: true})
	if !errors.Is(err, unix.ENOSPC) || d.Path != "" || !strings.Contains(err.Error(), dir) {
		t.Errorf("%+v, %v", d, err)
	}
	if err := s.Arm(t.Context()); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("arm on a full volume: %v", err)
	}
	// There is no space for symbols either: the profile without them stays.
	if err := s.Finish(t.Context(), true); addressesOnly() && !errors.Is(err, unix.ENOSPC) {
		t.Errorf("finish: %v", err)
	}
	wantFiles(t, dir, "ballast", filepath.Base(first.Manifest), filepath.Base(first.Path))
	wantAddresses(t, first.Path)
	if err := os.Remove(filepath.Join(dir, "ballast")); err != nil {
		t.Fatal(err)
	}
	arm(t, s)
	d = urgent(t, s, Request{Time: noon, Stage: Fresh})
	finish(t, s, true)
	parseProfileFile(t, d.Path)
}

// The space set aside carries both profiles onto a full volume.
func TestArmedOnAFullVolume(t *testing.T) {
	dir := smallDisk(t, 4096)
	s := testStore(t, dir, Options{}, nil)
	arm(t, s)
	fill(t, dir, 0)
	names := []string{"ballast"}
	for _, stage := range []Stage{Fresh, Immediate} {
		d, err := s.Capture(t.Context(), Request{Time: noon, Stage: stage, Urgent: true})
		if !errors.Is(err, unix.ENOSPC) || d.Path == "" || d.Manifest != "" {
			t.Fatalf("%+v, %v: want a profile, and no room for its manifest", d, err)
		}
		wantAddresses(t, d.Path)
		names = append(names, filepath.Base(d.Path))
	}
	wantFiles(t, dir, names...)
	// What was set aside and not used is free now.
	if err := s.Finish(t.Context(), false); err != nil {
		t.Error(err)
	}
	wantFiles(t, dir, names...)
}

func TestNoInodesLeft(t *testing.T) {
	dir := smallDisk(t, 4096)
	s := testStore(t, dir, Options{}, nil)
	arm(t, s)
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	inodes := func(n uint64) {
		if err := remount(t, dir, 0, fmt.Sprintf("nr_inodes=%d", n)); err != nil {
			t.Skip("cannot remount: ", err)
		}
	}
	inodes(st.Files - st.Ffree)
	d, err := s.Capture(t.Context(), Request{Time: noon, Urgent: true})
	if !errors.Is(err, unix.ENOSPC) || d.Path == "" || d.Manifest != "" {
		t.Errorf("%+v, %v", d, err)
	}
	wantAddresses(t, d.Path)
	if err := s.Disarm(); err != nil {
		t.Error(err)
	}
	put(t, dir, "the last one", "")
	if err := s.Arm(t.Context()); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("arm: %v", err)
	}
	wantFiles(t, dir, filepath.Base(d.Path), "the last one")
	inodes(0)
	finish(t, s, true)
}

// An open file without a name keeps tmpfs from becoming read-only.
func TestReadOnlyHalfway(t *testing.T) {
	dir := smallDisk(t, 4096)
	s := testStore(t, dir, Options{}, nil)
	arm(t, s)
	first := urgent(t, s, Request{Time: noon})
	finish(t, s, false)
	t.Log("armed: ", remount(t, dir, unix.MS_RDONLY, ""))
	if err := s.Disarm(); err != nil {
		t.Error(err)
	}
	if err := remount(t, dir, unix.MS_RDONLY, ""); err != nil {
		t.Skip("cannot remount: ", err)
	}
	d, err := s.Capture(t.Context(), Request{Time: noon, Stage: Fresh, Urgent: true})
	if !errors.Is(err, unix.EROFS) || d.Path != "" {
		t.Errorf("%+v, %v", d, err)
	}
	if err := s.Arm(t.Context()); !errors.Is(err, unix.EROFS) {
		t.Errorf("arm: %v", err)
	}
	wantFiles(t, dir, filepath.Base(first.Manifest), filepath.Base(first.Path))
	wantAddresses(t, first.Path)
}

// A disk that fails makes ext4 read-only at once, whatever is open.
func TestDiskFailsHalfway(t *testing.T) {
	dir := loopDisk(t)
	s := testStore(t, dir, Options{}, nil)
	arm(t, s)
	first := urgent(t, s, Request{Time: noon})
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT, "abort"); err != nil {
		t.Skip("cannot abort: ", err)
	}
	d, err := s.Capture(t.Context(), Request{Time: noon, Stage: Fresh, Urgent: true})
	if !errors.Is(err, unix.EROFS) && !errors.Is(err, unix.EIO) || d.Path != "" {
		t.Errorf("%+v, %v", d, err)
	}
	t.Log("capture: ", err)
	t.Log("arm: ", s.Arm(t.Context()))
	if err := s.Finish(t.Context(), true); err == nil {
		t.Error("finish knows nothing of it")
	}
	wantFiles(t, dir, filepath.Base(first.Manifest), filepath.Base(first.Path), "lost+found")
	wantAddresses(t, first.Path)
	if err := s.Disarm(); err != nil {
		t.Error(err)
	}
}

// loopDisk mounts an ext4 of its own.
func loopDisk(t testing.TB) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: mounts an ext4")
	}
	dir := t.TempDir()
	image := filepath.Join(t.TempDir(), "image")
	f, err := os.Create(image)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(8<<20), f.Close()); err != nil {
		t.Fatal(err)
	}
	for _, line := range [][]string{
		{"mkfs.ext4", "-q", "-F", image},
		{"mount", "-o", "loop,errors=remount-ro", image, dir},
	} {
		if out, err := run(t, line...); err != nil {
			t.Skipf("%v: %v: %s", line, err, out)
		}
	}
	t.Cleanup(func() {
		// Lazily: it goes when the store, closed after this, lets go of it.
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestDirectoryChangesWhileArmed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(dir string) error
		want   error
	}{
		"made anew": {func(dir string) error { return errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)) }, nil},
		"another in its place": {func(dir string) error {
			return errors.Join(os.Rename(dir, dir+"-away"), os.Mkdir(dir, 0o700))
		}, nil},
		"gone":         {os.RemoveAll, fs.ErrNotExist},
		"renamed away": {func(dir string) error { return os.Rename(dir, dir+"-away") }, fs.ErrNotExist},
		"a file in its place": {func(dir string) error {
			return errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600))
		}, unix.ENOTDIR},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "dumps")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			s := testStore(t, dir, Options{}, nil)
			arm(t, s)
			if err := c.change(dir); err != nil {
				t.Fatal(err)
			}
			for _, stage := range []Stage{Immediate, Fresh} {
				d, err := s.Capture(t.Context(), Request{Time: noon, Stage: stage, Urgent: true})
				if !errors.Is(err, c.want) || (d.Path == "") != (c.want != nil) {
					t.Fatalf("%s: %+v, %v", stage, d, err)
				}
				if d.Path == "" {
					continue
				}
				wantAddresses(t, d.Path)
				if m := readBack(t, d.Manifest); m.Profile != filepath.Base(d.Path) {
					t.Errorf("manifest %+v", m)
				}
			}
			if away, err := os.ReadDir(dir + "-away"); err == nil && len(away) != 0 {
				t.Errorf("left where nobody looks: %v", away)
			}
			if err := s.Arm(t.Context()); !errors.Is(err, c.want) {
				t.Errorf("arm: %v", err)
			}
			if c.want == nil {
				finish(t, s, true)
				if n := len(listing(t, dir)); n != 4 {
					t.Errorf("%d files, want 4", n)
				}
				return
			}
			if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
				t.Fatal(err)
			}
			arm(t, s)
			wantAddresses(t, urgent(t, s, Request{Time: noon}).Path)
		})
	}
}

// The files wait in a directory that another has replaced meanwhile.
func TestFinishInTheOldDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dumps")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := testStore(t, dir, Options{}, nil)
	arm(t, s)
	urgent(t, s, Request{Time: noon})
	if err := errors.Join(os.Rename(dir, dir+"-away"), os.Mkdir(dir, 0o700)); err != nil {
		t.Fatal(err)
	}
	arm(t, s)
	second := urgent(t, s, Request{Time: noon.Add(time.Second)})
	inside, free := make(chan struct{}), make(chan struct{})
	symbolize := s.edge.symbolize
	s.edge.symbolize = func(ctx context.Context, d *directory, name string) (written, error) {
		if name != filepath.Base(second.Path) {
			close(inside)
			<-free
		}
		return symbolize(ctx, d, name)
	}
	done := make(chan error)
	go func() { done <- s.Finish(t.Context(), true) }()
	<-inside
	// And once more, while Finish is at work.
	if err := errors.Join(os.Rename(dir, dir+"-too"), os.Mkdir(dir, 0o700)); err != nil {
		t.Error(err)
	}
	third := urgent(t, s, Request{Time: noon.Add(2 * time.Second)})
	close(free)
	if err := <-done; err != nil && !errors.Is(err, fs.ErrClosed) {
		t.Error(err)
	}
	finish(t, s, false)
	for _, path := range []string{
		filepath.Join(dir+"-away", "heap-20261123T120000.123Z-p"+fmt.Sprint(os.Getpid())+"-immediate.pb"),
		filepath.Join(dir+"-too", filepath.Base(second.Path)), third.Path,
	} {
		parseProfileFile(t, path)
	}
}

func TestFinalNameIsADirectory(t *testing.T) {
	dir, s := armedDisk(t)
	set, err := newSetName(noon, s.edge.pid)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := os.Mkdir(filepath.Join(dir, set.file(Immediate, heapProfile)), 0o700); err != nil {
			t.Fatal(err)
		}
		set = set.next()
	}
	d := urgent(t, s, Request{Time: noon})
	if want := set.file(Immediate, heapProfile); filepath.Base(d.Path) != want {
		t.Errorf("got %s, want %s", d.Path, want)
	}
	for range maxMoves {
		set = set.next()
		put(t, dir, set.file(Fresh, heapProfile), "precious")
	}
	d, err = s.Capture(t.Context(), Request{Time: set.time(), Stage: Fresh, Urgent: true})
	if err != nil || d.Path == "" {
		t.Errorf("%+v, %v", d, err)
	}
	for range maxMoves + 4 {
		set = set.next()
		put(t, dir, set.file(Fresh, heapProfile), "precious")
	}
	arm(t, s)
	d, err = s.Capture(t.Context(), Request{Time: set.time().Add(-maxMoves * time.Millisecond), Stage: Fresh, Urgent: true})
	if !errors.Is(err, fs.ErrExist) || d.Path != "" {
		t.Errorf("every name is taken: %+v, %v", d, err)
	}
}

// setImmutable does what chattr +i does, and -i.
func setImmutable(path string, on bool) error {
	const immutable = unix.STATX_ATTR_IMMUTABLE // which has the value of FS_IMMUTABLE_FL
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return control(f, func(fd uintptr) error {
		now, err := unix.IoctlGetInt(int(fd), unix.FS_IOC_GETFLAGS)
		if err != nil {
			return err
		}
		now &^= immutable
		if on {
			now |= immutable
		}
		return unix.IoctlSetPointerInt(int(fd), unix.FS_IOC_SETFLAGS, now)
	})
}

func TestImmutableDirectory(t *testing.T) {
	dir, s := armedDisk(t)
	first := urgent(t, s, Request{Time: noon})
	finish(t, s, false)
	if err := setImmutable(dir, true); err != nil {
		t.Skip("cannot make it immutable: ", err)
	}
	t.Cleanup(func() {
		if err := setImmutable(dir, false); err != nil {
			t.Error(err)
		}
	})
	for range maxSpares + 1 {
		d, err := s.Capture(t.Context(), Request{Time: noon, Stage: Fresh, Urgent: true})
		if !errors.Is(err, fs.ErrPermission) || d.Path != "" {
			t.Errorf("%+v, %v", d, err)
		}
	}
	wantFiles(t, dir, filepath.Base(first.Manifest), filepath.Base(first.Path))
	if err := setImmutable(dir, false); err != nil {
		t.Fatal(err)
	}
	arm(t, s)
	wantAddresses(t, urgent(t, s, Request{Time: noon, Stage: Fresh}).Path)
}

// refusals are system calls that sandboxes, kernels and file systems lack,
// with what they answer.
var refusals = map[string]struct {
	errno  unix.Errno
	spares int // files that are ready all the same
	failed bool
}{
	"tmpfile EOPNOTSUPP":   {unix.EOPNOTSUPP, 0, false},
	"tmpfile EISDIR":       {unix.EISDIR, 0, false}, // Linux before 3.11
	"tmpfile ENOENT":       {unix.ENOENT, 0, false},
	"tmpfile EPERM":        {unix.EPERM, 0, true},
	"linkat EPERM":         {unix.EPERM, 2, false},
	"linkat EXDEV":         {unix.EXDEV, 2, false},
	"fallocate EOPNOTSUPP": {unix.EOPNOTSUPP, 2, false},
	"fallocate ENOSYS":     {unix.ENOSYS, 2, false},
	"renameat2 ENOSYS":     {unix.ENOSYS, 2, false},
}

func TestRefusedSystemCalls(t *testing.T) {
	for name := range refusals {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			runChild(t, "refuse:"+strings.ReplaceAll(name, " ", "-"), dir)
			for _, n := range listing(t, dir) {
				if _, ok := parseName(n); !ok {
					t.Errorf("left behind: %s", n)
				}
			}
			if n := len(listing(t, dir)); n != 4 {
				t.Errorf("%d files, want 4", n)
			}
		})
	}
}

func childRefused(t *testing.T, dir, name string) {
	name = strings.ReplaceAll(name, "-", " ")
	c := refusals[name]
	s := testStore(t, dir, Options{}, nil)
	call, _, _ := strings.Cut(name, " ")
	refuse(t, call, c.errno)
	if err := s.Arm(t.Context()); (err != nil) != c.failed {
		t.Errorf("arm: %v", err)
	}
	if n := len(s.armed.spares); n != c.spares {
		t.Errorf("%d files are ready, want %d", n, c.spares)
	}
	for _, stage := range []Stage{Immediate, Fresh} {
		wantAddresses(t, urgent(t, s, Request{Time: noon, Stage: stage}).Path)
	}
	if err := s.Finish(t.Context(), true); (err != nil) != c.failed {
		t.Errorf("finish: %v", err)
	}
	if n := len(s.armed.spares); n != c.spares {
		t.Errorf("%d files are ready again, want %d", n, c.spares)
	}
}

// refuse makes the kernel answer a system call of this process with errno.
func refuse(t *testing.T, call string, errno unix.Errno) {
	t.Helper()
	const (
		load   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		and    = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
		answer = unix.BPF_RET | unix.BPF_K
		flags  = 16 + 2*8 // the third argument
	)
	number := map[string]uint32{
		"tmpfile": unix.SYS_OPENAT, "linkat": unix.SYS_LINKAT, "fallocate": unix.SYS_FALLOCATE, "renameat2": unix.SYS_RENAMEAT2,
	}[call]
	filter := []unix.SockFilter{{Code: load}, {Code: equal, K: number, Jf: 1}}
	if call == "tmpfile" {
		filter = []unix.SockFilter{
			{Code: load},
			{Code: equal, K: number, Jf: 4},
			{Code: load, K: flags},
			{Code: and, K: unix.O_TMPFILE},
			{Code: equal, K: unix.O_TMPFILE, Jf: 1},
		}
	}
	filter = append(filter, unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ERRNO | uint32(errno)},
		unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ALLOW})
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, failed := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if failed != 0 {
		t.Fatal("seccomp: ", failed)
	}
}

func run(t testing.TB, line ...string) ([]byte, error) {
	t.Helper()
	return exec.CommandContext(t.Context(), line[0], line[1:]...).CombinedOutput()
}

// usedSpace is what the volume of dir holds, in bytes.
func usedSpace(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Blocks-st.Bfree) * int64(st.Bsize), nil
}
