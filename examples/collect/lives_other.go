//go:build !linux

package main

// lives cannot tell here, and takes nobody for dead.
func (v volume) lives(file) (bool, error) { return true, nil }
