package memguard

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/memguard-dev/go-memguard/internal/blackbox"
	"github.com/memguard-dev/go-memguard/internal/identity"
)

// identify says who this process is, for its successor to know its own.
func identify(start time.Time) (blackbox.Header, error) {
	// A pod's host name is its name; without one the box does without.
	hostname, _ := os.Hostname()
	h := blackbox.Header{
		Run: blackbox.NewRun(start, os.Getpid()), Start: start, PID: os.Getpid(),
		Build: buildName(), Identity: identity.FromEnvironment(os.Getenv, hostname),
	}
	if path, err := os.Executable(); err == nil {
		h.Program = filepath.Base(path)
	} else {
		h.Program = filepath.Base(os.Args[0])
	}
	var err error
	h.BootID, err = blackbox.BootID()
	return h, err
}

// succeeds tells whether a box was the same program's in the same container.
// Where the container's name is known to only one of them the program decides.
func succeeds(now, before *blackbox.Header) bool {
	if now.Container != "" && before.Container != "" && now.Container != before.Container {
		return false
	}
	return now.Program == before.Program
}

// buildName is the main module, its version and its revision, as far as known.
func buildName() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	parts := []string{info.Main.Path, info.Main.Version}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			parts = append(parts, s.Value[:min(12, len(s.Value))])
		}
	}
	return strings.Join(parts, " ")
}
