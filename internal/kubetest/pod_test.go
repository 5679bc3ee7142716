package kubetest

import (
	"strconv"
	"testing"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

const mebi = 1 << 20

// pod is what outlives its containers: names, volumes, the limit in its spec.
type pod struct {
	t               testing.TB
	name, namespace string
	limit           int64
	podinfo         *downwardAPI
	dumps           string // an emptyDir
}

func newPod(t testing.TB, name string, limit int64) *pod {
	t.Helper()
	p := &pod{t: t, name: name, namespace: "shop", limit: limit, dumps: kerneltest.Volume(t)}
	p.podinfo = newDownwardAPI(t, map[string]string{
		"memory_limit": strconv.FormatInt(limit, 10), "threshold": "", "annotations": "",
	})
	return p
}

// env is what examples/kubernetes gives a container.
func (p *pod) env(container string) []string {
	return []string{
		"POD_NAME=" + p.name, "POD_NAMESPACE=" + p.namespace, "NODE_NAME=node-1",
		"OTEL_RESOURCE_ATTRIBUTES=k8s.container.name=" + container,
		"MEMGUARD_DUMP_DIR=/dumps", "MEMGUARD_DUMP_SIZE_LIMIT=64Mi",
	}
}

// run starts the app's container: not root, read-only root and cgroup file
// system, its volumes mounted.
func (p *pod) run(command ...string) *kerneltest.Container {
	p.t.Helper()
	c := kerneltest.NewContainer(p.t, kerneltest.ContainerSpec{
		Binary: kerneltest.Build(p.t, "internal/victim"), Args: command, LimitBytes: p.limit,
		// Each 128 KiB are sampled: a single run is held against what it leaked.
		Env: append(p.env("app"), "GODEBUG=memprofilerate=131072", "VICTIM_REPORT_GOMEMLIMIT=1"),
		Mounts: []kerneltest.Mount{
			{Source: p.dumps, Target: "/dumps"},
			{Source: p.podinfo.dir, Target: "/etc/podinfo", ReadOnly: true},
		},
	})
	c.Start(p.t)
	return c
}

// resize is a resize in place: the container's cgroup first, then what the
// downward API says of it.
func (p *pod) resize(c *kerneltest.Container, limit int64) {
	p.t.Helper()
	c.SetLimit(p.t, limit)
	p.limit = limit
	p.podinfo.set(map[string]string{"memory_limit": strconv.FormatInt(limit, 10)})
}

// collector starts the sidecar. It shares the pod's network and volumes.
func (p *pod) collector(env []string, mounts ...kerneltest.Mount) *kerneltest.Container {
	p.t.Helper()
	c := kerneltest.NewContainer(p.t, kerneltest.ContainerSpec{
		Binary: kerneltest.Build(p.t, "examples/collect"), LimitBytes: 128 * mebi, HostNetwork: true,
		Env:    append(p.env("collect"), env...),
		Mounts: append([]kerneltest.Mount{{Source: p.dumps, Target: "/dumps", ReadOnly: true}}, mounts...),
	})
	c.Start(p.t)
	return c
}
