// Package kubetest tells the life of a pod from its first annotation to the
// dump that lies in a bucket. Its tests play the kubelet: they write a downward
// API volume as it does, resize containers as it does, start them again with
// the same volumes; runc plays the container runtime.
package kubetest
