# Every command of this repository. `make help` lists them; what is more than a line is a script in scripts/.

.DEFAULT_GOAL := help
.PHONY: help setup build lint test loom fuzz verify bench demo codegen clean

TIME ?= 60

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## install the Debian packages and Rust components that are missing
	@scripts/setup.sh

build: setup ## build the release binaries
	cargo build --release

lint: setup ## formatting, clippy and rustdoc, all without warnings
	@scripts/lint.sh

test: ## everything that must hold: install, build, lint and run every suite (STEPS="unit loom" for some of it)
	@scripts/test.sh $(STEPS)

loom: ## every word protocol of alloc-core through the model checker
	@scripts/loom.sh

fuzz: setup ## fuzz TARGET=name for TIME=60 seconds (no TARGET: list them)
	@scripts/fuzz.sh "$(TARGET)" "$(TIME)"

verify: setup ## run a heavier suite, NAME=name (no NAME: list them)
	@scripts/verify.sh "$(NAME)"

bench: setup ## run a bench, NAME=name (no NAME: list them)
	@scripts/bench.sh "$(NAME)"

demo: setup ## a cluster on this machine: pods on their own cores, drawn and explained
	@scripts/demo.sh

codegen: setup ## write what is generated: wire/src/generated.rs, alloc-core/capi/include/meros_alloc.h
	cargo run --package meros-alloc-capi-codegen
	cargo run --package meros-wire-codegen

clean: ## remove everything that was built
	cargo clean
	rm -rf fuzz/artifacts
