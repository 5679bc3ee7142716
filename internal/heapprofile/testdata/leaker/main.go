// Command leaker leaks in known places and writes its heap in both ways into
// the directory given. It links no other profiler. With a second argument it
// adds symbols to the addresses that an earlier run has left there.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"

	"github.com/memguard-dev/go-memguard/internal/heapprofile"
)

var kept [][]byte

//go:noinline
func leakPlainly() { kept = append(kept, make([]byte, 64<<20)) }

// leakInlined is small enough to be copied into its caller.
func leakInlined(n int) []byte { return make([]byte, n) }

//go:noinline
func callsInlined() { kept = append(kept, leakInlined(32<<20)) }

//go:noinline
func leakDeferred() {
	_ = recover()
	kept = append(kept, make([]byte, 16<<20))
}

func leakReflected() { kept = append(kept, make([]byte, 24<<20)) }

//go:noinline
func panics() {
	defer leakDeferred()
	panic("on purpose")
}

func main() {
	do := run
	if len(os.Args) > 2 {
		do = symbolize
	}
	if err := do(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(dir string) error {
	leakPlainly()
	callsInlined()
	panics()
	reflect.ValueOf(leakReflected).Call(nil)
	runtime.GC()
	e := heapprofile.New()
	e.Prepare(1024)
	addresses, err := os.Create(filepath.Join(dir, "addresses.pb"))
	if err != nil {
		return err
	}
	if err := e.Addresses(addresses); err != nil {
		return err
	}
	symbolized, err := os.Create(filepath.Join(dir, "symbolized.pb"))
	if err != nil {
		return err
	}
	if err := e.Symbolized(symbolized); err != nil {
		return err
	}
	runtime.KeepAlive(kept)
	_, err = fmt.Println(runtime.MemProfileRate)
	return err
}

func symbolize(dir string) error {
	addresses, err := os.Open(filepath.Join(dir, "addresses.pb"))
	if err != nil {
		return err
	}
	recovered, err := os.Create(filepath.Join(dir, "recovered.pb"))
	if err != nil {
		return err
	}
	e := heapprofile.New()
	if err := e.Symbolize(recovered, addresses); err != nil {
		return err
	}
	again, err := os.Create(filepath.Join(dir, "here.pb"))
	if err != nil {
		return err
	}
	return e.Addresses(again) // tells where this run has its code
}
