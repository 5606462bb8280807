#!/usr/bin/env bash
# The stress tests of alloc-core for longer, optimised, assertions kept: each thread reads its calls from BYTES=5000000 random bytes.
. "$(dirname "$0")/../lib.sh"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
export BYTES=${BYTES:-5000000}
RUSTFLAGS='-C debug-assertions -C overflow-checks' \
    cargo test --release --target-dir "$target_dir/stress" --package meros-alloc-core --lib -- --nocapture stress 2>&1 |
    tee "$log"
ran_some "$log" stress
