package blackbox

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// timeLayout sorts as text and has no colon.
const timeLayout = "20060102T150405.000Z"

// NewRun names the life of a process that starts now. The random part tells
// containers apart whose process is number 1 in each.
func NewRun(start time.Time, pid int) string {
	return fmt.Sprintf("%s-p%d-%08x", start.UTC().Format(timeLayout), pid, rand.Uint32())
}

// The files of a run: prefix, run, suffix.
const (
	boxPrefix, boxSuffix, badSuffix = "blackbox-", ".box", ".bad"
	crashPrefix, crashSuffix        = "crash-", ".txt"
	exitPrefix, exitSuffix          = "exit-", ".json"
	tempPrefix                      = ".tmp-blackbox-"
)

// maxRun bounds a run in a file name.
const maxRun = 64

// parseRun takes a name with this prefix and suffix apart.
func parseRun(name, prefix, suffix string) (run string, ok bool) {
	run, ok = strings.CutPrefix(name, prefix)
	if !ok {
		return "", false
	}
	run, ok = strings.CutSuffix(run, suffix)
	return run, ok && validRun(run)
}

// validRun is true of what NewRun makes.
func validRun(run string) bool {
	const timed = len("20060102T150405.000Z")
	if len(run) > maxRun || len(run) < timed+len("-p1-00000000") {
		return false
	}
	if _, err := time.Parse(timeLayout, run[:timed]); err != nil {
		return false
	}
	pid, random, ok := strings.Cut(run[timed:], "-p")
	if !ok || pid != "" {
		return false
	}
	digits, random, ok := strings.Cut(random, "-")
	return ok && digits != "" && strings.Trim(digits, "0123456789") == "" &&
		len(random) == 8 && strings.Trim(random, "0123456789abcdef") == ""
}
