package kerneltest_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

const look = "internal/kerneltest/testdata/look"

func TestContainerIsRestricted(t *testing.T) {
	volume, podinfo := t.TempDir(), t.TempDir()
	if err := os.Chmod(volume, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(podinfo, "memory_limit"), []byte("67108864"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := kerneltest.NewContainer(t, kerneltest.ContainerSpec{
		Binary:     kerneltest.Build(t, look),
		Args:       []string{"-limit", "67108864"},
		Env:        []string{"GREETING=hello"},
		LimitBytes: 64 << 20,
		Mounts: []kerneltest.Mount{
			{Source: volume, Target: "/var/dumps"},
			{Source: podinfo, Target: "/etc/podinfo", ReadOnly: true},
		},
	})
	c.Start(t)
	exit := c.Wait(t)
	if exit.Code != 0 || exit.OOMKills != 0 {
		t.Fatalf("exit = %+v; output:\n%s", exit, c.Output())
	}
	got := make(map[string]string)
	for line := range strings.Lines(c.Output()) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		got[key] = value
	}
	want := map[string]string{
		"uid": "65532", "pid": "1", "limit": "67108864", "env": "hello", "capabilities": "0000000000000000",
		"cgroupfs": "read-only", "root": "read-only", "volume": "written", "podinfo": "67108864 read-only",
	}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s = %q, want %q", key, got[key], value)
		}
	}
	if c.Version == cgroupstat.V2 && got["cgroup"] != "/" {
		t.Errorf("cgroup = %q, want that of a private namespace", got["cgroup"])
	}
	if text, err := os.ReadFile(filepath.Join(volume, "here")); err != nil || string(text) != "volume" {
		t.Errorf("the volume holds %q, %v", text, err)
	}
}

func TestContainerIsKilledAtItsLimit(t *testing.T) {
	c := kerneltest.NewContainer(t, kerneltest.ContainerSpec{
		Binary: kerneltest.Build(t, victim), Args: []string{"leak", "-rate", "200MiB", "-object", "4KiB"},
		Env: []string{"MEMGUARD=off"}, LimitBytes: 32 << 20,
	})
	c.Start(t)
	if got := c.Wait(t); got != (kerneltest.Exit{Code: 137, OOMKills: 1}) {
		t.Errorf("exit = %+v, want code 137 and one kill; output:\n%s", got, c.Output())
	}
}

func TestContainerSignalAndResize(t *testing.T) {
	c := kerneltest.NewContainer(t, kerneltest.ContainerSpec{
		Binary: kerneltest.Build(t, victim), Args: []string{"idle"},
		Env: []string{"MEMGUARD=off"}, LimitBytes: 32 << 20,
	})
	c.Start(t)
	c.WaitOutput(t, "ready")
	c.SetLimit(t, 48<<20)
	name := "memory.max"
	if c.Version == cgroupstat.V1 {
		name = "memory.limit_in_bytes"
	}
	text, err := os.ReadFile(filepath.Join(c.CgroupDir, name))
	if got := strings.TrimSpace(string(text)); err != nil || got != strconv.Itoa(48<<20) {
		t.Errorf("%s = %s, %v after the resize", name, got, err)
	}
	c.Kill(t, syscall.SIGTERM)
	if got := c.Wait(t); got.Code != 0 {
		t.Errorf("exit = %+v after SIGTERM; output:\n%s", got, c.Output())
	}
}

func TestContainerLeavesNothing(t *testing.T) {
	var dir string
	t.Run("container", func(t *testing.T) {
		c := kerneltest.NewContainer(t, kerneltest.ContainerSpec{
			Binary: kerneltest.Build(t, victim), Args: []string{"spawn", "-max", "1MiB"},
			Env: []string{"MEMGUARD=off"}, LimitBytes: 64 << 20,
		})
		c.Start(t)
		c.WaitOutput(t, "child")
		dir = c.CgroupDir
	})
	if dir == "" {
		t.Skip("the rig is missing")
	}
	if !isMissing(dir) {
		t.Errorf("%s is still there", dir)
	}
	// runc makes a group in every controller, under the same name.
	left, err := filepath.Glob("/sys/fs/cgroup/*/" + filepath.Base(dir))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
