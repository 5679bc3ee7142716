// Vminit is the first process of the virtual machine that tests run on: it
// mounts what they need, runs the commands of its plan one after the other,
// tells the rig about them over the second serial line, and powers off.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/memguard-dev/go-memguard/internal/kerneltest/vmwire"
	"golang.org/x/sys/unix"
)

// eventLine is the serial line for events; the kernel has the first.
const eventLine = "/dev/ttyS1"

func main() {
	err := boot()
	if err != nil {
		fmt.Fprintln(os.Stderr, "vminit:", err)
	}
	unix.Sync()
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF); err != nil {
		fmt.Fprintln(os.Stderr, "vminit: power off:", err)
	}
}

func boot() error {
	// Without /dev there is nothing to talk through.
	if err := mountEarly(); err != nil {
		return err
	}
	events, err := openEvents()
	if err != nil {
		return err
	}
	err = follow(events)
	if err != nil {
		err = errors.Join(err, vmwire.Send(events, vmwire.Event{Error: err.Error()}))
	}
	// The process ends with the power, which must not cut the last event off.
	return errors.Join(err, vmwire.Send(events, vmwire.Event{Done: true}), drain(events))
}

func follow(events *os.File) error {
	text, err := os.ReadFile(vmwire.PlanPath)
	if err != nil {
		return err
	}
	var plan vmwire.Plan
	if err := json.Unmarshal(text, &plan); err != nil {
		return fmt.Errorf("%s: %w", vmwire.PlanPath, err)
	}
	// A rig that died cannot stop this machine, so it stops by itself.
	time.AfterFunc(plan.Timeout, func() {
		_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF) // There is nobody to tell.
	})
	for _, module := range plan.Modules {
		if err := loadModule(module); err != nil {
			return err
		}
	}
	if err := switchRoot(plan.Disk); err != nil {
		return err
	}
	if err := mountRest(plan.V1); err != nil {
		return err
	}
	if err := raiseLoopback(); err != nil {
		return err
	}
	if err := vmwire.Send(events, vmwire.Event{Booted: true}); err != nil {
		return err
	}
	for i, command := range plan.Commands {
		if err := runCommand(events, i, command); err != nil {
			return err
		}
	}
	return nil
}

// openEvents opens the line raw: a terminal would turn \n into \r\n.
func openEvents() (*os.File, error) {
	f, err := os.OpenFile(eventLine, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	mode, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", eventLine, err)
	}
	mode.Iflag, mode.Oflag, mode.Lflag = 0, 0, 0
	mode.Cflag = unix.CS8 | unix.CREAD | unix.CLOCAL | unix.B115200
	if err := unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, mode); err != nil {
		return nil, fmt.Errorf("%s: %w", eventLine, err)
	}
	return f, nil
}

// drain waits until the line has sent everything (tcdrain).
func drain(f *os.File) error { return unix.IoctlSetInt(int(f.Fd()), unix.TCSBRK, 1) }
