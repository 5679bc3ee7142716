package memguard

import (
	"github.com/memguard-dev/go-memguard/internal/postmortem"
)

// PreviousExit is how the process before this one ended: the last run of the
// same program, in the same container where OTEL_RESOURCE_ATTRIBUTES has its
// k8s.container.name, whose black box is in the dump directory. It is also in
// the file exit-<run>.json there.
type PreviousExit = postmortem.Exit

// ExitKind says how a process ended.
type ExitKind = postmortem.Kind

// The kinds of exits.
const (
	// ExitClean is an end with [Guard.Stop].
	ExitClean = postmortem.Clean
	// ExitOOMSuspected is an end without a word where memory was at its limit
	// or about to reach it. It is suspected, for the kernel's SIGKILL leaves
	// nothing that says so.
	ExitOOMSuspected = postmortem.OOMSuspected
	// ExitCrash is a Go panic, a fatal error, or a signal with a trace.
	ExitCrash = postmortem.Crash
	// ExitKilled is an end from outside for another reason: the node was
	// started again, which is told where NODE_NAME has its name.
	ExitKilled = postmortem.Killed
	// ExitUnknown is an end without a word far from the limit. SIGKILL from
	// outside and os.Exit without Stop leave the same nothing: only the
	// parent, so the container's last exit code, can tell them apart.
	ExitUnknown = postmortem.Unknown
)

// PreviousExit says how the process before this one ended. It is known when
// [Start] returns, unless the volume takes longer than two seconds to answer;
// then it comes when it does. False is that there was none, or no black box of
// it, or not yet.
func (g *Guard) PreviousExit() (PreviousExit, bool) {
	if g == nil {
		return PreviousExit{}, false
	}
	exit := g.previous.Load()
	if exit == nil {
		return PreviousExit{}, false
	}
	return *exit, true
}
