package check

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// What an API server with the Pod Security Standard "restricted" says of it.
func TestPodSecurityStandard(t *testing.T) {
	standard, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for name, allowed := range map[string]bool{"distroless": true, "collector": true, "base": false} {
		w := named(t, name)
		got := policy.AggregateCheckResults(standard.EvaluatePod(restricted, &w.deployment.Spec.Template.ObjectMeta, w.pod()))
		if got.Allowed != allowed {
			t.Errorf("%s: allowed = %t, want %t: %s", name, got.Allowed, allowed, got.ForbiddenDetail())
		}
	}
}

// What the standard leaves open.
func TestHardened(t *testing.T) {
	for _, name := range []string{"distroless", "collector"} {
		w := named(t, name)
		pod := w.pod().SecurityContext
		if pod == nil || *pod.RunAsUser == 0 || *pod.RunAsGroup == 0 || *pod.FSGroup == 0 {
			t.Errorf("%s: the pod's security context is %+v", name, pod)
		}
		for _, c := range w.containers() {
			s := c.SecurityContext
			if s == nil || !*s.ReadOnlyRootFilesystem || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) {
				t.Errorf("%s: the security context of %s is %+v", name, c.Name, s)
			} else if s.RunAsUser != nil {
				t.Errorf("%s: %s has a user of its own, and dumps have mode 0600", name, c.Name)
			}
		}
	}
}

func TestCollectorIsASidecar(t *testing.T) {
	w := named(t, "collector")
	c := w.container(t, "collect")
	if len(w.pod().InitContainers) != 1 || c.RestartPolicy == nil || *c.RestartPolicy != corev1.ContainerRestartPolicyAlways {
		t.Errorf("restart policy %v, want Always of an init container", c.RestartPolicy)
	}
	if variable(c, "MEMGUARD_COLLECT_BUCKET") == "" {
		t.Error("no bucket")
	}
	if app := w.container(t, "app"); variable(c, "MEMGUARD_DUMP_DIR") != variable(app, "MEMGUARD_DUMP_DIR") {
		t.Errorf("collected is %s, written %s", variable(c, "MEMGUARD_DUMP_DIR"), variable(app, "MEMGUARD_DUMP_DIR"))
	}
	if alone := named(t, "distroless").pod(); *w.pod().TerminationGracePeriodSeconds <= *alone.TerminationGracePeriodSeconds {
		t.Error("the grace of two containers is not longer than that of one")
	}
}

func TestGoodCitizen(t *testing.T) {
	for _, w := range workloads(t) {
		for _, c := range w.containers() {
			limit, request := c.Resources.Limits.Memory(), c.Resources.Requests.Memory()
			if limit.IsZero() || limit.Cmp(*request) != 0 || c.Resources.Requests.Cpu().IsZero() {
				t.Errorf("%s: %s: memory limit %s, request %s, cpu %s", w.name, c.Name, limit, request, c.Resources.Requests.Cpu())
			}
			if c.LivenessProbe != nil {
				t.Errorf("%s: %s has a liveness probe, which hides why it was slow", w.name, c.Name)
			}
		}
		if token := w.pod().AutomountServiceAccountToken; token == nil || *token {
			t.Errorf("%s: the program is given a token that it does not use", w.name)
		}
		resize := w.container(t, "app").ResizePolicy
		if len(resize) != 1 || resize[0].ResourceName != corev1.ResourceMemory || resize[0].RestartPolicy != corev1.NotRequired {
			t.Errorf("%s: resize policy %v", w.name, resize)
		}
	}
}
