package heapdump

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/memguard-dev/go-memguard/internal/heapprofile"
)

// armedDisk is a temporary directory, if its file system has files without a name.
func armedDisk(t testing.TB) (string, *Store) {
	t.Helper()
	dir := t.TempDir()
	s := testStore(t, dir, Options{}, nil)
	arm(t, s)
	if len(s.armed.spares) != maxSpares {
		t.Skip("no O_TMPFILE in ", dir)
	}
	return dir, s
}

// Nothing is allocated between the request and the name of the profile.
func TestUrgentAllocatesNothing(t *testing.T) {
	dir, s := armedDisk(t)
	var before, after runtime.MemStats
	least := ^uint64(0)
	for i := range 8 {
		arm(t, s)
		s.edge.gc = func() {} // The runtime's own is not what is measured.
		for _, stage := range []Stage{Immediate, Fresh} {
			req := Request{
				Time: noon.Add(time.Duration(i) * time.Second), Stage: stage, Urgent: true,
				Describe: func(*Request) { runtime.ReadMemStats(&after) },
			}
			ctx := t.Context()
			runtime.ReadMemStats(&before)
			if d, err := s.Capture(ctx, req); err != nil || d.Path == "" {
				t.Fatalf("%+v, %v", d, err)
			}
			// The least: other goroutines may allocate too.
			least = min(least, after.Mallocs-before.Mallocs)
		}
		finish(t, s, true)
	}
	// What comes after the name and before Describe.
	later := uint64(testing.AllocsPerRun(20, func() { s.moved() }))
	t.Logf("%d allocations before Describe, %d of them after the name", least, later)
	if least > later {
		t.Errorf("%d allocations, %d of them after the name", least, later)
	}

	// The inner part, exactly.
	const runs = 20
	for range runs + 1 {
		f, path, err := s.dir.unnamed(s.armed.space)
		if err != nil {
			t.Fatal(err)
		}
		s.armed.spares = append(s.armed.spares, spare{f, path, s.armed.space})
	}
	c := &s.current
	at, ctx := noon.Add(time.Hour), t.Context()
	files := make([]written, 0, runs+1)
	if n := testing.AllocsPerRun(runs, func() {
		at = at.Add(time.Second)
		*c = capture{Store: s, ctx: ctx, req: Request{Time: at, Stage: Immediate, Urgent: true}}
		w, ok := c.linkArmed()
		if !ok {
			t.Fatal("not ready")
		}
		files = append(files, w)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	for _, w := range files {
		if err := w.file.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, name := range listing(t, dir) {
		if strings.HasSuffix(name, plainSuffix) {
			parseProfileFile(t, filepath.Join(dir, name))
		}
	}
}

// blocks is what the file takes on its volume, in bytes.
func blocks(t testing.TB, path string) int64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Blocks * 512
}

// Space set aside is given back, whichever way the file is let go.
func TestSpaceIsGivenBack(t *testing.T) {
	for kind, dir := range map[Kind]func(*testing.T) string{
		Disk:  func(t *testing.T) string { return t.TempDir() },
		Tmpfs: func(t *testing.T) string { return smallDisk(t, 4096) },
	} {
		for name, let := range map[string]func(*Store) error{
			"finish without symbols": func(s *Store) error { return s.Finish(t.Context(), false) },
			"finish":                 func(s *Store) error { return s.Finish(t.Context(), true) },
			"close":                  (*Store).Close,
			"too many wait": func(s *Store) error {
				for i := range maxWaiting {
					_, err := s.Capture(t.Context(), Request{Time: noon.Add(time.Duration(i+1) * time.Second), Urgent: true})
					if err != nil {
						return err
					}
				}
				return nil
			},
		} {
			t.Run(string(kind)+" "+name, func(t *testing.T) {
				s := testStore(t, dir(t), Options{Keep: 100}, nil)
				arm(t, s)
				if len(s.armed.spares) == 0 {
					t.Skip("no O_TMPFILE")
				}
				s.armed.space = 1 << 20 // As if the profile had been that large.
				if err := s.armed.makeReady(&s.dir); err != nil {
					t.Fatal(err)
				}
				d := urgent(t, s, Request{Time: noon})
				if got := blocks(t, d.Path); got < 1<<20 {
					t.Fatalf("%d bytes set aside for a profile of %d", got, d.Bytes)
				}
				if err := let(s); err != nil {
					t.Fatal(err)
				}
				info, err := os.Stat(d.Path)
				if err != nil {
					t.Fatal(err)
				}
				if got := blocks(t, d.Path); got > info.Size()+8192 {
					t.Errorf("the file has %d bytes and takes %d", info.Size(), got)
				}
			})
		}
	}
}

// What is added after Arm finds its space when it is armed again.
func TestSpaceGrows(t *testing.T) {
	_, s := armedDisk(t)
	space := func() int64 {
		var least int64 = 1 << 60
		for _, spare := range s.armed.spares {
			var st unix.Stat_t
			if err := unix.Fstat(int(spare.file.Fd()), &st); err != nil {
				t.Fatal(err)
			}
			least = min(least, st.Blocks*512)
		}
		return least
	}
	before, want := space(), s.armed.space
	if before < want {
		t.Errorf("%d bytes of space for a profile of %d", before, want)
	}
	s.armed.records = 1 // As if it had been armed long ago.
	for i := range s.armed.spares {
		s.armed.spares[i].space = 1
		if err := s.armed.spares[i].file.Truncate(0); err != nil {
			t.Fatal(err)
		}
	}
	if got := space(); got != 0 {
		t.Fatalf("%d bytes of space are left", got)
	}
	arm(t, s)
	if after := space(); after < s.armed.space || s.armed.space < want {
		t.Errorf("%d bytes of space for a profile of %d", after, s.armed.space)
	}
	if n := len(s.armed.spares); n != maxSpares {
		t.Errorf("%d files", n)
	}
}

func TestUrgentLeavesNoDescriptor(t *testing.T) {
	count := func() int { return len(listing(t, "/proc/self/fd")) }
	before := count()
	dir := t.TempDir()
	s, err := Open(dir, Options{Keep: 2})
	if err != nil {
		t.Fatal(err)
	}
	open := count()
	for i := range 4 {
		arm(t, s)
		if got := count(); got > open+maxSpares {
			t.Errorf("armed: %d descriptors, before %d", got, open)
		}
		for j := range 10 {
			urgent(t, s, Request{Stage: Fresh, Goroutines: j%2 == 0})
		}
		if got := count(); got > open+maxWaiting {
			t.Errorf("%d descriptors wait, bound is %d", got-open, maxWaiting)
		}
		finish(t, s, i%2 == 0)
		if err := s.Disarm(); err != nil {
			t.Error(err)
		}
		if got := count(); got != open {
			t.Errorf("disarmed: %d descriptors, before %d", got, open)
		}
	}
	arm(t, s)
	urgent(t, s, Request{})
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if after := count(); after != before {
		t.Errorf("closed: %d descriptors, before %d", after, before)
	}
}

// childEnv makes the test binary be a process of its own: the mode, then the directory.
const childEnv = "HEAPDUMP_TEST_ARMED"

// child is one that runs TestArmedChild.
func child(t testing.TB, mode, dir string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestArmedChild$", "-test.v")
	cmd.Env = append(os.Environ(), childEnv+"="+mode+" "+dir)
	return cmd
}

// TestArmedChild is what children run: see child.
func TestArmedChild(t *testing.T) {
	mode, dir, ok := strings.Cut(os.Getenv(childEnv), " ")
	if !ok {
		t.Skip("is run by other tests in a process of its own")
	}
	modes := map[string]func(*testing.T, string){
		"wait": childWaits, "race": childRaces, "noproc": childWithoutProc, "need": childNeeds, "disarm": childDisarms,
	}
	if answers, ok := strings.CutPrefix(mode, "refuse:"); ok {
		childRefused(t, dir, answers)
		return
	}
	modes[mode](t, dir)
}

func runChild(t testing.TB, mode, dir string) string {
	t.Helper()
	out, err := child(t, mode, dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", mode, err, out)
	}
	return string(out)
}

// childWaits is armed and has a dump waiting when it is killed.
func childWaits(t *testing.T, dir string) {
	s := testStore(t, dir, Options{}, nil)
	arm(t, s)
	urgent(t, s, Request{Time: noon})
	fmt.Println("armed")
	_, _ = bufio.NewReader(os.Stdin).ReadByte() // Until it is killed.
}

func TestKilledWhileArmed(t *testing.T) {
	dir, _ := armedDisk(t)
	for range 3 {
		cmd := child(t, "wait", dir)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "armed"; {
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // Killed is what it says.
	}
	names := listing(t, dir)
	if len(names) != 6 {
		t.Errorf("files %v", names)
	}
	for _, name := range names {
		if _, ok := parseName(name); !ok {
			t.Errorf("left behind: %s", name)
		}
		if strings.HasSuffix(name, plainSuffix) {
			parseProfileFile(t, filepath.Join(dir, name))
		}
	}
	s := testStore(t, dir, Options{}, nil)
	if recovered, err := s.Recover(t.Context()); err != nil || addressesOnly() && len(recovered) != 3 {
		t.Errorf("recovered %v, %v", recovered, err)
	}
}

const raceRounds = 20

// childRaces captures under names that its twin wants too.
func childRaces(t *testing.T, dir string) {
	s := testStore(t, dir, Options{Keep: 1000}, func(e *edges) { e.pid = 1 })
	for i := range raceRounds {
		arm(t, s)
		at := noon.Add(time.Duration(i) * time.Second)
		for _, stage := range []Stage{Immediate, Fresh} {
			if d := urgent(t, s, Request{Time: at, Stage: stage}); d.Path == "" || d.Manifest == "" {
				t.Errorf("dump %+v", d)
			}
		}
		finish(t, s, i%2 == 0)
	}
}

func TestTwoProcessesAtOnce(t *testing.T) {
	dir := t.TempDir()
	var twins []*exec.Cmd
	var said [2]strings.Builder
	for i := range said {
		cmd := child(t, "race", dir)
		cmd.Stdout, cmd.Stderr = &said[i], &said[i]
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		twins = append(twins, cmd)
	}
	for i, cmd := range twins {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v\n%s", err, said[i].String())
		}
	}
	s := testStore(t, dir, Options{}, nil)
	dumps, err := s.List()
	if err != nil || len(dumps) != 2*2*raceRounds {
		t.Fatalf("%d dumps, want %d: %v", len(dumps), 4*raceRounds, err)
	}
	for _, d := range dumps {
		parseProfileFile(t, d.Path)
		if m := readBack(t, d.Manifest); m.Profile != filepath.Base(d.Path) {
			t.Errorf("%s: manifest of %s", d.Path, m.Profile)
		}
	}
	if n := len(listing(t, dir)); n != 2*len(dumps) {
		t.Errorf("%d files", n)
	}
}

// childDisarms tells what Arm and Disarm do to its memory.
func childDisarms(t *testing.T, dir string) {
	manyRecords(t, 30_000)
	s := testStore(t, dir, Options{}, nil)
	before := rssAnon(t)
	began := time.Now()
	arm(t, s)
	took := time.Since(began)
	began = time.Now()
	s.armed.records = 0 // As if there were more.
	arm(t, s)
	again := time.Since(began)
	armed := rssAnon(t)
	if err := s.Disarm(); err != nil {
		t.Error(err)
	}
	after := rssAnon(t)
	// A register or a stack may hold on to it for a while, and to look makes
	// garbage of its own.
	for deadline := time.Now().Add(5 * time.Second); after-before > (armed-before)/2 && time.Now().Before(deadline); {
		debug.FreeOSMemory()
		after = rssAnon(t)
	}
	fmt.Printf("MEASURED %d records: armed %d KiB more in %v (again: %v), disarmed %d KiB more\n",
		heapprofile.Records(), (armed-before)>>10, took.Round(time.Microsecond), again.Round(time.Microsecond), (after-before)>>10)
	if after-before > (armed-before)/2 {
		t.Errorf("armed %d bytes more, disarmed %d", armed-before, after-before)
	}
}

func TestDisarmGivesMemoryBack(t *testing.T) {
	skipRace(t)
	logMeasured(t, runChild(t, "disarm", t.TempDir()))
}

func logMeasured(t testing.TB, out string) {
	t.Helper()
	for line := range strings.Lines(out) {
		if text, ok := strings.CutPrefix(line, "MEASURED "); ok {
			t.Log(strings.TrimSpace(text))
		}
	}
}

// skipRace skips what measures memory: the race detector takes several times
// that for itself.
func skipRace(t testing.TB) {
	t.Helper()
	info, _ := debug.ReadBuildInfo()
	if info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		t.Skip("built with the race detector, which has memory of its own")
	}
}

// rssAnon is the process's own memory, after all garbage is gone.
func rssAnon(t testing.TB) int64 {
	t.Helper()
	debug.FreeOSMemory()
	return status(t, "RssAnon:")
}

func status(t testing.TB, key string) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), key)
	var n int64
	if _, err := fmt.Sscan(rest, &n); !ok || err != nil {
		t.Fatalf("%s in /proc/self/status: %v", key, err)
	}
	return n << 10
}

var heldStacks [][]byte

// stack calls itself along the bits of path: each path is a stack of its own.
//
//go:noinline
func stack(path, depth int) {
	switch {
	case depth == 0:
		heldStacks = append(heldStacks, make([]byte, 48))
	case path&1 == 0:
		stack(path>>1, depth-1)
	default:
		stack(path>>1, depth-1)
	}
}

// manyRecords makes the heap have at least n records, for good.
func manyRecords(t testing.TB, n int) {
	t.Helper()
	const depth = 15
	rate := runtime.MemProfileRate
	runtime.MemProfileRate = 1
	for path := range min(n, 1<<depth) {
		stack(path, depth)
	}
	runtime.MemProfileRate = rate
	runtime.GC()
	runtime.GC()
	if got := heapprofile.Records(); got < n {
		t.Fatalf("%d records, want %d", got, n)
	}
}

// childWithoutProc sees a /proc that is empty: nothing can be linked by it.
func childWithoutProc(t *testing.T, dir string) {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("none", "/proc", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	s := testStore(t, dir, Options{}, nil)
	arm(t, s)
	if n := len(s.armed.spares); n != 0 {
		t.Errorf("%d files are ready", n)
	}
	d := urgent(t, s, Request{Stage: Fresh})
	finish(t, s, true)
	parseProfileFile(t, d.Path)
}

func TestWithoutProc(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: mounts over /proc in a namespace of its own")
	}
	dir := t.TempDir()
	cmd := child(t, "noproc", dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if out, err := cmd.CombinedOutput(); err != nil {
		if errors.Is(err, fs.ErrPermission) {
			t.Skip(err)
		}
		t.Fatalf("%v\n%s", err, out)
	}
	if n := len(listing(t, dir)); n != 2 {
		t.Errorf("%d files, want 2", n)
	}
}
