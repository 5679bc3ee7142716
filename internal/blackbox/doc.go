// Package blackbox keeps the last samples of a process in a file that outlives
// it, and reads what the one before has left.
//
// A [Box] is a ring of records of fixed size: the last seconds in full, and
// before them ever coarser outlines, up to an hour, in which each interval is
// stood for by its highest sample. The sampler hands a record over in less than
// 100 ns, and wakes the goroutine, if it sleeps, that writes it into the file's
// page cache (pwrite(2)), which SIGKILL does not take back. The file is locked
// (flock(2)) while its process lives.
//
// Beside the ring it has what changes slowly: what is in force ([State]), and who
// and what was last seen around the process ([Surroundings]).
//
// The file is mapped as well, but only to keep its pages in memory (mlock(2)):
// it is never stored to through the mapping. A store to a page that the kernel
// has begun to write back waits for the file system, and a goroutine that
// waits in a page fault keeps its processor and every garbage collection of
// the program waiting; on a file system that stalls or is frozen that is for
// ever. Nor can a lost page then raise SIGBUS.
//
// Files of one run of a program share its name:
//
//	blackbox-<run>.box   the ring; blackbox-<run>.bad if it cannot be read
//	crash-<run>.txt      what the Go runtime said at a panic or fatal error
//	exit-<run>.json      how the run ended, written by the next one
package blackbox
