// Package cgroupstat reads what the kernel says of a cgroup's memory: where it
// is, what limits it, and what is charged to it, on cgroup v1 and v2 under one
// set of names.
//
//	location, err := cgroupstat.Locate()
//	reader, err := cgroupstat.Open(location)
//	usage, err := reader.Usage()
//
// It keeps its descriptors open and reads with pread into one buffer: no read
// allocates. A number that the kernel does not tell is absent, never 0: see
// [Value]. It knows no policy, takes no time and writes no log.
//
// # Names
//
// Words are the kernel's, those of cgroup v2; [Key.Info] gives the v1 name and
// the minimum kernel. On v1 the hierarchical total_* lines are read, so that
// both versions count the cgroup and all below it. Two things differ and stay
// different: v1 has no slab keys, and its TCP buffers ([Sock]) are counted
// beside the usage instead of in it.
//
// # Levels
//
// A limit may sit at the process's own cgroup or at any above it. [Locate]
// gives every visible level, [Reader.Limits] the least limit and the level it
// came from, and [Reader.Select] turns the Reader to that level: a limit only
// makes sense beside the usage that is held against it. Levels above a
// container's cgroup namespace are not visible on v2; v1 tells their minimum
// as hierarchical_memory_limit.
package cgroupstat
