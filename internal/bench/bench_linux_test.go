package bench

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/kerneltest"
	"github.com/memguard-dev/go-memguard/internal/procmem"
)

// BenchmarkUsage is the reading that runs most often: how much memory is used.
// procfs has no cgroup memory; its nearest is the resident size of a process.
func BenchmarkUsage(b *testing.B) {
	group, reader := open(b)
	usage := filepath.Join(group.Dir, usageFile(group))

	b.Run("bare_pread", bare(usage))
	b.Run("memguard", each(func() error {
		_, err := reader.Usage()
		return err
	}))
	b.Run("containerd_cgroups", each(containerdStat(b, group)))
	b.Run("procfs", each(func() error {
		self, err := procfs.Self()
		if err != nil {
			return err
		}
		stat, err := self.Stat()
		_ = stat.ResidentMemory()
		return err
	}))
	b.Run("gopsutil_style_readfile", each(func() error {
		text, err := os.ReadFile(usage)
		if err != nil {
			return err
		}
		_, err = strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 64)
		return err
	}))
}

// BenchmarkFull is usage, every key of memory.stat and what the kernel says of
// the process: as much of it as each library has.
func BenchmarkFull(b *testing.B) {
	group, reader := open(b)
	status := "/proc/self/status"
	usage, stat := filepath.Join(group.Dir, usageFile(group)), filepath.Join(group.Dir, "memory.stat")
	files := []string{usage, stat, status, "/proc/self/oom_score", "/proc/self/oom_score_adj"}
	for _, name := range []string{"memory.kmem.usage_in_bytes", "memory.kmem.tcp.usage_in_bytes", "memory.swap.current"} {
		if path := filepath.Join(group.Dir, name); exists(path) {
			files = append(files, path)
		}
	}

	b.Run("bare_pread", bare(files...))
	b.Run("memguard", func(b *testing.B) {
		process, err := procmem.Open()
		if err != nil {
			b.Fatal(err)
		}
		defer process.Close()
		var (
			keys cgroupstat.Stat
			own  procmem.Mem
		)
		each(func() error {
			if _, err := reader.Usage(); err != nil {
				return err
			}
			if err := reader.Stat(&keys); err != nil {
				return err
			}
			return process.Read(&own)
		})(b)
	})
	b.Run("containerd_cgroups", each(containerdStat(b, group)))
	b.Run("procfs", each(func() error {
		self, err := procfs.Self()
		if err != nil {
			return err
		}
		_, err = self.NewStatus()
		return err
	}))
	b.Run("gopsutil_style_readfile", each(func() error {
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			fields := map[string]string{}
			for line := range bytes.Lines(text) {
				key, value, _ := bytes.Cut(line, []byte(" "))
				fields[string(key)] = string(bytes.TrimSpace(value))
			}
		}
		return nil
	}))
}

func open(b *testing.B) (*kerneltest.Group, *cgroupstat.Reader) {
	b.Helper()
	group := kerneltest.NewGroup(b, 64<<20)
	reader, err := cgroupstat.Open(cgroupstat.At(group.Version, group.Dir))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { reader.Close() })
	return group, reader
}

func usageFile(group *kerneltest.Group) string {
	if group.Version == cgroupstat.V1 {
		return "memory.usage_in_bytes"
	}
	return "memory.current"
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func containerdStat(b *testing.B, group *kerneltest.Group) func() error {
	b.Helper()
	if group.Version == cgroupstat.V1 {
		stat := containerd1(b, group)
		return func() error {
			_, err := stat()
			return err
		}
	}
	stat := containerd2(b, group)
	return func() error {
		_, err := stat()
		return err
	}
}

func each(read func() error) func(*testing.B) {
	return func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := read(); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// bare reads kept descriptors and looks at nothing: the floor for all others.
func bare(paths ...string) func(*testing.B) {
	return func(b *testing.B) {
		var fds []int
		for _, path := range paths {
			fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err != nil {
				b.Fatal(err)
			}
			defer unix.Close(fd)
			fds = append(fds, fd)
		}
		buf := make([]byte, 64<<10)
		each(func() error {
			for _, fd := range fds {
				if _, err := unix.Pread(fd, buf, 0); err != nil {
					return err
				}
			}
			return nil
		})(b)
	}
}
