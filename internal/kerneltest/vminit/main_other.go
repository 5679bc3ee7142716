//go:build !linux

// Vminit is the first process of the virtual machine that tests run on; that
// machine runs Linux.
package main

func main() {}
