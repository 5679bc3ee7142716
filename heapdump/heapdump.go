package heapdump

import (
	"errors"
	"fmt"
	"time"
)

// Stage says when, seen from the last garbage collection, a profile was taken.
type Stage string

const (
	// Immediate is the heap as of the last finished GC, taken at once. What
	// was allocated since is not in it; see [Dump.StaleBytes].
	Immediate Stage = "immediate"
	// Fresh is taken after a GC of its own and is complete.
	Fresh Stage = "fresh"
	// Baseline is the heap as of the last finished GC at an ordinary moment,
	// to hold later ones against. The store remembers the last one of its
	// process: see [Dump.Top].
	Baseline Stage = "baseline"
)

const (
	// DefaultKeep is how many sets a directory keeps.
	DefaultKeep = 8
	// DefaultMaxBytes is how much they may take together.
	DefaultMaxBytes = 256 << 20
)

// maxRun bounds [Options.Run] in bytes.
const maxRun = 256

var (
	// ErrStage reports a stage that Capture does not know.
	ErrStage = errors.New("unknown stage")
	// ErrClosed reports use of a closed store.
	ErrClosed = errors.New("store is closed")
	// ErrTooManyEntries reports a directory with more entries than are ever
	// read (4096). What lies beyond is neither listed nor removed.
	ErrTooManyEntries = errors.New("too many directory entries")
	// ErrTooLarge reports a manifest or a profile beyond the size that is read.
	ErrTooLarge = errors.New("too large")
	// ErrManifest reports a manifest that is malformed or of an unknown version.
	ErrManifest = errors.New("bad manifest")
)

// Options configure a [Store]. The zero value is usable.
type Options struct {
	// Keep is the number of sets kept. 0 is DefaultKeep.
	Keep int
	// MaxBytes is the total size of the sets kept. 0 is DefaultMaxBytes. On
	// Linux it is at most half of the volume, so that old dumps never fill it.
	MaxBytes int64
	// Run names the life of this process in manifests, at most 256 bytes.
	// The default is made of the start time, the process id and a random part.
	Run string
	// GC runs before a Fresh profile and returns when a garbage collection has
	// ended and published its profile. The default is runtime.GC.
	GC func()
}

func (o Options) withDefaults() (Options, error) {
	if o.Keep < 0 {
		return o, fmt.Errorf("heapdump: Keep %d: accepted is a count from 1, or 0 for %d", o.Keep, DefaultKeep)
	}
	if o.MaxBytes < 0 {
		return o, fmt.Errorf("heapdump: MaxBytes %d: accepted is a size from 1, or 0 for %d", o.MaxBytes, DefaultMaxBytes)
	}
	if len(o.Run) > maxRun {
		return o, fmt.Errorf("heapdump: Run has %d bytes: accepted are up to %d", len(o.Run), maxRun)
	}
	if o.Keep == 0 {
		o.Keep = DefaultKeep
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.Run == "" {
		o.Run = thisRun()
	}
	return o, nil
}

// Request says what to capture.
type Request struct {
	// Time is the moment of the crossing. Requests with the same Time make
	// one set. The zero time is now.
	Time time.Time
	// Stage is Immediate, Fresh or Baseline; empty is Immediate.
	Stage Stage
	// Reason is free text for people.
	Reason string
	// Context is marshalled into the manifest under "context", up to 512 KiB.
	Context any
	// Goroutines asks for a goroutine profile beside the heap profile. It
	// stops the world for an instant.
	Goroutines bool
	// Urgent leaves to [Store.Finish] all that may wait: symbols, fsync and
	// retention. After [Store.Arm] the profile is written and named without an
	// allocation.
	Urgent bool
	// Top is how many sites to name in [Dump.Top] and the manifest; at most 100.
	Top int
	// Omitted says why no further stage follows, for the manifest.
	Omitted string
	// Describe sets Reason, Context and Omitted once the profile has its name,
	// so that words cost no time before. nil: they are as above. It must not
	// call methods of the store other than Need.
	Describe func(*Request)
}

// Dump is one complete heap profile and what is known of it.
type Dump struct {
	// Path is the profile. Empty: there is no dump.
	Path string `json:"path"`
	// Manifest and Goroutine are paths; empty if there is no such file.
	Manifest  string `json:"manifest,omitempty"`
	Goroutine string `json:"goroutine,omitempty"`

	Stage  Stage  `json:"stage"`
	Reason string `json:"reason,omitempty"`
	// Time is the moment of the crossing. Without a manifest it is the one in
	// the name.
	Time time.Time `json:"time"`
	// Bytes is the size of the profile's file.
	Bytes int64 `json:"bytes"`
	// Duration is how long the profile took, the GC of a fresh one included.
	Duration time.Duration `json:"duration_ns"`
	// HeapBytes is the size of all heap objects when the profile was taken,
	// dead ones that are not yet swept included. 0 without a manifest.
	HeapBytes uint64 `json:"heap_objects_bytes"`
	// StaleBytes is how much of HeapBytes the last GC did not see: the
	// profile shows none of it. It is the least that is missing, for the
	// profile that the runtime publishes at a GC it started itself shows the
	// heap as of the GC before. Before the first GC a profile shows all.
	// 0 without a manifest.
	StaleBytes uint64 `json:"staleness_bytes"`
	// Run and PID say which process wrote it. Run is empty without a manifest.
	Run string `json:"run,omitempty"`
	PID int    `json:"pid"`
	// Top are the sites that grew most since the baseline of this process, or
	// without one those with most bytes in use, as many as were asked for.
	Top []Site `json:"top,omitempty"`
}

// Site is a line of code and the memory in use that was allocated there, as
// estimated from the sampled allocations: the innermost frame that is not the
// Go runtime's.
type Site struct {
	Function string `json:"function"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Bytes    int64  `json:"inuse_bytes"`
	Objects  int64  `json:"inuse_objects"`
	// Grown is in bytes since the baseline; nil: there is none.
	Grown *int64 `json:"grown_bytes,omitempty"`
}
