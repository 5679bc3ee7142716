//go:build !linux

package main

// systemScenarios need Linux.
func systemScenarios() []scenario { return nil }

func child(string) {}
