package cgroupstat

import "testing"

const (
	podUID = "1f9d2a52-0f6c-4b0e-9f0a-6a6a3a5d1c11"
	podDir = "pod1f9d2a52_0f6c_4b0e_9f0a_6a6a3a5d1c11" // as systemd units are named
	ctrID  = "6ef14b5a76df7b5d24285e3a04ccbc6fd323620272b3787b5dc440fc1b75d294"
)

// Pods of Kubernetes, with the cgroup drivers and runtimes that are about.
func TestLocateKubernetes(t *testing.T) {
	const (
		cgroupfsPath = "/kubepods/burstable/pod" + podUID + "/" + ctrID
		systemdPath  = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-" + podDir + ".slice/cri-containerd-" + ctrID + ".scope"
		crioPath     = "/kubepods.slice/kubepods-" + podDir + ".slice/crio-" + ctrID + ".scope"
		colonPath    = "/kubepods-burstable-" + podDir + ".slice:cri-containerd:" + ctrID
		servicePath  = "/system.slice/containerd.service" + colonPath
		kindPath     = "/docker/" + ctrID + "/kubelet/kubepods/besteffort/pod" + podUID + "/" + ctrID
	)
	testLocate(t, []tree{
		{
			name: "v1 cgroupfs driver",
			cgroup: "11:pids:" + cgroupfsPath + "\n10:cpu,cpuacct:" + cgroupfsPath + "\n9:memory:" + cgroupfsPath +
				"\n1:name=systemd:" + cgroupfsPath + "\n",
			mountinfo: "1183 1170 0:113 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw,mode=755\n" +
				"1184 1183 0:25 " + cgroupfsPath + " /sys/fs/cgroup/systemd ro,nosuid,nodev,noexec,relatime master:9 - cgroup cgroup rw,xattr,release_agent=/usr/lib/systemd/systemd-cgroups-agent,name=systemd\n" +
				"1187 1183 0:29 " + cgroupfsPath + " /sys/fs/cgroup/cpu,cpuacct ro,nosuid,nodev,noexec,relatime master:13 - cgroup cgroup rw,cpu,cpuacct\n" +
				"1190 1183 0:32 " + cgroupfsPath + " /sys/fs/cgroup/memory ro,nosuid,nodev,noexec,relatime master:16 - cgroup cgroup rw,memory\n",
			memory: []string{"/sys/fs/cgroup/memory"},
			want:   Location{Version: V1, Mount: "/sys/fs/cgroup/memory", Path: cgroupfsPath, Levels: []string{"/sys/fs/cgroup/memory"}},
		},
		{
			name:   "v1 systemd driver on a hybrid node",
			cgroup: "12:memory:" + systemdPath + "\n1:name=systemd:" + systemdPath + "\n0::" + systemdPath + "\n",
			mountinfo: "2391 2385 0:37 " + systemdPath + " /sys/fs/cgroup/memory ro,nosuid,nodev,noexec,relatime master:21 - cgroup cgroup rw,memory\n" +
				"2399 2385 0:27 " + systemdPath + " /sys/fs/cgroup/unified ro,nosuid,nodev,noexec,relatime master:10 - cgroup2 cgroup2 rw\n",
			memory: []string{"/sys/fs/cgroup/memory"},
			want:   Location{Version: V1, Mount: "/sys/fs/cgroup/memory", Path: systemdPath, Levels: []string{"/sys/fs/cgroup/memory"}},
		},
		{
			name:      "v1 cri-containerd with colons",
			cgroup:    "13:cpuset:" + colonPath + "\n4:memory:" + servicePath + "\n1:name=systemd:" + servicePath + "\n",
			mountinfo: "1745 1733 0:40 " + servicePath + " /sys/fs/cgroup/memory ro,nosuid,nodev,noexec,relatime master:24 - cgroup cgroup rw,memory\n",
			memory:    []string{"/sys/fs/cgroup/memory"},
			want:      Location{Version: V1, Mount: "/sys/fs/cgroup/memory", Path: servicePath, Levels: []string{"/sys/fs/cgroup/memory"}},
		},
		{
			name:      "v1 cri-containerd with colons seen from the host",
			cgroup:    "4:memory:" + servicePath + "\n",
			mountinfo: "41 30 0:37 / /sys/fs/cgroup/memory rw,nosuid,nodev,noexec,relatime shared:21 - cgroup cgroup rw,memory\n",
			memory:    upwards("/sys/fs/cgroup/memory", servicePath),
			want: Location{
				Version: V1, Mount: "/sys/fs/cgroup/memory", Path: servicePath,
				Levels: upwards("/sys/fs/cgroup/memory", servicePath),
			},
		},
		{
			name:      "v1 kind node in docker",
			cgroup:    "9:memory:" + kindPath + "\n",
			mountinfo: "3020 3008 0:33 " + kindPath + " /sys/fs/cgroup/memory ro,nosuid,nodev,noexec,relatime master:17 - cgroup cgroup rw,memory\n",
			memory:    []string{"/sys/fs/cgroup/memory"},
			want:      Location{Version: V1, Mount: "/sys/fs/cgroup/memory", Path: kindPath, Levels: []string{"/sys/fs/cgroup/memory"}},
		},
		{
			name:   "v1 with the host's hierarchy mounted beside as a node agent has it",
			cgroup: "9:memory:" + cgroupfsPath + "\n",
			mountinfo: "1190 1183 0:32 " + cgroupfsPath + " /sys/fs/cgroup/memory ro,nosuid,nodev,noexec,relatime master:16 - cgroup cgroup rw,memory\n" +
				"1300 1204 0:32 / /host/sys/fs/cgroup/memory ro,relatime master:16 - cgroup cgroup rw,memory\n",
			memory: append(upwards("/host/sys/fs/cgroup/memory", cgroupfsPath), "/sys/fs/cgroup/memory"),
			want: Location{
				Version: V1, Mount: "/host/sys/fs/cgroup/memory", Path: cgroupfsPath,
				Levels: upwards("/host/sys/fs/cgroup/memory", cgroupfsPath),
			},
		},
		{
			name:      "v2 containerd with a private namespace",
			cgroup:    "0::/\n",
			mountinfo: "2011 2005 0:27 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw\n",
			memory:    []string{"/sys/fs/cgroup"},
			want:      Location{Version: V2, Mount: "/sys/fs/cgroup", Path: "/", Levels: []string{"/sys/fs/cgroup"}},
		},
		{
			name:      "v2 privileged in the host namespace",
			cgroup:    "0::" + systemdPath + "\n",
			mountinfo: "2011 2005 0:27 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate,memory_recursiveprot\n",
			memory:    upwards("/sys/fs/cgroup", systemdPath),
			want:      Location{Version: V2, Mount: "/sys/fs/cgroup", Path: systemdPath, Levels: upwards("/sys/fs/cgroup", systemdPath)},
		},
		{
			name:      "v2 host namespace with only the container's own directory bound",
			cgroup:    "0::" + crioPath + "\n",
			mountinfo: "1802 1790 0:27 " + crioPath + " /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw\n",
			memory:    []string{"/sys/fs/cgroup"},
			want:      Location{Version: V2, Mount: "/sys/fs/cgroup", Path: crioPath, Levels: []string{"/sys/fs/cgroup"}},
		},
		{
			name:      "v2 writable cgroups with a nested init",
			cgroup:    "0::/init\n",
			mountinfo: "2011 2005 0:27 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate\n",
			memory:    []string{"/sys/fs/cgroup", "/sys/fs/cgroup/init"},
			want:      Location{Version: V2, Mount: "/sys/fs/cgroup", Path: "/init", Levels: []string{"/sys/fs/cgroup/init", "/sys/fs/cgroup"}},
		},
		{
			name:      "v2 writable cgroups where the child has no memory controller",
			cgroup:    "0::/init\n",
			mountinfo: "2011 2005 0:27 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate\n",
			memory:    []string{"/sys/fs/cgroup"},
			want:      Location{Version: V2, Mount: "/sys/fs/cgroup", Path: "/init", Levels: []string{"/sys/fs/cgroup"}},
		},
		{
			name:   "v2 with the host's hierarchy mounted beside as a node agent has it",
			cgroup: "0::/\n",
			mountinfo: "2011 2005 0:27 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw\n" +
				"2040 2005 0:27 /../../../.. /host/sys/fs/cgroup ro,relatime master:9 - cgroup2 cgroup2 rw,nsdelegate\n",
			memory: append(upwards("/host/sys/fs/cgroup", systemdPath), "/sys/fs/cgroup"),
			want:   Location{Version: V2, Mount: "/sys/fs/cgroup", Path: "/", Levels: []string{"/sys/fs/cgroup"}},
		},
	})
}
