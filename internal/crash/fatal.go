package crash

import (
	"slices"
	"strings"
)

// cause is what a fatal error was about.
type cause struct {
	message string
	memory  bool
}

var (
	outOfMemory = cause{"out of memory", true}
	noThread    = cause{"no further thread could be made", false}
	mapAccess   = cause{"concurrent map access", false}
	lockMisuse  = cause{"misuse of a lock", false}
	deadlock    = cause{"all goroutines are asleep: deadlock", false}
)

// causes are by the function of the runtime that gave up, as Go 1.26 has them
// in runtime/{proc,os_linux,stack,mem_linux,malloc,mcache,mheap,panic}.go. The
// runtime writes the words of a fatal error before it begins to copy to the
// crash output, which has the traces alone.
var causes = map[string]cause{
	"runtime.newosproc":                 noThread, // the kernel refused: RLIMIT_NPROC, pids.max
	"runtime.checkmcount":               {"more threads than debug.SetMaxThreads allows", false},
	"runtime.newstack":                  {"stack overflow", false},
	"runtime.checkdead":                 deadlock,
	"runtime.sigpanic":                  {"unexpected signal during runtime execution", false},
	"internal/runtime/maps.fatal":       mapAccess,
	"sync.fatal":                        lockMisuse,
	"internal/sync.fatal":               lockMisuse,
	"runtime.sysMap":                    outOfMemory,
	"runtime.sysMapOS":                  outOfMemory,
	"runtime.sysUsed":                   outOfMemory,
	"runtime.sysUsedOS":                 outOfMemory,
	"runtime.sysAlloc":                  outOfMemory,
	"runtime.sysAllocOS":                outOfMemory,
	"runtime.sysReserve":                outOfMemory,
	"runtime.sysReserveOS":              outOfMemory,
	"runtime.sysReserveAligned":         outOfMemory,
	"runtime.persistentalloc1":          outOfMemory,
	"runtime.newArenaMayUnlock":         outOfMemory,
	"runtime.recordspan":                outOfMemory,
	"runtime.stackalloc":                outOfMemory,
	"runtime.stackpoolalloc":            outOfMemory,
	"runtime.getempty":                  outOfMemory,
	"runtime.stkbucket":                 outOfMemory,
	"runtime.rawruneslice":              outOfMemory,
	"runtime.newUserArenaChunk":         outOfMemory,
	"runtime.(*mheap).sysAlloc":         outOfMemory,
	"runtime.(*mheap).grow":             outOfMemory,
	"runtime.(*mcache).refill":          outOfMemory,
	"runtime.(*mcache).allocLarge":      outOfMemory,
	"runtime.(*pageAlloc).grow":         outOfMemory,
	"runtime.(*pageAlloc).sysInit":      outOfMemory,
	"runtime.traceWriter.refill":        outOfMemory,
	"runtime.(*traceRegionAlloc).alloc": outOfMemory,
}

// giveUp are the functions by which the runtime ends the program.
var giveUp = []string{"runtime.throw", "runtime.fatal", "runtime.fatalthrow", "runtime.throw.func1", "runtime.fatal.func1"}

// fatal names a fatal error by the functions of the runtime at the top of the
// stacks, the innermost first: who called throw tells it. Others that are
// further out were only on the way, as systemstack is on every one.
func fatal(functions []string, goroutine string) cause {
	gaveUp := false
	for _, name := range functions {
		if slices.Contains(giveUp, name) {
			gaveUp = true
			continue
		}
		if c, ok := causes[name]; ok {
			return c
		}
		if gaveUp {
			return cause{"in " + name, false}
		}
		break
	}
	// A deadlock is found by a goroutine that is not in the trace: there the
	// first one waits.
	for _, waits := range []string{"[chan ", "[select", "[sync.", "[semacquire"} {
		if strings.Contains(goroutine, waits) {
			return deadlock
		}
	}
	if len(functions) > 0 {
		return cause{"in " + functions[0], false}
	}
	return cause{"unknown fatal error", false}
}
