// Package vmwire is what the rig and the init of its virtual machine say to
// each other: a plan goes in as a file, events come out over a serial line as
// one JSON object a line.
package vmwire

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// PlanPath is where the plan lies in the initramfs.
const PlanPath = "/plan.json"

// Plan is what the machine is to do.
type Plan struct {
	Modules  []string // kernel modules in the initramfs, in the order to load them
	Disk     string   // device with the root file system
	V1       bool     // mount the controllers as cgroup v1
	Commands []Command
	Timeout  time.Duration // of everything; the machine powers off then
}

// Command is one program to run.
type Command struct {
	Argv []string
	Env  []string
	Dir  string // working directory; the default is /data
}

// Event is one message of the machine.
type Event struct {
	Booted  bool          `json:",omitzero"` // the file systems are there, the first command follows
	Command int           // index of the command that Output, Ended or Error is about
	Output  []byte        `json:",omitzero"` // some of what it has written
	Ended   bool          `json:",omitzero"` // it has, with Code
	Code    int           `json:",omitzero"` // exit code, 128 + the signal that killed it
	Took    time.Duration `json:",omitzero"`
	Error   string        `json:",omitzero"` // the machine itself cannot go on
	Done    bool          `json:",omitzero"` // the last event
}

// Send writes one event.
func Send(w io.Writer, e Event) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// maxLine bounds one event; Output is sent in far smaller pieces.
const maxLine = 1 << 20

// Receive calls handle for every event until Done or the end of the stream,
// which before Done is an error.
func Receive(r io.Reader, handle func(Event)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var e Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return fmt.Errorf("not an event: %.200q: %w", lines.Text(), err)
		}
		handle(e)
		if e.Done {
			return nil
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.ErrUnexpectedEOF
}
