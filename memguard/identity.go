package memguard

import (
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/memguard-dev/go-memguard/internal/blackbox"
)

// envResource is OpenTelemetry's own variable. Kubernetes has no downward API
// for a container's name, so manifests put it there.
const envResource = "OTEL_RESOURCE_ATTRIBUTES"

// identify says who this process is, for its successor to know its own.
func identify(start time.Time) (blackbox.Header, error) {
	resource := resourceAttributes(os.Getenv(envResource))
	h := blackbox.Header{
		Run: blackbox.NewRun(start, os.Getpid()), Start: start, PID: os.Getpid(),
		Build: buildName(), Pod: resource["k8s.pod.name"], Container: resource["k8s.container.name"],
	}
	if path, err := os.Executable(); err == nil {
		h.Program = filepath.Base(path)
	} else {
		h.Program = filepath.Base(os.Args[0])
	}
	if h.Pod == "" {
		// A pod's host name is its name; without one the box does without.
		h.Pod, _ = os.Hostname()
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

// resourceAttributes reads "key=value,key=value" with values percent-encoded.
func resourceAttributes(text string) map[string]string {
	out := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			continue
		}
		value = strings.TrimSpace(value)
		if plain, err := url.PathUnescape(value); err == nil {
			value = plain
		}
		out[strings.TrimSpace(key)] = value
	}
	return out
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
