// Package heapprofile writes pprof files straight from the runtime's raw
// records: the heap (runtime.MemProfile) with symbols or with addresses only,
// and goroutines (runtime.GoroutineProfile).
//
// The format is profile.proto of github.com/google/pprof, not compressed.
// A heap profile has the sample types, scaled values and labels of
// runtime/pprof's, and agrees with it except in this:
//
//   - a stack has at most 32 frames, the innermost, as in
//     [runtime.MemProfileRecord];
//   - functions are named as in [runtime.Frame], so generic ones are F[...];
//   - functions have no start line, and goroutines no labels;
//   - frames of the runtime are told by the call, not by what follows it, so
//     that runtime/pprof at times leaves out one inlined frame more.
//
// A file of addresses is small work: once prepared for, it is written without
// a single allocation. go tool pprof needs the binary beside it, and then
// names the enclosing function for calls that were inlined.
//
// That this package calls runtime.MemProfile is also what keeps
// runtime.MemProfileRate from being 0 in a program that links nothing else
// of the kind.
package heapprofile
