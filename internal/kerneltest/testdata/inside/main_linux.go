// Inside tells what a program sees in the virtual machine, a line for each
// thing.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
)

func main() {
	exit := flag.Int("exit", 0, "exit code")
	kill := flag.Bool("kill", false, "end by SIGKILL")
	flag.Parse()
	if *kill {
		if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
			fmt.Println(err)
		}
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		fmt.Println(err)
	}
	controllers, err := os.ReadFile("/sys/fs/cgroup/cgroup.controllers")
	if err != nil {
		fmt.Println(err)
	}
	cwd, err := os.Getwd()
	if err != nil {
		fmt.Println(err)
	}
	fmt.Printf("cgroup=%s\n", strings.TrimSpace(string(own)))
	fmt.Printf("memory controller=%v\n", strings.Contains(string(controllers), "memory"))
	fmt.Printf("memory v1=%v\n", exists("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
	fmt.Printf("memory.peak=%v\n", peak())
	fmt.Printf("pressure=%v\n", exists("/proc/pressure/memory"))
	fmt.Printf("data=%s\n", filesystem("/data"))
	fmt.Printf("temp=%s\n", filesystem(os.TempDir()))
	fmt.Printf("cwd=%s\n", cwd)
	fmt.Printf("env=%s\n", os.Getenv("GREETING"))
	fmt.Printf("loopback=%v\n", loopback())
	os.Exit(*exit)
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// peak looks in a child, since the root has no such file.
func peak() bool {
	const root = "/sys/fs/cgroup/"
	if err := os.WriteFile(root+"cgroup.subtree_control", []byte("+memory"), 0); err != nil {
		return false
	}
	dir, err := os.MkdirTemp(root, "inside-")
	if err != nil {
		return false
	}
	found := exists(dir + "/memory.peak")
	return os.Remove(dir) == nil && found
}

func filesystem(dir string) string {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return err.Error()
	}
	if s.Type == 0xef53 {
		return "ext4"
	}
	return fmt.Sprintf("%#x", s.Type)
}

func loopback() bool {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return false
	}
	c, err := net.Dial("tcp", l.Addr().String())
	return err == nil && c.Close() == nil && l.Close() == nil
}
