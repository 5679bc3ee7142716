# The commands of CONTRIBUTING.md in short; .ci/run is what a change must pass.

.PHONY: test race lint fmt tidy fuzz bench size catch gauntlet rigs ends cross ci

test: ## every test this machine can run; says what it skips
	go test ./...

race:
	go test -race ./...

rigs: ## as test, but a missing kernel rig fails; needs root
	MEMGUARD_RIGS=require go test -count=1 ./...

lint:
	.ci/lint

fmt: ## gofumpt, as the linter wants it
	.ci/each go tool -modfile=$(CURDIR)/internal/tools/go.mod golangci-lint fmt --config $(CURDIR)/.golangci.yml

tidy: ## fails when a go.mod is not tidy
	.ci/tidy

fuzz: ## every fuzz target, a hundred thousand inputs each
	.ci/fuzz 100000x

bench: ## ours and, in internal/bench, the others beside it
	.ci/each go test -run '^$$' -bench . ./...

size: ## what memguard.Start adds to a stripped service
	go -C internal/size run .

gauntlet: ## what memguard says of programs with one thing wrong, into docs/gauntlet.md; as root, about an hour
	go test ./internal/gauntlet -count=1 -v -timeout 90m -run "^TestTable$$" -rounds 5 -table $(CURDIR)/docs/gauntlet.md

catch: ## the duel with other watchers, into docs/catch.md; as root, up to 90 minutes
	go -C internal/bench/catch run . duel -runs 20 -opponent-runs 3 -budget 90m -out $(CURDIR)/docs/catch.md

ends: ## what the next start says of programs ended in every way, and of 100 kills on each rig, into docs/ends.md; as root, about half an hour
	.ci/ends docs/ends.md

cross: ## build and vet for the other systems
	.ci/cross

ci:
	.ci/run
