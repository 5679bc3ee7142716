//go:build !unix

package main

import (
	"errors"
	"sync/atomic"
)

func mapShared(int) ([]byte, error) { return nil, errors.ErrUnsupported }

func mapPrivate(int) ([]byte, error) { return nil, errors.ErrUnsupported }

func unmap([]byte) error { return errors.ErrUnsupported }

func mapNumber(string) (*atomic.Int64, error) { return nil, errors.ErrUnsupported }
