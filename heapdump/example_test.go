package heapdump_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

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
	// Output: fresh .pb .json
}
