package heapdump_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime"

	"github.com/memguard-dev/go-memguard/heapdump"
)

func ExampleStore_Capture() {
	dir, err := os.MkdirTemp("", "dumps")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	store, err := heapdump.Open(dir, heapdump.Options{Keep: 4, MaxBytes: 64 << 20})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	dump, err := store.Capture(context.Background(), heapdump.Request{
		Stage:   heapdump.Fresh,
		Reason:  "usage reached 80% of the limit",
		Context: map[string]int64{"limit_bytes": 256 << 20},
	})
	if err != nil {
		log.Print(err) // dump.Path tells whether there is a dump all the same
	}
	fmt.Println(dump.Stage, filepath.Ext(dump.Path), filepath.Ext(dump.Manifest))
	// Output: fresh .gz .json
}

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
	sites, err := heapdump.Top(profile, 1)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range sites {
		fmt.Printf("%s (%s)\n", s.Function, filepath.Base(s.File))
	}
	// Output: github.com/memguard-dev/go-memguard/heapdump_test.ExampleTop (example_test.go)
}
