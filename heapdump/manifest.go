package heapdump

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// ManifestVersion is the version of the manifests written. Fields may be
// added within a version; readers ignore those they do not know.
const ManifestVersion = 1

const (
	maxManifest = 1 << 20
	maxContext  = 512 << 10
	maxReason   = 64 << 10
)

// Manifest is the JSON beside a profile. Sizes are in bytes, times in UTC.
type Manifest struct {
	Version int `json:"version"`
	// Run is the life of one process, unlike PID, which containers share. It
	// and HeapBytes stay the first fields: see head.
	Run string `json:"run"`
	// HeapBytes is /memory/classes/heap/objects, LiveHeapBytes /gc/heap/live,
	// both from just before the profile was written. StaleBytes is what the
	// profile does not show, as in [Dump.StaleBytes].
	HeapBytes     uint64 `json:"heap_objects_bytes"`
	LiveHeapBytes uint64 `json:"live_heap_bytes"`
	StaleBytes    uint64 `json:"staleness_bytes"`
	GCCycles      uint64 `json:"gc_cycles"`
	Goroutines    uint64 `json:"goroutines"`

	Stage Stage `json:"stage"`
	// Reason is the request's, cut at 64 KiB.
	Reason string `json:"reason,omitempty"`
	// Time is the moment of the crossing, CapturedAt that at which the
	// capture began; SinceCrossing is from the one to the end of the profile.
	Time          time.Time `json:"time"`
	CapturedAt    time.Time `json:"captured_at"`
	SinceCrossing float64   `json:"since_crossing_seconds"`
	// Duration is how long the profile took, the GC of a fresh one included.
	Duration float64 `json:"duration_seconds"`

	PID      int    `json:"pid"`
	Hostname string `json:"hostname,omitempty"`
	Build    Build  `json:"build"`

	// Top is as in [Dump.Top]; Baseline is the profile that Grown is from.
	Top      []Site `json:"top,omitempty"`
	Baseline string `json:"baseline,omitempty"`
	// Omitted says why no further stage follows this one.
	Omitted string `json:"omitted,omitempty"`

	// Profile is the file beside this one, of ProfileBytes when it was
	// written; symbols that are added later make it larger.
	Profile      string `json:"profile"`
	ProfileBytes int64  `json:"profile_bytes"`
	// GoroutineProfile was asked for. It is written last: if there is no such
	// file, the process came to its end before, or the dump's error said why.
	GoroutineProfile string `json:"goroutine_profile,omitempty"`

	// Context is the caller's. ContextError says why it is missing.
	Context      json.RawMessage `json:"context,omitempty"`
	ContextError string          `json:"context_error,omitempty"`
}

// Build says which program wrote the profile; go tool pprof finds the
// binary's build id in the profile itself.
type Build struct {
	GoVersion   string `json:"go_version"`
	GOOS        string `json:"goos"`
	GOARCH      string `json:"goarch"`
	Module      string `json:"module,omitempty"`
	Version     string `json:"version,omitempty"`
	VCSRevision string `json:"vcs_revision,omitempty"`
	VCSTime     string `json:"vcs_time,omitempty"`
	VCSModified bool   `json:"vcs_modified,omitempty"`
}

var thisBuild = sync.OnceValue(func() Build {
	b := Build{GoVersion: runtime.Version(), GOOS: runtime.GOOS, GOARCH: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Module, b.Version = info.Main.Path, info.Main.Version
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.VCSRevision = s.Value
		case "vcs.time":
			b.VCSTime = s.Value
		case "vcs.modified":
			b.VCSModified = s.Value == "true"
		}
	}
	return b
})

// thisRun is the same for every store of a process. The random part tells
// containers apart that start in the same millisecond.
var thisRun = sync.OnceValue(func() string {
	return fmt.Sprintf("%s-p%d-%08x", time.Now().UTC().Format(timeLayout), os.Getpid(), rand.Uint32())
})

// setContext marshals the caller's value. One that does not marshal costs the
// context, not the manifest.
func (m *Manifest) setContext(v any) {
	if v == nil {
		return
	}
	// Indented as in the file, so that maxContext bounds what is read back.
	text, err := json.MarshalIndent(v, "  ", "  ")
	if err == nil && len(text) > maxContext {
		err = fmt.Errorf("%w: %d bytes, limit %d", ErrTooLarge, len(text), maxContext)
	}
	if err != nil {
		m.ContextError = err.Error()
		return
	}
	m.Context = text
}

// writeTo encodes m as indented JSON.
func (m *Manifest) writeTo(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(m)
}

// ReadManifest reads what Capture wrote beside a profile. Errors are those of
// r, ErrTooLarge (over 1 MiB) and ErrManifest.
func ReadManifest(r io.Reader) (Manifest, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err != nil {
		return Manifest{}, fmt.Errorf("read manifest: %w", err)
	}
	if len(text) > maxManifest {
		return Manifest{}, fmt.Errorf("manifest: %w: limit %d bytes", ErrTooLarge, maxManifest)
	}
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return Manifest{}, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	if m.Version != ManifestVersion {
		return Manifest{}, fmt.Errorf("%w: version %d, known is %d", ErrManifest, m.Version, ManifestVersion)
	}
	return m, nil
}
