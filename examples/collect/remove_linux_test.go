package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/blackbox"
	"github.com/memguard-dev/go-memguard/internal/identity"
)

// Only what is of a told run and old enough goes.
func TestDeleteNeedsATaleAndAge(t *testing.T) {
	r := newRig(t, fileBucket(t))
	r.dump(setA, "fresh", runA) // Told.
	r.death(runA)
	r.dump("20201101T115930.000Z-p17", "fresh", runB) // Died, and nobody has told it.
	r.write("blackbox-"+runB+".box", "box")
	r.write("heap-20201101T115931.000Z-p17-fresh.pb", "of nobody known")
	r.dump("20201101T115932.000Z-p18", "fresh", "without a box")
	files := r.volumeFiles()
	all := len(files)
	r.remove = true
	if got := r.once(); got.shipped != all || got.removed != 0 {
		t.Fatalf("young: %v\n%s", got, r.log)
	}
	r.clock = began.Add(2 * time.Hour)
	if got := r.once(); got.removed != 6 || !got.complete() {
		t.Errorf("old: %v\n%s", got, r.log)
	}
	left := map[string]string{}
	for name, text := range files {
		if !strings.Contains(name, setA) && !strings.Contains(name, runA) {
			left[name] = text
		}
	}
	same(t, "volume", r.volumeFiles(), left)
}

// The story proves that a run ended, so it is the last to go.
func TestTheStoryGoesLast(t *testing.T) {
	r := newRig(t, fileBucket(t))
	r.dump(setA, "fresh", runA)
	r.death(runA)
	r.remove, r.clock = true, began.Add(2*time.Hour)
	var seen []int
	r.collector.after = func(step string) {
		if step == "remove" {
			names := r.volumeFiles()
			seen = append(seen, len(names))
			_, story := names["exit-"+runA+".json"]
			if !story && len(names) > 0 {
				t.Errorf("the story went before %v", names)
			}
			_, manifest := names["heap-"+setA+"-fresh.json"]
			if _, profile := names["heap-"+setA+"-fresh.pb"]; profile && !manifest {
				t.Error("the manifest went before its profile")
			}
		}
	}
	r.once()
	if len(seen) != 6 || seen[5] != 0 {
		t.Errorf("left after each removal: %v", seen)
	}
	// While something is left that may be the run's, it stays.
	r = newRig(t, fileBucket(t))
	r.death(runA)
	r.remove, r.clock = true, began.Add(2*time.Hour)
	r.writeAt("heap-"+setA+"-fresh.pb", "new", r.clock)
	if got := r.once(); got.removed != 2 || got.young != 1 {
		t.Errorf("pass: %v", got)
	}
	if _, ok := r.volumeFiles()["exit-"+runA+".json"]; !ok {
		t.Error("the story is gone")
	}
}

// openBox makes the real black box of a living process.
func openBox(t *testing.T, dir, run string) *blackbox.Box {
	t.Helper()
	b := blackbox.New(blackbox.Options{
		Dir: dir, Bytes: blackbox.MinBytes, Fault: func(error) {},
		Header: blackbox.Header{
			Run: run, Start: began, PID: 17, BootID: "boot", Program: "shop",
			Build: "example.org/shop (devel) 0123456789ab", Identity: shop,
		},
	})
	if err := b.Open(); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLivingOwnerKeepsItsBox(t *testing.T) {
	r := newRig(t, fileBucket(t))
	r.remove, r.clock = true, time.Now().Add(3*time.Hour)
	box := openBox(t, r.dir, runA)
	r.write("crash-"+runA+".txt", "")
	r.dump(setA, "fresh", runA)
	for range 3 {
		if got := r.once(); !got.complete() || got.removed != 0 {
			t.Fatalf("pass: %v\n%s", got, r.log)
		}
	}
	if got := r.objects(); len(got) != 3 {
		t.Errorf("shipped of a living run: %d objects", len(got))
	}
	if err := box.Close(time.Time{}, false); err != nil {
		t.Fatal(err)
	}
	// Dead and untold: it is shipped, under the names in the box, and stays.
	r.ships(2)
	files := r.volumeFiles()
	r.holds(below(files))
	if got := r.once(); got.removed != 0 {
		t.Errorf("removed before its end was told: %v", got)
	}
	// What a probe leaves: the next start finds the dead.
	found, err := blackbox.FindDead(r.dir, func(*blackbox.Header) bool { return true }, 8)
	if err != nil || len(found) != 1 {
		t.Fatalf("%d dead found, %v", len(found), err)
	}
	if _, err := found[0].Tell([]byte(exitText(runA))); err != nil {
		t.Fatal(err)
	}
	if err := found[0].Close(); err != nil {
		t.Fatal(err)
	}
	// Another collector makes the same of it: nothing is doubled.
	r.restart()
	if got := r.once(); got.shipped != 1 || got.removed != 6 || !got.complete() {
		t.Errorf("told: %v\n%s", got, r.log)
	}
	files["exit-"+runA+".json"] = exitText(runA)
	r.holds(below(files))
	same(t, "volume", r.volumeFiles(), nil)
}

// The names here are those that the library gives, and its box is read.
func TestNamesAreTheLibrarys(t *testing.T) {
	dir := t.TempDir()
	s, err := heapdump.Open(dir, heapdump.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Capture(t.Context(), heapdump.Request{
		Stage: heapdump.Fresh, Goroutines: true, Context: map[string]identity.Identity{"identity": shop},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	run := blackbox.NewRun(began, os.Getpid())
	if err := openBox(t, dir, run).Close(time.Time{}, false); err != nil {
		t.Fatal(err)
	}
	f, err := blackbox.CreateCrash(dir, run)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.WriteString("panic")
	_ = f.Close()
	r := newRigIn(t, fileBucket(t), dir)
	r.clock = time.Now().Add(time.Hour)
	r.ships(5)
	for key := range r.objects() {
		if !strings.HasPrefix(key, "dumps/prod/shop/") || !strings.Contains(key, "/shop-0/app/") {
			t.Errorf("%s", key)
		}
	}
}

// Memory does not grow with the file.
func TestMemoryIsBounded(t *testing.T) {
	r := newRig(t, fileBucket(t))
	name := "heap-" + setA + "-fresh.pb"
	r.write(name, "")
	path := filepath.Join(r.dir, name)
	if err := os.Truncate(path, 128<<20); err != nil { // Takes no space.
		t.Fatal(err)
	}
	if err := os.Chtimes(path, began, began); err != nil {
		t.Fatal(err)
	}
	var before, after syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &before); err != nil {
		t.Fatal(err)
	}
	r.ships(1)
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &after); err != nil {
		t.Fatal(err)
	}
	if grown := after.Maxrss - before.Maxrss; grown > 64<<10 {
		t.Errorf("128 MiB took %d KiB more memory", grown)
	}
}
