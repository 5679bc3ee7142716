package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// diskTime bounds the wait for the disk to appear after its driver is loaded.
const diskTime = 30 * time.Second

func mount(source, target, kind string, flags uintptr, data string) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(source, target, kind, flags, data); err != nil {
		return fmt.Errorf("mount %s on %s: %w", kind, target, err)
	}
	return nil
}

func mountEarly() error {
	return errors.Join(
		mount("devtmpfs", "/dev", "devtmpfs", unix.MS_NOSUID, ""),
		mount("proc", "/proc", "proc", 0, ""),
		mount("sysfs", "/sys", "sysfs", 0, ""))
}

func loadModule(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	err = unix.FinitModule(int(f.Fd()), "", 0)
	if errors.Is(err, unix.EEXIST) {
		err = nil
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("load %s: %w", name, err)
	}
	return nil
}

// switchRoot makes the disk the root. A container cannot pivot away from an
// initramfs, and the page cache of one can never be reclaimed.
func switchRoot(disk string) error {
	for deadline := time.Now().Add(diskTime); ; time.Sleep(5 * time.Millisecond) {
		_, err := os.Stat(disk)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no disk: %w", err)
		}
	}
	const root = "/newroot"
	if err := mount(disk, root, "ext4", unix.MS_RELATIME, ""); err != nil {
		return err
	}
	for _, dir := range []string{"/dev", "/proc", "/sys"} {
		if err := mount(dir, root+dir, "", unix.MS_MOVE, ""); err != nil {
			return err
		}
	}
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move the root: %w", err)
	}
	return errors.Join(unix.Chroot("."), os.Chdir("/"))
}

func mountRest(v1 bool) error {
	err := errors.Join(
		mount("devpts", "/dev/pts", "devpts", 0, ""),
		mount("tmpfs", "/dev/shm", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777"),
		mount("tmpfs", "/tmp", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777"),
		mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"),
		os.MkdirAll(dataDir+"/tmp", 0o777), os.Chmod(dataDir+"/tmp", 0o777|os.ModeSticky))
	if err != nil {
		return err
	}
	if err := pinPrograms("/bin"); err != nil {
		return err
	}
	const cgroups = "/sys/fs/cgroup"
	if !v1 {
		return mount("cgroup2", cgroups, "cgroup2", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_RELATIME, "nsdelegate")
	}
	return mountV1(cgroups)
}

// pinPrograms keeps the programs in memory. An emulated processor is too slow
// for a group at its limit: the kernel takes the program's own code, the disk
// brings it back, and that can count as progress for minutes.
func pinPrograms(dir string) error {
	const pinned = "/run/programs"
	return errors.Join(
		mount("ramfs", pinned, "ramfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"),
		os.CopyFS(pinned, os.DirFS(dir)),
		unix.Mount(pinned, dir, "", unix.MS_MOVE, ""))
}

// mountV1 mounts every controller in a hierarchy of its own and cgroup2,
// without controllers then, beside them: a hybrid machine.
func mountV1(cgroups string) error {
	if err := mount("tmpfs", cgroups, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=755"); err != nil {
		return err
	}
	text, err := os.ReadFile("/proc/cgroups")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 4 || strings.HasPrefix(line, "#") || fields[3] != "1" {
			continue
		}
		if err := mount("cgroup", filepath.Join(cgroups, fields[0]), "cgroup", unix.MS_RELATIME, fields[0]); err != nil {
			return err
		}
	}
	return mount("cgroup2", filepath.Join(cgroups, "unified"), "cgroup2", unix.MS_RELATIME, "")
}

// raiseLoopback lets tests talk to servers of their own.
func raiseLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd) // Nothing was written.
	loopback, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	loopback.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, loopback); err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	return nil
}
