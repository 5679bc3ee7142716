package bench

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"
	"time"

	statsv1 "github.com/containerd/cgroups/v3/cgroup1/stats"
	statsv2 "github.com/containerd/cgroups/v3/cgroup2/stats"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

// reading is all that our side says of a group; comparable, so that two equal
// readings show that the group was quiet between them.
type reading struct {
	usage    uint64
	stat     cgroupstat.Stat
	peak     cgroupstat.Value
	events   cgroupstat.Events
	some     time.Duration
	full     time.Duration
	pressure bool
	limits   cgroupstat.Limits
}

func take(t *testing.T, r *cgroupstat.Reader) reading {
	t.Helper()
	var (
		got      reading
		pressure cgroupstat.Pressure
		errs     [6]error
	)
	got.usage, errs[0] = r.Usage()
	errs[1] = r.Stat(&got.stat)
	got.peak, errs[2] = r.Peak()
	errs[3] = r.Events(&got.events)
	got.pressure, errs[4] = r.Pressure(&pressure)
	errs[5] = r.Limits(&got.limits)
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	got.some, got.full = pressure.Some.Total, pressure.Full.Total
	return got
}

// field is one number as both libraries give it.
type field struct {
	name   string
	ours   cgroupstat.Value
	theirs uint64
}

// limit is a field where the other library has a huge number for "none".
func limit(name string, ours cgroupstat.Limit, theirs uint64) field {
	if theirs > math.MaxInt64/2 {
		theirs = 0
	}
	return field{name, ours.Bytes, theirs}
}

// TestStatEqualsContainerd reads a group whose only process is stopped with
// both libraries, and compares every number that both have.
func TestStatEqualsContainerd(t *testing.T) {
	group := kerneltest.NewGroup(t, 64<<20)
	still(t, group)

	reader, err := cgroupstat.Open(cgroupstat.At(group.Version, group.Dir))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()

	var theirs func(reading) []field
	if group.Version == cgroupstat.V1 {
		theirs = fields1(t, group)
	} else {
		theirs = fields2(t, group)
	}

	// The kernel still writes back and frees, for a moment.
	var fields []field
	deadline, poll := time.Now().Add(20*time.Second), time.NewTicker(20*time.Millisecond)
	defer poll.Stop()
	for before := take(t, reader); ; <-poll.C {
		fields = theirs(before)
		after := take(t, reader)
		if before == after {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the group does not come to rest:\n%+v\n%+v", before, after)
		}
		before = after
	}

	present, nonzero := 0, 0
	for _, f := range fields {
		n, ok := f.ours.Get()
		// What the kernel lacks is absent here and 0 there.
		if n != f.theirs {
			t.Errorf("%s: memguard %v, containerd %d", f.name, f.ours, f.theirs)
		}
		if ok {
			present++
		}
		if n > 0 {
			nonzero++
		}
	}
	t.Logf("cgroup %v: %d fields compared, %d present, %d not zero", group.Version, len(fields), present, nonzero)
	if present < 20 || nonzero < 6 {
		t.Errorf("too little to compare: %d present, %d not zero", present, nonzero)
	}
}

func fields1(t *testing.T, group *kerneltest.Group) func(reading) []field {
	stat := containerd1(t, group)
	return func(r reading) []field {
		metrics, err := stat()
		if err != nil {
			t.Fatal(err)
		}
		m := metrics.Memory
		swap := m.Swap
		if swap == nil {
			swap = &statsv1.MemoryEntry{}
		}
		return []field{
			{"anon", r.stat.Get(cgroupstat.Anon), m.TotalRSS},
			{"file", r.stat.Get(cgroupstat.File), m.TotalCache},
			{"anon_thp", r.stat.Get(cgroupstat.AnonTHP), m.TotalRSSHuge},
			{"file_mapped", r.stat.Get(cgroupstat.FileMapped), m.TotalMappedFile},
			{"file_dirty", r.stat.Get(cgroupstat.FileDirty), m.TotalDirty},
			{"file_writeback", r.stat.Get(cgroupstat.FileWriteback), m.TotalWriteback},
			{"pgpgin", r.stat.Get(cgroupstat.PgPgIn), m.TotalPgPgIn},
			{"pgpgout", r.stat.Get(cgroupstat.PgPgOut), m.TotalPgPgOut},
			{"pgfault", r.stat.Get(cgroupstat.PgFault), m.TotalPgFault},
			{"pgmajfault", r.stat.Get(cgroupstat.PgMajFault), m.TotalPgMajFault},
			{"inactive_anon", r.stat.Get(cgroupstat.InactiveAnon), m.TotalInactiveAnon},
			{"active_anon", r.stat.Get(cgroupstat.ActiveAnon), m.TotalActiveAnon},
			{"inactive_file", r.stat.Get(cgroupstat.InactiveFile), m.TotalInactiveFile},
			{"active_file", r.stat.Get(cgroupstat.ActiveFile), m.TotalActiveFile},
			{"unevictable", r.stat.Get(cgroupstat.Unevictable), m.TotalUnevictable},
			{"kernel", r.stat.Get(cgroupstat.Kernel), m.Kernel.Usage},
			{"sock", r.stat.Get(cgroupstat.Sock), m.KernelTCP.Usage},
			{"usage", cgroupstat.Of(r.usage), m.Usage.Usage},
			{"peak", r.peak, m.Usage.Max},
			{"limit", r.limits.Max.Bytes, m.HierarchicalMemoryLimit},
			limit("own limit", r.limits.Max, m.Usage.Limit),
			limit("limit with swap", addLimits(r.limits), swap.Limit),
			{"events max", r.events.Max, m.Usage.Failcnt},
			{"events oom_kill", r.events.OOMKill, metrics.MemoryOomControl.OomKill},
		}
	}
}

// addLimits gives v1's limit of memory and swap together.
func addLimits(l cgroupstat.Limits) cgroupstat.Limit {
	memory, ok := l.Max.Bytes.Get()
	swap, swapOK := l.Swap.Bytes.Get()
	if !ok || !swapOK {
		return cgroupstat.Limit{}
	}
	return cgroupstat.Limit{Bytes: cgroupstat.Of(memory + swap)}
}

func fields2(t *testing.T, group *kerneltest.Group) func(reading) []field {
	stat := containerd2(t, group)
	return func(r reading) []field {
		metrics, err := stat()
		if err != nil {
			t.Fatal(err)
		}
		m, e := metrics.Memory, metrics.MemoryEvents
		if e == nil {
			e = &statsv2.MemoryEvents{}
		}
		fields := []field{
			{"anon", r.stat.Get(cgroupstat.Anon), m.Anon},
			{"file", r.stat.Get(cgroupstat.File), m.File},
			{"kernel_stack", r.stat.Get(cgroupstat.KernelStack), m.KernelStack},
			{"slab", r.stat.Get(cgroupstat.Slab), m.Slab},
			{"sock", r.stat.Get(cgroupstat.Sock), m.Sock},
			{"shmem", r.stat.Get(cgroupstat.Shmem), m.Shmem},
			{"file_mapped", r.stat.Get(cgroupstat.FileMapped), m.FileMapped},
			{"file_dirty", r.stat.Get(cgroupstat.FileDirty), m.FileDirty},
			{"file_writeback", r.stat.Get(cgroupstat.FileWriteback), m.FileWriteback},
			{"anon_thp", r.stat.Get(cgroupstat.AnonTHP), m.AnonThp},
			{"inactive_anon", r.stat.Get(cgroupstat.InactiveAnon), m.InactiveAnon},
			{"active_anon", r.stat.Get(cgroupstat.ActiveAnon), m.ActiveAnon},
			{"inactive_file", r.stat.Get(cgroupstat.InactiveFile), m.InactiveFile},
			{"active_file", r.stat.Get(cgroupstat.ActiveFile), m.ActiveFile},
			{"unevictable", r.stat.Get(cgroupstat.Unevictable), m.Unevictable},
			{"slab_reclaimable", r.stat.Get(cgroupstat.SlabReclaimable), m.SlabReclaimable},
			{"slab_unreclaimable", r.stat.Get(cgroupstat.SlabUnreclaimable), m.SlabUnreclaimable},
			{"pgfault", r.stat.Get(cgroupstat.PgFault), m.Pgfault},
			{"pgmajfault", r.stat.Get(cgroupstat.PgMajFault), m.Pgmajfault},
			{"workingset_nodereclaim", r.stat.Get(cgroupstat.WorkingsetNodereclaim), m.WorkingsetNodereclaim},
			{"pgrefill", r.stat.Get(cgroupstat.PgRefill), m.Pgrefill},
			{"pgscan", r.stat.Get(cgroupstat.PgScan), m.Pgscan},
			{"pgsteal", r.stat.Get(cgroupstat.PgSteal), m.Pgsteal},
			{"pgactivate", r.stat.Get(cgroupstat.PgActivate), m.Pgactivate},
			{"pgdeactivate", r.stat.Get(cgroupstat.PgDeactivate), m.Pgdeactivate},
			{"pglazyfree", r.stat.Get(cgroupstat.PgLazyFree), m.Pglazyfree},
			{"pglazyfreed", r.stat.Get(cgroupstat.PgLazyFreed), m.Pglazyfreed},
			{"thp_fault_alloc", r.stat.Get(cgroupstat.ThpFaultAlloc), m.ThpFaultAlloc},
			{"thp_collapse_alloc", r.stat.Get(cgroupstat.ThpCollapseAlloc), m.ThpCollapseAlloc},
			{"usage", cgroupstat.Of(r.usage), m.Usage},
			{"peak", r.peak, m.MaxUsage},
			{"swap", r.stat.Get(cgroupstat.Swap), m.SwapUsage},
			limit("limit", r.limits.Max, m.UsageLimit),
			limit("swap limit", r.limits.Swap, m.SwapLimit),
			{"events low", r.events.Low, e.Low},
			{"events high", r.events.High, e.High},
			{"events max", r.events.Max, e.Max},
			{"events oom", r.events.OOM, e.Oom},
			{"events oom_kill", r.events.OOMKill, e.OomKill},
		}
		if r.pressure && m.PSI != nil {
			fields = append(fields,
				field{"pressure some", cgroupstat.Of(uint64(r.some.Microseconds())), m.PSI.Some.Total},
				field{"pressure full", cgroupstat.Of(uint64(r.full.Microseconds())), m.PSI.Full.Total})
		}
		return fields
	}
}

// TestLimitEqualsAutomemlimit compares the limit as a process inside sees it:
// its own, and one that a level above it holds.
func TestLimitEqualsAutomemlimit(t *testing.T) {
	for _, tt := range []struct {
		name         string
		outer, inner int64
		want         uint64
	}{
		{"own", 0, 96 << 20, 96 << 20},
		{"inner is smaller", 96 << 20, 64 << 20, 64 << 20},
		{"outer is smaller", 64 << 20, 96 << 20, 64 << 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var group *kerneltest.Group
			if tt.outer > 0 {
				group = kerneltest.NewGroup(t, tt.outer).Sub(t, tt.inner)
			} else {
				group = kerneltest.NewGroup(t, tt.inner)
			}
			cmd := inside(t, "limits")
			var out bytes.Buffer
			cmd.Stdout = &out
			group.Start(t, cmd)
			if err := cmd.Wait(); err != nil {
				t.Fatal(err)
			}
			var got bothLimits
			if err := json.Unmarshal(out.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if ours := got.Memguard.Or(0); ours != tt.want || got.Automemlimit != tt.want {
				t.Errorf("memguard %v, automemlimit %d, want %d", got.Memguard, got.Automemlimit, tt.want)
			}
		})
	}
}
