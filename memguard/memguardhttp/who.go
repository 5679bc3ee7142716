package memguardhttp

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/memguard-dev/go-memguard/internal/identity"
)

// who is the program and where it runs, under the names that its dumps have.
func who() string {
	// A pod's host name is its name; without one the page does without.
	hostname, _ := os.Hostname()
	return whoOf(filepath.Base(os.Args[0]), identity.FromEnvironment(os.Getenv, hostname))
}

func whoOf(program string, id identity.Identity) string {
	parts := []string{program}
	for _, name := range []string{id.Namespace, id.Pod, id.Container} {
		if name != "" {
			parts = append(parts, name)
		}
	}
	if id.Node != "" {
		parts = append(parts, "on "+id.Node)
	}
	return strings.Join(parts, " · ")
}
