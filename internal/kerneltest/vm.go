package kerneltest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/internal/kerneltest/vmwire"
)

// accelEnv names another accelerator of qemu: "kvm" makes a machine of a host
// that has it several times as fast.
const accelEnv = "MEMGUARD_VM_ACCEL"

// VMSpec describes a virtual machine and what is to run in it.
type VMSpec struct {
	Kernel    string            // unpacked kernel package; default $MEMGUARD_KERNEL_DIR, then the user's cache
	Binaries  map[string]string // static programs: name in /bin of the machine → file outside
	Dirs      map[string]string // directory in the machine → directory outside, copied
	Commands  []VMCommand       // run as root, one after the other, in the root cgroup
	MemoryMiB int               // default 1024
	DiskMiB   int               // ext4, the root and /data; default 4096, sparse outside
	Timeout   time.Duration     // of everything; default 5 minutes
	V1        bool              // mount the controllers as cgroup v1, each in its hierarchy
}

// VMCommand is one command; the environment has PATH, HOME and TMPDIR (on the
// disk), MEMGUARD_VM_BIN and these variables.
type VMCommand struct {
	Argv []string
	Env  []string
	Dir  string // default /data
}

// VMResult is how a command ended.
type VMResult struct {
	Output string // both outputs
	Code   int    // exit code; 128 + the signal that killed it
	Took   time.Duration
}

// RunVM boots a real kernel with cgroup v2 in qemu, runs the commands in it and
// returns their results, in their order; the output is logged as it comes. The
// machine has no network but its loopback, and runc when this machine has it.
// Needs qemu-system-x86_64, mkfs.ext4 and a kernel, but neither root nor KVM.
func RunVM(t testing.TB, spec VMSpec) []VMResult {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: boots a virtual machine")
	}
	if InVM() {
		t.Skip("already inside the virtual machine")
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		Missing(t, "the virtual machine runs linux/amd64 programs, this is %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	qemu := findTool(t, "qemu-system-x86_64", "qemu-system-x86")
	mkfs := findTool(t, "mkfs.ext4", "e2fsprogs")
	k := findKernel(t, spec.Kernel)
	init := Build(t, "internal/kerneltest/vminit")
	if spec.MemoryMiB == 0 {
		spec.MemoryMiB = 1024
	}
	if spec.DiskMiB == 0 {
		spec.DiskMiB = 4096
	}
	if spec.Timeout == 0 {
		spec.Timeout = 5 * time.Minute
	}
	dir := t.TempDir()
	disk, initrd := filepath.Join(dir, "disk.img"), filepath.Join(dir, "initrd")
	if err := makeDisk(mkfs, disk, filepath.Join(dir, "root"), spec); err != nil {
		t.Fatalf("kerneltest: disk of the virtual machine: %v", err)
	}
	if err := makeInitrd(initrd, init, k, spec); err != nil {
		t.Fatalf("kerneltest: initramfs of the virtual machine: %v", err)
	}
	// One machine at a time, also of other test processes: it takes every core.
	cache, err := cacheDir("vm")
	if err != nil {
		t.Fatalf("kerneltest: %v", err)
	}
	unlock, err := lockDir(cache)
	if err != nil {
		t.Fatalf("kerneltest: %v", err)
	}
	defer unlock()
	m := machine{t: t, console: filepath.Join(dir, "console"), results: make([]VMResult, len(spec.Commands))}
	ctx, cancel := context.WithTimeout(context.Background(), spec.Timeout)
	defer cancel()
	m.run(ctx, exec.CommandContext(ctx, qemu, qemuArgs(k.image, initrd, disk, m.console, spec.MemoryMiB)...))
	return m.results
}

func qemuArgs(image, initrd, disk, console string, memoryMiB int) []string {
	// Emulation works everywhere; a nested KVM may be there and hang.
	accel := os.Getenv(accelEnv)
	if accel == "" {
		accel = "tcg,thread=multi"
	}
	return []string{
		"-M", "pc", "-accel", accel, "-cpu", "max",
		"-smp", "2", "-m", strconv.Itoa(memoryMiB),
		"-nodefaults", "-display", "none", "-no-reboot", "-nic", "none",
		"-kernel", image, "-initrd", initrd,
		"-append", "console=ttyS0 quiet panic=-1 psi=1 mitigations=off tsc=reliable random.trust_cpu=on",
		"-drive", "file=" + disk + ",if=virtio,format=raw,cache=unsafe",
		"-serial", "file:" + console,
		"-chardev", "stdio,id=events,signal=off", "-serial", "chardev:events",
	}
}

// findTool looks where administrators' programs are too.
func findTool(t testing.TB, name, pkg string) string {
	t.Helper()
	for _, path := range []string{name, "/usr/sbin/" + name, "/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	Missing(t, "no %s (Debian and Ubuntu: apt-get install %s)", name, pkg)
	return ""
}

// machine is one run of qemu.
type machine struct {
	t       testing.TB
	console string // what the kernel says
	results []VMResult
	line    string // output not logged yet, for want of its end
	booted  time.Duration
	failed  []string // what the machine itself could not do
}

func (m *machine) run(ctx context.Context, qemu *exec.Cmd) {
	m.t.Helper()
	var complaints strings.Builder
	qemu.Stderr = &complaints
	qemu.WaitDelay = 5 * time.Second
	events, err := qemu.StdoutPipe()
	if err != nil {
		m.t.Fatalf("kerneltest: %v", err)
	}
	begin := time.Now()
	if err := qemu.Start(); err != nil {
		m.t.Fatalf("kerneltest: %v", err)
	}
	// It is over when the pipe ends, so nothing outlives this function.
	err = vmwire.Receive(events, func(e vmwire.Event) { m.handle(e, time.Since(begin)) })
	if err != nil {
		_ = qemu.Process.Kill() // Wait tells.
	}
	err = errors.Join(ctx.Err(), err, qemu.Wait())
	m.log("\n")
	if err != nil || len(m.failed) > 0 {
		console, readErr := os.ReadFile(m.console)
		m.t.Fatalf("kerneltest: the virtual machine failed after %v: %v %q\nqemu: %s\nits console (%v):\n%s",
			time.Since(begin), err, m.failed, &complaints, readErr, tail(console, 8<<10))
	}
	m.t.Logf("virtual machine: booted in %.1f s, %.1f s in all", m.booted.Seconds(), time.Since(begin).Seconds())
}

func (m *machine) handle(e vmwire.Event, now time.Duration) {
	if e.Command < 0 || e.Command >= len(m.results) {
		m.failed = append(m.failed, fmt.Sprintf("event about command %d", e.Command))
		return
	}
	r := &m.results[e.Command]
	switch {
	case e.Booted:
		m.booted = now
	case e.Error != "":
		m.failed = append(m.failed, e.Error)
	case e.Ended:
		r.Code, r.Took = e.Code, e.Took
	case len(e.Output) > 0:
		r.Output += string(e.Output)
		m.log(string(e.Output))
	}
}

// log logs whole lines, for who watches with -v; a test that fails is told
// with its own output afterwards.
func (m *machine) log(text string) {
	if !testing.Verbose() {
		return
	}
	m.line += text
	if i := strings.LastIndexByte(m.line, '\n'); i >= 0 {
		// A mark would make the output of the tests out here ambiguous.
		if text := strings.TrimSpace(strings.ReplaceAll(m.line[:i], mark, "")); text != "" {
			m.t.Log(text)
		}
		m.line = m.line[i+1:]
	}
}

func tail(text []byte, n int) []byte {
	return text[max(0, len(text)-n):]
}
