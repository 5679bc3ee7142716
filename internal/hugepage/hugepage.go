// Package hugepage keeps the kernel from giving this process huge pages for a
// while. Where transparent huge pages are always on, a first touch of fresh heap
// takes 2 MiB, which near a limit may be all there is.
package hugepage

import (
	"errors"
	"sync"
)

// Pause is a switch that several may hold; huge pages are back when nobody does.
// The zero value is ready.
type Pause struct {
	mu      sync.Mutex
	holders int
	paused  bool // by us
}

// Hold switches huge pages off, unless somebody else has done so for good.
func (p *Pause) Hold() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holders++
	if p.holders > 1 {
		return nil
	}
	disabled, err := isDisabled()
	if err != nil || disabled {
		return ignoreUnsupported(err)
	}
	err = disable(true)
	p.paused = err == nil
	return ignoreUnsupported(err)
}

// Release undoes one Hold.
func (p *Pause) Release() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holders--
	if p.holders > 0 || !p.paused {
		return nil
	}
	p.paused = false
	return disable(false)
}

func ignoreUnsupported(err error) error {
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}
