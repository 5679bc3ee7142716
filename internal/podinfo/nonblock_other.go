//go:build !unix

package podinfo

const nonblock = 0
