module github.com/memguard-dev/go-memguard/internal/otelcheck

go 1.26.0

replace github.com/memguard-dev/go-memguard => ../..
