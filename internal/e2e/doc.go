// Package e2e shows memguard's promises on real kernels: a victim in a limited
// cgroup, in a container, and the same in a VM with the other cgroup version.
// It has tests only.
package e2e
