module github.com/memguard-dev/go-memguard/internal/kubetest

go 1.26.0

require (
	github.com/johannesboyne/gofakes3 v1.2.0
	github.com/memguard-dev/go-memguard v0.0.0
	golang.org/x/sys v0.49.0
)

require (
	github.com/google/pprof v0.0.0-20261016150608-1facf8f91b50 // indirect
	github.com/ryszard/goskiplist v0.0.0-20150312221310-2dfbae5fcf46 // indirect
	go.shabbyrobe.org/gocovmerge v0.0.0-20230507111327-fa4f82cfbf4d // indirect
	golang.org/x/tools v0.8.0 // indirect
)

replace github.com/memguard-dev/go-memguard => ../..
