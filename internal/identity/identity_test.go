package identity

import (
	"maps"
	"testing"
)

func TestFromEnvironment(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		host string
		want Identity
	}{
		"nothing":       {nil, "", Identity{}},
		"host name":     {nil, "api-0", Identity{Workload: "api", Pod: "api-0"}},
		"variables win": {map[string]string{"POD_NAME": "api-1", "POD_NAMESPACE": "shop", "NODE_NAME": "n1", "OTEL_RESOURCE_ATTRIBUTES": "k8s.pod.name=x,k8s.namespace.name=y,k8s.node.name=z,k8s.container.name=w"}, "h", Identity{"shop", "api", "api-1", "w", "n1"}},
		"attributes":    {map[string]string{"OTEL_RESOURCE_ATTRIBUTES": "k8s.pod.name=api-7c9d8f6b5d-x2x4z,k8s.container.name=api,k8s.deployment.name=front"}, "h", Identity{"", "front", "api-7c9d8f6b5d-x2x4z", "api", ""}},
		"workload":      {map[string]string{"POD_NAME": "api-0", "OTEL_RESOURCE_ATTRIBUTES": "k8s.statefulset.name=shop-api"}, "", Identity{Workload: "shop-api", Pod: "api-0"}},
	} {
		got := FromEnvironment(func(key string) string { return c.env[key] }, c.host)
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestWorkloadOf(t *testing.T) {
	for pod, want := range map[string]string{
		"":                            "",
		"api":                         "api",
		"api-0":                       "api",
		"shop-api-12":                 "shop-api",
		"shop-api-7c9d8f6b5d-x2x4z":   "shop-api",
		"node-agent-x2x4z":            "node-agent",
		"backup-28394850-x2x4z":       "backup",
		"api-v2":                      "api-v2",
		"debug-shell":                 "debug-shell",
		"-x2x4z":                      "-x2x4z",
		"my-7c9d8f6b5d-7c9d8f6b5d-zz": "my-7c9d8f6b5d-7c9d8f6b5d-zz",
	} {
		if got := WorkloadOf(pod); got != want {
			t.Errorf("%q: %q, want %q", pod, got, want)
		}
	}
}

func TestResourceAttributes(t *testing.T) {
	for text, want := range map[string]map[string]string{
		"":                        {},
		"k8s.pod.name=api-0":      {"k8s.pod.name": "api-0"},
		" a = 1 ,b=x%2Cy, c, d=e": {"a": "1", "b": "x,y", "d": "e"},
		"broken=%zz":              {"broken": "%zz"},
	} {
		if got := resourceAttributes(text); !maps.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
