package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"time"

	"github.com/google/pprof/profile"

	"github.com/memguard-dev/go-memguard/heapdump"
)

// culprit is the function that ate the memory. Its package has another name in
// a test binary than in the program.
var culprit = runtime.FuncForPC(reflect.ValueOf(leakPayloads).Pointer()).Name()

// judge looks at what is left: the progress told and the files.
func (c *cell) judge(killed bool, points []point, dumps string) (result, error) {
	r := result{Killed: killed}
	cross, ok := crossing(points, c.threshold())
	if !ok {
		return r, fmt.Errorf("usage never reached the threshold: %d points", len(points))
	}
	near, _ := crossing(points, c.threshold()/10*9) // There, since the threshold is above it.
	r.Leaked = cross.leaked
	r.Rate = float64(cross.leaked-points[0].leaked) / 1e6 / cross.at.Sub(points[0].at).Seconds()
	for _, p := range points {
		r.Peak = max(r.Peak, p.usage)
	}
	r.LastSeen = points[len(points)-1].usage
	entries, err := os.ReadDir(dumps)
	if err != nil {
		return r, err
	}
	for _, e := range entries {
		if !isHeapProfile(e.Name()) {
			continue
		}
		leaked, ok := leakedIn(filepath.Join(dumps, e.Name()))
		if !ok {
			r.Torn++
			continue
		}
		info, err := e.Info()
		if err != nil {
			return r, err
		}
		at, err := completed(dumps, info)
		if err != nil {
			return r, err
		}
		if at.Before(near.at) {
			r.Early++
			continue
		}
		since := at.Sub(cross.at)
		leakedThen := leakedAt(points, at)
		if r.Files == 0 || since < r.First {
			r.First, r.FirstAt = since, leakedThen
		}
		r.Files++
		share := float64(leaked) / float64(r.Leaked)
		if r.Best == "" || share > r.Share {
			r.Share, r.Best, r.Since, r.At = share, e.Name(), since, leakedThen
		}
		if share >= namedShare && (!r.Named || since < r.Naming) {
			r.Named, r.Naming, r.NamingAt = true, since, leakedThen
		}
	}
	return r, nil
}

// isHeapProfile knows the names that the watchers give: files of ours are
// complete under a final name only. A baseline is of an ordinary moment: no
// evidence of this one.
func isHeapProfile(name string) bool {
	for _, other := range []string{".", "goroutine-", "blackbox-", "crash-"} {
		if strings.HasPrefix(name, other) {
			return false
		}
	}
	for _, other := range []string{".json", ".tmp", "-" + string(heapdump.Baseline) + ".pb"} {
		if strings.HasSuffix(name, other) {
			return false
		}
	}
	return true
}

// completed is when a file got its last byte. Where there is a manifest it
// says so, to the microsecond; a file's own time moves in steps of
// milliseconds, and again when symbols are added.
func completed(dir string, info os.FileInfo) (time.Time, error) {
	f, err := os.Open(filepath.Join(dir, strings.TrimSuffix(info.Name(), ".pb")+".json"))
	if err != nil {
		return info.ModTime(), nil //nolint:nilerr // Only ours have one, and those killed early lack it.
	}
	defer f.Close() // Only read.
	m, err := heapdump.ReadManifest(f)
	if err != nil {
		return time.Time{}, err
	}
	return m.CapturedAt.Add(time.Duration(m.Duration * float64(time.Second))), nil
}

// leakedIn is how many bytes in use a profile shows under the culprit.
func leakedIn(path string) (bytes int64, ok bool) {
	f, err := os.Open(path)
	if err != nil {
		return 0, false
	}
	defer f.Close() // Only read.
	p, err := profile.Parse(f)
	if err != nil {
		return 0, false
	}
	value := -1
	for i, t := range p.SampleType {
		if t.Type == "inuse_space" {
			value = i
		}
	}
	if value < 0 {
		return 0, false
	}
	for _, s := range p.Sample {
		if hasFunction(s, culprit) {
			bytes += s.Value[value]
		}
	}
	return bytes, true
}

func hasFunction(s *profile.Sample, name string) bool {
	for _, l := range s.Location {
		for _, line := range l.Line {
			if line.Function != nil && line.Function.Name == name {
				return true
			}
		}
	}
	return false
}
