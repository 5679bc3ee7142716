package crash

import "strings"

// The runtime writes the words of a fatal error before it begins to copy to
// the crash output, which has the traces alone: what it was is told by which
// of the runtime's functions gave up.
var fatals = []struct {
	function string // a part of its name
	message  string
	memory   bool
}{
	{"runtime.newstack", "stack overflow", false},
	{"runtime/maps.fatal", "concurrent map access", false},
	{"sync.fatal", "misuse of a lock", false},
	{"runtime.(*mcache)", "out of memory", true},
	{"runtime.(*mheap)", "out of memory", true},
	{"runtime.sys", "out of memory", true},
	{"runtime.persistentalloc", "out of memory", true},
	{"runtime.stackalloc", "out of memory", true},
	{"runtime.newosproc", "no further thread could be made", false},
	{"runtime.checkdead", "all goroutines are asleep: deadlock", false},
}

// fatal names a fatal error by the functions at the top of the stacks, the
// innermost first.
func fatal(functions []string, goroutine string) (message string, memory bool) {
	for _, f := range fatals {
		for _, name := range functions {
			if strings.Contains(name, f.function) {
				return f.message, f.memory
			}
		}
	}
	// A deadlock is found by a goroutine that is not in the trace: there the
	// first one waits.
	for _, waits := range []string{"[chan ", "[select", "[sync.", "[semacquire"} {
		if strings.Contains(goroutine, waits) {
			return "all goroutines are asleep: deadlock", false
		}
	}
	for _, name := range functions {
		if name != "runtime.throw" && name != "runtime.fatalthrow" && name != "runtime.fatal" {
			return "in " + name, false
		}
	}
	return "unknown fatal error", false
}
