package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/memguard-dev/go-memguard/internal/diagnose"
)

// dentries are counted for the machine on cgroup v1, whose kernel memory of a
// program is told without what the machine's names have grown by meanwhile.
const dentries = "dentries"

// kernelScenarios are of memory that the kernel holds for the program.
func kernelScenarios() []scenario {
	fine := codes(diagnose.Healthy, diagnose.PageCache)
	return []scenario{
		{name: "pipes", apart: dentries, about: "pipes that are written to and never read, 16 a second of 64 KiB", want: codes(diagnose.KernelMemory), run: fullPipes},
		{name: "unix_sockets", apart: dentries, about: "datagrams on Unix sockets that nobody receives, 2 MiB a second", want: codes(diagnose.KernelMemory, diagnose.SocketBuffers), run: fullUnixSockets},
		{name: "memfd", about: "shared memory without a name, 2 MiB a second", want: codes(diagnose.Tmpfs), run: leakShared},
		{name: "lookups", apart: dentries, about: "names looked up that do not exist: the kernel remembers them, and forgets them when it must", want: fine, healthy: true, run: lookUp},
		{name: "arena_warmup", about: "a cache outside Go that is mapped evenly, 0.8 MiB a second up to 25 MiB", want: fine, healthy: true, after: 50 * time.Second, run: fillArena},
		{name: "mapped_file", about: "a file of 60 MiB mapped and read", want: fine, healthy: true, run: readMapped},
	}
}

func fullPipes(ctx context.Context, _ string) error {
	go func() { _ = serve(ctx, 4*mib) }()
	return steadily(ctx, 16, 0, func(n int64) error {
		for range n {
			var pipe [2]int
			if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
				return fmt.Errorf("pipe: %w", err)
			}
			if _, err := unix.Write(pipe[1], make([]byte, 64*kib)); err != nil && !errors.Is(err, unix.EAGAIN) {
				return fmt.Errorf("write to a pipe: %w", err)
			}
		}
		return nil
	})
}

func fullUnixSockets(ctx context.Context, _ string) error {
	go func() { _ = serve(ctx, 4*mib) }()
	message := make([]byte, 16*kib)
	var pair [2]int
	full := true
	return steadily(ctx, 2*mib, 0, func(n int64) error {
		for n > 0 {
			if full {
				var err error
				if pair, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
					return fmt.Errorf("socketpair: %w", err)
				}
			}
			_, err := unix.Write(pair[0], message)
			if full = errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOBUFS); full {
				continue
			}
			if err != nil {
				return fmt.Errorf("send: %w", err)
			}
			n -= int64(len(message))
		}
		return nil
	})
}

func leakShared(ctx context.Context, _ string) error {
	go func() { _ = serve(ctx, 4*mib) }()
	fd, err := unix.MemfdCreate("frames", unix.MFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("memfd: %w", err)
	}
	return steadily(ctx, 2*mib, 0, func(n int64) error {
		_, err := unix.Write(fd, make([]byte, n))
		return err
	})
}

func fillArena(ctx context.Context, _ string) error {
	go func() { _ = serve(ctx, 4*mib) }()
	return steadily(ctx, 800*kib, 25*mib, mapMore)
}

func lookUp(ctx context.Context, dir string) error {
	i := 0
	return steadily(ctx, 8000, 0, func(n int64) error {
		for range n {
			i++
			if err := unix.Access(filepath.Join(dir, fmt.Sprintf("session-%08d", i)), unix.F_OK); !errors.Is(err, unix.ENOENT) {
				return fmt.Errorf("look up: %w", err)
			}
		}
		return nil
	})
}

func readMapped(ctx context.Context, dir string) (err error) {
	const size = 60 * mib
	f, err := os.Create(filepath.Join(dir, "index"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for range size / mib {
		if _, err := f.Write(touch(make([]byte, mib))); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
	}
	b, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("mmap: %w", err)
	}
	sum := byte(0)
	err = steadily(ctx, 40*mib, 0, func(n int64) error {
		for i := int64(0); i < min(n, size); i += 4 * kib {
			sum += b[i]
		}
		return nil
	})
	held.garbage = []byte{sum}
	return err
}
