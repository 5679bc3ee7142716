package memguard

import (
	"log/slog"

	"github.com/memguard-dev/go-memguard/internal/breakdown"
	"github.com/memguard-dev/go-memguard/internal/diagnose"
	"github.com/memguard-dev/go-memguard/internal/procmem"
)

// Breakdown is a part of the usage and what that is made of, down to the Go
// heap, other processes and the kernel's own. Children add up to their parent
// exactly; what they do not explain is the child named remainder.
type Breakdown = breakdown.Node

// Finding is a verdict on the memory with its evidence in numbers.
type Finding = diagnose.Finding

// FindingCode names a finding; docs/findings.md lists them all.
type FindingCode = diagnose.Code

// The finding codes.
const (
	FindingInvisibleOOMKill       = diagnose.InvisibleOOMKill
	FindingThrottled              = diagnose.Throttled
	FindingHeapLeak               = diagnose.HeapLeak
	FindingGoroutineLeak          = diagnose.GoroutineLeak
	FindingThreadGrowth           = diagnose.ThreadGrowth
	FindingOffHeap                = diagnose.OffHeap
	FindingOtherProcess           = diagnose.OtherProcess
	FindingTmpfs                  = diagnose.Tmpfs
	FindingKernelMemory           = diagnose.KernelMemory
	FindingSocketBuffers          = diagnose.SocketBuffers
	FindingBPFMaps                = diagnose.BPFMaps
	FindingPageCacheDirty         = diagnose.PageCacheDirty
	FindingLiveHeapOverGoMemLimit = diagnose.LiveHeapOverGoMemLimit
	FindingGCThrash               = diagnose.GCThrash
	FindingGoroutineStacks        = diagnose.GoroutineStacks
	FindingFragmentation          = diagnose.Fragmentation
	FindingHeapNotReturned        = diagnose.HeapNotReturned
	FindingSpike                  = diagnose.Spike
	FindingLimitTooClose          = diagnose.LimitTooClose
	FindingNoLimit                = diagnose.NoLimit
	FindingPageCache              = diagnose.PageCache
	FindingHealthy                = diagnose.Healthy
)

// Severity says how much a finding matters.
type Severity = diagnose.Severity

// The severities.
const (
	SeverityInfo     = diagnose.Info
	SeverityWarning  = diagnose.Warning
	SeverityCritical = diagnose.Critical
)

// Evidence is a number that a finding stands on.
type Evidence = diagnose.Evidence

// Trend is a part of memory that rises steadily.
type Trend = diagnose.Trend

// TimeToLimit is when the limit is reached if memory goes on rising like this.
type TimeToLimit = diagnose.TimeToLimit

// Sizing is the request and limit that this process's own life recommends.
type Sizing = diagnose.Sizing

// MappingGroup is mappings of this process of one kind, in a dump's manifest.
type MappingGroup = procmem.MappingGroup

// tellFinding is about a finding that is new.
func (g *Guard) tellFinding(f *Finding) {
	level := slog.LevelWarn
	if f.Severity == diagnose.Critical {
		level = slog.LevelError
	}
	g.reporter.event(eventFinding, level, "memguard: "+f.Summary,
		slog.String("code", string(f.Code)), slog.String("severity", string(f.Severity)),
		slog.Float64("confidence", f.Confidence), slog.String("next", f.Next))
}
