package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/memguard-dev/go-memguard/internal/diagnose"
)

func healthyScenarios() []scenario {
	fine := codes(diagnose.Healthy, diagnose.PageCache)
	return []scenario{
		{name: "sawtooth", about: "40 MiB a second of garbage over a flat live heap", want: fine, healthy: true, run: sawtooth},
		{name: "cache_warmup", about: "a cache filled by misses that levels off at 50 MiB", want: fine, healthy: true, after: 45 * time.Second, run: warmup},
		{name: "linear_cache", about: "a cache filled evenly, 1 MiB a second up to 50 MiB", want: fine, healthy: true, after: 80 * time.Second, run: fillTo(mib, 50*mib, 8*mib)},
		{name: "linear_cache_fast", about: "the same at 2 MiB a second up to 48 MiB, and hardly any garbage", want: fine, healthy: true, after: 60 * time.Second, run: fillTo(2*mib, 48*mib, 64*kib)},
		{name: "staged_batch", about: "a job in stages: reads 40 MiB of a file into rows in half a minute, makes an index of a third, lets the rows go", want: append(fine, diagnose.HeapNotReturned), healthy: true, after: 75 * time.Second, run: stages},
		{name: "loaded_tables", about: "60 MiB loaded at the start, and little after", want: fine, healthy: true, run: thenServe(holdOnly(60*mib), 4*mib)},
		{name: "lru", about: "a cache of 40 MiB of which every entry is replaced within two seconds", want: fine, healthy: true, run: churn},
		{name: "fan_out", about: "2,000 goroutines for a second, every five", want: fine, healthy: true, run: fanOut},
		{name: "worker_pool", about: "workers that are started as they are needed, 20 a second up to 700", want: fine, healthy: true, after: 60 * time.Second, run: startWorkers},
		{name: "log_writer", about: "20 MiB a second of logs, synced and rotated", want: fine, healthy: true, run: logs},
		{name: "batch_job", about: "50 MiB alive for two seconds out of five", want: append(fine, diagnose.HeapNotReturned), healthy: true, run: batch},
		{name: "web_service", about: "an HTTP server that answers 50 requests a second", want: fine, healthy: true, run: web},
		{name: "pooled_buffers", about: "large buffers from a sync.Pool", want: fine, healthy: true, run: pooled},
		{name: "swinging_load", about: "load and live heap that swing up and down", want: fine, healthy: true, run: swing},
		{name: "gogc_off", about: "GOGC=off: garbage up to GOMEMLIMIT, a small live heap", want: fine, healthy: true, env: []string{"GOGC=off"}, run: thenServe(holdOnly(15*mib), 20*mib)},
		{name: "connection_pool", about: "a pool that grows to 300 goroutines with buffers of 32 KiB, and stays", want: fine, healthy: true, after: 45 * time.Second, run: growPool},
		{name: "reloads", about: "a table of 25 MiB that is built anew every ten seconds", want: append(fine, diagnose.HeapNotReturned), healthy: true, after: 50 * time.Second, run: reload},
		{name: "page_cache", about: "reads a file larger than its limit, over and over", want: codes(diagnose.PageCache), healthy: true, run: readFile},
	}
}

func sawtooth(ctx context.Context, dir string) error {
	return thenServe(holdOnly(15*mib), 40*mib)(ctx, dir)
}

func holdOnly(n int64) func() {
	return func() {
		for range n / (64 * kib) {
			held.sessions = append(held.sessions, touch(make([]byte, 64*kib)))
		}
	}
}

func thenServe(prepare func(), rate int64) func(context.Context, string) error {
	return func(ctx context.Context, _ string) error {
		prepare()
		return serve(ctx, rate)
	}
}

func warmup(ctx context.Context, _ string) error {
	const entries = 800
	cache := map[int][]byte{}
	go func() { _ = serve(ctx, 8*mib) }()
	return steadily(ctx, 120, 0, func(n int64) error {
		for range n {
			key := rand.IntN(entries)
			if cache[key] == nil {
				cache[key] = touch(make([]byte, 64*kib))
			}
		}
		return nil
	})
}

// fillTo fills a cache evenly.
func fillTo(rate, most, garbage int64) func(context.Context, string) error {
	return func(ctx context.Context, _ string) error {
		go func() { _ = serve(ctx, garbage) }()
		return steadily(ctx, rate, most, func(n int64) error {
			for range n / (16 * kib) {
				held.sessions = append(held.sessions, touch(make([]byte, 16*kib)))
			}
			return nil
		})
	}
}

// stages reads rows evenly, keeps a third and lets the rest go, again and again.
func stages(ctx context.Context, dir string) error {
	const rows = 40 * mib / (32 * kib)
	path := filepath.Join(dir, "rows")
	if err := os.WriteFile(path, bytes.Repeat([]byte("row "), 15*mib), 0o600); err != nil {
		return err
	}
	go func() { _ = serve(ctx, 6*mib) }()
	for ctx.Err() == nil {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		var table [][]byte
		for len(table) < rows && ctx.Err() == nil {
			row := make([]byte, 32*kib)
			if _, err := io.ReadFull(f, row); err != nil {
				return errors.Join(err, f.Close())
			}
			table = append(table, row)
			wait(ctx, 30*time.Second/rows)
		}
		if err := f.Close(); err != nil {
			return err
		}
		held.sessions = nil
		for i := 0; i < len(table); i += 3 {
			held.sessions = append(held.sessions, bytes.Clone(table[i]))
		}
		clear(table)
		wait(ctx, 10*time.Second)
	}
	return nil
}

func startWorkers(ctx context.Context, _ string) error {
	held.block = make(chan struct{})
	go func() { _ = serve(ctx, 10*mib) }()
	return steadily(ctx, 20, 700, func(n int64) error {
		for range n {
			go waitForever(make([]byte, 8*kib))
		}
		return nil
	})
}

func logs(ctx context.Context, dir string) error {
	line := bytes.Repeat([]byte("time=2026-01-01T00:00:00Z level=INFO msg=\"request served\" path=/cart\n"), 64)
	path := filepath.Join(dir, "service.log")
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // The run is over.
	written := 0
	return steadily(ctx, 20*mib, 0, func(n int64) error {
		for ; n > 0; n -= int64(len(line)) {
			k, err := f.Write(line)
			if err != nil {
				return err
			}
			if written += k; written%(4*mib) < len(line) {
				if err := f.Sync(); err != nil {
					return err
				}
			}
			if written >= 64*mib {
				written = 0
				if err := os.Rename(path, path+".1"); err != nil {
					return err
				}
				if err := f.Close(); err != nil {
					return err
				}
				if f, err = os.Create(path); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func batch(ctx context.Context, _ string) error {
	for ctx.Err() == nil {
		var rows [][]byte
		for range 50 * 16 {
			rows = append(rows, touch(make([]byte, 64*kib)))
		}
		wait(ctx, 2*time.Second)
		clear(rows)
		wait(ctx, 3*time.Second)
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func pooled(ctx context.Context, _ string) error {
	pool := sync.Pool{New: func() any { b := make([]byte, mib); return &b }}
	return steadily(ctx, 100, 0, func(n int64) error {
		var used []*[]byte
		for range min(n, 10) { // A slow machine does not have it hold more at once.
			b := pool.Get().(*[]byte)
			touch(*b)
			used = append(used, b)
		}
		for _, b := range used {
			pool.Put(b)
		}
		return nil
	})
}

func swing(ctx context.Context, _ string) error {
	start := time.Now()
	return steadily(ctx, 20, 0, func(int64) error {
		load := 1 + math.Sin(2*math.Pi*time.Since(start).Seconds()/20)
		want := int(load * 12 * 16)
		for len(held.sessions) < want {
			held.sessions = append(held.sessions, touch(make([]byte, 64*kib)))
		}
		clear(held.sessions[want:])
		held.sessions = held.sessions[:want]
		for range int(load * 32) {
			held.garbage = make([]byte, 32*kib)
		}
		return nil
	})
}

func readFile(ctx context.Context, dir string) error {
	path := filepath.Join(dir, "data")
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // The run is over.
	block := bytes.Repeat([]byte("row "), mib/4)
	for range 200 {
		if _, err := f.Write(block); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
	}
	at := int64(0)
	return steadily(ctx, 40*mib, 0, func(n int64) error {
		for ; n > 0; n -= mib {
			if _, err := f.ReadAt(block, at*mib); err != nil {
				return err
			}
			at = (at + 1) % 200
		}
		return nil
	})
}

func growPool(ctx context.Context, _ string) error {
	held.block = make(chan struct{})
	go func() { _ = serve(ctx, 10*mib) }()
	if err := steadily(ctx, 20, 300, func(n int64) error {
		for range n {
			go waitForever(make([]byte, 32*kib))
		}
		return nil
	}); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func reload(ctx context.Context, _ string) error {
	go func() { _ = serve(ctx, 6*mib) }()
	for ctx.Err() == nil {
		var table [][]byte
		for range 25 * 32 {
			table = append(table, touch(make([]byte, 32*kib)))
		}
		held.sessions = table
		wait(ctx, 10*time.Second)
	}
	return nil
}

func churn(ctx context.Context, _ string) error {
	ring := make([][]byte, 40*mib/(64*kib))
	i := 0
	return steadily(ctx, 20*mib, 0, func(n int64) error {
		for range n / (64 * kib) {
			ring[i%len(ring)] = touch(make([]byte, 64*kib))
			i++
		}
		return nil
	})
}

func fanOut(ctx context.Context, _ string) error {
	for ctx.Err() == nil {
		var wg sync.WaitGroup
		for range 2000 {
			wg.Go(func() {
				buffer := touch(make([]byte, 8*kib))
				wait(ctx, time.Second)
				runtime.KeepAlive(buffer)
			})
		}
		wg.Wait()
		wait(ctx, 4*time.Second)
	}
	return nil
}
