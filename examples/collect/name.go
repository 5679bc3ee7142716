package main

import (
	"regexp"
	"strconv"
	"time"
)

// kind is what a file holds. The order is the one in which files are shipped
// and removed: what says whose the others are goes last.
type kind uint8

const (
	heapProfile kind = iota
	goroutineProfile
	manifestFile
	crashText
	blackBox
	exitStory
)

// fileName is the final name of a complete file.
type fileName struct {
	text string
	kind kind
	// stem is common to a profile, its manifest and its goroutine profile, and
	// to the files of a run; set to all stages of a crossing.
	stem, set string
	// run is in the names of black boxes, crash texts and exit stories only.
	run string
	// head and tail are text in two, with room for what tells two runs apart.
	head, tail string
}

const (
	timeLayout = "20060102T150405.000Z"
	maxRunName = 64
)

var (
	dumpName = regexp.MustCompile(`^(heap|goroutine)-(([0-9]{8}T[0-9]{6}\.[0-9]{3}Z)-p([1-9][0-9]{0,18}))-([a-z0-9]{1,16})(\.pb|\.pb\.gz|\.json)$`)
	runName  = regexp.MustCompile(`^(blackbox|crash|exit)-(([0-9]{8}T[0-9]{6}\.[0-9]{3}Z)-p[0-9]+-[0-9a-f]{8})(\.box|\.bad|\.txt|\.json)$`)
	runKinds = map[string]kind{
		"blackbox.box": blackBox, "blackbox.bad": blackBox, "crash.txt": crashText, "exit.json": exitStory,
	}
)

// parseName takes a final name apart; ok is false for every other name,
// unfinished and foreign files among them.
func parseName(text string) (n fileName, ok bool) {
	if m := dumpName.FindStringSubmatch(text); m != nil {
		prefix, set, stamp, pid, stage, suffix := m[1], m[2], m[3], m[4], m[5], m[6]
		n = fileName{text: text, set: set, stem: set + "-" + stage, head: prefix + "-" + set, tail: "-" + stage + suffix}
		switch {
		case suffix == ".json":
			n.kind = manifestFile
		case prefix == "goroutine":
			n.kind = goroutineProfile
		}
		_, err := strconv.Atoi(pid)
		return n, err == nil && isTime(stamp) && (n.kind != manifestFile || prefix == "heap")
	}
	m := runName.FindStringSubmatch(text)
	if m == nil {
		return fileName{}, false
	}
	prefix, run, stamp, suffix := m[1], m[2], m[3], m[4]
	n = fileName{text: text, stem: run, set: run, run: run, head: prefix + "-" + run, tail: suffix}
	n.kind, ok = runKinds[prefix+suffix]
	return n, ok && isTime(stamp) && len(run) <= maxRunName
}

func isTime(stamp string) bool {
	_, err := time.Parse(timeLayout, stamp)
	return err == nil
}

// manifestOf is the name of the manifest that a stem may have.
func manifestOf(stem string) string { return "heap-" + stem + ".json" }
