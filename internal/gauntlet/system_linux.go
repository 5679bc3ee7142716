package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/memguard-dev/go-memguard/internal/diagnose"
)

func systemScenarios() []scenario {
	fine := codes(diagnose.Healthy, diagnose.PageCache)
	return append([]scenario{
		{name: "off_heap_mmap", about: "anonymous mappings that are never unmapped, 2 MiB a second", want: codes(diagnose.OffHeap), run: leakMappings},
		{name: "off_heap_cgo", about: "a C library that never frees its frames, 2 MiB a second", want: codes(diagnose.OffHeap), cgo: true, run: leakInC},
		{name: "thread_growth", about: "system calls that never return, 15 a second, each with its thread", want: codes(diagnose.ThreadGrowth), run: leakThreads},
		{name: "page_cache_dirty", about: "a file of 70 MiB rewritten all the time and never synced", want: codes(diagnose.PageCacheDirty), run: rewrite},
		{name: "off_heap_fast", about: "anonymous mappings, 6 MiB a second", want: codes(diagnose.OffHeap), after: 17 * time.Second, run: mapFast},
		{name: "tmp_files", about: "files of 10 MiB in a tmpfs that come and go", want: fine, healthy: true, run: tmpFiles},
		{name: "tmpfs", about: "files in a tmpfs that nobody removes, 2 MiB a second", want: codes(diagnose.Tmpfs), run: fillTmpfs},
		{name: "tmpfs_full", about: "a tmpfs that was filled with 60 MiB at the start", want: codes(diagnose.Tmpfs), run: fullTmpfs},
		{name: "kernel_memory", apart: dentries, about: "page tables of a sparse mapping, 1 MiB a second", want: codes(diagnose.KernelMemory), run: pageTables},
		{name: "bpf_maps", about: "BPF arrays of 40 MiB", want: codes(diagnose.BPFMaps), run: bpfMaps},
		{name: "throttled_by_memory_high", about: "a live heap that wants 90 MiB under a memory.high of 60", want: codes(diagnose.Throttled), high: 60 * mib, v2only: true, env: []string{"GOMEMLIMIT=off"}, run: holdSessions(90 * mib)},
		{name: "spike", about: "every twelve seconds 102 MiB for a tenth of a second", want: codes(diagnose.Spike), run: spikes},
	}, append(processScenarios(), kernelScenarios()...)...)
}

// mapped is what is never unmapped.
var mapped [][]byte

func mapAnon(n int) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("mmap: %w", err)
	}
	return b, nil
}

func leakMappings(ctx context.Context, _ string) error {
	go func() { _ = serve(ctx, 4*mib) }()
	return steadily(ctx, 2*mib, 0, mapMore)
}

func mapFast(ctx context.Context, _ string) error {
	return steadily(ctx, 6*mib, 0, mapMore)
}

func mapMore(n int64) error {
	b, err := mapAnon(int(n))
	if err != nil {
		return err
	}
	mapped = append(mapped, touch(b))
	return nil
}

func leakThreads(ctx context.Context, _ string) error {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return err
	}
	go func() { _ = serve(ctx, 4*mib) }()
	return steadily(ctx, 15, 0, func(n int64) error {
		for range n {
			go func() {
				runtime.LockOSThread()
				_, _ = unix.Read(pipe[0], make([]byte, 1)) // Never.
			}()
		}
		return nil
	})
}

func rewrite(ctx context.Context, dir string) error {
	f, err := os.Create(filepath.Join(dir, "debug.log"))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // The run is over.
	block := touch(make([]byte, mib))
	at := int64(0)
	return steadily(ctx, 60*mib, 0, func(n int64) error {
		for ; n > 0 && ctx.Err() == nil; n -= mib {
			if _, err := f.WriteAt(block, at*mib); err != nil {
				return err
			}
			at = (at + 1) % 70
		}
		return nil
	})
}

// onTmpfs runs in a tmpfs of its own, which is unmounted at the end.
func onTmpfs(dir string, do func(dir string) error) (err error) {
	volume := filepath.Join(dir, "volume")
	if err := os.Mkdir(volume, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if err := unix.Mount("memguard-gauntlet", volume, "tmpfs", 0, "size=110m"); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	defer func() { err = errors.Join(err, unix.Unmount(volume, unix.MNT_DETACH)) }()
	return do(volume)
}

func fillTmpfs(ctx context.Context, dir string) error {
	return onTmpfs(dir, func(volume string) error {
		i := 0
		if err := steadily(ctx, 2*mib, 100*mib, func(n int64) error {
			i++
			return os.WriteFile(filepath.Join(volume, fmt.Sprintf("upload-%04d", i)), make([]byte, n), 0o600)
		}); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	})
}

func fullTmpfs(ctx context.Context, dir string) error {
	return onTmpfs(dir, func(volume string) error {
		for i := range 60 {
			if err := os.WriteFile(filepath.Join(volume, fmt.Sprintf("export-%04d", i)), make([]byte, mib), 0o600); err != nil {
				return err
			}
		}
		return serve(ctx, mib)
	})
}

// pageTables reads one page in each two MiB of a large mapping: the page is the
// kernel's zero page, its table costs 4 KiB.
func pageTables(ctx context.Context, _ string) error {
	area := int(min(int64(64<<30), int64(math.MaxInt>>1))) // Also where an int is small.
	b, err := unix.Mmap(-1, 0, area, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return fmt.Errorf("mmap: %w", err)
	}
	if err := unix.Madvise(b, unix.MADV_NOHUGEPAGE); err != nil {
		return fmt.Errorf("madvise: %w", err)
	}
	at := 0
	var sum byte
	if err := steadily(ctx, 256, int64(area)/(2*mib), func(n int64) error {
		for range n {
			if at < area {
				sum += b[at]
				at += 2 * mib
			}
		}
		return nil
	}); err != nil {
		return err
	}
	runtime.KeepAlive(sum)
	<-ctx.Done()
	return nil
}

func bpfMaps(ctx context.Context, _ string) error {
	for range 10 {
		fd, err := newBPFArray(1024, 4*kib)
		if err != nil {
			return err
		}
		defer func() { _ = unix.Close(fd) }() // The run is over.
	}
	return serve(ctx, mib)
}

func spikes(ctx context.Context, _ string) error {
	go func() { _ = serve(ctx, 2*mib) }()
	for ctx.Err() == nil {
		wait(ctx, 12*time.Second)
		b, err := mapAnon(102 * mib)
		if err != nil {
			return err
		}
		touch(b)
		wait(ctx, 100*time.Millisecond)
		if err := unix.Munmap(b); err != nil {
			return err
		}
	}
	return nil
}

func tmpFiles(ctx context.Context, dir string) error {
	return onTmpfs(dir, func(volume string) error {
		path := filepath.Join(volume, "upload")
		return steadily(ctx, 1, 0, func(int64) error {
			if err := os.WriteFile(path, make([]byte, 10*mib), 0o600); err != nil {
				return err
			}
			wait(ctx, 400*time.Millisecond)
			return os.Remove(path)
		})
	})
}
