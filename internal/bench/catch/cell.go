package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/memcg"
)

// cell is one field of the table: a watcher and what it is up against.
type cell struct {
	Watcher  string
	Ramp     ramp
	Procs    int      // GOMAXPROCS
	Env      []string // of the victim, on top of what it needs
	Limit    uint64   // of the group, in bytes
	Volume   string   // where dump directories are made
	Deadline time.Duration
	Keep     bool // the directory, to look into
}

// threshold is where every watcher is to act.
func (c *cell) threshold() uint64 { return c.Limit / 10 * 8 }

// result is what one run left behind.
type result struct {
	Killed   bool          `json:"killed"`         // by the kernel, for the limit
	Rate     float64       `json:"rate_mb_s"`      // reached between the start of the ramp and the threshold, in MB/s
	Leaked   uint64        `json:"leaked_bytes"`   // when the threshold was crossed
	Files    int           `json:"files"`          // that parse
	Torn     int           `json:"torn"`           // that do not
	Early    int           `json:"early"`          // that parse but are from before 90 % of the threshold: no evidence
	First    time.Duration `json:"first_ns"`       // from crossing to the first file
	FirstAt  uint64        `json:"first_at_bytes"` // leaked when it was complete
	Named    bool          `json:"named"`          // at least 80 % of Leaked sit on the function, in one file
	Naming   time.Duration `json:"naming_ns"`      // from crossing to the first such file
	NamingAt uint64        `json:"naming_at_bytes"`
	Share    float64       `json:"share"` // of Leaked, in the best file
	Best     string        `json:"best"`  // its name
	At       uint64        `json:"best_at_bytes"`
	Since    time.Duration `json:"best_ns"`         // from crossing to the best file
	Peak     uint64        `json:"peak_bytes"`      // of usage, as the victim saw it
	LastSeen uint64        `json:"last_seen_bytes"` // usage at the last point
	Cost     int64         `json:"cost_bytes"`      // memory beyond the program's own, of a held ramp
}

// namedShare is how much of what was leaked at the crossing a dump must show
// on the function that did it.
const namedShare = 0.8

// run drives one victim into its end.
func (c *cell) run(ctx context.Context) (result, error) {
	dir, err := os.MkdirTemp(c.Volume, "catch-")
	if err != nil {
		return result{}, err
	}
	if !c.Keep {
		defer os.RemoveAll(dir) // A temporary directory that stays hurts nobody.
	}
	dumps := filepath.Join(dir, "dumps")
	if err := os.Mkdir(dumps, 0o700); err != nil {
		return result{}, err
	}
	g, err := memcg.New("memguard-catch", int64(c.Limit))
	if err != nil {
		return result{}, err
	}
	killed, err := c.drive(ctx, g, dumps, filepath.Join(dir, "progress"))
	var peak uint64
	if err == nil && c.Ramp.Hold > 0 {
		peak, err = peakOf(g)
	}
	err = errors.Join(err, g.Remove())
	if err != nil {
		return result{}, err
	}
	// As the next start of the same program does.
	if _, err := heapdump.Recover(ctx, dumps); err != nil {
		return result{}, fmt.Errorf("recover: %w", err)
	}
	points, err := readProgress(filepath.Join(dir, "progress"))
	if err != nil {
		return result{}, err
	}
	r, err := c.judge(killed, points, dumps)
	if err != nil {
		return r, err
	}
	if c.Ramp.Hold > 0 {
		r.Cost, _ = cost(points, c.threshold(), peak) // The crossing is known, judge has seen it.
	}
	return r, nil
}

func (c *cell) drive(ctx context.Context, g *memcg.Group, dumps, progress string) (killed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.Deadline)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		return false, err
	}
	// An open file works on the stage too, where the path is hidden.
	usage, err := os.Open(g.UsageFile())
	if err != nil {
		return false, err
	}
	defer usage.Close() // Only read.
	args := append([]string{
		victimCommand, "-watcher", c.Watcher, "-dir", dumps, "-progress", progress,
		"-usage", "/proc/self/fd/3", "-limit", strconv.FormatUint(c.Limit, 10),
	}, c.Ramp.args()...)
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.ExtraFiles = []*os.File{usage}
	if needsStage(c.Watcher) {
		strike, stageErr := stageIn(cmd, g)
		if stageErr != nil {
			return false, stageErr
		}
		defer func() { err = errors.Join(err, strike()) }()
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if os.Getenv("CATCH_LOG") != "" {
		cmd.Stderr = os.Stderr
	}
	cmd.Env = append(plainEnviron(), "GOMAXPROCS="+strconv.Itoa(c.Procs), "CATCH_USAGE="+g.UsageFile())
	cmd.Env = append(cmd.Env, c.Env...)
	if err := g.Start(cmd); err != nil {
		return false, err
	}
	err = cmd.Wait()
	if c.Ramp.Hold > 0 && err == nil {
		return false, nil
	}
	if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() && s.Signal() == syscall.SIGKILL && ctx.Err() == nil {
		kills, err := memcg.OOMKills(g.Dir, g.Version)
		return kills > 0, err
	}
	return false, fmt.Errorf("victim under %s: %w (deadline passed: %v): %s", c.Watcher, err, ctx.Err() != nil, stderr.String())
}

// plainEnviron is the environment without what would change how the victim's
// memory is managed or watched.
func plainEnviron() []string {
	return slices.DeleteFunc(os.Environ(), func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return name == "GOGC" || name == "GODEBUG" || name == "GOMEMLIMIT" || strings.HasPrefix(name, "MEMGUARD")
	})
}
