package main

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/memguard-dev/go-memguard/internal/memcg"
)

// machine is what the figures depend on; nothing that tells whose it is.
type machine struct {
	Kernel   string            `json:"kernel"`
	CPU      string            `json:"cpu"`
	Cores    int               `json:"cores"`
	Platform string            `json:"platform"`
	Go       string            `json:"go"`
	Cgroup   string            `json:"cgroup"`
	Modules  map[string]string `json:"modules"` // of the opponents: version by path
}

func thisMachine() (machine, error) {
	root, err := memcg.Root()
	if err != nil {
		return machine{}, err
	}
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return machine{}, err
	}
	cpus, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return machine{}, err
	}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return machine{}, fmt.Errorf("built without module information")
	}
	m := machine{
		Kernel: strings.TrimSpace(string(release)), CPU: cmp.Or(cpuModel(string(cpus)), "unknown"),
		Cores: runtime.NumCPU(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Go: runtime.Version(), Cgroup: root.Version.String(), Modules: map[string]string{},
	}
	for _, e := range entrants(0) {
		for _, d := range build.Deps {
			if d.Path == e.Module {
				m.Modules[e.Module] = d.Version
			}
		}
	}
	return m, nil
}

// cpuModel finds the name in /proc/cpuinfo, which not every architecture has.
func cpuModel(cpuinfo string) string {
	for line := range strings.Lines(cpuinfo) {
		key, value, _ := strings.Cut(line, ":")
		if strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
