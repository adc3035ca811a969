# `make help` lists what there is. Every target does its own set-up.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

# The same flags everywhere, so that the product, the cluster's binary, the tools
# and the tests share one build cache.
export CGO_ENABLED := 0
export GOFLAGS := -trimpath -buildvcs=false $(GOFLAGS)

TOOL := go tool -modfile=hack/tools/go.mod
CHARTS := $(dir $(wildcard charts/*/Chart.yaml))
PAGE := internal/web/app
NPM := npm --prefix $(PAGE)

# Each package under test may start a PostgreSQL server and an API server, so
# fewer run at once than there are cores, but never only one.
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
TEST_PACKAGES_AT_ONCE ?= $(shell n=$$(( $(CORES) / 2 )); echo $$(( n > 2 ? n : 2 )))

##@ Everyday

.PHONY: help
help: ## Show this list.
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z][a-z-]*:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: dev
dev: setup build ## Run everything on this machine, with the sample in it. ARGS="--data DIR" keeps the data.
	@exec bin/kontor dev $(ARGS)

# Hot reload of the page, beside a `kontor dev` that runs: KONTOR_URL is where.
.PHONY: web-dev
web-dev: setup $(PAGE)/node_modules/.stamp ## Serve the page with hot reload, its calls handed to a running `make dev`.
	@KONTOR_URL=$(or $(KONTOR_URL),http://acme.localhost:8080) $(NPM) run dev

.PHONY: test
test: test-page test-go test-flows ## Run all tests, with a real PostgreSQL, a real API server and a real browser.

.PHONY: test-go
test-go: setup $(if $(KUBEBUILDER_ASSETS),,bin/kube) ## Run the Go tests alone.
	@hack/patiently.sh "Running the tests" go test -timeout 20m -p $(TEST_PACKAGES_AT_ONCE) $(TEST_ARGS) ./...

.PHONY: test-page
test-page: setup $(PAGE)/node_modules/.stamp ## Run the tests of the page's logic alone.
	@$(NPM) run --silent test

.PHONY: test-flows
test-flows: build ## Run what people do in the page, in a browser on a real tenant.
	@hack/patiently.sh "Running the page's flows in a browser" $(NPM) run --silent flows

.PHONY: screenshots
screenshots: build ## Make pictures of the main pages into .screenshots.
	@hack/patiently.sh "Taking pictures of the page" $(NPM) run --silent screenshots

# KONTOR_LONG_ROWS (1000000) makes it shorter.
.PHONY: test-long
test-long: setup ## Run what takes a million rows or minutes to show, and print what was measured.
	@hack/patiently.sh "Running the long tests" go test -tags long -count=1 -timeout 120m -v ./test/long/...

# Each fuzzer runs for FUZZ_TIME. What breaks one is kept in its package's testdata,
# and every later `make test` tries it too.
FUZZ_TIME ?= 1m
.PHONY: fuzz
fuzz: setup ## Run every fuzzer for FUZZ_TIME (1m): the filter parser, the import reader, the batch call and others.
	@grep -rnoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' internal | while IFS=: read -r file _ name; do \
		hack/patiently.sh "Running $${name#func } for $(FUZZ_TIME)" \
			go test "./$$(dirname "$$file")" -run '^$$' -fuzz "^$${name#func }\$$" -fuzztime $(FUZZ_TIME) -fuzzminimizetime 5s </dev/null; \
	done

.PHONY: verify
verify: verify-generated vet lint verify-modules verify-charts verify-page ## Check what needs no running parts: generated files, vet, lint, modules, charts, the page.

##@ Build

.PHONY: build
build: setup bin/kube internal/web/dist/page/index.html ## Build the page, bin/kontor, its link bin/kubectl-kontor, and bin/kube.
	@hack/patiently.sh "Building bin/kontor" go build -o bin/kontor .
	@ln -sf kontor bin/kubectl-kontor

# The page. Its packages are those of the lock file; neither is made again without need.
$(PAGE)/node_modules/.stamp: $(PAGE)/package.json $(PAGE)/package-lock.json
	@hack/patiently.sh "Installing the page's packages" $(NPM) ci --no-audit --no-fund --loglevel=error
	@touch $@

PAGE_SOURCES := $(shell find $(PAGE)/src $(PAGE)/public $(PAGE)/scripts -type f) $(PAGE)/index.html $(PAGE)/vite.config.ts $(PAGE)/tsconfig.json
internal/web/dist/page/index.html: $(PAGE)/node_modules/.stamp $(PAGE_SOURCES)
	@hack/patiently.sh "Building the page" $(NPM) run --silent build
	@touch $@

# The version is what kubectl and the API server say of themselves, and what some
# of Kubernetes' own checks compare.
KUBE_VERSION := $(shell sed -n 's|^\tk8s.io/kubernetes \(v[0-9.]*\).*|\1|p' hack/kube/go.mod)
KUBE_VERSION_PARTS := $(subst ., ,$(patsubst v%,%,$(KUBE_VERSION)))
KUBE_VERSION_FLAGS := $(foreach package,k8s.io/component-base/version k8s.io/client-go/pkg/version, \
	-X $(package).gitVersion=$(KUBE_VERSION) \
	-X $(package).gitMajor=$(word 1,$(KUBE_VERSION_PARTS)) \
	-X $(package).gitMinor=$(word 2,$(KUBE_VERSION_PARTS)))

bin/kube: $(wildcard hack/kube/*.go) hack/kube/go.mod hack/kube/go.sum
	@hack/patiently.sh "Building bin/kube (Kubernetes' API server, etcd and kubectl): the first time this takes some minutes" \
		go -C hack/kube build -ldflags "-s -w $(KUBE_VERSION_FLAGS)" -o ../../bin/kube .
	@touch bin/kube

.PHONY: setup
setup: ## See to it that Go, PostgreSQL, Node and a browser are there; on Debian, install what is not.
	@hack/setup.sh

.PHONY: clean
clean: ## Remove what was built.
	rm -rf bin internal/web/dist/page $(PAGE)/node_modules

##@ Generate and check

.PHONY: generate
generate: ## Make the generated files: deep copies, CRDs, what the charts have of them.
	@hack/generate.sh

.PHONY: verify-generated
verify-generated: ## Fail if the generated files are not those that make generate makes.
	@hack/generate.sh --check

.PHONY: vet
vet: ## Run go vet.
	@hack/patiently.sh "Running go vet" go vet -tags long ./...

.PHONY: lint
lint: ## Run golangci-lint.
	@hack/patiently.sh "Running golangci-lint: the first time this takes some minutes" $(TOOL) golangci-lint run --build-tags long ./...

.PHONY: verify-modules
verify-modules: ## Fail if go mod tidy would change one of the three modules.
	@failed=0; for module in . hack/kube hack/tools; do \
		hack/patiently.sh "Checking go.mod in $$module" go -C "$$module" mod tidy -diff || failed=1; \
	done; exit $$failed

.PHONY: verify-charts
verify-charts: ## Run helm lint on the charts.
	@failed=0; for chart in $(CHARTS); do \
		hack/patiently.sh "Checking $$chart" $(TOOL) helm lint --quiet "$$chart" || failed=1; \
	done; exit $$failed

.PHONY: verify-page
verify-page: setup $(PAGE)/node_modules/.stamp ## Check the page's types, and lint it.
	@hack/patiently.sh "Checking the page" $(NPM) run --silent check

##@ Measure

.PHONY: bench
bench: bench-tenants bench-api bench-peers ## Measure everything, each against a baseline that is measured in the same run.

.PHONY: bench-tenants
bench-tenants: setup bin/kube ## Print how fast tenants become Ready, against bare CREATE DATABASE.
	@hack/patiently.sh "Measuring how fast tenants become Ready" \
		go test -count=1 -timeout 30m -v -run '^$$' -bench Tenants -benchtime 1x ./test/bench/...

# KONTOR_BENCH_ROWS (1000000), KONTOR_BENCH_ROUNDS (3) and KONTOR_BENCH_SECONDS (3)
# make it shorter; KONTOR_BENCH_DIR keeps the records for the next run of the same
# build, KONTOR_BENCH_PROFILE is a folder for CPU profiles of the servers.
.PHONY: bench-api
bench-api: build ## Print how fast the REST API is, against the same SQL behind the thinnest server.
	@hack/patiently.sh "Measuring the REST API: making the records takes some minutes" \
		go test -count=1 -timeout 120m -v -run '^$$' -bench API -benchtime 1x ./test/bench

# PocketBase is a module of its own, which nothing else knows.
.PHONY: bench-peers
bench-peers: build ## Print how fast the REST API is, beside PocketBase.
	@hack/patiently.sh "Building PocketBase" go -C test/bench/peers build -o ../../../bin/pocketbase .
	@hack/patiently.sh "Measuring the REST API beside PocketBase" \
		go test -count=1 -timeout 60m -v -run '^$$' -bench Peers -benchtime 1x ./test/bench
