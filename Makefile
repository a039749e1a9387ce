# `make help` lists the targets. Everything that is built lies in a cache outside the work tree, so a fresh clone
# is warm.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

export FLOTILLA_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/flotilla
TARGETS := $(FLOTILLA_CACHE)/target
export CARGO_TARGET_DIR ?= $(TARGETS)/$(shell sha256sum Cargo.lock | cut -c1-12)

CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := $(FLOTILLA_CACHE)/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny
CARGO_FUZZ_VERSION := 0.13.2
CARGO_FUZZ := $(FLOTILLA_CACHE)/cargo-fuzz-$(CARGO_FUZZ_VERSION)/bin/cargo-fuzz
BED := cargo run --release --locked --package flotilla-e2e --bin flotilla-bed --

.PHONY: help
help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: prune ## Show the main job for real. KUBECONFIG=FILE REGISTRY=HOST/PREFIX: on a cluster of yours.
	cargo run --release --locked --package flotilla-e2e --bin flotilla-demo -- \
	  $(if $(filter command line,$(origin KUBECONFIG)),--kubeconfig $(KUBECONFIG)) \
	  $(if $(REGISTRY),--registry $(REGISTRY))

.PHONY: test
test: prune lint test-unit test-e2e ## Run every check, and every test but scale, trace and soak (root: it makes a bed and removes it).

.PHONY: test-unit
test-unit: ## Run the tests that need no bed.
	$(call apt_install,valgrind:/usr/bin/valgrind)
	cargo test --locked --workspace --exclude flotilla-e2e
	cargo test --locked --package flotilla-e2e --lib --bins

# One shell for all of it: the trap takes the bed down however the tests end. A bed that was up before is left up.
define on_bed
cargo build --release --locked --package flotilla-e2e --bin flotilla-bed; \
if ! $(BED) status > /dev/null 2>&1; then trap '$(BED) down' EXIT; fi; \
$(BED) up; \
$(BED) images; \
cargo test --locked --no-fail-fast --package flotilla-e2e $(1)
endef

.PHONY: test-e2e
test-e2e: ## Run the tests that need the bed.
	$(call on_bed,--test '*' -- --test-threads 4)

.PHONY: scale
scale: ## Put two thousand models on a thousand simulated nodes of twelve kinds of GPU (root; minutes of two cores).
	$(call on_bed,--test scale -- --ignored --nocapture)

.PHONY: trace
trace: ## Replay a real trace against real engines that scale (root; ten minutes of two cores). TRACE=FILE for another one.
	$(if $(TRACE),export FLOTILLA_TRACE=$(abspath $(TRACE));) $(call on_bed,--test scaling -- --ignored --nocapture)

.PHONY: bed-up
bed-up: ## Bring up a real Kubernetes with three GPU-labelled nodes on this machine (root).
	$(BED) up

.PHONY: bed-down
bed-down: ## Remove it without a trace.
	$(BED) down

.PHONY: images
images: prune ## Build the images and push them: REGISTRY=HOST/PREFIX, ONLY=name,name.
	@[[ -n "$(REGISTRY)" ]] || { echo "say where to push: make images REGISTRY=registry.example.com/team"; exit 2; }
	$(BED) images --registry $(REGISTRY) $(if $(ONLY),--only $(ONLY))

.PHONY: install-cli
install-cli: ## Install kubectl-flotilla where cargo installs, so that kubectl flotilla works.
	cargo install --locked --path cli

.PHONY: lint
lint: $(CARGO_DENY) ## Check formatting, clippy, licences and sources of dependencies.
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings
	$(CARGO_DENY) --locked check --hide-inclusion-graph licenses bans sources

# The gateways that the router is measured beside. Installed without being started as services.
BENCH_TOOLS := nginx-light:/usr/sbin/nginx haproxy:/usr/sbin/haproxy valgrind:/usr/bin/valgrind

.PHONY: soak
soak: ## Ten minutes of mixed traffic while everything around the router breaks, on the loopback. DURATION=seconds
	FLOTILLA_SOAK_SECONDS=$(or $(DURATION),600) \
	  cargo test --locked --package flotilla-router --test it -- --ignored --nocapture soak::

.PHONY: bench
bench: prune ## Measure the router beside nginx and HAProxy and write docs/performance.md; QUICK=1 only prints. PEERS=litellm,...
	$(call apt_install,$(BENCH_TOOLS))
	cargo build --profile router --locked --package flotilla-bench --package flotilla-router
	$(CARGO_TARGET_DIR)/router/flotilla-bench $(if $(QUICK),--quick,--write docs/performance.md) $(if $(PEERS),--peers $(PEERS))

.PHONY: bench-parts
bench-parts: ## Measure the parts of the router that take no socket.
	cargo bench --locked --package flotilla-router --bench hot_path

.PHONY: bench-sizing
bench-sizing: ## Compare the memory estimates with published measurements. ARGS=--rows prints each.
	cargo run --quiet --locked --package flotilla-operator --example bench_sizing -- $(ARGS)

.PHONY: bench-scaling
bench-scaling: ## Measure one scaling pass over two thousand models: CPU and wall time.
	cargo run --release --quiet --locked --package flotilla-operator --example bench_scaling

.PHONY: sim
sim: ## Compare autoscaling rules on a trace: ARGS='--trace FILE.csv --speed 4', ARGS='--synthetic step'; see docs/scaling.md.
	cargo run --release --quiet --locked --package flotilla-sim -- $(ARGS)

.PHONY: sim-page
sim-page: ## Write the tables of docs/scaling.md anew (ten minutes of one core). TRACES=DIRECTORY with the traces that it names
	cargo build --release --quiet --locked --package flotilla-sim
	cd $(or $(TRACES),.) && $(CARGO_TARGET_DIR)/release/flotilla-sim --page $(CURDIR)/docs/scaling.md

# Installs Debian packages whose programs are missing: PACKAGE:PROGRAM ... No service is started on the way.
define apt_install
@missing=; for tool in $(1); do [[ -x $${tool#*:} ]] || missing+=" $${tool%%:*}"; done; \
if [[ -n "$$missing" ]]; then \
  command -v apt-get > /dev/null && [[ $$EUID == 0 ]] || { echo "install$$missing first (make does it as root on Debian)"; exit 2; }; \
  echo "installing$$missing"; \
  if [[ ! -e /usr/sbin/policy-rc.d ]]; then \
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT; printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d; \
  fi; \
  install="apt-get install --yes --quiet --no-install-recommends$$missing"; \
  DEBIAN_FRONTEND=noninteractive $$install > /dev/null || { apt-get update --quiet > /dev/null; DEBIAN_FRONTEND=noninteractive $$install > /dev/null; }; \
fi
endef

# Two crates: the parsers of model files in fuzz, the router's in router-sidecar/fuzz. What is learned is kept in the
# cache; inputs that crash lie in artifacts beside the targets.
.PHONY: fuzz
fuzz: $(CARGO_FUZZ) ## Fuzz what reads bytes from outside (a nightly compiler): TIME=seconds for each, ONLY=target.
	export CARGO_TARGET_DIR=$(FLOTILLA_CACHE)/fuzz/target PATH="$(dir $(CARGO_FUZZ)):$$PATH"; \
	for source in $(or $(if $(ONLY),$(wildcard */fuzz_targets/$(ONLY).rs */*/fuzz_targets/$(ONLY).rs)),$(wildcard */fuzz_targets/*.rs */*/fuzz_targets/*.rs)); do \
	  crate=$${source%/fuzz_targets/*}; target=$$(basename $$source .rs); \
	  mkdir -p $(FLOTILLA_CACHE)/fuzz/$$target $$crate/corpus/$$target; \
	  cargo +nightly fuzz run --fuzz-dir $$crate $$target $(FLOTILLA_CACHE)/fuzz/$$target $$crate/corpus/$$target -- \
	    -max_total_time=$(or $(TIME),$(DURATION),600) -rss_limit_mb=1024 -timeout=5; \
	done

$(CARGO_DENY):
	cargo install --debug --locked --quiet --root $(FLOTILLA_CACHE)/cargo-deny-$(CARGO_DENY_VERSION) \
	  cargo-deny@$(CARGO_DENY_VERSION)

$(CARGO_FUZZ):
	cargo install --debug --locked --quiet --root $(FLOTILLA_CACHE)/cargo-fuzz-$(CARGO_FUZZ_VERSION) \
	  cargo-fuzz@$(CARGO_FUZZ_VERSION)

# Build folders of other lock files: the one used last is kept for switching back, older ones go.
.PHONY: prune
prune:
	@mkdir -p $(CARGO_TARGET_DIR) && touch $(CARGO_TARGET_DIR)
	@ls -dt $(TARGETS)/*/ 2> /dev/null | tail -n +3 | xargs --no-run-if-empty rm -rf
