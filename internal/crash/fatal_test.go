package crash

import (
	"strings"
	"testing"
)

// Crash outputs of Go 1.26 on linux/amd64, their first frames; the ones made up
// differ in functions alone.
func TestFatalErrors(t *testing.T) {
	frames := func(head string, functions ...string) string {
		return "\n" + head + "\n" + strings.Join(functions, "(0x1)\n\t/usr/local/go/src/runtime/proc.go:1 +0x1 fp=0x1 sp=0x1 pc=0x1\n") +
			"(0x1)\n\t/usr/local/go/src/runtime/proc.go:1 +0x1\n"
	}
	const stack, waits = "runtime stack:", "\ngoroutine 1 gp=0x1 m=nil [chan receive]:\nmain.main()\n\t/src/main.go:3 +0x1\n"
	for name, c := range map[string]struct {
		text, message string
		memory        bool
	}{
		"thread exhaustion":   {frames(stack, "runtime.throw", "runtime.checkmcount", "runtime.mReserveID", "runtime.startm", "runtime.wakep", "runtime.systemstack") + waits, "debug.SetMaxThreads", false},
		"thread exhaustion 2": {frames(stack, "runtime.throw", "runtime.checkmcount", "runtime.mcommoninit", "runtime.allocm.func1", "runtime.systemstack", "runtime.(*mcache).refill"), "debug.SetMaxThreads", false},
		"newosproc":           {frames(stack, "runtime.throw", "runtime.newosproc", "runtime.newm1", "runtime.newm", "runtime.main.func1", "runtime.systemstack") + waits, "no further thread", false},
		"newosproc of sysmon": {frames(stack, "runtime.throw", "runtime.newosproc", "runtime.newm1", "runtime.startm", "runtime.sysmon"), "no further thread", false},
		"sysMap":              {frames(stack, "runtime.throw", "runtime.sysMapOS", "runtime.sysMap", "runtime.(*mheap).grow", "runtime.systemstack"), "out of memory", true},
		"sysReserve":          {frames(stack, "runtime.throw", "runtime.(*mheap).sysAlloc", "runtime.(*mheap).grow", "runtime.systemstack"), "out of memory", true},
		"mcache":              {frames("goroutine 1 gp=0x1 m=0 mp=0x1 [running]:", "runtime.throw", "runtime.(*mcache).allocLarge", "runtime.mallocgcLarge"), "out of memory", true},
		"invalid free":        {frames(stack, "runtime.throw", "runtime.(*mheap).freeSpanLocked", "runtime.(*mheap).freeManual", "runtime.systemstack"), "in runtime.(*mheap).freeSpanLocked", false},
		"bad pointer":         {frames(stack, "runtime.throw", "runtime.findObject", "runtime.greyobject", "runtime.systemstack") + waits, "in runtime.findObject", false},
		"sysmon":              {frames(stack, "runtime.throw", "runtime.retake", "runtime.sysmon", "runtime.mstart1"), "in runtime.retake", false},
		"sweep":               {frames(stack, "runtime.throw", "runtime.(*mspan).reportZombies", "runtime.(*mcache).refill"), "in runtime.(*mspan).reportZombies", false},
		"stack overflow":      {frames(stack, "runtime.throw", "runtime.newstack", "runtime.morestack"), "stack overflow", false},
		"deadlock":            {waits, "deadlock", false},
	} {
		r, ok, err := Parse(strings.NewReader(c.text))
		if err != nil || !ok || r.Kind != FatalError || !strings.Contains(r.Message, c.message) || r.OutOfMemory != c.memory {
			t.Errorf("%s: %+v, %v; want %q, memory %v", name, r, err, c.message, c.memory)
		}
	}
}
