package cgroupstat

import "testing"

// Containers of Docker, Podman, ECS and LXC.
func TestLocateContainerRuntimes(t *testing.T) {
	const (
		dockerPath = "/docker/" + ctrID
		scopePath  = "/system.slice/docker-" + ctrID + ".scope"
		ecsPath    = "/ecs/0d2b5e0b8a8e4a9d8d2b3c5a7e6f1a2b/" + ctrID
		podmanPath = "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + ctrID + ".scope"
		lxcPath    = "/lxc.payload.web1"
		nestedPath = dockerPath + dockerPath
	)
	testLocate(t, []tree{
		{
			name:      "docker v1",
			cgroup:    "10:memory:" + dockerPath + "\n1:name=systemd:" + dockerPath + "\n",
			mountinfo: "720 709 0:33 " + dockerPath + " /sys/fs/cgroup/memory ro,nosuid,nodev,noexec,relatime master:17 - cgroup cgroup rw,memory\n",
			memory:    []string{"/sys/fs/cgroup/memory"},
			want:      Location{Version: V1, Mount: "/sys/fs/cgroup/memory", Path: dockerPath, Levels: []string{"/sys/fs/cgroup/memory"}},
		},
		{
			name:      "docker v1 with a private namespace",
			cgroup:    "10:memory:/\n1:name=systemd:/\n",
			mountinfo: "720 709 0:33 / /sys/fs/cgroup/memory ro,nosuid,nodev,noexec,relatime - cgroup cgroup rw,memory\n",
			memory:    []string{"/sys/fs/cgroup/memory"},
			want:      Location{Version: V1, Mount: "/sys/fs/cgroup/memory", Path: "/", Levels: []string{"/sys/fs/cgroup/memory"}},
		},
		{
			name:      "docker v1 in docker, child of the container's group",
			cgroup:    "10:memory:" + nestedPath + "\n",
			mountinfo: "720 709 0:33 " + dockerPath + " /sys/fs/cgroup/memory rw,nosuid,nodev,noexec,relatime master:17 - cgroup cgroup rw,memory\n",
			memory:    upwards("/sys/fs/cgroup/memory", dockerPath),
			want:      Location{Version: V1, Mount: "/sys/fs/cgroup/memory", Path: nestedPath, Levels: upwards("/sys/fs/cgroup/memory", dockerPath)},
		},
		{
			name:      "docker v1 in docker",
			cgroup:    "10:memory:" + nestedPath + "\n",
			mountinfo: "720 709 0:33 " + nestedPath + " /sys/fs/cgroup/memory ro,nosuid,nodev,noexec,relatime master:17 - cgroup cgroup rw,memory\n",
			memory:    []string{"/sys/fs/cgroup/memory"},
			want:      Location{Version: V1, Mount: "/sys/fs/cgroup/memory", Path: nestedPath, Levels: []string{"/sys/fs/cgroup/memory"}},
		},
		{
			name:   "docker v1 whose root is another container's with the same beginning",
			cgroup: "10:memory:" + dockerPath + "\n",
			mountinfo: "720 709 0:33 /docker/6ef14b5a76df7b5d /sys/fs/cgroup/memory ro,nosuid,nodev,noexec,relatime master:17 - cgroup cgroup rw,memory\n" +
				"721 709 0:33 / /host/memory ro,relatime master:17 - cgroup cgroup rw,memory\n",
			memory: append(upwards("/host/memory", dockerPath), "/sys/fs/cgroup/memory"),
			want:   Location{Version: V1, Mount: "/host/memory", Path: dockerPath, Levels: upwards("/host/memory", dockerPath)},
		},
		{
			name:      "docker v2",
			cgroup:    "0::/\n",
			mountinfo: "486 477 0:30 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw\n",
			memory:    []string{"/sys/fs/cgroup"},
			want:      Location{Version: V2, Mount: "/sys/fs/cgroup", Path: "/", Levels: []string{"/sys/fs/cgroup"}},
		},
		{
			name:      "docker v2 with --cgroupns=host",
			cgroup:    "1:name=systemd:/\n0::" + scopePath + "\n",
			mountinfo: "486 477 0:30 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate,memory_recursiveprot\n",
			memory:    upwards("/sys/fs/cgroup", scopePath),
			want:      Location{Version: V2, Mount: "/sys/fs/cgroup", Path: scopePath, Levels: upwards("/sys/fs/cgroup", scopePath)},
		},
		{
			name:      "podman rootless with a private namespace",
			cgroup:    "0::/\n",
			mountinfo: "612 610 0:26 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate,memory_recursiveprot\n",
			memory:    []string{"/sys/fs/cgroup"},
			want:      Location{Version: V2, Mount: "/sys/fs/cgroup", Path: "/", Levels: []string{"/sys/fs/cgroup"}},
		},
		{
			name:      "podman rootless with the host's namespace",
			cgroup:    "0::" + podmanPath + "/container\n",
			mountinfo: "612 610 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n",
			memory:    upwards("/sys/fs/cgroup", podmanPath+"/container"),
			want: Location{
				Version: V2, Mount: "/sys/fs/cgroup", Path: podmanPath + "/container",
				Levels: upwards("/sys/fs/cgroup", podmanPath+"/container"),
			},
		},
		{
			name:      "podman rootless whose leaf has no memory controller",
			cgroup:    "0::" + podmanPath + "/container\n",
			mountinfo: "612 610 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n",
			memory:    upwards("/sys/fs/cgroup", podmanPath),
			want:      Location{Version: V2, Mount: "/sys/fs/cgroup", Path: podmanPath + "/container", Levels: upwards("/sys/fs/cgroup", podmanPath)},
		},
		{
			name:      "podman as root with systemd inside on v1",
			cgroup:    "11:memory:/machine.slice/libpod-" + ctrID + ".scope\n1:name=systemd:/machine.slice/libpod-" + ctrID + ".scope/init.scope\n0::/machine.slice/libpod-" + ctrID + ".scope\n",
			mountinfo: "955 940 0:38 /machine.slice/libpod-" + ctrID + ".scope /sys/fs/cgroup/memory ro,nosuid,nodev,noexec,relatime - cgroup cgroup rw,memory\n",
			memory:    []string{"/sys/fs/cgroup/memory"},
			want: Location{
				Version: V1, Mount: "/sys/fs/cgroup/memory", Path: "/machine.slice/libpod-" + ctrID + ".scope",
				Levels: []string{"/sys/fs/cgroup/memory"},
			},
		},
		{
			name:      "ECS task with a limit of its own on v1",
			cgroup:    "9:memory:" + ecsPath + "\n8:cpu,cpuacct:" + ecsPath + "\n",
			mountinfo: "301 290 0:31 " + ecsPath + " /sys/fs/cgroup/memory ro,nosuid,nodev,noexec,relatime master:13 - cgroup cgroup rw,memory\n",
			memory:    []string{"/sys/fs/cgroup/memory"},
			want:      Location{Version: V1, Mount: "/sys/fs/cgroup/memory", Path: ecsPath, Levels: []string{"/sys/fs/cgroup/memory"}},
		},
		{
			name:      "ECS task in the host's namespace on v2",
			cgroup:    "0::" + ecsPath + "\n",
			mountinfo: "301 290 0:27 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw\n",
			memory:    upwards("/sys/fs/cgroup", ecsPath),
			want:      Location{Version: V2, Mount: "/sys/fs/cgroup", Path: ecsPath, Levels: upwards("/sys/fs/cgroup", ecsPath)},
		},
		{
			name:      "LXC 4 service on v1 with cgroup namespaces",
			cgroup:    "12:memory:/system.slice/app.service\n1:name=systemd:/system.slice/app.service\n0::/system.slice/app.service\n",
			mountinfo: "1043 1030 0:39 / /sys/fs/cgroup/memory rw,nosuid,nodev,noexec,relatime - cgroup cgroup rw,memory\n",
			memory:    upwards("/sys/fs/cgroup/memory", "/system.slice/app.service"),
			want: Location{
				Version: V1, Mount: "/sys/fs/cgroup/memory", Path: "/system.slice/app.service",
				Levels: upwards("/sys/fs/cgroup/memory", "/system.slice/app.service"),
			},
		},
		{
			name:      "LXC without cgroup namespaces",
			cgroup:    "12:memory:" + lxcPath + "/system.slice/app.service\n",
			mountinfo: "1043 1030 0:39 " + lxcPath + " /sys/fs/cgroup/memory rw,nosuid,nodev,noexec,relatime - cgroup cgroup rw,memory\n",
			memory:    upwards("/sys/fs/cgroup/memory", "/system.slice/app.service"),
			want: Location{
				Version: V1, Mount: "/sys/fs/cgroup/memory", Path: lxcPath + "/system.slice/app.service",
				Levels: upwards("/sys/fs/cgroup/memory", "/system.slice/app.service"),
			},
		},
		{
			name:      "LXC exec into .lxc on v2",
			cgroup:    "0::/.lxc\n",
			mountinfo: "1043 1030 0:27 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime - cgroup2 none rw,nsdelegate,memory_recursiveprot\n",
			memory:    upwards("/sys/fs/cgroup", "/.lxc"),
			want:      Location{Version: V2, Mount: "/sys/fs/cgroup", Path: "/.lxc", Levels: upwards("/sys/fs/cgroup", "/.lxc")},
		},
	})
}
