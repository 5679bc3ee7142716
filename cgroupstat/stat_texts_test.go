package cgroupstat

// statTexts are memory.stat of real kernels.
var statTexts = []struct {
	name    string
	version Version
	text    string
	want    map[Key]uint64
}{
	{
		"linux 6.18, v1", V1,
		`cache 9740288
rss 8658944
rss_huge 0
shmem 9068544
mapped_file 7659520
dirty 12288
writeback 0
workingset_refault_anon 0
workingset_refault_file 2267
swap 0
swapcached 0
pgpgin 36755
pgpgout 32263
pgfault 37093
pgmajfault 0
inactive_anon 0
active_anon 1531904
inactive_file 192512
active_file 479232
unevictable 16195584
hierarchical_memory_limit 9223372036854771712
hierarchical_memsw_limit 9223372036854771712
total_cache 636305408
total_rss 273670144
total_rss_huge 2097152
total_shmem 9068544
total_mapped_file 29655040
total_dirty 154394624
total_writeback 4096
total_workingset_refault_anon 11
total_workingset_refault_file 740825
total_swap 8192
total_swapcached 12288
total_pgpgin 17017509
total_pgpgout 16830167
total_pgfault 18454651
total_pgmajfault 6794
total_inactive_anon 264822784
total_active_anon 1593344
total_inactive_file 266031104
total_active_file 361205760
total_unevictable 16195584
`,
		map[Key]uint64{
			Anon: 273670144, File: 636305408, AnonTHP: 2097152, Shmem: 9068544, FileMapped: 29655040, FileDirty: 154394624,
			FileWriteback: 4096, WorkingsetRefaultAnon: 11, WorkingsetRefaultFile: 740825, Swap: 8192, SwapCached: 12288,
			PgPgIn: 17017509, PgPgOut: 16830167, PgFault: 18454651, PgMajFault: 6794, InactiveAnon: 264822784,
			ActiveAnon: 1593344, InactiveFile: 266031104, ActiveFile: 361205760, Unevictable: 16195584,
		},
	},
	{
		"linux 6.1, v2", V2,
		`anon 104861696
file 41943040
kernel 3145728
kernel_stack 147456
pagetables 561152
sec_pagetables 0
percpu 5952
sock 4096
vmalloc 24576
shmem 8192
zswap 0
zswapped 0
file_mapped 1351680
file_dirty 20480
file_writeback 0
swapcached 0
anon_thp 69206016
file_thp 0
shmem_thp 0
inactive_anon 104857600
active_anon 12288
inactive_file 31457280
active_file 10477568
unevictable 0
slab_reclaimable 1572864
slab_unreclaimable 524288
slab 2097152
workingset_refault_anon 0
workingset_refault_file 3072
workingset_activate_anon 0
workingset_activate_file 17
workingset_restore_anon 0
workingset_restore_file 5
workingset_nodereclaim 0
pgscan 6144
pgsteal 5120
pgscan_kswapd 0
pgscan_direct 6144
pgsteal_kswapd 0
pgsteal_direct 5120
pgfault 31415
pgmajfault 92
pgrefill 653
pgactivate 589
pgdeactivate 793
pglazyfree 238
pglazyfreed 46
zswpin 0
zswpout 0
thp_fault_alloc 33
thp_collapse_alloc 1
`,
		map[Key]uint64{
			Anon: 104861696, File: 41943040, Kernel: 3145728, KernelStack: 147456, PageTables: 561152, SecPageTables: 0, PerCPU: 5952,
			Sock: 4096, Vmalloc: 24576, Shmem: 8192, Zswap: 0, Zswapped: 0, FileMapped: 1351680, FileDirty: 20480, FileWriteback: 0,
			SwapCached: 0, AnonTHP: 69206016, FileTHP: 0, ShmemTHP: 0, InactiveAnon: 104857600, ActiveAnon: 12288,
			InactiveFile: 31457280, ActiveFile: 10477568, Unevictable: 0, SlabReclaimable: 1572864, SlabUnreclaimable: 524288,
			Slab: 2097152, WorkingsetRefaultAnon: 0, WorkingsetRefaultFile: 3072, WorkingsetActivateAnon: 0, WorkingsetActivateFile: 17,
			WorkingsetRestoreAnon: 0, WorkingsetRestoreFile: 5, WorkingsetNodereclaim: 0, PgScan: 6144, PgSteal: 5120,
			PgScanKswapd: 0, PgScanDirect: 6144, PgStealKswapd: 0, PgStealDirect: 5120, PgFault: 31415, PgMajFault: 92,
			PgRefill: 653, PgActivate: 589, PgDeactivate: 793, PgLazyFree: 238, PgLazyFreed: 46, ThpFaultAlloc: 33, ThpCollapseAlloc: 1,
		},
	},
	{
		"linux 5.4, v2", V2,
		`anon 1216512
file 405504
kernel_stack 36864
slab 749568
sock 0
shmem 0
file_mapped 135168
file_dirty 0
file_writeback 0
anon_thp 0
inactive_anon 0
active_anon 1351680
inactive_file 270336
active_file 135168
unevictable 0
slab_reclaimable 405504
slab_unreclaimable 344064
pgfault 8382
pgmajfault 0
workingset_refault 33
workingset_activate 22
workingset_restore 11
workingset_nodereclaim 0
pgrefill 0
pgscan 0
pgsteal 0
pgactivate 0
pgdeactivate 0
pglazyfree 0
pglazyfreed 0
thp_fault_alloc 0
thp_collapse_alloc 0
`,
		map[Key]uint64{
			Anon: 1216512, File: 405504, KernelStack: 36864, Slab: 749568, Sock: 0, Shmem: 0, FileMapped: 135168, FileDirty: 0,
			FileWriteback: 0, AnonTHP: 0, InactiveAnon: 0, ActiveAnon: 1351680, InactiveFile: 270336, ActiveFile: 135168,
			Unevictable: 0, SlabReclaimable: 405504, SlabUnreclaimable: 344064, PgFault: 8382, PgMajFault: 0,
			WorkingsetRefaultFile: 33, WorkingsetActivateFile: 22, WorkingsetRestoreFile: 11, WorkingsetNodereclaim: 0,
			PgRefill: 0, PgScan: 0, PgSteal: 0, PgActivate: 0, PgDeactivate: 0, PgLazyFree: 0, PgLazyFreed: 0,
			ThpFaultAlloc: 0, ThpCollapseAlloc: 0,
		},
	},
}
