module github.com/memguard-dev/go-memguard/examples/measure

go 1.26.0

require github.com/memguard-dev/go-memguard v0.0.0

require golang.org/x/sys v0.49.0

replace github.com/memguard-dev/go-memguard => ../..
