# swarmdr. Root, Debian 12 and Go are all that is needed: what is missing is
# installed by the targets that need it.

GO       ?= go
BIN      := $(CURDIR)/bin
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X github.com/swarmdr/swarmdr/internal/cli.version=$(VERSION)
ENGINES  ?= /var/cache/swarmdr/engines
SERVERS  ?= /var/cache/swarmdr/servers
LINT     := $(BIN)/golangci-lint-2.15.0

export CGO_ENABLED = 0

.PHONY: build demo test lint matrix soak fuzz bench pgo setup clean

build:
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/swarmdr ./cmd/swarmdr
	@size=$$(stat -c %s $(BIN)/swarmdr); test $$size -le 36700160 || { echo "bin/swarmdr is $$size bytes, more than 35 MB"; exit 1; }

# The main job on a real swarm, as a story: three autolocked managers, a
# backup, the loss of the quorum, the recovery.
demo: build
	@testfixtures/setup.sh engine
	@PATH=$(BIN):$$PATH docs/demo.sh

# Unit tests, testscripts of the command line, and real swarms.
test: build setup
	SWARMDR_ENGINES=$(ENGINES) SWARMDR_SERVERS=$(SERVERS) $(GO) test -timeout 40m ./...

# Every engine, every method, autolocked and not; kills at every step.
matrix: build setup
	SWARMDR_ENGINES=$(ENGINES) SWARMDR_SERVERS=$(SERVERS) SWARMDR_MATRIX=all $(GO) test -count=1 -timeout 120m -v -run 'TestMatrix|TestKill' ./internal/e2e

soak: build setup
	SWARMDR_ENGINES=$(ENGINES) SWARMDR_SOAK=500 $(GO) test -count=1 -timeout 120m -v -run 'TestHot' ./internal/e2e

# The pairs of docs/performance.md, for benchstat. Takes some minutes and 5 GB
# below the directory for temporary files.
bench: build
	$(GO) test -run '^$$' -bench . -benchtime 5x -timeout 60m ./internal/bench

# What the compiler is told of the hot paths: cmd/swarmdr/default.pgo.
pgo:
	$(GO) test -run '^$$' -bench 'Verify$$|State$$' -benchtime 5x -cpuprofile $(BIN)/verify.prof -o $(BIN)/bench.test ./internal/bench
	$(GO) test -run '^$$' -bench 'Show$$' -benchtime 8x -cpuprofile $(BIN)/show.prof -o $(BIN)/cli.test ./internal/cli
	$(GO) tool pprof -proto $(BIN)/show.prof $(BIN)/verify.prof > cmd/swarmdr/default.pgo

FUZZTIME ?= 60s
fuzz:
	@for pkg in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$pkg | grep ^Fuzz); do \
			echo "== $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$pkg || exit 1; \
		done; \
	done

lint: $(LINT)
	$(LINT) run ./...

$(LINT):
	GOBIN=$(BIN) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	mv $(BIN)/golangci-lint $@

# What the tests need: from Debian, the further engines, S3 servers.
setup:
	@SWARMDR_ENGINES=$(ENGINES) SWARMDR_SERVERS=$(SERVERS) GO=$(GO) testfixtures/setup.sh engine tests

clean:
	rm -rf $(BIN)
