package kubetest

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/kerneltest"
	"github.com/memguard-dev/go-memguard/internal/memcg"
)

// filled leaks past the threshold of these tests and holds.
const filled = "leak -rate 100MiB -max 70MiB"

// start runs a program with dumps in a directory, mounted as it is given.
func start(t *testing.T, container, command string, groups []int, env []string, mounts ...kerneltest.Mount) *kerneltest.Container {
	t.Helper()
	p := &pod{t: t, name: "shop-0", namespace: "shop"}
	c := kerneltest.NewContainer(t, kerneltest.ContainerSpec{
		Binary: kerneltest.Build(t, "internal/victim"), Args: strings.Fields(command), LimitBytes: 128 * mebi, Groups: groups,
		Env: slices.Concat(p.env(container), []string{"MEMGUARD_THRESHOLD=40%"}, env), Mounts: mounts,
	})
	c.Start(t)
	return c
}

// TestKernelVolumes: whatever is mounted for the dumps, they are there or it is
// said why not, and the program runs.
func TestKernelVolumes(t *testing.T) {
	const group = 2000
	dumped := func(t *testing.T, c *kerneltest.Container, dir string) {
		t.Helper()
		p := &pod{t: t, dumps: dir}
		m := p.wait("a dump", "40%")
		if id := identityOf(t, m); id.Pod != "shop-0" || id.Workload != "shop" || id.Container != "app" {
			t.Errorf("the manifest is of %+v", id)
		}
		stop(t, c)
	}
	t.Run("of fsGroup", func(t *testing.T) {
		dir := kerneltest.Volume(t)
		if err := os.Chown(dir, 0, group); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, 0o775|os.ModeSetgid); err != nil {
			t.Fatal(err)
		}
		dumped(t, start(t, "app", filled, []int{group}, nil, kerneltest.Mount{Source: dir, Target: "/dumps"}), dir)
		for name := range (&pod{t: t, dumps: dir}).evidence() {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil || info.Sys().(*syscall.Stat_t).Gid != group {
				t.Errorf("%s: %v, not the group's", name, err)
			}
		}
	})
	t.Run("subPath", func(t *testing.T) {
		dir := kerneltest.Volume(t)
		sub := filepath.Join(dir, "app")
		if err := os.Mkdir(sub, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(sub, 0o777); err != nil {
			t.Fatal(err)
		}
		dumped(t, start(t, "app", filled, nil, nil, kerneltest.Mount{Source: sub, Target: "/dumps"}), sub)
	})
	t.Run("in memory", func(t *testing.T) {
		dir := kerneltest.Volume(t)
		if err := unix.Mount("dumps", dir, "tmpfs", 0, "size=32m,mode=777"); err != nil {
			kerneltest.Missing(t, "tmpfs: %v", err)
		}
		t.Cleanup(func() {
			if err := unix.Unmount(dir, 0); err != nil {
				t.Error(err)
			}
		})
		c := start(t, "app", filled, nil, nil, kerneltest.Mount{Source: dir, Target: "/dumps"})
		c.WaitOutput(t, "tmpfs: dumps are charged to this container's memory")
		dumped(t, c, dir)
	})
	for name, mounts := range map[string][]kerneltest.Mount{
		"read-only": {{Source: kerneltest.Volume(t), Target: "/dumps", ReadOnly: true}},
		"missing":   nil,
	} {
		t.Run(name, func(t *testing.T) {
			c := start(t, "app", filled, nil, nil, mounts...)
			c.WaitOutput(t, "MEMGUARD_DUMP_DIR: ")
			c.WaitOutput(t, "no dump directory")
			c.WaitOutput(t, "done")
			stop(t, c)
		})
	}
}

// Both containers of a pod are PID 1 of their own, in one volume: each finds
// its own past, whichever was killed last.
func TestKernelContainersShareAVolume(t *testing.T) {
	dir := kerneltest.Volume(t)
	mount := kerneltest.Mount{Source: dir, Target: "/dumps"}
	both := map[string]*kerneltest.Container{}
	for _, name := range []string{"app", "worker"} {
		both[name] = start(t, name, filled, nil, nil, mount)
	}
	for name, c := range both {
		until(t, "a dump of "+name, func() bool {
			return slices.ContainsFunc((&pod{t: t, dumps: dir}).manifests(heapdump.Fresh), func(m heapdump.Manifest) bool {
				return identityOf(t, m).Container == name
			})
		})
		c.Kill(t, syscall.SIGKILL)
		c.Wait(t)
	}
	for _, name := range []string{"worker", "app"} {
		again := start(t, name, "idle", nil, nil, mount)
		again.WaitOutput(t, "how the process before ended")
		stop(t, again)
	}
	told := 0
	for file, text := range (&pod{t: t, dumps: dir}).evidence() {
		if strings.HasPrefix(file, "exit-") {
			told++
			e := exitOf(t, text)
			for _, d := range e.Dumps {
				if d.Manifest == "" {
					continue // Killed before it could say whose it is.
				}
				m := readManifest(t, filepath.Join(dir, filepath.Base(d.Manifest)))
				if id := identityOf(t, m); id != e.Identity {
					t.Errorf("the story of %+v has a dump of %+v", e.Identity, id)
				}
			}
		}
	}
	if told != len(both) {
		t.Errorf("%d stories for %d containers", told, len(both))
	}
}

// The kubelet evicts a pod whose volume is over its size limit.
func TestStaysBelowTheSizeLimit(t *testing.T) {
	const sizeLimit = 4 * mebi
	p := newPod(t, "shop-0", 128*mebi)
	p.podinfo.set(map[string]string{"dump_size_limit": strconv.Itoa(sizeLimit)})
	usage := "/sys/fs/cgroup/memory.current"
	if h, err := memcg.Root(); err == nil && h.Version == cgroupstat.V1 {
		usage = "/sys/fs/cgroup/memory/memory.usage_in_bytes"
	}
	// Each call stack is a sample: a dump takes most of a megabyte.
	c := start(t, "app", "stacks -n 5000 -until 24MiB -usage "+usage, nil,
		[]string{"MEMGUARD_DUMP_KEEP=100", "GODEBUG=memprofilerate=1"},
		kerneltest.Mount{Source: p.dumps, Target: "/dumps"}, kerneltest.Mount{Source: p.podinfo.dir, Target: "/etc/podinfo", ReadOnly: true})
	c.WaitOutput(t, "done")
	most, removed := int64(0), false
	for i := range 6 {
		token := "number " + strconv.Itoa(i)
		p.podinfo.annotate(map[string]string{"memguard.dev/dump": token})
		p.wait(token, token)
		used := p.used()
		most, removed = max(most, used), removed || p.count("number 0") == 0
	}
	t.Logf("at most %d KiB of %d KiB; the first was removed: %v", most>>10, sizeLimit>>10, removed)
	if !removed {
		t.Error("the budget was never used up: the test shows nothing")
	}
	if most > sizeLimit {
		t.Errorf("%d bytes in a volume of %d", most, sizeLimit)
	}
	stop(t, c)
	if used := p.used(); used > sizeLimit/5*4 {
		t.Errorf("%d bytes are left of a budget of %d", used, sizeLimit/5*4)
	}
}

// used is what du counts, as the kubelet does.
func (p *pod) used() int64 {
	p.t.Helper()
	entries, err := os.ReadDir(p.dumps)
	if err != nil {
		p.t.Fatal(err)
	}
	sum := int64(0)
	for _, e := range entries {
		var st unix.Stat_t
		if err := unix.Stat(filepath.Join(p.dumps, e.Name()), &st); err == nil {
			sum += st.Blocks * 512
		}
	}
	return sum
}

func readManifest(t testing.TB, path string) heapdump.Manifest {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := heapdump.ReadManifest(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
