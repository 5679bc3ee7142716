package memguard

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/blackbox"
	"github.com/memguard-dev/go-memguard/internal/quantity"
)

// The environment variables; see the package documentation.
const (
	envSwitch      = "MEMGUARD"
	envThreshold   = "MEMGUARD_THRESHOLD"
	envBasis       = "MEMGUARD_BASIS"
	envMemoryLimit = "MEMGUARD_MEMORY_LIMIT"
	envPodInfo     = "MEMGUARD_PODINFO"
	envDumpDir     = "MEMGUARD_DUMP_DIR"
	envDumpKeep    = "MEMGUARD_DUMP_KEEP"
	envDumpBytes   = "MEMGUARD_DUMP_MAX_BYTES"
	envSizeLimit   = "MEMGUARD_DUMP_SIZE_LIMIT"
	envGoMemLimit  = "MEMGUARD_GOMEMLIMIT"
	envBlackBox    = "MEMGUARD_BLACKBOX"
)

const (
	defaultPodInfo  = "/etc/podinfo"
	defaultKeep     = 8
	defaultMaxBytes = 256 << 20
	defaultRatio    = 0.9
	maxKeep         = 1000
)

// setting is a value and what set it: "default", an option or a variable.
type setting[T any] struct {
	value  T
	origin string
}

// settings is the configuration after options and environment. A bad value
// leaves what was there and is kept in errs.
type settings struct {
	off           bool
	thresholds    setting[[]Threshold]
	basis         setting[Basis]
	memoryLimit   setting[cgroupstat.Value]
	limitIsCount  bool // memoryLimit is written as bytes, as the downward API does
	podInfo       setting[string]
	dumpDir       setting[string]
	keep          setting[int]
	maxBytes      setting[int64]
	sizeLimit     setting[int64]   // of the volume of dumps; 0: none
	ratio         setting[float64] // 0: off
	boxBytes      setting[int64]   // 0: off
	logger        *slog.Logger
	meterProvider metric.MeterProvider
	semconv       bool // container.memory.* too
	// loggerProvider takes events.
	loggerProvider log.LoggerProvider
	errs           []error

	// Seams of the tests; the defaults are the real things.
	locate func() (cgroupstat.Location, error)
	policy policy
	pace   pace
	haste  hastePolicy
	calm   calmPolicy
	now    func() time.Time
	// podInfoEvery is how soon a swap of the downward API volume is seen.
	podInfoEvery time.Duration
	// volumeTimeout is how long Start waits for the volume of the dumps.
	volumeTimeout time.Duration
}

// resolve applies options, then the environment over them.
func resolve(opts []Option, lookup func(string) (string, bool)) *settings {
	s := &settings{
		thresholds:     setting[[]Threshold]{[]Threshold{Percent(80)}, "default"},
		basis:          setting[Basis]{Unreclaimable, "default"},
		podInfo:        setting[string]{"", "default"},
		dumpDir:        setting[string]{"", "default"},
		keep:           setting[int]{defaultKeep, "default"},
		maxBytes:       setting[int64]{defaultMaxBytes, "default"},
		sizeLimit:      setting[int64]{0, "default"},
		ratio:          setting[float64]{defaultRatio, "default"},
		boxBytes:       setting[int64]{blackbox.DefaultBytes, "default"},
		logger:         slog.Default(),
		meterProvider:  otel.GetMeterProvider(),
		loggerProvider: otel.GetLoggerProvider(),
		locate:         cgroupstat.Locate,
		policy:         defaultPolicy,
		pace:           defaultPace,
		haste:          defaultHaste,
		calm:           defaultCalm,
		now:            time.Now,
		podInfoEvery:   time.Second,
		volumeTimeout:  startTimeout,
	}
	for _, o := range opts {
		if o != nil {
			o.apply(s)
		}
	}
	s.environment(lookup)
	return s
}

// environment applies the variables; an empty one counts as not set, as a
// Deployment with an unset value writes it.
func (s *settings) environment(lookup func(string) (string, bool)) {
	for _, v := range []struct {
		name  string
		apply func(name, text string)
	}{
		{envSwitch, s.envSwitch},
		{envThreshold, s.envThreshold},
		{envBasis, s.setBasis},
		{envMemoryLimit, s.envMemoryLimit},
		{envPodInfo, func(name, text string) { s.podInfo = setting[string]{text, name} }},
		{envDumpDir, func(name, text string) { s.dumpDir = setting[string]{text, name} }},
		{envDumpKeep, s.envDumpKeep},
		{envDumpBytes, s.envDumpBytes},
		{envSizeLimit, s.envSizeLimit},
		{envGoMemLimit, s.envGoMemLimit},
		{envBlackBox, s.envBlackBox},
	} {
		if text, ok := lookup(v.name); ok && strings.TrimSpace(text) != "" {
			v.apply(v.name, strings.TrimSpace(text))
		}
	}
}

func (s *settings) fail(origin string, err error) {
	s.errs = append(s.errs, fmt.Errorf("%s: %w", origin, err))
}

func (s *settings) err() error { return errors.Join(s.errs...) }

func (s *settings) envSwitch(name, text string) {
	switch strings.ToLower(text) {
	case "off":
		s.off = true
	case "on":
	default:
		s.fail(name, fmt.Errorf("%.32q: accepted are on and off", text))
	}
}

func (s *settings) envThreshold(name, text string) {
	list, err := parseThresholds(text)
	if err != nil {
		s.fail(name, err)
		return
	}
	s.thresholds = setting[[]Threshold]{list, name}
}

func (s *settings) setThresholds(origin string, list []Threshold) {
	checked, err := checkThresholds(list)
	if err != nil {
		s.fail(origin, err)
		return
	}
	s.thresholds = setting[[]Threshold]{checked, origin}
}

func (s *settings) setBasis(origin, text string) {
	b, err := ParseBasis(text)
	if err != nil {
		s.fail(origin, err)
		return
	}
	s.basis = setting[Basis]{b, origin}
}

func (s *settings) envMemoryLimit(name, text string) {
	n, err := parseMemoryLimit(text)
	if err != nil {
		s.fail(name, err)
		return
	}
	s.memoryLimit, s.limitIsCount = setting[cgroupstat.Value]{cgroupstat.Of(n), name}, isCount(text)
}

// minMemoryLimit is less than what a Go program needs to start: a smaller
// value is a unit forgotten.
const minMemoryLimit = 1 << 20

func parseMemoryLimit(text string) (uint64, error) {
	n, err := quantity.Parse(text)
	if err != nil {
		return 0, err
	}
	return n, checkMemoryLimit(n)
}

func checkMemoryLimit(n uint64) error {
	if n < minMemoryLimit || n > math.MaxInt64 {
		return fmt.Errorf("%d bytes is not between 1Mi and 8Ei: want %s", n, quantity.Accepted)
	}
	return nil
}

func (s *settings) setMemoryLimit(origin string, n uint64) {
	if err := checkMemoryLimit(n); err != nil {
		s.fail(origin, err)
		return
	}
	s.memoryLimit = setting[cgroupstat.Value]{cgroupstat.Of(n), origin}
}

func (s *settings) envDumpKeep(name, text string) {
	n, err := strconv.Atoi(text)
	if err != nil || !s.setKeep(n, name) {
		s.fail(name, fmt.Errorf("%.32q: accepted is a count from 1 to %d", text, maxKeep))
	}
}

func (s *settings) envDumpBytes(name, text string) {
	n, err := quantity.Parse(text)
	if err != nil {
		s.fail(name, err)
		return
	}
	if !s.setMaxBytes(int64(n), name) {
		s.fail(name, fmt.Errorf("%.32q: accepted is a Kubernetes quantity of at least 1Mi", text))
	}
}

func (s *settings) envSizeLimit(name, text string) {
	if err := s.readSizeLimit(name, text); err != nil {
		s.fail(name, err)
	}
}

func (s *settings) readSizeLimit(origin, text string) error {
	n, err := quantity.Parse(text)
	if err != nil {
		return err
	}
	if !s.setSizeLimit(origin, int64(min(n, math.MaxInt64))) {
		return fmt.Errorf("%.32q: accepted is a Kubernetes quantity of at least 2Mi", text)
	}
	return nil
}

func (s *settings) setSizeLimit(origin string, n int64) bool {
	if n < minSizeLimit {
		return false
	}
	s.sizeLimit = setting[int64]{n, origin}
	return true
}

// minSizeLimit leaves room for one dump.
const minSizeLimit = 2 << 20

// budget is what may be kept in the dump directory. The kubelet evicts a pod
// whose volume is over its size limit, so a part of that stays free: for files
// being written, and for others in the volume.
func (s *settings) budget() int64 {
	if s.sizeLimit.value == 0 {
		return s.maxBytes.value
	}
	return min(s.maxBytes.value, s.sizeLimit.value/5*4)
}

func (s *settings) setRetention(origin string, keep int, maxBytes int64) {
	if !s.setKeep(keep, origin) {
		s.fail(origin, fmt.Errorf("keep %d: accepted is a count from 1 to %d", keep, maxKeep))
	}
	if !s.setMaxBytes(maxBytes, origin) {
		s.fail(origin, fmt.Errorf("%d bytes: accepted is at least 1 MiB", maxBytes))
	}
}

func (s *settings) setKeep(n int, origin string) bool {
	if n < 1 || n > maxKeep {
		return false
	}
	s.keep = setting[int]{n, origin}
	return true
}

func (s *settings) setMaxBytes(n int64, origin string) bool {
	if n < 1<<20 {
		return false
	}
	s.maxBytes = setting[int64]{n, origin}
	return true
}

const acceptedRatio = "0.9, 90% or off"

func (s *settings) envGoMemLimit(name, text string) {
	if strings.EqualFold(text, "off") {
		s.ratio = setting[float64]{0, name}
		return
	}
	number, percent := strings.CutSuffix(text, "%")
	ratio, err := parseDecimal(number)
	if percent {
		ratio /= 100
	}
	if err != nil || !validRatio(ratio) {
		s.fail(name, fmt.Errorf("%.32q: accepted are %s, above 0 and at most 1", text, acceptedRatio))
		return
	}
	s.ratio = setting[float64]{ratio, name}
}

func (s *settings) setRatio(origin string, ratio float64) {
	if ratio != 0 && !validRatio(ratio) {
		s.fail(origin, fmt.Errorf("%v: accepted is above 0 and at most 1, or 0 for off", ratio))
		return
	}
	s.ratio = setting[float64]{ratio, origin}
}

func (s *settings) envBlackBox(name, text string) {
	if strings.EqualFold(text, "off") {
		s.boxBytes = setting[int64]{0, name}
		return
	}
	n, err := quantity.Parse(text)
	if err != nil || !s.setBoxBytes(int64(min(n, math.MaxInt64)), name) {
		s.fail(name, fmt.Errorf("%.32q: accepted are off and a size from 32Ki to 16Mi", text))
	}
}

func (s *settings) setBlackBox(origin string, bytes int64) {
	if bytes != 0 && !s.setBoxBytes(bytes, origin) {
		s.fail(origin, fmt.Errorf("%d bytes: accepted are 32 KiB to 16 MiB, or 0 for off", bytes))
		return
	}
	s.boxBytes = setting[int64]{bytes, origin}
}

func (s *settings) setBoxBytes(n int64, origin string) bool {
	if n < blackbox.MinBytes || n > blackbox.MaxBytes {
		return false
	}
	s.boxBytes = setting[int64]{n, origin}
	return true
}

// validRatio is false for NaN too.
func validRatio(ratio float64) bool { return ratio > 0 && ratio <= 1 }

// defaultDumpDir is made by Start when nothing else is configured.
func defaultDumpDir() string { return filepath.Join(os.TempDir(), "memguard") }
