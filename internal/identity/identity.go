// Package identity says where a process runs: the names that Kubernetes gives
// its namespace, workload, pod, container and node.
package identity

import (
	"net/url"
	"strings"
)

// Identity is the place of a process. Each name is empty where nothing tells it.
type Identity struct {
	Namespace string `json:"namespace,omitempty"`
	// Workload is what made the pod: a Deployment, StatefulSet, DaemonSet, Job.
	Workload  string `json:"workload,omitempty"`
	Pod       string `json:"pod,omitempty"`
	Container string `json:"container,omitempty"`
	Node      string `json:"node,omitempty"`
}

// Variables in which manifests hand the names on.
const (
	envPod       = "POD_NAME"
	envNamespace = "POD_NAMESPACE"
	envNode      = "NODE_NAME"
	// envResource is OpenTelemetry's own. Kubernetes has no field for the names
	// of a container and of a workload, so a manifest writes them down there.
	envResource = "OTEL_RESOURCE_ATTRIBUTES"
)

// workloads are the resource attributes that may name one, in the order in
// which they are asked.
var workloads = [...]string{
	"k8s.deployment.name", "k8s.statefulset.name", "k8s.daemonset.name", "k8s.cronjob.name", "k8s.job.name",
}

// FromEnvironment reads POD_NAME, POD_NAMESPACE and NODE_NAME, and for what they
// leave out OTEL_RESOURCE_ATTRIBUTES. A pod's host name is its name, where
// nothing else says one; a workload that nothing names is told from the pod's.
func FromEnvironment(getenv func(string) string, hostname string) Identity {
	resource := resourceAttributes(getenv(envResource))
	first := func(names ...string) string {
		for _, name := range names {
			if name != "" {
				return name
			}
		}
		return ""
	}
	id := Identity{
		Namespace: first(getenv(envNamespace), resource["k8s.namespace.name"]),
		Pod:       first(getenv(envPod), resource["k8s.pod.name"]),
		Container: resource["k8s.container.name"],
		Node:      first(getenv(envNode), resource["k8s.node.name"]),
	}
	for _, key := range workloads {
		id.Workload = first(id.Workload, resource[key])
	}
	id.Pod = first(id.Pod, hostname)
	id.Workload = first(id.Workload, WorkloadOf(id.Pod))
	return id
}

// WorkloadOf takes from a pod's name what its controller has added: the hash
// of a ReplicaSet and a random part, one of the two, or a StatefulSet's number.
func WorkloadOf(pod string) string {
	base, last, ok := cutLast(pod)
	switch {
	case !ok:
		return pod
	case isNumber(last):
		return base
	case len(last) != randomLength || !isSafe(last):
		return pod
	}
	// A ReplicaSet's hash, or the minute in which a CronJob made the job.
	if name, hash, ok := cutLast(base); ok && len(hash) >= minHash && len(hash) <= maxHash && (isSafe(hash) || isNumber(hash)) {
		return name
	}
	return base
}

// Controllers write names with these letters only, which spell no words.
const safeLetters = "bcdfghjklmnpqrstvwxz2456789"

const (
	randomLength     = 5
	minHash, maxHash = 6, 10
)

func isSafe(s string) bool { return strings.Trim(s, safeLetters) == "" }

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func cutLast(name string) (before, after string, ok bool) {
	i := strings.LastIndexByte(name, '-')
	if i < 1 {
		return name, "", false
	}
	return name[:i], name[i+1:], true
}

// resourceAttributes reads "key=value,key=value" with values percent-encoded.
func resourceAttributes(text string) map[string]string {
	out := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			continue
		}
		value = strings.TrimSpace(value)
		if plain, err := url.PathUnescape(value); err == nil {
			value = plain
		}
		out[strings.TrimSpace(key)] = value
	}
	return out
}
