#!/usr/bin/env bash
# Checks that wire/src/generated.rs is what the schema gives and meros_alloc.h what the C ABI's sources give; lints both generators, and
# tests the one that has tests. `make codegen` writes both.
. "$(dirname "$0")/lib.sh"

cargo clippy --package meros-alloc-capi-codegen --package meros-wire-codegen --all-targets -- -D warnings
cargo test --package meros-alloc-capi-codegen
cargo run --package meros-alloc-capi-codegen -- --check
cargo run --package meros-wire-codegen -- --check
