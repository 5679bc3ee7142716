// Package memcg makes a memory cgroup with a limit, for examples and tests
// that want the real thing. It needs root on Linux, and only touches groups
// that it made.
package memcg

import (
	"errors"
	"os/exec"

	"github.com/memguard-dev/go-memguard/cgroupstat"
)

// ErrUnavailable means that no group can be made here, and says why.
var ErrUnavailable = errors.New("cannot make a memory cgroup")

// Group is a cgroup made by this package.
type Group struct {
	// Dir is its directory, Version that of its hierarchy.
	Dir     string
	Version cgroupstat.Version
}

// Unlimited is the limit of a group without one.
const Unlimited = -1

// New makes a group with a limit in bytes below the root of the hierarchy that
// has the memory controller.
func New(name string, limit int64) (*Group, error) { return newGroup(name, limit) }

// Sub makes a group inside this one.
func (g *Group) Sub(name string, limit int64) (*Group, error) { return g.sub(name, limit) }

// SetLimit changes the limit; [Unlimited] takes it away.
func (g *Group) SetLimit(bytes int64) error { return g.setLimit(bytes) }

// Start starts a command inside the group, from its first instruction.
func (g *Group) Start(cmd *exec.Cmd) error { return g.start(cmd) }

// Remove ends the processes of the group and removes it.
func (g *Group) Remove() error { return g.remove() }
