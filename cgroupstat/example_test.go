package cgroupstat_test

import (
	"errors"
	"fmt"

	"github.com/memguard-dev/go-memguard/cgroupstat"
)

// The least limit over all visible levels, and what is charged to the level
// that has it.
func Example() {
	location, err := cgroupstat.Locate()
	if errors.Is(err, cgroupstat.ErrNoCgroup) || errors.Is(err, cgroupstat.ErrNotSupported) {
		return // Nothing limits the memory, as far as can be seen.
	}
	if err != nil {
		panic(err)
	}
	reader, err := cgroupstat.Open(location)
	if err != nil {
		panic(err)
	}
	defer func() {
		if err := reader.Close(); err != nil {
			panic(err)
		}
	}()

	var limits cgroupstat.Limits
	if err := reader.Limits(&limits); err != nil {
		panic(err)
	}
	limit, ok := limits.Max.Bytes.Get()
	if !ok {
		return // No limit at any level.
	}
	if err := reader.Select(limits.Max.Level); err != nil {
		panic(err)
	}
	usage, err := reader.Usage()
	if err != nil {
		panic(err)
	}
	fmt.Printf("%d of %d bytes, as %s has it\n", usage, limit, limits.Max.File)
}

// A number that the kernel does not tell is absent, which is not 0.
func ExampleValue() {
	told, silent := cgroupstat.Of(0), cgroupstat.Value{}
	fmt.Println(told, silent, silent.Or(4096))
	if _, ok := silent.Get(); !ok {
		fmt.Println("the kernel does not tell")
	}
	// Output:
	// 0 absent 4096
	// the kernel does not tell
}

// The same key has another name on cgroup v1.
func ExampleKey_Info() {
	info := cgroupstat.Anon.Info()
	fmt.Println(info.Name, info.V1, info.Unit)
	// Output: anon total_rss By
}

// The working set is what kubectl top shows; what is unreclaimable is what
// brings the container to its end.
func ExampleUnreclaimable() {
	var stat cgroupstat.Stat
	stat.Set(cgroupstat.InactiveFile, 30<<20)
	stat.Set(cgroupstat.ActiveFile, 20<<20)
	stat.Set(cgroupstat.SlabReclaimable, 5<<20)
	const usage = 100 << 20
	fmt.Println(cgroupstat.WorkingSet(usage, &stat).Or(0)>>20, cgroupstat.Unreclaimable(usage, &stat).Or(0)>>20)
	// Output: 70 45
}
