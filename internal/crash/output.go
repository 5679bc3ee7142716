package crash

import "errors"

var (
	// ErrTaken reports that the application has set a crash output of its own,
	// which stays.
	ErrTaken = errors.New("the application has its own crash output")
	// ErrUncertain reports that it could not be found out whether the application
	// has a crash output of its own, so that none was set.
	ErrUncertain = errors.New("the application may have its own crash output")
	// ErrTooManyDescriptors reports that so many files are open that to look for
	// the application's own crash output would take long.
	ErrTooManyDescriptors = errors.New("too many open files to look for a crash output among them")
)
