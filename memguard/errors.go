package memguard

import "errors"

var (
	// ErrAlreadyStarted is returned by a second Start beside the running guard.
	ErrAlreadyStarted = errors.New("memguard: already started")
	// ErrStopped is returned by Dump when the guard was stopped or is switched off.
	ErrStopped = errors.New("memguard: guard is stopped or switched off")
	// ErrNoDumpDir is returned by Dump when no directory for dumps could be used.
	ErrNoDumpDir = errors.New("memguard: no dump directory")
	// ErrHeadroom is returned by Dump when a profile may take more than what is
	// left below the limit.
	ErrHeadroom = errors.New("a dump must not be what kills")

	errEmpty         = errors.New("is empty")
	errNotAThreshold = errors.New("is neither a share nor an amount")
)
