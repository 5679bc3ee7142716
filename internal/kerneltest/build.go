package kerneltest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

const modulePath = "github.com/memguard-dev/go-memguard"

// Binary names a program for Build.
type Binary struct {
	Pkg  string   // main package: from the root of the module, or its import path
	Args []string // further arguments of go build
	CGo  bool     // with cgo, linked statically all the same
}

// static are the arguments that link C in.
const static = "-ldflags=-linkmode=external -extldflags=-static"

// name is what the program is called inside the virtual machine.
func (b Binary) name() string {
	name := filepath.Base(b.Pkg)
	if len(b.Args) == 0 {
		return name
	}
	return name + "-" + hash(b.Args...)[:8]
}

func hash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}

var builds sync.Map // of key to func() (string, error)

// Build builds a main package of this repository as a static program
// (CGO_ENABLED=0, with these further arguments of go build), once in a test
// process, and returns its path in the user's cache directory. Inside the
// virtual machine it returns the one built outside.
func Build(t testing.TB, pkg string, args ...string) string {
	t.Helper()
	return Binary{Pkg: pkg, Args: args}.Build(t)
}

// Build is Build for a program that may need cgo.
func (b Binary) Build(t testing.TB) string {
	t.Helper()
	if b.CGo {
		b.Args = append([]string{static}, b.Args...)
		if _, err := exec.LookPath("gcc"); err != nil && os.Getenv(vmBinEnv) == "" {
			Missing(t, "no C compiler: %v", err)
		}
	}
	if dir := os.Getenv(vmBinEnv); dir != "" {
		path := filepath.Join(dir, b.name())
		if _, err := os.Stat(path); err != nil {
			t.Fatalf("kerneltest: %s was not brought into the virtual machine: %v", b.Pkg, err)
		}
		return path
	}
	if runtime.GOOS != "linux" {
		Missing(t, "programs for the rigs run on Linux, this is %s", runtime.GOOS)
	}
	if _, err := exec.LookPath("go"); err != nil {
		Missing(t, "no Go toolchain: %v", err)
	}
	once, _ := builds.LoadOrStore(b.Pkg+"\x00"+strings.Join(b.Args, "\x00"),
		sync.OnceValues(func() (string, error) { return build(b) }))
	path, err := once.(func() (string, error))()
	if err != nil {
		t.Fatalf("kerneltest: %v", err)
	}
	return path
}

func build(b Binary) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, strings.TrimPrefix(strings.TrimPrefix(b.Pkg, modulePath), "/"))
	cache, err := cacheDir("bin", hash(append([]string{dir}, b.Args...)...)[:16])
	if err != nil {
		return "", err
	}
	// One file for each program and its arguments: the go command leaves it
	// alone when it is up to date.
	path := filepath.Join(cache, b.name())
	args := append([]string{"build", "-o", path}, b.Args...)
	return path, goCommand(cache, dir, b.CGo, append(args, ".")...)
}

// goCommand runs the go command in dir for a static linux binary; lock keeps
// other test processes from the same work.
func goCommand(lock, dir string, cgo bool, args ...string) error {
	unlock, err := lockDir(lock)
	if err != nil {
		return err
	}
	defer unlock()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	enabled := "CGO_ENABLED=0"
	if cgo {
		enabled = "CGO_ENABLED=1"
	}
	cmd.Env = append(os.Environ(), enabled, "GOFLAGS=-buildvcs=false", "PWD="+dir)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %s in %s: %w\n%s", strings.Join(args, " "), dir, err, out.String())
	}
	return nil
}

// cacheDir makes a directory of ours below the user's cache.
func cacheDir(elem ...string) (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(append([]string{base, "memguard-kerneltest"}, elem...)...)
	return dir, os.MkdirAll(dir, 0o700)
}

// moduleRoot is found from the working directory, which go test sets to that
// of the package.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module "+modulePath+"\n") {
			return dir, nil
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("the working directory is not inside of module %s", modulePath)
		}
		dir = parent
	}
}
