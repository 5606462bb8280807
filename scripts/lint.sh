#!/usr/bin/env bash
# Formatting, clippy and rustdoc, all without a warning. The code generator is linted where its C++ is built: scripts/codegen.sh.
. "$(dirname "$0")/lib.sh"

cargo fmt --all --check
cargo clippy --all-targets -- -D warnings
RUSTDOCFLAGS="${RUSTDOCFLAGS:-} -D warnings" cargo doc --no-deps
