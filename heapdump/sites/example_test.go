package sites_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"

	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/heapdump/sites"
)

func ExampleTop() {
	dir, err := os.MkdirTemp("", "dumps")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	store, err := heapdump.Open(dir, heapdump.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	cache := make([]byte, 32<<20)
	dump, err := store.Capture(context.Background(), heapdump.Request{Stage: heapdump.Fresh})
	if err != nil {
		log.Print(err)
	}
	runtime.KeepAlive(cache)

	profile, err := os.Open(dump.Path)
	if err != nil {
		log.Fatal(err)
	}
	defer profile.Close()
	top, err := sites.Top(profile, 1)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range top {
		fmt.Printf("%s (%s)\n", s.Function, filepath.Base(s.File))
	}
	// Output: github.com/memguard-dev/go-memguard/heapdump/sites_test.ExampleTop (example_test.go)
}

func ExampleDiff() {
	take := func(name string) *os.File {
		runtime.GC() // A profile shows the heap as of the last one.
		f, err := os.Create(name)
		if err != nil {
			log.Fatal(err)
		}
		if err := pprof.WriteHeapProfile(f); err != nil {
			log.Fatal(err)
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			log.Fatal(err)
		}
		return f
	}
	dir, err := os.MkdirTemp("", "profiles")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	base := take(filepath.Join(dir, "base.pb.gz"))
	defer base.Close()
	cache := make([]byte, 32<<20)
	peak := take(filepath.Join(dir, "peak.pb.gz"))
	defer peak.Close()
	runtime.KeepAlive(cache)

	d, err := sites.Diff(base, peak, 1)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range d.Sites {
		fmt.Printf("%s grew by %d MiB\n", s.Function, s.Bytes>>20)
	}
	// Output: github.com/memguard-dev/go-memguard/heapdump/sites_test.ExampleDiff grew by 32 MiB
}
