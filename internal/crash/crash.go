// Package crash has the Go runtime's last words written to a file
// (runtime/debug.SetCrashOutput), and tells from them how a program died: by a
// panic, a fatal error, or a signal with a trace. SIGKILL leaves none.
package crash

// Kind is what the last words are about.
type Kind string

// The kinds.
const (
	// Panic is a panic, runtime errors such as a nil dereference included.
	Panic Kind = "panic"
	// FatalError is what nothing recovers: concurrent map writes, a stack
	// overflow, a deadlock, the runtime's own out of memory.
	FatalError Kind = "fatal_error"
	// Signal is a signal that the program did not handle, such as SIGQUIT, or
	// SIGSEGV in C code.
	Signal Kind = "signal"
	// Other is text that is none of these.
	Other Kind = "other"
)

// Report is what a crash output tells.
type Report struct {
	Kind Kind `json:"kind"`
	// Message is one line: the panic's value (of the last one, where one
	// followed another), the fatal error, the signal.
	Message string `json:"message"`
	// OutOfMemory: the kernel refused the runtime memory.
	OutOfMemory bool `json:"out_of_memory,omitempty"`
	// Goroutine is the head line of the first trace; Function, File and Line
	// are the first place in it that is not the runtime's. Empty: it has none.
	Goroutine string `json:"goroutine,omitempty"`
	Function  string `json:"function,omitempty"`
	File      string `json:"file,omitempty"`
	Line      int    `json:"line,omitempty"`
	// Bytes is how much was read; Truncated tells that there is more.
	Bytes     int64 `json:"bytes"`
	Truncated bool  `json:"truncated,omitempty"`
}
