package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

// A restricted pod: read-only cgroupfs and root, no root user, a volume for
// dumps. The dump outlives the kernel's kill.
func TestKernelContainerLeakNamesItsCulpritAndIsKilled(t *testing.T) {
	const limit = 128 * mebi
	for name, hostCgroup := range map[string]bool{"private cgroup namespace": false, "host cgroup namespace": true} {
		t.Run(name, func(t *testing.T) {
			dumps := kerneltest.Volume(t)
			c := kerneltest.NewContainer(t, kerneltest.ContainerSpec{
				Binary: victimBinary(t), Args: args("leak -rate 20MiB -object 1KiB"), LimitBytes: limit, HostCgroup: hostCgroup,
				Env:    []string{finer, "MEMGUARD_DUMP_DIR=/dumps"},
				Mounts: []kerneltest.Mount{{Source: dumps, Target: "/dumps"}},
			})
			c.Start(t)
			exit := c.Wait(t)
			if exit.Code != 137 || exit.OOMKills == 0 {
				t.Fatalf("exit %+v, want a kill by the kernel; output:\n%s", exit, c.Output())
			}
			checkCulprit(t, dumps, limit)
		})
	}
}

// A resize in place and a threshold changed by annotation reach the running
// container; without a volume it says where dumps cannot go, and runs.
func TestKernelContainerFollowsPodInfoAndResize(t *testing.T) {
	dumps, pod := kerneltest.Volume(t), kerneltest.Volume(t)
	write := func(name, text string) {
		t.Helper()
		// Replaced by renaming, as the kubelet does.
		next := filepath.Join(pod, ".."+name)
		if err := os.WriteFile(next, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, filepath.Join(pod, name)); err != nil {
			t.Fatal(err)
		}
	}
	write("threshold", "90%")
	c := kerneltest.NewContainer(t, kerneltest.ContainerSpec{
		Binary: victimBinary(t), Args: args("leak -rate 100MiB -max 60MiB"), LimitBytes: 256 * mebi,
		Env: []string{"MEMGUARD_DUMP_DIR=/dumps", "MEMGUARD_PODINFO=/podinfo"},
		Mounts: []kerneltest.Mount{
			{Source: dumps, Target: "/dumps"},
			{Source: pod, Target: "/podinfo", ReadOnly: true},
		},
	})
	c.Start(t)
	c.WaitOutput(t, "done")
	if n := len(profiles(t, dumps, heapdump.Immediate)); n != 0 {
		t.Fatalf("%d dumps below the threshold", n)
	}
	c.SetLimit(t, 128*mebi)
	c.WaitOutput(t, "limit changed")
	write("threshold", "40%")
	until(t, "a dump at the new threshold under the new limit", func() bool { return len(profiles(t, dumps, heapdump.Fresh)) > 0 })
	m := readManifest(t, strings.TrimSuffix(profiles(t, dumps, heapdump.Fresh)[0], ".pb")+".json")
	if m.Context.Limit.Bytes != 128*mebi || m.Context.Threshold != "40%" {
		t.Errorf("limit %+v, threshold %s", m.Context.Limit, m.Context.Threshold)
	}
}

func TestKernelContainerWithoutAVolume(t *testing.T) {
	c := kerneltest.NewContainer(t, kerneltest.ContainerSpec{
		Binary: victimBinary(t), Args: args("idle"), LimitBytes: 64 * mebi,
		Env: []string{"MEMGUARD_DUMP_DIR=/dumps"},
	})
	c.Start(t)
	for _, part := range []string{"watching memory", "MEMGUARD_DUMP_DIR: ", "/dumps", "no dump directory", "limit\":\"64.0MiB"} {
		c.WaitOutput(t, part)
	}
}

// A container is killed, and started again with the volume that survived it.
func TestKernelContainerTellsHowItDiedBefore(t *testing.T) {
	const limit = 128 * mebi
	dumps := kerneltest.Volume(t)
	start := func(command ...string) *kerneltest.Container {
		c := kerneltest.NewContainer(t, kerneltest.ContainerSpec{
			Binary: victimBinary(t), Args: command, LimitBytes: limit,
			Env:    []string{finer, "MEMGUARD_DUMP_DIR=/dumps", "OTEL_RESOURCE_ATTRIBUTES=k8s.pod.name=shop-0,k8s.container.name=shop"},
			Mounts: []kerneltest.Mount{{Source: dumps, Target: "/dumps"}},
		})
		c.Start(t)
		return c
	}
	if exit := start(args("leak -rate 40MiB -object 1KiB")...).Wait(t); exit.Code != 137 || exit.OOMKills == 0 {
		t.Fatalf("exit %+v, want a kill by the kernel", exit)
	}
	again := start("idle")
	for _, part := range []string{"how the process before ended", "oom_suspected", "go_heap", "leakRequestContexts"} {
		again.WaitOutput(t, part)
	}
	e := newestExit(t, dumps)
	t.Logf("%s (%s)", e.Summary, strings.Join(e.Reasons, "; "))
	if e.PID != 1 || e.Pod != "shop-0" || e.Container != "shop" || e.Limit.Or(0) != limit {
		t.Errorf("process %d of %s/%s, limit %v", e.PID, e.Pod, e.Container, e.Limit)
	}
}
