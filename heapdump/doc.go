// Package heapdump captures heap profiles of this process into a directory,
// so that they outlive it: a SIGKILL at any instant leaves complete files.
//
// # Files
//
// A dump is a pprof file for go tool pprof, not compressed, with a JSON
// [Manifest] of the same stem, and a goroutine profile when asked for:
//
//	heap-20060102T150405.000Z-p17-immediate.pb
//	heap-20060102T150405.000Z-p17-immediate.json
//	goroutine-20060102T150405.000Z-p17-immediate.pb
//
// The manifest of a later stage names the sites that grew most since the
// [Baseline] of the process, when there was one.
//
// The time is that of the crossing in UTC, to the millisecond, then comes the
// process id and the [Stage]. Everything before the stage is common to the
// dumps of one crossing: a set. When the name is taken, as by another
// container with the same process id on the same volume, the time in it moves
// on to the next free millisecond; the exact time is in the manifest.
//
// Compressed profiles of such names (.pb.gz), as written before, are listed
// and removed like the others. Package sites reads both.
//
// Each file is written under a temporary name (.tmp-heapdump-…, mode 0600,
// never through a symbolic link) and renamed, never onto an existing file, so
// a file with a final name is complete. The profile comes first, then its
// manifest, then the goroutine profile; a process killed in between leaves the
// earlier ones. Only after that are the files and the directory synced, since
// a rename is enough against a kill and fsync matters only when the node is
// lost, and their page cache is dropped (posix_fadvise(2), Linux), since it is
// charged to the container.
//
// # When there is no time
//
// An urgent capture ([Request.Urgent]) leaves to [Store.Finish] what may
// wait, and writes a profile without symbols: raw records, the mappings and
// the build id. Armed before ([Store.Arm]) it allocates nothing until the
// profile has its name. It is written into a file that had no name (O_TMPFILE)
// and its space set aside, so that a process that is killed leaves nothing
// unfinished, and a volume that fills up meanwhile does no harm.
//
// Finish adds the symbols. A process that is killed before leaves addresses:
// [Recover] names them in the next process of the same build, and go tool
// pprof does when it is given the binary. Either way the file is complete at
// every instant, and a profile with names takes the place of the one without
// in one step.
//
// # Retention
//
// After a successful capture, and only then, the oldest and least telling
// sets are removed until at most [Options.Keep] sets with at most
// [Options.MaxBytes] are left. A run is the life of one process. Sets go in
// this order, the oldest first within a line:
//
//  1. sets of other runs that are neither the newest nor the largest of theirs
//  2. such sets of this run, its first one excepted
//  3. the baseline, the largest and the newest set of every other run
//  4. the first set of this run
//  5. the largest set of this run
//  6. the newest set of this run
//
// The set just written is never removed, even if it alone exceeds MaxBytes. A
// baseline is neither newest, largest nor just written: it pushes out no dump.
// The newest set of another run is not counted against Keep for ten seconds
// after it was written, since its process may still be adding to it; it is
// removed in that time only for bytes, before the last two of the above.
// The largest set is the one with most bytes of heap objects in a manifest,
// and without manifests the one with the largest files. A set without a
// manifest belongs to no known run; all such sets together count as one other
// run. The bounds hold for the directory: stores that share it count each
// other's sets.
//
// Only regular files with exactly the names above are ever removed, on Unix
// only if they belong to this user, and temporary files that nobody has
// written to for ten minutes.
package heapdump
