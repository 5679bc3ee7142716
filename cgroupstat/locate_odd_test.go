package cgroupstat

import "testing"

// Sandboxes, namespaces that do not match, mounts in odd places.
func TestLocateOdd(t *testing.T) {
	const (
		v2Mount = "30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime - cgroup2 cgroup2 rw\n"
		v2Bind  = "99 23 0:26 /a/b /mnt/bind ro,relatime - cgroup2 cgroup2 rw\n"
	)
	testLocate(t, []tree{
		{name: "gVisor without cgroups", mountinfo: "1 0 0:1 / / rw - 9p none rw\n"},
		{name: "nothing at all"},
		{
			name:      "gVisor with emulated cgroups but no /proc/self/cgroup",
			mountinfo: "12 3 0:12 / /sys/fs/cgroup/memory ro,noexec - cgroup none ro,memory\n",
			memory:    []string{"/sys/fs/cgroup/memory"},
			want:      Location{Version: V1, Mount: "/sys/fs/cgroup/memory", Levels: []string{"/sys/fs/cgroup/memory"}},
		},
		{
			name:      "gVisor with emulated cgroups",
			cgroup:    "2:cpu:/\n1:memory:/\n",
			mountinfo: "12 3 0:12 / /sys/fs/cgroup/memory rw - cgroup none rw,memory\n",
			memory:    []string{"/sys/fs/cgroup/memory"},
			want:      Location{Version: V1, Mount: "/sys/fs/cgroup/memory", Path: "/", Levels: []string{"/sys/fs/cgroup/memory"}},
		},
		{
			name:   "deleted, the parent is charged",
			cgroup: "0::/app/old (deleted)\n", mountinfo: v2Mount,
			memory: upwards("/sys/fs/cgroup", "/app"),
			want:   Location{Version: V2, Mount: "/sys/fs/cgroup", Path: "/app/old (deleted)", Levels: upwards("/sys/fs/cgroup", "/app")},
		},
		{
			name:   "deleted and made again",
			cgroup: "0::/app (deleted)\n", mountinfo: v2Mount,
			memory: upwards("/sys/fs/cgroup", "/app"),
			want:   Location{Version: V2, Mount: "/sys/fs/cgroup", Path: "/app (deleted)", Levels: upwards("/sys/fs/cgroup", "/app")},
		},
		{
			name:   "moved out of the namespace's root",
			cgroup: "0::/../other\n", mountinfo: v2Mount,
			memory: []string{"/sys/fs/cgroup", "/sys/fs/other", "/sys/fs/cgroup/other"},
			want:   Location{Version: V2, Mount: "/sys/fs/cgroup", Path: "/../other", Levels: []string{"/sys/fs/cgroup"}},
		},
		{
			name:   "parent of the namespace's root",
			cgroup: "0::/..\n", mountinfo: v2Mount,
			memory: []string{"/sys/fs/cgroup", "/sys/fs"},
			want:   Location{Version: V2, Mount: "/sys/fs/cgroup", Path: "/..", Levels: []string{"/sys/fs/cgroup"}},
		},
		{
			name:   "outside of the namespace's root and so is the mount",
			cgroup: "0::/../other/x\n", mountinfo: "30 23 0:26 /.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
			memory: upwards("/sys/fs/cgroup", "/other/x"),
			want:   Location{Version: V2, Mount: "/sys/fs/cgroup", Path: "/../other/x", Levels: upwards("/sys/fs/cgroup", "/other/x")},
		},
		{
			name:   "name that only begins with two dots",
			cgroup: "0::/..app\n", mountinfo: v2Mount,
			memory: upwards("/sys/fs/cgroup", "/..app"),
			want:   Location{Version: V2, Mount: "/sys/fs/cgroup", Path: "/..app", Levels: upwards("/sys/fs/cgroup", "/..app")},
		},
		{
			name:   "several mounts, the one with most levels",
			cgroup: "0::/a/b/c\n", mountinfo: v2Bind + v2Mount + "98 23 0:26 /a /mnt/other ro - cgroup2 cgroup2 rw\n",
			memory: append(upwards("/sys/fs/cgroup", "/a/b/c"), append(upwards("/mnt/bind", "/c"), upwards("/mnt/other", "/b/c")...)...),
			want:   Location{Version: V2, Mount: "/sys/fs/cgroup", Path: "/a/b/c", Levels: upwards("/sys/fs/cgroup", "/a/b/c")},
		},
		{
			name:   "several mounts, one hidden below another file system",
			cgroup: "0::/a/b/c\n", mountinfo: v2Mount + v2Bind,
			memory: upwards("/mnt/bind", "/c"),
			want:   Location{Version: V2, Mount: "/mnt/bind", Path: "/a/b/c", Levels: upwards("/mnt/bind", "/c")},
		},
		{
			name:   "own cgroup wins over a mount of another with more levels",
			cgroup: "0::/a/b\n",
			mountinfo: "97 23 0:26 /z /mnt/z rw - cgroup2 cgroup2 rw\n" + v2Bind +
				"98 23 0:26 /a/b/c /mnt/below rw - cgroup2 cgroup2 rw\n",
			memory: []string{"/mnt/z", "/mnt/bind", "/mnt/below"},
			want:   Location{Version: V2, Mount: "/mnt/bind", Path: "/a/b", Levels: []string{"/mnt/bind"}},
		},
		{
			name:   "root is no prefix at a component's end",
			cgroup: "0::/a/bc\n", mountinfo: v2Bind,
			memory: []string{"/mnt/bind", "/mnt/bindc", "/mnt/bind/c"},
			want:   Location{Version: V2, Mount: "/mnt/bind", Path: "/a/bc", Levels: []string{"/mnt/bind"}},
		},
		{
			name:      "spaces and backslashes in the mount and the path",
			cgroup:    "0::/my app/x\\y\n",
			mountinfo: `30 23 0:26 /my\040app /mnt/c\040g rw - cgroup2 cgroup2 rw` + "\n",
			memory:    upwards("/mnt/c g", `/x\y`),
			want:      Location{Version: V2, Mount: "/mnt/c g", Path: `/my app/x\y`, Levels: upwards("/mnt/c g", `/x\y`)},
		},
		{
			name:   "mounted at the root of the file system",
			cgroup: "0::/a\n", mountinfo: "30 23 0:26 / / rw - cgroup2 cgroup2 rw\n",
			memory: []string{"/a", "/"},
			want:   Location{Version: V2, Mount: "/", Path: "/a", Levels: []string{"/a", "/"}},
		},
	})
}
