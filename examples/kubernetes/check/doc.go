// Package check holds the tests of the manifests beside it: every overlay is
// built as kubectl apply -k builds it and decoded strictly, and what has to fit
// together is held against each other and against the code. It is a module of
// its own, so that nobody who uses memguard carries Kubernetes.
package check
