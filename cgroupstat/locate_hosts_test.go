package cgroupstat

import "testing"

// Processes outside of containers.
func TestLocateHosts(t *testing.T) {
	const (
		sessionPath = "/user.slice/user-1000.slice/session-3.scope"
		vtePath     = "/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.gnome.Terminal.slice/vte-spawn-8a.scope"
		slurmPath   = "/system.slice/node1_slurmstepd.scope/job_4749/step_0/user/task_0"
		unified     = "31 30 0:27 / /sys/fs/cgroup/unified rw,nosuid,nodev,noexec,relatime shared:10 - cgroup2 cgroup2 rw\n"
		v1Memory    = "41 30 0:37 / /sys/fs/cgroup/memory rw,nosuid,nodev,noexec,relatime shared:21 - cgroup cgroup rw,memory\n"
		v2Host      = "30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"
	)
	testLocate(t, []tree{
		{
			name:      "systemd v1 session on Ubuntu 20.04, hybrid",
			cgroup:    "12:memory:" + sessionPath + "\n8:blkio:/user.slice\n1:name=systemd:" + sessionPath + "\n0::" + sessionPath + "\n",
			mountinfo: unified + "32 30 0:28 / /sys/fs/cgroup/systemd rw,nosuid shared:11 - cgroup cgroup rw,xattr,name=systemd\n" + v1Memory,
			memory:    upwards("/sys/fs/cgroup/memory", sessionPath),
			want:      Location{Version: V1, Mount: "/sys/fs/cgroup/memory", Path: sessionPath, Levels: upwards("/sys/fs/cgroup/memory", sessionPath)},
		},
		{
			name:      "systemd v1 slice on Amazon Linux 2",
			cgroup:    "11:cpuset:/\n9:memory:/user.slice\n1:name=systemd:/user.slice/user-1000.slice/session-9019.scope\n",
			mountinfo: v1Memory,
			memory:    upwards("/sys/fs/cgroup/memory", "/user.slice"),
			want:      Location{Version: V1, Mount: "/sys/fs/cgroup/memory", Path: "/user.slice", Levels: upwards("/sys/fs/cgroup/memory", "/user.slice")},
		},
		{
			name:      "systemd v2 user session on Fedora",
			cgroup:    "0::" + vtePath + "\n",
			mountinfo: v2Host,
			memory:    upwards("/sys/fs/cgroup", vtePath),
			want:      Location{Version: V2, Mount: "/sys/fs/cgroup", Path: vtePath, Levels: upwards("/sys/fs/cgroup", vtePath)},
		},
		{
			name:      "systemd v2 service whose slice has no memory controller",
			cgroup:    "0::/system.slice/cron.service\n",
			mountinfo: v2Host,
			memory:    []string{"/sys/fs/cgroup", "/sys/fs/cgroup/system.slice"},
			want: Location{
				Version: V2, Mount: "/sys/fs/cgroup", Path: "/system.slice/cron.service",
				Levels: []string{"/sys/fs/cgroup/system.slice", "/sys/fs/cgroup"},
			},
		},
		{
			name:      "Slurm v2 step whose limit is one level up",
			cgroup:    "0::" + slurmPath + "\n",
			mountinfo: v2Host,
			memory:    upwards("/sys/fs/cgroup", slurmPath),
			want:      Location{Version: V2, Mount: "/sys/fs/cgroup", Path: slurmPath, Levels: upwards("/sys/fs/cgroup", slurmPath)},
		},
		{
			name:      "hybrid with the memory controller on v2",
			cgroup:    "3:cpu,cpuacct:/a\n1:name=systemd:/a\n0::/a\n",
			mountinfo: unified + "36 30 0:32 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n",
			memory:    upwards("/sys/fs/cgroup/unified", "/a"),
			want:      Location{Version: V2, Mount: "/sys/fs/cgroup/unified", Path: "/a", Levels: upwards("/sys/fs/cgroup/unified", "/a")},
		},
		{
			name:      "hybrid whose v1 memory is not mounted in this mount namespace",
			cgroup:    "4:memory:/a\n0::/a\n",
			mountinfo: unified,
		},
		{
			name:      "root of a Firecracker machine, hybrid",
			cgroup:    "9:name=systemd:/\n4:memory:/\n1:cpu:/\n0::/\n",
			mountinfo: "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n",
			memory:    []string{"/sys/fs/cgroup/memory"},
			want:      Location{Version: V1, Mount: "/sys/fs/cgroup/memory", Path: "/", Levels: []string{"/sys/fs/cgroup/memory"}},
		},
		{
			name:      "OpenRC on Gentoo with its own hierarchy",
			cgroup:    "3:memory:/app\n1:name=openrc:/sshd\n",
			mountinfo: "27 26 0:24 / /sys/fs/cgroup/openrc rw,nosuid - cgroup openrc rw,release_agent=/lib64/rc/sh/cgroup-release-agent.sh,name=openrc\n30 26 0:27 / /sys/fs/cgroup/memory rw,nosuid - cgroup memory rw,memory\n",
			memory:    upwards("/sys/fs/cgroup/memory", "/app"),
			want:      Location{Version: V1, Mount: "/sys/fs/cgroup/memory", Path: "/app", Levels: upwards("/sys/fs/cgroup/memory", "/app")},
		},
		{
			name:      "controllers mounted together as cgred did",
			cgroup:    "2:cpu,memory:/app\n",
			mountinfo: "30 26 0:27 / /cgroup rw,nosuid - cgroup none rw,cpu,memory\n",
			memory:    upwards("/cgroup", "/app"),
			want:      Location{Version: V1, Mount: "/cgroup", Path: "/app", Levels: upwards("/cgroup", "/app")},
		},
		{
			name:      "memory controller disabled on the kernel command line",
			cgroup:    "0::/user.slice\n",
			mountinfo: v2Host,
		},
		{
			name:   "sysvinit on v1 without the memory controller",
			cgroup: "2:cpu:/\n1:name=systemd:/\n", mountinfo: unified + "36 30 0:32 / /cgroup/cpu rw - cgroup cgroup rw,cpu\n",
		},
		{
			name:   "sysvinit that mounts no cgroups",
			cgroup: "0::/\n", mountinfo: "22 1 254:1 / / rw,relatime - ext4 /dev/vda rw\n",
		},
	})
}
