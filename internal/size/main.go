// Command size tells what memguard.Start adds to a stripped service, and fails
// when it is more than a service should have to carry.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const (
	// goal is what memguard.Start is meant to add, in bytes.
	goal = 500_000
	// held is what it must not exceed until the goal is reached.
	held = 1_760_000
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "size:", err)
		os.Exit(1)
	}
}

func run() error {
	dir, err := os.MkdirTemp("", "memguard-size-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	plain, err := build(dir, "plain")
	if err != nil {
		return err
	}
	guarded, err := build(dir, "guarded")
	if err != nil {
		return err
	}
	growth := guarded - plain
	fmt.Printf("service            %9d bytes\nwith memguard      %9d bytes\ngrowth             %9d bytes (goal %d, held at %d)\n",
		plain, guarded, growth, goal, held)
	if growth > held {
		return fmt.Errorf("memguard.Start adds %d bytes, more than %d", growth, held)
	}
	return nil
}

// build compiles one of the two services as a release would be and returns
// its size. The linker's target is fixed, so that every machine measures the same.
func build(dir, name string) (int64, error) {
	out := filepath.Join(dir, name)
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./"+name)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("build %s: %w", name, err)
	}
	info, err := os.Stat(out)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
