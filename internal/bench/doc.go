// Package bench compares memguard's readings with those of other libraries, in
// cost and in value, on a real kernel. It is a module of its own, so that
// nobody who uses memguard carries what it is compared with.
package bench
