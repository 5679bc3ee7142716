//go:build !linux

package hugepage

import "errors"

func isDisabled() (bool, error) { return false, errors.ErrUnsupported }

func disable(bool) error { return errors.ErrUnsupported }
