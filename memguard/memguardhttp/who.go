package memguardhttp

import (
	"os"
	"path/filepath"
	"strings"
)

// who is the program and where it runs.
func who() string {
	parts := []string{filepath.Base(os.Args[0])}
	for _, name := range []string{"POD_NAMESPACE", "POD_NAME"} {
		if text := os.Getenv(name); text != "" {
			parts = append(parts, text)
		}
	}
	if len(parts) == 1 {
		if host, err := os.Hostname(); err == nil {
			parts = append(parts, host)
		}
	}
	return strings.Join(parts, " · ")
}
