package sites_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime"

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
