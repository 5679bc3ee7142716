//go:build !unix

package memguard

import "io/fs"

// The temporary directory of these systems is the user's own.
func ownedByMe(fs.FileInfo) bool { return true }
