package hugepage

import "golang.org/x/sys/unix"

// isDisabled and disable are prctl(2)'s, Linux 3.15. The switch is the whole
// process's, and children that it starts meanwhile inherit it.
func isDisabled() (bool, error) {
	n, err := unix.PrctlRetInt(unix.PR_GET_THP_DISABLE, 0, 0, 0, 0)
	return n != 0, err
}

func disable(on bool) error {
	var flag uintptr
	if on {
		flag = 1
	}
	return unix.Prctl(unix.PR_SET_THP_DISABLE, flag, 0, 0, 0)
}
