package blackbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

const childEnv = "BLACKBOX_TEST_CHILD"

// TestMain makes this binary a process with a box that records until it is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		b := New(Options{Dir: dir, Header: Header{Run: NewRun(time.Now(), os.Getpid()), Start: time.Now(), PID: os.Getpid(), Program: "child"}, Bytes: DefaultBytes, Fault: func(err error) {
			if err != nil {
				os.Exit(2)
			}
		}})
		if err := b.Open(); err != nil {
			fmt.Println(err)
			os.Exit(2)
		}
		go b.Run(context.Background())
		s := benchSample()
		fmt.Println("ready")
		for {
			s.UnixNano = time.Now().UnixNano()
			b.Sample(&s, Full)
			time.Sleep(100 * time.Microsecond)
		}
	}
	os.Exit(m.Run())
}

// startChild gives a process that records into dir.
func startChild(t *testing.T, dir string) (kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	kill = func() {
		once.Do(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
	}
	t.Cleanup(kill)
	said := make([]byte, 100)
	if n, _ := io.ReadAtLeast(out, said, len("ready")); !bytes.HasPrefix(said[:n], []byte("ready")) {
		t.Fatalf("the child says %q", said[:n])
	}
	return kill
}

// lives waits until the child has recorded something.
func lives(t *testing.T, dir string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		boxes, err := filepath.Glob(filepath.Join(dir, boxPrefix+"*"+boxSuffix))
		if err != nil || len(boxes) != 1 {
			t.Fatalf("%v, %v", boxes, err)
		}
		text, err := os.ReadFile(boxes[0])
		if err != nil {
			t.Fatal(err)
		}
		if s, err := parse(text); err == nil && len(s.Samples) > 200 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the child records nothing")
		}
	}
}

func anyone(*Header) bool { return true }

func find(t *testing.T, dir string) []*Dead {
	t.Helper()
	dead, err := FindDead(dir, anyone, 10)
	if err != nil {
		t.Fatal(err)
	}
	return dead
}

// volumes are the file systems that dumps lie on. Each makes one, or ends the
// test where this machine cannot mount it.
var volumes = map[string]func(t *testing.T) string{
	"temporary directory": func(t *testing.T) string { return t.TempDir() },
	"tmpfs":               func(t *testing.T) string { return mount(t, "tmpfs", "size=16m") },
	"overlay": func(t *testing.T) string {
		base := mount(t, "tmpfs", "size=16m")
		for _, d := range []string{"lower", "upper", "work"} {
			if err := os.Mkdir(filepath.Join(base, d), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		return mount(t, "overlay", fmt.Sprintf("lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work", base, base, base))
	},
	"ext4": func(t *testing.T) string { return mountImage(t, "ext4") },
	"xfs":  func(t *testing.T) string { return mountImage(t, "xfs") },
}

func mount(t *testing.T, kind, data string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount(kind, dir, kind, 0, data); err != nil {
		kerneltest.Missing(t, "mount -t %s: %v", kind, err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

func mountImage(t *testing.T, kind string) string {
	t.Helper()
	image, dir := filepath.Join(t.TempDir(), "disk"), t.TempDir()
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 320<<20)); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"mkfs." + kind, "-q", image}, {"mount", "-o", "loop", image, dir}} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			kerneltest.Missing(t, "%v: %v: %s", command, err, out)
		}
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// A process is killed in the middle of recording; the next one finds its box,
// once, with all but the last instant.
func TestBoxSurvivesSIGKILL(t *testing.T) {
	for name, volume := range volumes {
		t.Run(name, func(t *testing.T) {
			dir := volume(t)
			kill := startChild(t, dir)
			if dead := find(t, dir); len(dead) != 0 {
				t.Fatalf("found the box of a living process: %+v", dead)
			}
			lives(t, dir)
			killed := time.Now()
			kill()
			dead := find(t, dir)
			if len(dead) != 1 {
				t.Fatalf("%d boxes", len(dead))
			}
			d := dead[0]
			if again := find(t, dir); len(again) != 0 {
				t.Error("found while somebody else tells of it")
			}
			s, err := d.Story()
			// A kill may end a write between two pages, in the middle of a record.
			if err != nil || s.Torn > 1 || len(s.Samples) < 100 || !s.Stopped.IsZero() {
				t.Fatalf("%d samples, %d torn, stopped %v, %v", len(s.Samples), s.Torn, s.Stopped, err)
			}
			last := s.Samples[len(s.Samples)-1]
			t.Logf("%d samples, the last %v before the kill", len(s.Samples), killed.Sub(last.Time()))
			path, err := d.Tell([]byte("{}\n"))
			if err = errors.Join(err, d.Close()); err != nil {
				t.Fatal(err)
			}
			if text, err := os.ReadFile(path); err != nil || string(text) != "{}\n" {
				t.Errorf("%q, %v", text, err)
			}
			if again := find(t, dir); len(again) != 0 {
				t.Error("found again after it was told")
			}
		})
	}
}

func TestOneOfManyTellsIt(t *testing.T) {
	for range 20 {
		dir := t.TempDir()
		startChild(t, dir)()
		var wg sync.WaitGroup
		var mu sync.Mutex
		told := 0
		for range 4 {
			wg.Go(func() {
				dead, err := FindDead(dir, anyone, 10)
				if err != nil {
					t.Error(err)
				}
				for _, d := range dead {
					if _, err := d.Tell(nil); err != nil {
						t.Error(err)
					}
					mu.Lock()
					told++
					mu.Unlock()
					_ = d.Close()
				}
			})
		}
		wg.Wait()
		if told != 1 {
			t.Fatalf("told %d times", told)
		}
	}
}

// What is planted under a box's name harms nothing and hides nothing.
func TestPlantedFiles(t *testing.T) {
	dir := t.TempDir()
	plant := func(suffix string) string { return filepath.Join(dir, boxPrefix+NewRun(time.Now(), 1)+suffix) }
	garbage := plant(boxSuffix)
	tooShort, tooLong := plant(boxSuffix), plant(boxSuffix)
	whole := realBox(t, 1)
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	err := errors.Join(
		os.WriteFile(garbage, []byte("garbage"), 0o600),
		os.WriteFile(tooShort, whole[:HeadBytes-1], 0o600),
		os.WriteFile(tooLong, whole, 0o600), os.Truncate(tooLong, MaxBytes+1),
		os.WriteFile(elsewhere, realBox(t, 1), 0o600),
		os.Symlink(elsewhere, plant(boxSuffix)),
		unix.Mkfifo(plant(boxSuffix), 0o600),
		os.Mkdir(plant(boxSuffix), 0o700),
		os.WriteFile(filepath.Join(dir, "blackbox-.box"), nil, 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	startChild(t, dir)()
	dead, err := FindDead(dir, anyone, 10)
	if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), filepath.Base(garbage)) {
		t.Errorf("error %v, want one about the garbage", err)
	}
	if len(dead) != 1 {
		t.Errorf("%d boxes, want the child's", len(dead))
	}
	for _, d := range dead {
		_ = d.Close()
	}
	for _, path := range []string{garbage, tooShort, tooLong} {
		if _, err := os.Stat(strings.TrimSuffix(path, boxSuffix) + badSuffix); err != nil {
			t.Errorf("not set aside: %v", err)
		}
	}
}

// A volume that is full, or taken away, costs the file and not the records.
func TestFallsBackToMemory(t *testing.T) {
	dir := mount(t, "tmpfs", "size=128k")
	b := New(Options{Dir: dir, Header: Header{Run: NewRun(time.Now(), 1), Start: time.Now()}, Bytes: DefaultBytes, Fault: func(err error) {
		if err != nil {
			t.Error(err)
		}
	}})
	if err := b.Open(); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("open on a full volume: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left there: %v, %v", entries, err)
	}
	s := benchSample()
	for range 10 {
		b.Sample(&s, Full)
	}
	b.drain()
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, "size=2m"); err != nil {
		t.Fatal(err)
	}
	if err := b.check(); err != nil {
		t.Fatal(err)
	}
	read := func() Story {
		t.Helper()
		f, err := os.Open(filepath.Join(dir, boxPrefix+b.opt.Header.Run+boxSuffix))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		story, err := Read(f)
		if err != nil {
			t.Fatal(err)
		}
		return story
	}
	if n := len(read().Samples); n != 10 {
		t.Errorf("%d samples once there was room, want 10", n)
	}
	// Its space is set aside: what fills the volume later does not matter.
	if err := os.WriteFile(filepath.Join(dir, "ballast"), make([]byte, 4<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	for range 2000 {
		b.Sample(&s, Full)
		b.drain()
	}
	// Removed by somebody: made again.
	if err := errors.Join(os.Remove(filepath.Join(dir, "ballast")), os.Remove(filepath.Join(dir, boxPrefix+b.opt.Header.Run+boxSuffix)), b.check()); err != nil {
		t.Fatal(err)
	}
	if story := read(); story.Samples[len(story.Samples)-1].Seq() != 2010 {
		t.Error("the new file lacks the last sample")
	}
	if err := b.Close(time.Now(), true); err != nil {
		t.Fatal(err)
	}
	if story := read(); story.Panicked.IsZero() || !story.Stopped.IsZero() {
		t.Errorf("%+v", story.State)
	}
}

// stalled is a volume that does not answer until it is let go.
type stalled struct {
	begun, release chan struct{}
	once           sync.Once
	mu             sync.Mutex
	written        int64
}

func (s *stalled) WriteAt(p []byte, _ int64) (int, error) {
	s.once.Do(func() { close(s.begun) })
	<-s.release
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written += int64(len(p))
	return len(p), nil
}
func (*stalled) linked() bool { return true }
func (*stalled) Close() error { return nil }

func TestStalledVolumeStallsNobody(t *testing.T) {
	slow := &stalled{begun: make(chan struct{}), release: make(chan struct{})}
	b := New(Options{Header: Header{Run: NewRun(time.Now(), 1)}, Bytes: MinBytes, Fault: func(error) {}})
	b.target = slow
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		b.Run(ctx)
		close(done)
	}()
	s := benchSample()
	b.Sample(&s, Full)
	<-slow.begun
	const n = 10_000
	for range n {
		b.Sample(&s, Full) // Returns, or the test never ends.
	}
	if got := b.Dropped(); got != n-waiting {
		t.Errorf("%d dropped, want all but %d of %d", got, waiting, n)
	}
	close(slow.release)
	cancel()
	<-done
	if b.queue.front() != nil {
		t.Error("records are left in the queue")
	}
}
