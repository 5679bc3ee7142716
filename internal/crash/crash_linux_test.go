package crash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const childEnv = "CRASH_TEST_DIE"

// deaths are the ways in which the child dies.
var deaths = map[string]func(){
	"string":        func() { panic("boom") },
	"error":         func() { panic(fmt.Errorf("wrapped: %w", io.ErrUnexpectedEOF)) },
	"custom type":   func() { panic(struct{ code int }{7}) },
	"nil":           func() { fail(nil) },
	"index":         func() { _ = []int{1}[len(os.Args)+5] },
	"goroutine":     func() { go failElsewhere(); select {} },
	"repanicked":    func() { defer func() { panic(recover()) }(); panic("first") },
	"second panic":  func() { defer func() { panic("second") }(); panic("first") },
	"several lines": func() { panic("one\ntwo\n\ngoroutine 1 [running]:\nfatal error: not so") },
	"fatal in text": func() { panic("fatal error: not at all") },
	"map":           corrupt,
	"deadlock":      func() { debug.SetGCPercent(-1); select {} },
	"stack":         func() { debug.SetMaxStack(1 << 20); os.Exit(deeper(0)) },
	"memory":        refuse,
	"max threads":   func() { debug.SetMaxThreads(20); threads() },
	"no process":    func() { oneProcess(); threads() },
	"mutex":         func() { new(sync.Mutex).Unlock() },
	"quit":          func() { kill(syscall.SIGQUIT) },
	"abort":         func() { kill(syscall.SIGABRT) },
	"exit":          func() { os.Exit(3) },
	"log.Fatal":     func() { log.Fatal("no") },
	"killed":        func() { kill(syscall.SIGKILL) },
}

//go:noinline
func fail(p *int) { *p = 1 }

//go:noinline
func failElsewhere() { panic("elsewhere") }

//go:noinline
func deeper(n int) int {
	if n < 0 {
		return 0
	}
	return deeper(n+1) + n
}

func corrupt() {
	m := map[int]int{}
	for range 8 {
		go func() {
			for i := 0; ; i++ {
				m[i%64] = i
			}
		}()
	}
	time.Sleep(time.Minute)
}

var kept [][]byte

// refuse takes more than the kernel may give.
func refuse() {
	limit := unix.Rlimit{Cur: 2 << 30, Max: 2 << 30}
	if err := unix.Setrlimit(unix.RLIMIT_AS, &limit); err != nil {
		os.Exit(9)
	}
	for {
		kept = append(kept, make([]byte, 64<<20))
	}
}

// threads wants more of them than there may be.
func threads() {
	for range 200 {
		go func() {
			runtime.LockOSThread()
			time.Sleep(time.Minute)
		}()
		time.Sleep(time.Millisecond)
	}
}

// oneProcess takes from this one the right to have threads: the limit is for
// everybody but root.
func oneProcess() {
	const nobodyElse = 54321
	limit := unix.Rlimit{Cur: 1, Max: 1}
	if err := errors.Join(unix.Setrlimit(unix.RLIMIT_NPROC, &limit), syscall.Setuid(nobodyElse)); err != nil {
		os.Exit(9)
	}
}

func kill(s syscall.Signal) {
	_ = syscall.Kill(os.Getpid(), s)
	time.Sleep(time.Minute)
}

func TestMain(m *testing.M) {
	if path := os.Getenv(probeEnv); path != "" {
		os.Exit(probe(path))
	}
	if path := os.Getenv(ownEnv); path != "" {
		dieWithOwn(path)
	}
	if how := os.Getenv(childEnv); how != "" {
		f, err := os.OpenFile(os.Args[1], os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			os.Exit(9)
		}
		if _, err := Install(f); err != nil {
			os.Exit(9)
		}
		deaths[how]()
		os.Exit(9)
	}
	os.Exit(m.Run())
}

// die lets a child die and gives what its runtime said.
func die(t *testing.T, how string, env ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "crash.txt")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if how == "deadlock" || how == "memory" || how == "no process" {
		skipRace(t) // The last has C make threads, and abort.
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], path)
	cmd.Env = append(append(os.Environ(), childEnv+"="+how), env...)
	err := cmd.Run()
	if err == nil || cmd.ProcessState.ExitCode() == 9 {
		t.Fatalf("%s: it did not die of that: %v", how, err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// skipRace skips ends that are others with the race detector, which has
// threads and memory of its own.
func skipRace(t *testing.T) {
	t.Helper()
	info, _ := debug.ReadBuildInfo()
	if info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		t.Skip("built with the race detector")
	}
}

func TestDeaths(t *testing.T) {
	for how, want := range map[string]struct {
		kind     Kind
		message  string
		function string
	}{
		"string":        {Panic, "boom", ".init.func1"},
		"error":         {Panic, "wrapped: unexpected EOF", ""},
		"custom type":   {Panic, "struct { code int }", ""},
		"nil":           {Panic, "nil pointer dereference", "crash.fail"},
		"index":         {Panic, "index out of range", ""},
		"goroutine":     {Panic, "elsewhere", "crash.failElsewhere"},
		"repanicked":    {Panic, "first", ""},
		"second panic":  {Panic, "second", ""},
		"several lines": {Panic, "one", ""},
		"fatal in text": {Panic, "fatal error: not at all", ""},
		"map":           {FatalError, "concurrent map access", "crash.corrupt"},
		"stack":         {FatalError, "stack overflow", "crash.deeper"},
		"memory":        {FatalError, "out of memory", "crash.refuse"},
		"max threads":   {FatalError, "debug.SetMaxThreads", ""},
		"no process":    {FatalError, "no further thread", ""},
		"mutex":         {FatalError, "misuse of a lock", "crash."},
		"deadlock":      {FatalError, "deadlock", ""},
		"quit":          {Signal, "SIGQUIT: quit", ""},
		"abort":         {Signal, "SIGABRT: abort", ""},
		"exit":          {},
		"log.Fatal":     {},
		"killed":        {},
	} {
		t.Run(how, func(t *testing.T) {
			if how == "no process" && os.Geteuid() != 0 {
				t.Skip("only root can become somebody with no process")
			}
			text := die(t, how)
			r, ok, err := Parse(bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			if want.kind == "" {
				if ok {
					t.Errorf("said %+v", r)
				}
				return
			}
			if !ok || r.Kind != want.kind || !strings.Contains(r.Message, want.message) || !strings.Contains(r.Function, want.function) {
				t.Errorf("%+v, want %+v; the text:\n%.700s", r, want, text)
			}
			if r.OutOfMemory != (how == "memory") || r.Bytes != int64(len(text)) || r.Function != "" && r.Line == 0 {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestTracebackLevels(t *testing.T) {
	for _, level := range []string{"none", "single", "all", "system", "crash"} {
		r, ok, err := Parse(bytes.NewReader(die(t, "nil", "GOTRACEBACK="+level)))
		if err != nil || !ok || r.Kind != Panic || !strings.Contains(r.Message, "nil pointer") {
			t.Errorf("%s: %+v, %v", level, r, err)
		}
		if level != "none" && !strings.HasSuffix(r.Function, "crash.fail") {
			t.Errorf("%s: in %q", level, r.Function)
		}
	}
}

func TestCutAnywhere(t *testing.T) {
	text := die(t, "map")
	for n := range min(len(text), 3000) {
		r, ok, err := Parse(bytes.NewReader(text[:n]))
		if err != nil || ok && r.Kind == "" {
			t.Fatalf("at %d: %+v, %v", n, r, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("panic: boom\n\ngoroutine 1 [running]:\nmain.f(...)\n\t/a/b.go:12 +0x1f\n")
	f.Add("fatal error: concurrent map writes\n\ngoroutine 1 gp=0x1 m=0 mp=0x2 [running]:\nmain.f()\n\tb.go:1 fp=0x1\n")
	f.Add("SIGQUIT: quit\nPC=0x1 m=0 sigcode=0\n")
	f.Add("\x00\xff(((\n\t\ngoroutine :\n\t:\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, ok, err := Parse(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{r.Message, r.Goroutine, r.Function, r.File} {
			if len(s) > maxLine || strings.Contains(s, "\n") {
				t.Errorf("%q", s)
			}
		}
		if ok && r.Kind == "" {
			t.Errorf("%+v", r)
		}
	})
}

func TestHugeOutput(t *testing.T) {
	r, ok, err := Parse(io.MultiReader(strings.NewReader("panic: boom\n"), strings.NewReader(strings.Repeat("x", 10<<20))))
	if err != nil || !ok || r.Message != "boom" || !r.Truncated || r.Bytes != maxText {
		t.Errorf("%+v, %v", r, err)
	}
	if _, _, err := Parse(errorReader{}); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}

type errorReader struct{}

func (errorReader) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

// links are what the descriptors of this process lead to, with how many of each.
func links(t *testing.T) map[string]int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			out[target]++
		}
	}
	return out
}

func newFile(t *testing.T) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "crash")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func set(t *testing.T, f *os.File) {
	t.Helper()
	if err := debug.SetCrashOutput(f, debug.CrashOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestInstallAndRemove(t *testing.T) {
	for range 20 {
		before := links(t)
		f := newFile(t)
		o, err := Install(f)
		if err != nil {
			t.Fatal(err)
		}
		if n := links(t)[f.Name()]; n != 2 {
			t.Fatalf("%d descriptors of the file, want its own and the runtime's", n)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(o.Remove(), o.Remove(), (*Output)(nil).Remove()); err != nil {
			t.Fatal(err)
		}
		if after := links(t); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Fatalf("descriptors %v, before %v", after, before)
		}
	}
}

func TestOutputOfTheApplicationStays(t *testing.T) {
	defer set(t, nil)
	file := newFile(t)
	set(t, file)
	if o, err := Install(newFile(t)); !errors.Is(err, ErrTaken) || o != nil {
		t.Fatalf("%v, %v", o, err)
	}
	if n := links(t)[file.Name()]; n != 2 {
		t.Errorf("%d descriptors of the application's file, want its own and the runtime's", n)
	}

	r, w, err := os.Pipe() // to a monitor
	if err != nil {
		t.Fatal(err)
	}
	set(t, w)
	if _, err := Install(newFile(t)); !errors.Is(err, ErrTaken) {
		t.Errorf("pipe: %v", err)
	}
	set(t, nil)
	if err := errors.Join(w.Close(), r.SetReadDeadline(time.Now().Add(10*time.Second))); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("a duplicate of the pipe is left: %v", err)
	}
	_ = r.Close()
}

func TestOutputSetLaterStays(t *testing.T) {
	defer set(t, nil)
	o, err := Install(newFile(t))
	if err != nil {
		t.Fatal(err)
	}
	later := newFile(t)
	set(t, later)
	if err := o.Remove(); err != nil {
		t.Fatal(err)
	}
	if n := links(t)[later.Name()]; n != 2 {
		t.Errorf("%d descriptors of the application's file, want its own and the runtime's", n)
	}
}

// Stop leaves it where it is while a panic goes on, which may be recovered.
func TestOurOwnIsReplaced(t *testing.T) {
	first, second := newFile(t), newFile(t)
	left, err := Install(first)
	if err != nil {
		t.Fatal(err)
	}
	o, err := Install(second)
	if err != nil {
		t.Fatal(err)
	}
	if err := left.Remove(); err != nil {
		t.Fatal(err)
	}
	if n := links(t); n[first.Name()] != 1 || n[second.Name()] != 2 {
		t.Errorf("%d and %d descriptors, want 1 and 2", n[first.Name()], n[second.Name()])
	}
	if err := o.Remove(); err != nil {
		t.Error(err)
	}
}

func TestTooManyDescriptors(t *testing.T) {
	f := newFile(t)
	for range maxDescriptors {
		fd, err := unix.Dup(int(f.Fd()))
		if err != nil {
			t.Skip("cannot open so many: ", err)
		}
		t.Cleanup(func() { _ = unix.Close(fd) })
	}
	if _, err := Install(f); !errors.Is(err, ErrTooManyDescriptors) {
		t.Error(err)
	}
}

func BenchmarkInstall(b *testing.B) {
	f, err := os.CreateTemp(b.TempDir(), "crash")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		o, err := Install(f)
		if err != nil {
			b.Fatal(err)
		}
		if err := o.Remove(); err != nil {
			b.Fatal(err)
		}
	}
}
