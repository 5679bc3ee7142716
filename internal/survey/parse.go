package survey

import (
	"bytes"
	"strconv"
	"strings"
)

// parseMounts gives the tmpfs mounts of /proc/self/mountinfo that can be
// written to, each device once.
func parseMounts(text []byte) (dirs []string) {
	seen := map[string]bool{}
	for range maxMountLines {
		line, rest, more := bytes.Cut(text, []byte{'\n'})
		text = rest
		if dir, device, ok := parseMount(string(line)); ok && !seen[device] {
			seen[device] = true
			dirs = append(dirs, dir)
		}
		if !more {
			break
		}
	}
	return dirs
}

// parseMount reads a line of mountinfo (proc_pid_mountinfo(5)).
func parseMount(line string) (dir, device string, ok bool) {
	before, after, ok := strings.Cut(line, " - ")
	if !ok {
		return "", "", false
	}
	fields := strings.Fields(before)
	kind, _, _ := strings.Cut(after, " ")
	if len(fields) < 6 || kind != "tmpfs" {
		return "", "", false
	}
	dir, device = unescape(fields[4]), fields[2]
	if options := "," + fields[5] + ","; strings.Contains(options, ",ro,") {
		return "", "", false
	}
	return dir, device, !strings.HasPrefix(dir, "/sys/")
}

// unescape undoes the kernel's \ooo.
func unescape(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// parseFdinfo reads what /proc/self/fdinfo says of a BPF map
// (kernel/bpf/syscall.c bpf_map_show_fdinfo).
func parseFdinfo(text string) (m BPFMap, ok bool) {
	for line := range strings.Lines(text) {
		name, rest, found := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		if !found {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(rest), 10, 64)
		if err != nil {
			continue
		}
		switch name {
		case "map_id":
			m.ID = n
		case "map_type":
			m.Type = n
		case "memlock":
			m.Bytes, ok = n, true
		}
	}
	return m, ok
}

// parseQueues sums up what is queued in the TCP sockets with these inodes, as
// /proc/self/net/tcp tells it (net/ipv4/tcp_ipv4.c get_tcp4_sock).
func parseQueues(text string, own map[string]bool) (bytes uint64) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 10 || !own[fields[9]] {
			continue
		}
		send, receive, _ := strings.Cut(fields[4], ":")
		for _, queue := range []string{send, receive} {
			if n, err := strconv.ParseUint(queue, 16, 32); err == nil {
				bytes += n
			}
		}
	}
	return bytes
}

// Sizes of struct dentry and of an inode of a common file system, 64 bits.
const (
	dentrySize = 192
	inodeSize  = 1 << 10
)

// parseDentries reads /proc/sys/fs/dentry-state (fs/dcache.c): of the dentries
// those in nobody's use, and of these the negative ones (Linux 5.0), which have
// no inode.
func parseDentries(text string) (bytes uint64, ok bool) {
	fields := strings.Fields(text)
	if len(fields) < 6 {
		return 0, false
	}
	unused, err := strconv.ParseUint(fields[1], 10, 48)
	if err != nil {
		return 0, false
	}
	negative, err := strconv.ParseUint(fields[4], 10, 48)
	if err != nil {
		return 0, false
	}
	return unused*dentrySize + (unused-min(unused, negative))*inodeSize, true
}

// parsePIDs reads cgroup.procs. A process of another namespace shows as 0.
func parsePIDs(text string, most int) (pids []int, all bool) {
	for line := range strings.Lines(text) {
		n, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil || n <= 0 {
			continue
		}
		if len(pids) == most {
			return pids, false
		}
		pids = append(pids, n)
	}
	return pids, true
}
