package memguard

import (
	"fmt"
	"log/slog"

	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
)

// Option sets something in code. Where the environment says otherwise, the
// environment wins, so that an operator can retune without a rebuild.
type Option interface{ apply(*settings) }

type optionFunc func(*settings)

func (f optionFunc) apply(s *settings) { f(s) }

// WithThresholds sets where a dump is taken; MEMGUARD_THRESHOLD. Default: 80 %
// of the limit. One to eight thresholds, each made with [Percent], [Bytes] or
// [ParseThreshold].
func WithThresholds(thresholds ...Threshold) Option {
	return optionFunc(func(s *settings) { s.setThresholds("WithThresholds", thresholds) })
}

// WithBasis sets the quantity held against the thresholds; MEMGUARD_BASIS.
// Default: [Unreclaimable].
func WithBasis(b Basis) Option {
	return optionFunc(func(s *settings) { s.setBasis("WithBasis", string(b)) })
}

// WithMemoryLimit supplies a limit in bytes beside those the kernel shows, for
// example that of the pod; MEMGUARD_MEMORY_LIMIT. The least of all is used.
func WithMemoryLimit(bytes uint64) Option {
	return optionFunc(func(s *settings) { s.setMemoryLimit("WithMemoryLimit", bytes) })
}

// WithPodInfo names the directory of a downward API volume with the files
// memory_limit, threshold and annotations, which are followed while running;
// MEMGUARD_PODINFO. Default: /etc/podinfo where that exists.
func WithPodInfo(dir string) Option {
	return optionFunc(func(s *settings) { s.podInfo = setting[string]{dir, "WithPodInfo"} })
}

// WithDumpDir names the directory for dumps, meant to be an emptyDir volume;
// it must exist. MEMGUARD_DUMP_DIR. Default: memguard in os.TempDir, which is
// made when missing.
func WithDumpDir(dir string) Option {
	return optionFunc(func(s *settings) { s.dumpDir = setting[string]{dir, "WithDumpDir"} })
}

// WithRetention bounds what is kept in the dump directory: how many dumps and
// how many bytes. MEMGUARD_DUMP_KEEP, MEMGUARD_DUMP_MAX_BYTES. Default: 8 and
// 256 MiB.
func WithRetention(keep int, maxBytes int64) Option {
	return optionFunc(func(s *settings) { s.setRetention("WithRetention", keep, maxBytes) })
}

// WithDumpSizeLimit tells the sizeLimit in bytes of the emptyDir volume of the
// dump directory, at least 2 MiB: at most four fifths of it are used, since the
// kubelet evicts a pod whose volume is larger. MEMGUARD_DUMP_SIZE_LIMIT.
// Default: none.
func WithDumpSizeLimit(bytes int64) Option {
	return optionFunc(func(s *settings) {
		if !s.setSizeLimit("WithDumpSizeLimit", bytes) {
			s.fail("WithDumpSizeLimit", fmt.Errorf("%d bytes: accepted is at least 2 MiB", bytes))
		}
	})
}

// WithGoMemLimit sets GOMEMLIMIT to this share of the limit, 0 < ratio ≤ 1;
// 0 leaves GOMEMLIMIT alone. MEMGUARD_GOMEMLIMIT. Default: 0.9. A GOMEMLIMIT
// in the environment always wins.
func WithGoMemLimit(ratio float64) Option {
	return optionFunc(func(s *settings) { s.setRatio("WithGoMemLimit", ratio) })
}

// WithBlackBox sets the size in bytes of the file that keeps the last samples
// for the next start, 32 KiB to 16 MiB; 0 is none, and no crash output either.
// MEMGUARD_BLACKBOX. Default: 256 KiB, which is about an hour in outline and
// its last four seconds or more in full.
func WithBlackBox(bytes int64) Option {
	return optionFunc(func(s *settings) { s.setBlackBox("WithBlackBox", bytes) })
}

// WithLogger sets the logger. Default: slog.Default at the time of Start.
func WithLogger(l *slog.Logger) Option {
	return optionFunc(func(s *settings) {
		if l != nil {
			s.logger = l
		}
	})
}

// WithMeterProvider sets the OpenTelemetry provider of the metrics. Default:
// the global one, also when that is set after Start.
func WithMeterProvider(p metric.MeterProvider) Option {
	return optionFunc(func(s *settings) {
		if p != nil {
			s.meterProvider = p
		}
	})
}

// WithSemconvContainerMetrics also exports container.memory.usage, available,
// rss and working_set, the names of the OpenTelemetry semantic conventions
// (v1.44), with the same values. In Prometheus two of them have the names
// of cAdvisor's series: where both are scraped, sums count twice.
func WithSemconvContainerMetrics() Option {
	return optionFunc(func(s *settings) { s.semconv = true })
}

// WithLoggerProvider sets the OpenTelemetry provider of the events. Default:
// the global one; an event before it is set is lost.
func WithLoggerProvider(p log.LoggerProvider) Option {
	return optionFunc(func(s *settings) {
		if p != nil {
			s.loggerProvider = p
		}
	})
}
