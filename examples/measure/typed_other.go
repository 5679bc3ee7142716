//go:build !unix

package main

import "os"

func typed(os.Signal) bool { return false }
