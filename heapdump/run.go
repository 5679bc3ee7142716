package heapdump

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/memguard-dev/go-memguard/internal/heapprofile"
)

// maxOutline is how much of a manifest OfRun reads: all but the context, unless
// its reason is very long.
const maxOutline = 128 << 10

// OfRun returns the complete dumps that the process with this [Options].Run
// made, oldest first, with their files, stage, time, size and Top, and without
// the rest that [Store.List] takes from manifests: it needs no JSON decoder,
// which a service would carry for nothing else. Those without a manifest do
// not say whose they are; they are returned, too, without a Run.
func (s *Store) OfRun(run string) ([]Dump, error) {
	quoted, err := quoteRun(run)
	if err != nil {
		return nil, fmt.Errorf("heapdump: Run %q: %w", run, err)
	}
	dumps, err := s.list(func(dir *directory, f, _ found, d *Dump) error {
		o, err := dir.outline(f.fileName)
		if err == nil && o.run == quoted {
			d.Run, d.Top = run, o.top
		}
		return err
	})
	return slices.DeleteFunc(dumps, func(d Dump) bool { return d.Manifest != "" && d.Run == "" }), err
}

// TopOf names the sites with most bytes in use in a dump of an earlier process
// of the same build, which may have been killed before names were added. Other
// profiles are refused with ErrOtherBuild or ErrProfile.
func (s *Store) TopOf(d Dump, n int) (_ []Site, err error) {
	dir := s.opened()
	f, err := dir.root.OpenFile(filepath.Base(d.Path), readFlags, 0)
	if err != nil {
		return nil, fmt.Errorf("heapdump: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err == nil {
		err = recoverable(info)
	}
	var found []heapprofile.Site
	if err == nil {
		found, err = heapprofile.New().TopOf(f, min(n, maxTop))
	}
	if err != nil {
		return nil, fmt.Errorf("heapdump: sites of %s: %w", d.Path, refusal(err))
	}
	sites := make([]Site, len(found))
	for i, f := range found {
		sites[i] = site(f)
	}
	return sites, nil
}

// refusal is why a profile is left as it is, for those outside.
func refusal(err error) error {
	switch {
	case errors.Is(err, heapprofile.ErrBuild):
		return ErrOtherBuild
	case errors.Is(err, heapprofile.ErrFormat):
		return ErrProfile
	}
	return err
}

// outline is what a manifest says without being decoded.
type outline struct {
	head
	top []Site
}

func (d *directory) outline(n fileName) (_ outline, err error) {
	f, err := d.openManifest(n)
	if err != nil {
		return outline{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text, err := io.ReadAll(io.LimitReader(f, maxOutline))
	if err != nil {
		return outline{}, err
	}
	h, err := parseHead(string(text))
	if err != nil {
		return outline{}, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return outline{h, parseTop(string(text))}, nil
}

// parseTop reads the field "top" as writeTo makes it, line by line. A site
// that is cut off or unlike that ends it.
func parseTop(text string) []Site {
	_, text, ok := strings.Cut(text, "\n  \"top\": [\n")
	if !ok {
		return nil
	}
	var sites []Site
	var site Site
	for line := range strings.Lines(text) {
		line, whole := strings.CutSuffix(line, "\n")
		line = strings.TrimSuffix(line, ",")
		switch {
		case !whole, line == "  ]", len(sites) == maxTop:
			return sites
		case line == "    {":
			site = Site{}
		case line == "    }":
			sites = append(sites, site)
		default:
			if !site.set(line) {
				return sites
			}
		}
	}
	return sites
}

// set takes one line of a site.
func (s *Site) set(line string) bool {
	key, value, ok := strings.Cut(strings.TrimPrefix(line, "      \""), "\": ")
	if !ok {
		return false
	}
	var err error
	switch key {
	case "function":
		s.Function, err = strconv.Unquote(value)
	case "file":
		s.File, err = strconv.Unquote(value)
	case "line":
		s.Line, err = strconv.Atoi(value)
	case "inuse_bytes":
		s.Bytes, err = strconv.ParseInt(value, 10, 64)
	case "inuse_objects":
		s.Objects, err = strconv.ParseInt(value, 10, 64)
	case "grown_bytes":
		var n int64
		n, err = strconv.ParseInt(value, 10, 64)
		s.Grown = &n
	}
	return err == nil
}
