package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/breakdown"
	"github.com/memguard-dev/go-memguard/internal/history"
	"github.com/memguard-dev/go-memguard/internal/memcg"
	"github.com/memguard-dev/go-memguard/internal/sample"
	"github.com/memguard-dev/go-memguard/internal/survey"
)

// sampleEvery is how often it is read; the command does not notice.
const sampleEvery = 20 * time.Millisecond

// result is what -out writes.
type result struct {
	Command  []string         `json:"command"`
	ExitCode int              `json:"exit_code"`
	Took     time.Duration    `json:"took_ns"`
	Limit    cgroupstat.Value `json:"limit_bytes,omitzero"`
	// Peak is the kernel's; absent before Linux 5.19 on v2.
	Peak cgroupstat.Value `json:"peak_bytes,omitzero"`
	// Highest is where memory was at the highest sample.
	Highest  breakdown.Node `json:"highest"`
	OOMKills uint64         `json:"oom_kills"`
	// P50 and P99 are of the working set over the time, by which a request and
	// a limit are recommended.
	P50     uint64 `json:"p50_bytes,omitempty"`
	P99     uint64 `json:"p99_bytes,omitempty"`
	Request uint64 `json:"request_bytes,omitempty"`
	Advised uint64 `json:"advised_limit_bytes,omitempty"`
}

// measure runs the command and gives its exit code.
func measure(o options, out *os.File) (code int, err error) {
	group, err := memcg.New("memguard-measure", o.limit)
	if err != nil {
		return exitNoGroup, err
	}
	defer func() { err = errors.Join(err, group.Remove()) }()
	location := cgroupstat.At(group.Version, group.Dir)
	reader, err := cgroupstat.Open(location)
	if err != nil {
		return exitNoGroup, err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()

	cmd := exec.Command(o.command[0], o.command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	start := time.Now()
	if err := group.Start(cmd); err != nil {
		return exitNoCommand, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()

	m := &meter{reader: reader, location: location, start: start, history: history.New(sampleEvery)}
	if o.limit >= 0 {
		m.limit = cgroupstat.Of(uint64(o.limit))
	}
	show := screen{out: out}
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()
	shown := start
	for running := true; running; {
		select {
		case s := <-signals:
			if !typed(s) {
				// The command decides what it means; if it has just ended, nothing.
				_ = cmd.Process.Signal(s)
			}
		case waited := <-ended:
			running = false
			code, err = exitCode(waited)
			m.sample()
		case now := <-ticker.C:
			m.sample()
			if now.Sub(shown) >= o.every {
				shown = now
				show.live(m)
			}
		}
	}
	r := m.result(o, code, err)
	show.end(r)
	return code, errors.Join(m.err, write(o.out, r))
}

// exitCode is as a shell gives it.
func exitCode(err error) (int, error) {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return 0, err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return exit.ExitCode(), nil
}

func write(out *os.File, r result) error {
	if out == nil {
		return nil
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return errors.Join(encoder.Encode(r), out.Close())
}

// meter reads the group.
type meter struct {
	reader   *cgroupstat.Reader
	location cgroupstat.Location
	start    time.Time
	limit    cgroupstat.Value
	history  *history.History

	now, before sample.Sample
	tree        breakdown.Node
	highest     breakdown.Node
	survey      survey.Survey
	surveyed    time.Time
	err         error // the last that was not of the end
}

func (m *meter) sample() {
	// No process of it is this one: all anonymous memory is others'.
	s := sample.Sample{Since: time.Since(m.start), UnixNano: time.Now().UnixNano(), Scope: sample.Cgroup, Limit: m.limit}
	s.Process.RSSAnon = cgroupstat.Of(0)
	usage, err := m.reader.Usage()
	if err == nil {
		err = m.reader.Stat(&s.Stat)
	}
	if err != nil {
		m.err = err
		return
	}
	m.err = nil
	s.Usage = cgroupstat.Of(usage)
	if time.Since(m.surveyed) > 5*sampleEvery || usage > m.highest.Bytes+m.highest.Bytes/50 {
		m.surveyed = time.Now()
		if err := survey.Take(&m.location, 0, &m.survey); err != nil {
			m.err = err
		}
	}
	m.before, m.now = m.now, s
	p := history.PointOf(&m.now, &m.before, history.Seen{})
	m.history.Add(&p)
	m.tree, _ = breakdown.Of(&m.now, &m.survey)
	if m.tree.Bytes > m.highest.Bytes {
		m.highest = m.tree
	}
}

func (m *meter) result(o options, code int, err error) result {
	r := result{Command: o.command, ExitCode: code, Took: time.Since(m.start), Limit: m.limit, Highest: m.highest}
	if err != nil {
		m.err = errors.Join(m.err, fmt.Errorf("wait: %w", err))
	}
	if r.Peak, err = m.reader.Peak(); err != nil {
		m.err = errors.Join(m.err, err)
	}
	if r.OOMKills, err = memcg.OOMKills(m.location.Levels[0], m.location.Version); err != nil {
		m.err = errors.Join(m.err, err)
	}
	// What was cut off says nothing of what is wanted.
	var ok bool
	if r.P50, ok = m.history.Sizes.Percentile(0.5); ok && r.OOMKills == 0 {
		r.P99, _ = m.history.Sizes.Percentile(0.99)
		r.Request, r.Advised = r.P50+r.P50*15/100, r.P99+r.P99*20/100
	}
	return r
}
