package memguard

import (
	"errors"
	"fmt"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/gomem"
	"github.com/memguard-dev/go-memguard/internal/procmem"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

// source reads the kernel and the runtime. It belongs to one goroutine.
type source struct {
	locate  func() (cgroupstat.Location, error)
	cgroup  *cgroupstat.Reader // nil: none
	process *procmem.Reader    // nil: none
	runtime *gomem.Reader
	scope   sample.Scope
	machine cgroupstat.Value
	limits  cgroupstat.Limits // as last read
}

// openSource opens all that can be read here and says what cannot.
func openSource(locate func() (cgroupstat.Location, error)) (s *source, missing []error) {
	s = &source{locate: locate, runtime: gomem.NewReader(), scope: sample.Runtime}
	if p, err := procmem.Open(); err != nil {
		missing = append(missing, err)
	} else {
		s.process, s.scope = p, sample.Process
	}
	if n, err := memlimit.FromSystem(); err != nil {
		missing = append(missing, fmt.Errorf("memory of the machine: %w", err))
	} else {
		s.machine = cgroupstat.Of(n)
	}
	if err := s.openCgroup(); err != nil {
		missing = append(missing, err)
	}
	return s, missing
}

func (s *source) openCgroup() error {
	loc, err := s.locate()
	if err != nil {
		return err
	}
	r, err := cgroupstat.Open(loc)
	if err != nil {
		return err
	}
	if _, err := r.Usage(); err != nil {
		return errors.Join(err, r.Close())
	}
	if s.cgroup != nil {
		// The old one is gone; what closing it says helps nobody.
		_ = s.cgroup.Close()
	}
	s.cgroup, s.scope = r, sample.Cgroup
	return nil
}

// followMove opens the process's new cgroup after its old one was removed.
func (s *source) followMove(err error) error {
	if !errors.Is(err, cgroupstat.ErrGone) {
		return err
	}
	if again := s.openCgroup(); again != nil {
		return errors.Join(err, again)
	}
	return nil
}

// readLimits reads every visible level's limits again and turns to the level
// whose limit is the least: what is charged to it is what gets killed.
func (s *source) readLimits() error {
	if s.cgroup == nil {
		return nil
	}
	var l cgroupstat.Limits
	err := s.cgroup.Limits(&l)
	if err != nil {
		if err = s.followMove(err); err == nil {
			err = s.cgroup.Limits(&l)
		}
	}
	if err != nil {
		return err
	}
	s.limits = l
	level := 0
	if !l.Max.Bytes.IsZero() {
		level = l.Max.Level
	}
	if level != s.cgroup.Level() {
		return s.cgroup.Select(level)
	}
	return nil
}

// measureProcess turns away from the cgroup: its usage is not what the limit
// is about.
func (s *source) measureProcess() {
	s.scope = sample.Runtime
	if s.process != nil {
		s.scope = sample.Process
	}
}

// usage reads the one number that bounds every basis.
func (s *source) usage(dst *sample.Sample) error {
	dst.Scope = s.scope
	dst.Usage = cgroupstat.Value{}
	switch s.scope {
	case sample.Cgroup:
		n, err := s.cgroup.Usage()
		if err != nil {
			return err
		}
		dst.Usage = cgroupstat.Of(n)
	case sample.Process:
		if err := s.process.Read(&dst.Process); err != nil {
			return err
		}
		dst.Usage = dst.Process.RSS
	default:
		s.runtime.Read(&dst.Go)
		dst.Usage = cgroupstat.Of(dst.Go.Footprint())
	}
	return nil
}

// stat reads what the bases other than usage need.
func (s *source) stat(dst *sample.Sample) error {
	if s.scope != sample.Cgroup {
		return nil
	}
	return s.cgroup.Stat(&dst.Stat)
}

// full reads everything; what fails is absent in dst and told to fault.
func (s *source) full(dst *sample.Sample, fault func(part, error)) {
	err := s.usage(dst)
	if err != nil {
		if err = s.followMove(err); err == nil {
			err = s.usage(dst)
		}
	}
	fault(partUsage, err)
	if s.cgroup != nil && s.scope == sample.Cgroup {
		fault(partStat, s.cgroup.Stat(&dst.Stat))
		dst.Peak, err = s.cgroup.Peak()
		fault(partEvents, errors.Join(err, s.cgroup.Events(&dst.Events)))
		dst.HasPressure, err = s.cgroup.Pressure(&dst.Pressure)
		fault(partPressure, err)
	}
	if s.process != nil && s.scope != sample.Process {
		fault(partProcess, s.process.Read(&dst.Process))
	}
	if s.scope != sample.Runtime {
		s.runtime.Read(&dst.Go)
	}
}

// own reads the runtime's account, and the kernel's of this process where
// that is asked for.
func (s *source) own(dst *sample.Sample, process bool) error {
	if s.scope != sample.Runtime {
		s.runtime.Read(&dst.Go)
	}
	if process && s.process != nil && s.scope != sample.Process {
		return s.process.Read(&dst.Process)
	}
	return nil
}

func (s *source) close() error {
	var errs []error
	if s.cgroup != nil {
		errs = append(errs, s.cgroup.Close())
	}
	if s.process != nil {
		errs = append(errs, s.process.Close())
	}
	return errors.Join(errs...)
}
