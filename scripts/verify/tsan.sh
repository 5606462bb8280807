#!/usr/bin/env bash
# ThreadSanitizer over alloc-core's tests with real threads (stress, and the models' bodies as plain threads).
#
# Stable compiler, with the switch that lets it use a sanitizer. std is not instrumented, so that its Mutex and mpsc are reported for
# nothing: the harness's channel is in tsan.suppressions; of the table only agents that come and go take a Mutex, and selections that
# catch up with them. One thread at a time has to do with them in these tests; the one in which several do is left out.
. "$(dirname "$0")/../lib.sh"

triple=$(uname -m)-unknown-linux-gnu
export RUSTC_BOOTSTRAP=1
export RUSTFLAGS='-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer'
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export TSAN_OPTIONS="halt_on_error=1 suppressions=$PWD/scripts/verify/tsan.suppressions"
export BYTES=${BYTES:-20000}
cargo test --target "$triple" --target-dir "$target_dir/tsan" --package meros-alloc-core --lib -- \
    --test-threads 1 --skip selections_keep_up_with stress interleave nothing_is_lost threads 2>&1 | tee "$log"
ran_some "$log" tsan
