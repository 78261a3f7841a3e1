# gregor: make help
VERSION ?= 0.1.0
GO      ?= go
LDFLAGS := -s -w -X gregor/internal/node.Version=$(VERSION)
FUZZTIME ?= 10s
export CGO_ENABLED = 0

.PHONY: help build run test race lint fuzz bench dist soak clean

help: ## what there is to make
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

build: ## bin/gregor
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/gregor ./cmd/gregor

run: build ## build, and run one node on embedded defaults in ./data
	@exec bin/gregor run

test: ## everything that proves the product, as .ci/run does
	@scripts/test.sh

race: ## the unit tests under the race detector
	CGO_ENABLED=1 $(GO) test -race -tags invariants ./internal/... ./cmd/...

lint: ## the rules of the house, vet, gofmt and staticcheck
	@scripts/lint.sh

fuzz: ## every fuzz target for FUZZTIME (10s)
	@scripts/fuzz.sh $(FUZZTIME)

bench: build ## gregor and Apache Kafka in turn on the same work; table in docs/bench
	@scripts/bench.sh

dist: ## dist/gregor-VERSION-linux-{amd64,arm64}.tar.gz
	@scripts/dist.sh $(VERSION) '$(LDFLAGS)'

soak: build ## the long tests: simulation, faults, fuzzing for an hour each
	@scripts/soak.sh

clean: ## remove what was built
	rm -rf dist bin/gregor
