package survey

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/procmem"
)

// What one survey looks at, at most.
const (
	maxProcesses  = 256
	maxGroups     = 64
	maxDepth      = 8
	maxFiles      = 4096
	maxMountLines = 4096
)

// Take fills dst. loc is where the process is, nil without a cgroup, level the
// index of the directory whose processes count. What fails is told and absent,
// the rest is there; a process that ends meanwhile is no failure.
func Take(loc *cgroupstat.Location, level int, dst *Survey) error {
	*dst = Survey{Time: time.Now()}
	var errs []error
	if loc != nil && level < len(loc.Levels) {
		errs = append(errs, dst.processes(loc.Levels[level]))
	}
	// Elsewhere what sockets have queued is among the usage.
	queues := loc != nil && loc.Version == cgroupstat.V1
	errs = append(errs, dst.tmpfs(), dst.descriptors(queues))
	return errors.Join(errs...)
}

// small reads a file of the kernel whole, up to a bound.
func small(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	return text, errors.Join(err, f.Close())
}

// gone is about what ended while it was looked at, or what is not ours to see.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) || errors.Is(err, fs.ErrPermission)
}

// Dentries is about what the kernel of this machine holds of names that it may
// forget, and of their inodes; absent where it does not tell. It is one read of
// a few counters.
func Dentries() (cgroupstat.Value, error) {
	text, err := small("/proc/sys/fs/dentry-state")
	if gone(err) {
		return cgroupstat.Value{}, nil
	}
	if err != nil {
		return cgroupstat.Value{}, fmt.Errorf("dentries: %w", err)
	}
	if n, ok := parseDentries(string(text)); ok {
		return cgroupstat.Of(n), nil
	}
	return cgroupstat.Value{}, nil
}

func (s *Survey) processes(dir string) error {
	pids, all, err := members(dir)
	if err != nil {
		return fmt.Errorf("processes: %w", err)
	}
	s.NumProcesses, s.Truncated = len(pids), !all
	var errs []error
	for _, pid := range pids {
		p, err := process(pid)
		if gone(err) {
			continue
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s.Processes = append(s.Processes, p)
		if !p.Self {
			s.OtherAnon += p.RSSAnon.Or(0)
			s.OtherRSS += p.RSS.Or(0)
		}
	}
	sort.SliceStable(s.Processes, func(i, j int) bool { return s.Processes[i].RSSAnon.Or(0) > s.Processes[j].RSSAnon.Or(0) })
	s.Processes = s.Processes[:min(len(s.Processes), MaxListed)]
	return errors.Join(errs...)
}

// members are the processes of a group and of those below it.
func members(dir string) (pids []int, all bool, err error) {
	all = true
	groups := 0
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if gone(err) {
				return nil
			}
			return err
		}
		if !d.IsDir() {
			return nil
		}
		below := strings.Count(strings.TrimPrefix(path, dir), string(filepath.Separator))
		if groups == maxGroups || below > maxDepth {
			all = false
			return fs.SkipDir
		}
		groups++
		text, err := small(filepath.Join(path, "cgroup.procs"))
		// ENOTSUP: a threaded group, whose processes are told further up.
		if gone(err) || errors.Is(err, unix.ENOTSUP) {
			return nil
		}
		if err != nil {
			return err
		}
		here, whole := parsePIDs(string(text), maxProcesses-len(pids))
		pids, all = append(pids, here...), all && whole
		return nil
	})
	return pids, all, err
}

func process(pid int) (Process, error) {
	p := Process{PID: pid, Self: pid == os.Getpid()}
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	text, err := small(filepath.Join(dir, "status"))
	if err != nil {
		return p, err
	}
	var mem procmem.Mem
	if p.Name, err = procmem.ParseStatus(text, &mem); err != nil {
		return p, fmt.Errorf("%s/status: %w", dir, err)
	}
	p.RSS, p.RSSAnon, p.RSSShmem = mem.RSS, mem.RSSAnon, mem.RSSShmem
	if text, err = small(filepath.Join(dir, "oom_score")); err == nil {
		if n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil {
			p.OOMScore = cgroupstat.Of(n)
		}
	}
	return p, nil
}

func (s *Survey) tmpfs() error {
	text, err := small("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("tmpfs: %w", err)
	}
	for _, dir := range parseMounts(text) {
		var st unix.Statfs_t
		// A mount hidden under another one is not to be reached.
		if err := unix.Statfs(dir, &st); err != nil || st.Type != unix.TMPFS_MAGIC || st.Blocks <= st.Bfree {
			continue
		}
		block := uint64(st.Bsize)
		s.Tmpfs = append(s.Tmpfs, Mount{Dir: dir, Bytes: (st.Blocks - st.Bfree) * block, Size: st.Blocks * block})
	}
	sort.SliceStable(s.Tmpfs, func(i, j int) bool { return s.Tmpfs[i].Bytes > s.Tmpfs[j].Bytes })
	s.Tmpfs = s.Tmpfs[:min(len(s.Tmpfs), MaxListed)]
	return nil
}

// descriptors looks at what this process has open: BPF maps and, where that is
// asked for, TCP sockets.
func (s *Survey) descriptors(queues bool) (err error) {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("descriptors: %w", err)
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	names, err := dir.Readdirnames(maxFiles)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("descriptors: %w", err)
	}
	sockets := map[string]bool{}
	for _, name := range names {
		to, err := os.Readlink("/proc/self/fd/" + name)
		if err != nil {
			continue // Closed meanwhile.
		}
		if inode, ok := strings.CutPrefix(to, "socket:["); ok && queues {
			sockets[strings.TrimSuffix(inode, "]")] = true
		}
		if to == "anon_inode:bpf-map" {
			s.bpfMap("/proc/self/fdinfo/" + name)
		}
	}
	sort.SliceStable(s.BPFMaps, func(i, j int) bool { return s.BPFMaps[i].Bytes > s.BPFMaps[j].Bytes })
	s.BPFMaps = s.BPFMaps[:min(len(s.BPFMaps), MaxListed)]
	if !queues {
		return nil
	}
	return s.tcp(sockets)
}

func (s *Survey) bpfMap(path string) {
	text, err := small(path)
	if err != nil {
		return // Closed meanwhile.
	}
	// Two descriptors may be of one map.
	m, ok := parseFdinfo(string(text))
	if ok && !slices.ContainsFunc(s.BPFMaps, func(o BPFMap) bool { return o.ID == m.ID }) {
		s.BPFMaps = append(s.BPFMaps, m)
		s.BPFBytes += m.Bytes
	}
}

func (s *Survey) tcp(sockets map[string]bool) error {
	var sum uint64
	for _, path := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		if len(sockets) == 0 {
			break
		}
		f, err := os.Open(path)
		if gone(err) {
			continue // A kernel without it, or a sandbox.
		}
		if err != nil {
			return fmt.Errorf("TCP queues: %w", err)
		}
		queued, whole, err := parseQueues(f, sockets)
		if err = errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("TCP queues: %w", err)
		}
		if !whole {
			return nil
		}
		sum += queued
	}
	s.TCPQueued = cgroupstat.Of(sum)
	return nil
}
