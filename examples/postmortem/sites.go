package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/heapdump/sites"
)

// topSites is how many allocation sites are named.
const topSites = 8

// sites names who allocated what was there at the last dump.
func (p *past) sites(out io.Writer) {
	last, ok := best(p.dumps)
	if !ok {
		return
	}
	section(out, "who allocated it", "of "+filepath.Base(last.Path))
	found, err := readTop(last.Path)
	switch {
	case errors.Is(err, sites.ErrNoSymbols):
		fmt.Fprintf(out, "  It was killed before names were added. With the same binary:\n    go tool pprof -top BINARY %s\n", last.Path)
		return
	case err != nil:
		fmt.Fprintf(out, "  %v\n", err)
		return
	}
	type place struct {
		function string
		line     int64
	}
	grown := map[place]*int64{}
	for _, s := range last.Top {
		grown[place{s.Function, int64(s.Line)}] = s.Grown
	}
	for _, s := range found {
		line := fmt.Sprintf("  %10s", mebibytes(uint64(max(0, s.Bytes))))
		if g := grown[place{s.Function, s.Line}]; g != nil {
			line += fmt.Sprintf("  grown by %10s", mebibytes(uint64(max(0, *g))))
		}
		fmt.Fprintf(out, "%s  %s  %s:%d\n", line, s.Function, filepath.Base(s.File), s.Line)
	}
	section(out, "look further", "")
	fmt.Fprintf(out, "  go tool pprof -http=localhost: %s\n", last.Path)
	if last.Goroutine != "" {
		fmt.Fprintf(out, "  go tool pprof -http=localhost: %s\n", last.Goroutine)
	}
}

// best is the last fresh dump, for want of one the last immediate one.
func best(dumps []heapdump.Dump) (heapdump.Dump, bool) {
	var found heapdump.Dump
	for _, d := range dumps {
		if d.Stage == heapdump.Baseline || found.Stage == heapdump.Fresh && d.Stage != heapdump.Fresh {
			continue
		}
		found = d
	}
	return found, found.Path != ""
}

func readTop(path string) (_ []sites.Site, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return sites.Top(f, topSites)
}
