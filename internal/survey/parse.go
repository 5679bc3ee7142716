package survey

import (
	"bufio"
	"bytes"
	"io"
	"strconv"
	"strings"
)

const (
	// maxFile bounds a file of the kernel, maxLine one of its lines.
	maxFile = 1 << 20
	maxLine = 64 << 10
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
// /proc/self/net/tcp tells it (net/ipv4/tcp_ipv4.c get_tcp4_sock), which lists
// those of others, too: it takes no memory for a line.
func parseQueues(r io.Reader, own map[string]bool) (queued uint64, whole bool, err error) {
	text := &io.LimitedReader{R: r, N: maxFile}
	lines := bufio.NewScanner(text)
	lines.Buffer(make([]byte, 4<<10), maxLine)
	for lines.Scan() {
		var queues []byte
		n := 0
		for field := range bytes.FieldsSeq(lines.Bytes()) {
			switch n {
			case 4:
				queues = field
			case 9:
				if own[string(field)] {
					send, receive, _ := bytes.Cut(queues, []byte{':'})
					queued += hex(send) + hex(receive)
				}
			}
			if n++; n > 9 {
				break
			}
		}
	}
	return queued, text.N > 0, lines.Err()
}

// hex reads a number of 32 bits; 0 where it is none.
func hex(digits []byte) (n uint64) {
	if len(digits) > 8 {
		return 0
	}
	for _, c := range digits {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		default:
			return 0
		}
		n = n<<4 | uint64(c)
	}
	return n
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
