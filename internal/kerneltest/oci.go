package kerneltest

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/memguard-dev/go-memguard/cgroupstat"
)

// defaultUID is "nonroot" of distroless images.
const defaultUID = 65532

type object map[string]any

// ociConfig is the config.json of a bundle (OCI runtime specification 1.0),
// with what containerd's CRI puts there for an ordinary container.
func ociConfig(id string, v cgroupstat.Version, spec ContainerSpec) object {
	uid := spec.UID
	if uid == 0 {
		uid = defaultUID
	}
	return object{
		"ociVersion": "1.0.2",
		"hostname":   "victim",
		"root":       object{"path": "rootfs", "readonly": true},
		"process": object{
			"user":            object{"uid": uid, "gid": uid, "additionalGids": append([]int{}, spec.Groups...)},
			"args":            append([]string{"/" + filepath.Base(spec.Binary)}, spec.Args...),
			"env":             append([]string{"PATH=/"}, spec.Env...),
			"cwd":             "/",
			"capabilities":    object{},
			"noNewPrivileges": true,
		},
		"mounts": mounts(spec.Mounts),
		"linux": object{
			"cgroupsPath": "/" + id,
			"namespaces":  namespaces(v, spec),
			"resources":   resources(spec.LimitBytes),
			"maskedPaths": []string{
				"/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
				"/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
			},
			"readonlyPaths": []string{
				"/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
			},
		},
	}
}

// namespaces: a cgroup namespace is what containers get on v2 only.
func namespaces(v cgroupstat.Version, spec ContainerSpec) []object {
	types := []string{"pid", "ipc", "uts", "mount"}
	if !spec.HostNetwork {
		types = append(types, "network")
	}
	if v == cgroupstat.V2 && !spec.HostCgroup {
		types = append(types, "cgroup")
	}
	var list []object
	for _, name := range types {
		list = append(list, object{"type": name})
	}
	return list
}

func mounts(volumes []Mount) []object {
	mount := func(target, kind, source string, options ...string) object {
		return object{"destination": target, "type": kind, "source": source, "options": options}
	}
	list := []object{
		mount("/proc", "proc", "proc", "nosuid", "noexec", "nodev"),
		mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
		mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
		mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
		// v1: a bind of the own group of each controller; v2: cgroup2.
		mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro"),
	}
	for _, v := range volumes {
		access := "rw"
		if v.ReadOnly {
			access = "ro"
		}
		list = append(list, mount(v.Target, "bind", v.Source, "rbind", "rprivate", access))
	}
	return list
}

func resources(limit int64) object {
	all := object{"devices": []object{{"allow": false, "access": "rwm"}}}
	if limit < 1 {
		return all
	}
	memory := object{"limit": limit}
	if hasSwap() {
		memory["swap"] = limit // Of memory and swap together: no swap.
	}
	all["memory"] = memory
	return all
}

// hasSwap says whether the machine swaps at all; where it does not, runc may
// find no file to write the limit to.
func hasSwap() bool {
	text, err := os.ReadFile("/proc/swaps")
	return err == nil && strings.Count(string(text), "\n") > 1
}
