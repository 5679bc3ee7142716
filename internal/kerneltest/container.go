package kerneltest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/memcg"
	"github.com/memguard-dev/go-memguard/internal/syncbuf"
)

// containerTime bounds every wait for a container.
const containerTime = 2 * time.Minute

// Mount is a directory of the machine that the container sees.
type Mount struct {
	Source   string // on the machine; a volume is to be 0777, as Kubernetes makes it
	Target   string // in the container
	ReadOnly bool
}

// ContainerSpec describes a container as containerd would start it for a
// restricted pod: read-only root, no capabilities, namespaces of its own, its
// own cgroup seen read-only.
type ContainerSpec struct {
	Binary     string   // static program on the machine; the only file of the root filesystem
	Args       []string // its arguments
	Env        []string // beside PATH
	LimitBytes int64    // memory, without swap; below 1 = none
	Mounts     []Mount
	UID        int   // user and group; 0 means 65532, as distroless images have it
	Groups     []int // further groups, as fsGroup gives one
	HostCgroup bool  // the machine's cgroup namespace, as with --cgroupns=host
	// HostNetwork is the machine's network, for one that talks to its loopback.
	HostNetwork bool
}

// Exit is how a container ended.
type Exit struct {
	Code     int    // exit code; 128 + the signal that killed it
	OOMKills uint64 // processes the kernel killed for the limit
}

// Container is one container of runc.
type Container struct {
	CgroupDir string             // its memory cgroup on the machine
	Version   cgroupstat.Version // of that

	id, state, bundle string
	out               syncbuf.Buffer
	run               *exec.Cmd
	waited            chan struct{} // closed when run has ended
	waitErr           error         // of run, once waited is closed
}

// NewContainer prepares a container and removes it when the test ends. It needs
// root and runc.
func NewContainer(t testing.TB, spec ContainerSpec) *Container {
	t.Helper()
	h, err := memcg.Root()
	if err != nil {
		Missing(t, "%v", err)
	}
	if _, err := exec.LookPath("runc"); err != nil {
		Missing(t, "no runc (Debian and Ubuntu: apt-get install runc): %v", err)
	}
	c := &Container{Version: h.Version, bundle: t.TempDir(), state: t.TempDir()}
	c.id = "memguard-test-" + hash(c.bundle, strconv.Itoa(os.Getpid()), time.Now().String())[:12]
	c.CgroupDir = filepath.Join(h.Dir, c.id)
	if err := c.writeBundle(spec); err != nil {
		t.Fatalf("kerneltest: bundle of the container: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			c.tell(t)
		}
		if err := c.remove(); err != nil {
			t.Errorf("kerneltest: remove container %s: %v", c.id, err)
		}
	})
	return c
}

func (c *Container) writeBundle(spec ContainerSpec) error {
	root := filepath.Join(c.bundle, "rootfs")
	if err := os.Mkdir(root, 0o755); err != nil {
		return err
	}
	if err := copyFile(filepath.Join(root, filepath.Base(spec.Binary)), spec.Binary); err != nil {
		return err
	}
	text, err := json.Marshal(ociConfig(c.id, c.Version, spec))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(c.bundle, "config.json"), text, 0o600)
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() // Read only.
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// Start runs the container; Output tells how far it is.
func (c *Container) Start(t testing.TB) {
	t.Helper()
	// It is kept after its end, since its counters go with its cgroup.
	run := c.runc("run", "--keep", "--bundle", c.bundle, c.id)
	run.Stdout, run.Stderr = &c.out, &c.out
	run.WaitDelay = 5 * time.Second
	if err := run.Start(); err != nil {
		t.Fatalf("kerneltest: runc: %v", err)
	}
	c.run, c.waited = run, make(chan struct{})
	go func() {
		defer close(c.waited)
		c.waitErr = run.Wait()
	}()
}

// Wait waits for the end of the container.
func (c *Container) Wait(t testing.TB) Exit {
	t.Helper()
	select {
	case <-c.waited:
	case <-time.After(containerTime):
		t.Fatalf("kerneltest: the container still runs after %v; its output:\n%s", containerTime, c.Output())
	}
	var failed *exec.ExitError
	if c.waitErr != nil && !errors.As(c.waitErr, &failed) {
		t.Fatalf("kerneltest: runc: %v", c.waitErr)
	}
	kills, err := memcg.OOMKills(c.CgroupDir, c.Version)
	if err != nil {
		t.Fatalf("kerneltest: the container did not start: %v; its output:\n%s", err, c.Output())
	}
	return Exit{Code: c.run.ProcessState.ExitCode(), OOMKills: kills}
}

// WaitOutput waits until the output contains the text.
func (c *Container) WaitOutput(t testing.TB, text string) {
	t.Helper()
	for deadline := time.Now().Add(containerTime); !strings.Contains(c.Output(), text); time.Sleep(5 * time.Millisecond) {
		ended := false
		select {
		case <-c.waited:
			ended = true
		default:
		}
		if strings.Contains(c.Output(), text) {
			return
		}
		if ended || time.Now().After(deadline) {
			t.Fatalf("kerneltest: the container (ended: %v) did not print %q; its output:\n%s", ended, text, c.Output())
		}
	}
}

// Output is what the container has written to both of its outputs so far.
func (c *Container) Output() string { return c.out.String() }

// tell logs what may explain a failure: how the container stands with its
// memory, where the kernel holds it up, and, from a Go program that still runs,
// its goroutines, which is its end.
func (c *Container) tell(t testing.TB) {
	if c.run == nil {
		return
	}
	for _, name := range []string{"memory.usage_in_bytes", "memory.failcnt", "memory.oom_control", "memory.current", "memory.events"} {
		if text, err := os.ReadFile(filepath.Join(c.CgroupDir, name)); err == nil {
			t.Logf("%s: %s", name, text)
		}
	}
	for _, stack := range c.blocked() {
		t.Log(stack)
	}
	ended := fmt.Sprintf("was told to quit after %d bytes of output", len(c.Output()))
	select {
	case <-c.waited:
		ended = "had ended"
	default:
		if out, err := c.runc("kill", c.id, "QUIT").CombinedOutput(); err != nil {
			t.Logf("%v: %s", err, out)
		}
		select {
		case <-c.waited:
		case <-time.After(cleanupTime):
		}
	}
	const enough = 32 << 10
	said := c.Output()
	t.Logf("container %s %s; its output:\n%s", c.id, ended, said[max(0, len(said)-enough):])
}

// blocked are the kernel's stacks of threads in uninterruptible sleep.
func (c *Container) blocked() []string {
	var stacks []string
	pids, _ := os.ReadFile(filepath.Join(c.CgroupDir, "cgroup.procs")) // It may be gone.
	for _, pid := range strings.Fields(string(pids)) {
		threads, _ := filepath.Glob(filepath.Join("/proc", pid, "task", "*")) // The pattern is good.
		for _, thread := range threads {
			// A thread may end meanwhile.
			status, _ := os.ReadFile(filepath.Join(thread, "status"))
			stack, _ := os.ReadFile(filepath.Join(thread, "stack"))
			if strings.Contains(string(status), "State:\tD") {
				stacks = append(stacks, thread+":\n"+string(stack))
			}
		}
	}
	return stacks
}

// Kill sends the container's first process a signal.
func (c *Container) Kill(t testing.TB, signal syscall.Signal) {
	t.Helper()
	c.mustRunc(t, "kill", c.id, strconv.Itoa(int(signal)))
}

// SetLimit resizes the memory of the running container, as an in-place resize
// of a pod does.
func (c *Container) SetLimit(t testing.TB, n int64) {
	t.Helper()
	args := []string{"update", "--memory", strconv.FormatInt(n, 10)}
	if hasSwap() {
		args = append(args, "--memory-swap", strconv.FormatInt(n, 10))
	}
	c.mustRunc(t, append(args, c.id)...)
}

func (c *Container) mustRunc(t testing.TB, args ...string) {
	t.Helper()
	if out, err := c.runc(args...).CombinedOutput(); err != nil {
		t.Fatalf("kerneltest: runc %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func (c *Container) runc(args ...string) *exec.Cmd {
	return exec.Command("runc", append([]string{"--root", c.state}, args...)...)
}

// cleanupTime bounds the removal of a container.
const cleanupTime = 20 * time.Second

// remove deletes by name, whatever state the container is in, and leaves the
// kernel time to end what was killed.
func (c *Container) remove() error {
	if c.run == nil {
		return nil
	}
	deadline := time.Now().Add(cleanupTime)
	out, err := c.runc("delete", "--force", c.id).CombinedOutput()
	for err != nil && time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
		out, err = c.runc("delete", "--force", c.id).CombinedOutput()
	}
	if err != nil {
		return errors.New(string(out))
	}
	select {
	case <-c.waited:
	case <-time.After(time.Until(deadline)):
		return errors.Join(errors.New("runc does not end"), c.run.Process.Kill())
	}
	return nil
}
