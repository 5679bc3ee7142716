package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// fileSize is that of one file of the page cache hog, synced when it is full,
// so that no more than this is dirty and the kernel can always reclaim.
const fileSize = 8 << 20

func waitFlag(flags *flag.FlagSet) *bool {
	return flags.Bool("wait", false, "wait for SIGTERM when done")
}

func pageCacheMode(flags *flag.FlagSet) work {
	total := sizeFlag(flags, "total", 384<<20, "bytes to write and read again")
	dir := flags.String("dir", "", "directory for the files")
	keep := flags.Bool("keep", false, "leave the files there")
	wait := waitFlag(flags)
	return func(ctx context.Context, out io.Writer) (hold bool, err error) {
		names, err := writeFiles(ctx, *dir, int64(*total))
		if !*keep {
			defer func() { err = errors.Join(err, removeAll(names)) }()
		}
		if err != nil {
			return false, err
		}
		if err := readFiles(ctx, names); err != nil {
			return false, err
		}
		if *wait && !*keep {
			// The cache goes with the files, so they stay for the wait.
			fmt.Fprintln(out, "done")
			<-ctx.Done()
			return false, ctx.Err()
		}
		return *wait, nil
	}
}

func writeFiles(ctx context.Context, dir string, total int64) (names []string, err error) {
	if dir == "" {
		return nil, errors.New("-dir is missing")
	}
	block := make([]byte, 256<<10)
	for i := range block {
		block[i] = byte(i * 7)
	}
	for left := total; left > 0; left -= fileSize {
		if ctx.Err() != nil {
			return names, ctx.Err()
		}
		name := filepath.Join(dir, fmt.Sprintf("victim-%05d.dat", len(names)))
		names = append(names, name)
		if err := writeFile(name, block, min(left, fileSize)); err != nil {
			return names, err
		}
	}
	return names, nil
}

func writeFile(name string, block []byte, n int64) (err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for n > 0 {
		w, err := f.Write(block[:min(n, int64(len(block)))])
		if err != nil {
			return err
		}
		n -= int64(w)
	}
	return f.Sync()
}

func readFiles(ctx context.Context, names []string) error {
	block := make([]byte, 256<<10)
	for _, name := range names {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		// The struct hides WriteTo and ReadFrom: every byte is to be read.
		_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, block)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

func removeAll(names []string) error {
	var errs []error
	for _, name := range names {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// rotations is how many old logs are kept.
const rotations = 3

func logWriterMode(flags *flag.FlagSet) work {
	total := sizeFlag(flags, "total", 384<<20, "bytes to log")
	dir := flags.String("dir", "", "directory for the logs")
	rotate := sizeFlag(flags, "rotate", 16<<20, "bytes after which a new log begins")
	wait := waitFlag(flags)
	return func(ctx context.Context, _ io.Writer) (bool, error) {
		if *dir == "" || *rotate == 0 {
			return false, errors.New("logwriter: -dir is missing or -rotate is 0")
		}
		name := filepath.Join(*dir, "victim.log")
		for written := int64(0); written < int64(*total); {
			n, err := writeLog(ctx, name, written, min(int64(*rotate), int64(*total)-written))
			if err != nil {
				return false, err
			}
			written += n
			if err := rotateLog(name); err != nil {
				return false, err
			}
		}
		return *wait, nil
	}
}

// trace makes the lines of the log long: formatting is not what it is about.
var trace = strings.Repeat("main.serve(...) /src/serve.go:42; ", 32)

// writeLog fills one log, a write for about every 4 KiB as loggers do.
func writeLog(ctx context.Context, name string, offset, n int64) (written int64, err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	for written < n {
		if ctx.Err() != nil {
			return written, ctx.Err()
		}
		k, err := fmt.Fprintf(w, "level=INFO msg=\"request served\" offset=%d path=/api/v1/orders status=200 bytes=5120 duration=12ms trace=\"%s\"\n", offset+written, trace)
		if err != nil {
			return written, err
		}
		written += int64(k)
	}
	return written, w.Flush()
}

func rotateLog(name string) error {
	for i := rotations; i > 0; i-- {
		from := name
		if i > 1 {
			from = fmt.Sprintf("%s.%d", name, i-1)
		}
		if err := os.Rename(from, fmt.Sprintf("%s.%d", name, i)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
