// Look tells what a program sees inside the container, a line for each thing.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	limit := flag.String("limit", "", "the limit to look for")
	flag.Parse()
	fmt.Printf("uid=%d\n", os.Getuid())
	fmt.Printf("pid=%d\n", os.Getpid())
	fmt.Printf("env=%s\n", os.Getenv("GREETING"))
	fmt.Printf("capabilities=%s\n", after("/proc/self/status", "CapEff:"))
	fmt.Printf("cgroup=%s\n", after("/proc/self/cgroup", "0::"))
	for _, name := range []string{"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max"} {
		if text, err := os.ReadFile(name); err == nil {
			fmt.Printf("limit=%s\n", strings.TrimSpace(string(text)))
			fmt.Printf("cgroupfs=%s\n", tryWrite(name, *limit))
		}
	}
	fmt.Printf("root=%s\n", tryWrite("/here", "root"))
	fmt.Printf("volume=%s\n", tryWrite("/var/dumps/here", "volume"))
	const told = "/etc/podinfo/memory_limit"
	text, err := os.ReadFile(told)
	fmt.Printf("podinfo=%s %s\n", text, tryWrite(filepath.Join(filepath.Dir(told), "new"), "podinfo"))
	if err != nil {
		fmt.Println(err)
	}
}

func tryWrite(name, text string) string {
	err := os.WriteFile(name, []byte(text), 0o600)
	switch {
	case err == nil:
		return "written"
	case errors.Is(err, syscall.EROFS):
		return "read-only"
	case errors.Is(err, fs.ErrPermission):
		return "denied"
	}
	return err.Error()
}

// after is the rest of the line that begins with prefix.
func after(name, prefix string) string {
	text, err := os.ReadFile(name)
	if err != nil {
		return err.Error()
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, prefix); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}
