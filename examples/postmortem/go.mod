module github.com/memguard-dev/go-memguard/examples/postmortem

go 1.26.0

require (
	github.com/google/pprof v0.0.0-20261016150608-1facf8f91b50
	github.com/guptarohit/asciigraph v0.10.0
	github.com/memguard-dev/go-memguard v0.0.0
)

require golang.org/x/sys v0.49.0 // indirect

replace github.com/memguard-dev/go-memguard => ../..
