package survey

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseMounts(t *testing.T) {
	text := `22 1 0:20 / /proc rw,nosuid - proc proc rw
30 1 0:40 / /dev/shm rw,nosuid,nodev - tmpfs shm rw,size=65536k
31 1 0:41 / /cache\040dir rw,relatime shared:1 - tmpfs tmpfs rw,size=1048576k
32 1 0:41 /sub /again rw,relatime - tmpfs tmpfs rw
33 1 0:42 / /secrets ro,relatime - tmpfs tmpfs rw
34 1 0:43 / /sys/fs/cgroup rw - tmpfs tmpfs rw
35 1 0:44 / /dev rw - devtmpfs udev rw
torn`
	if got := parseMounts([]byte(text)); !reflect.DeepEqual(got, []string{"/dev/shm", "/cache dir"}) {
		t.Errorf("%q", got)
	}
}

func TestParseFdinfo(t *testing.T) {
	text := "pos:\t0\nflags:\t02000002\nmnt_id:\t15\nino:\t1\nmap_type:\t2\nkey_size:\t4\nvalue_size:\t4096\nmax_entries:\t1000\nmap_flags:\t0x0\nmemlock:\t4096000\nmap_id:\t7\nfrozen:\t0\n"
	if m, ok := parseFdinfo(text); !ok || m != (BPFMap{ID: 7, Type: 2, Bytes: 4096000}) {
		t.Errorf("%+v %v", m, ok)
	}
	if m, ok := parseFdinfo("pos:\t0\nmap_id:\t1\n"); ok {
		t.Errorf("%+v without its memory", m)
	}
}

func TestParseQueues(t *testing.T) {
	text := `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1F90 0100007F:8000 01 00000000:00010000 00:00000000 00000000     0        0 12 1 0000000000000000 20 4 30 10 -1
   2: 0100007F:8000 0100007F:1F90 01 00020000:00000000 01:00000000 00000000     0        0 13 1 0000000000000000 20 4 30 10 -1
   3: 0100007F:8000 0100007F:1F90 01 7FFF0000:00000000 01:00000000 00000000     0        0 99 1 0000000000000000 20 4 30 10 -1
`
	own := map[string]bool{"12": true, "13": true}
	if n, whole, err := parseQueues(strings.NewReader(text), own); n != 0x30000 || !whole || err != nil {
		t.Errorf("%#x, %t, %v", n, whole, err)
	}
	many := strings.Repeat(text, 3000)
	if _, whole, err := parseQueues(strings.NewReader(many), own); whole || err != nil {
		t.Errorf("of more than the bound: %t, %v", whole, err)
	}
	if n := testing.AllocsPerRun(5, func() { _, _, _ = parseQueues(strings.NewReader(many), own) }); n > 10 {
		t.Errorf("%.0f allocations", n)
	}
}

func TestParsePIDs(t *testing.T) {
	if pids, all := parsePIDs("1\n0\n7\n12", 8); !all || !reflect.DeepEqual(pids, []int{1, 7, 12}) {
		t.Errorf("%v %v", pids, all)
	}
	if pids, all := parsePIDs("1\n2\n3\n", 2); all || len(pids) != 2 {
		t.Errorf("%v %v", pids, all)
	}
}

func FuzzParsers(f *testing.F) {
	f.Add("30 1 0:40 / /dev/s\\040hm rw - tmpfs shm rw\nmemlock:\t5\n 0: a b 01 0001:0002 c d 0 0 1 e\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, dir := range parseMounts([]byte(text)) {
			if len(dir) > len(text) {
				t.Errorf("%q", dir)
			}
		}
		parseFdinfo(text)
		if _, _, err := parseQueues(strings.NewReader(text), map[string]bool{"1": true}); err != nil && len(text) < maxLine {
			t.Error(err)
		}
		if pids, _ := parsePIDs(text, 4); len(pids) > 4 {
			t.Error(pids)
		}
	})
}

func TestParseDentries(t *testing.T) {
	for text, want := range map[string]uint64{
		"312378\t310639\t45\t0\t68770\t0\n": 310639*192 + (310639-68770)*1024,
		"10 4 45 0 9 0\n":                   4 * 192, // Counted at different times.
	} {
		if n, ok := parseDentries(text); !ok || n != want {
			t.Errorf("%q: %d %v, want %d", text, n, ok, want)
		}
	}
	for _, text := range []string{"", "1 2 3 4", "1 x 3 4 5 6", "1 2 3 4 -5 6"} {
		if n, ok := parseDentries(text); ok {
			t.Errorf("%q: %d", text, n)
		}
	}
}
