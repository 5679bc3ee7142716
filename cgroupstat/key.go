package cgroupstat

// Key names a number of memory.stat.
type Key uint8

// The keys. Their names are those of cgroup v2; see [Key.Info] for the v1
// names and the minimum kernel.
const (
	Anon Key = iota
	File
	Kernel
	KernelStack
	PageTables
	SecPageTables
	PerCPU
	Sock
	Vmalloc
	Shmem
	Zswap
	Zswapped
	FileMapped
	FileDirty
	FileWriteback
	Swap
	SwapCached
	AnonTHP
	FileTHP
	ShmemTHP
	InactiveAnon
	ActiveAnon
	InactiveFile
	ActiveFile
	Unevictable
	SlabReclaimable
	SlabUnreclaimable
	Slab
	Hugetlb
	WorkingsetRefaultAnon
	WorkingsetRefaultFile
	WorkingsetActivateAnon
	WorkingsetActivateFile
	WorkingsetRestoreAnon
	WorkingsetRestoreFile
	WorkingsetNodereclaim
	PgFault
	PgMajFault
	PgRefill
	PgScan
	PgSteal
	PgScanKswapd
	PgScanDirect
	PgStealKswapd
	PgStealDirect
	PgActivate
	PgDeactivate
	PgLazyFree
	PgLazyFreed
	ThpFaultAlloc
	ThpCollapseAlloc
	PgPgIn
	PgPgOut
	numKeys
)

// KeyInfo describes a key.
type KeyInfo struct {
	// Name is the one name used everywhere: that of cgroup v2. Swap has the file
	// memory.swap.current there, all others are lines of memory.stat.
	Name string
	// V1 is the line of a v1 memory.stat, or the file, that gives it; empty: v1
	// does not tell it.
	V1 string
	// Unit is "By" or "1" for events since the cgroup was made.
	Unit string
	// Since is the first kernel with it on v2; empty: all. "never" is told by v1 alone.
	Since string
}

var keyInfo = [numKeys]KeyInfo{
	Anon:                   {"anon", "total_rss", "By", ""},
	File:                   {"file", "total_cache", "By", ""},
	Kernel:                 {"kernel", "memory.kmem.usage_in_bytes", "By", "5.18"},
	KernelStack:            {"kernel_stack", "", "By", ""},
	PageTables:             {"pagetables", "", "By", "5.11"},
	SecPageTables:          {"sec_pagetables", "", "By", "6.1"},
	PerCPU:                 {"percpu", "", "By", "5.9"},
	Sock:                   {"sock", "memory.kmem.tcp.usage_in_bytes", "By", ""},
	Vmalloc:                {"vmalloc", "", "By", "5.17"},
	Shmem:                  {"shmem", "total_shmem", "By", "4.20"},
	Zswap:                  {"zswap", "", "By", "5.19"},
	Zswapped:               {"zswapped", "", "By", "5.19"},
	FileMapped:             {"file_mapped", "total_mapped_file", "By", ""},
	FileDirty:              {"file_dirty", "total_dirty", "By", ""},
	FileWriteback:          {"file_writeback", "total_writeback", "By", ""},
	Swap:                   {"swap", "total_swap", "By", ""},
	SwapCached:             {"swapcached", "total_swapcached", "By", "5.14"},
	AnonTHP:                {"anon_thp", "total_rss_huge", "By", "5.2"},
	FileTHP:                {"file_thp", "", "By", "5.11"},
	ShmemTHP:               {"shmem_thp", "", "By", "5.11"},
	InactiveAnon:           {"inactive_anon", "total_inactive_anon", "By", ""},
	ActiveAnon:             {"active_anon", "total_active_anon", "By", ""},
	InactiveFile:           {"inactive_file", "total_inactive_file", "By", ""},
	ActiveFile:             {"active_file", "total_active_file", "By", ""},
	Unevictable:            {"unevictable", "total_unevictable", "By", ""},
	SlabReclaimable:        {"slab_reclaimable", "", "By", ""},
	SlabUnreclaimable:      {"slab_unreclaimable", "", "By", ""},
	Slab:                   {"slab", "", "By", ""},
	Hugetlb:                {"hugetlb", "", "By", "6.13"},
	WorkingsetRefaultAnon:  {"workingset_refault_anon", "total_workingset_refault_anon", "1", "5.9"},
	WorkingsetRefaultFile:  {"workingset_refault_file", "total_workingset_refault_file", "1", "5.9"},
	WorkingsetActivateAnon: {"workingset_activate_anon", "", "1", "5.9"},
	WorkingsetActivateFile: {"workingset_activate_file", "", "1", "5.9"},
	WorkingsetRestoreAnon:  {"workingset_restore_anon", "", "1", "5.9"},
	WorkingsetRestoreFile:  {"workingset_restore_file", "", "1", "5.9"},
	WorkingsetNodereclaim:  {"workingset_nodereclaim", "", "1", "4.20"},
	PgFault:                {"pgfault", "total_pgfault", "1", ""},
	PgMajFault:             {"pgmajfault", "total_pgmajfault", "1", ""},
	PgRefill:               {"pgrefill", "", "1", "4.20"},
	PgScan:                 {"pgscan", "", "1", "4.20"},
	PgSteal:                {"pgsteal", "", "1", "4.20"},
	PgScanKswapd:           {"pgscan_kswapd", "", "1", "6.0"},
	PgScanDirect:           {"pgscan_direct", "", "1", "6.0"},
	PgStealKswapd:          {"pgsteal_kswapd", "", "1", "6.0"},
	PgStealDirect:          {"pgsteal_direct", "", "1", "6.0"},
	PgActivate:             {"pgactivate", "", "1", "4.20"},
	PgDeactivate:           {"pgdeactivate", "", "1", "4.20"},
	PgLazyFree:             {"pglazyfree", "", "1", "4.20"},
	PgLazyFreed:            {"pglazyfreed", "", "1", "4.20"},
	ThpFaultAlloc:          {"thp_fault_alloc", "", "1", "5.2"},
	ThpCollapseAlloc:       {"thp_collapse_alloc", "", "1", "5.2"},
	PgPgIn:                 {"pgpgin", "total_pgpgin", "1", "never"},
	PgPgOut:                {"pgpgout", "total_pgpgout", "1", "never"},
}

// String gives the key's name.
func (k Key) String() string {
	if k >= numKeys {
		return "unknown"
	}
	return keyInfo[k].Name
}

// Info describes the key.
func (k Key) Info() KeyInfo {
	if k >= numKeys {
		return KeyInfo{Name: "unknown"}
	}
	return keyInfo[k]
}

// Keys gives all keys.
func Keys() []Key {
	keys := make([]Key, numKeys)
	for i := range keys {
		keys[i] = Key(i)
	}
	return keys
}
