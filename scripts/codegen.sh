#!/usr/bin/env bash
# Checks that wire/src/generated.rs is what the schema gives, and lints the generator. `make codegen` writes it.
. "$(dirname "$0")/lib.sh"

cargo clippy --package meros-wire-codegen --all-targets -- -D warnings
cargo run --package meros-wire-codegen -- --check
