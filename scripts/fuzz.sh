#!/usr/bin/env bash
# fuzz.sh TARGET SECONDS: runs one fuzz target; a crash is kept in fuzz/artifacts. `make test` replays fuzz/corpus.
#
# Works on the stable toolchain: our code is nearly all safe Rust, so the sanitizers, which need nightly, stay off.
. "$(dirname "$0")/lib.sh"

pick TARGET "$1" fuzz/fuzz_targets .rs
tools=$PWD/target/tools
export PATH=$tools/bin:$PATH
command -v cargo-fuzz >/dev/null || cargo install --root "$tools" --locked cargo-fuzz
# The fuzzer writes what it finds interesting into the first folder: not the committed one.
found=$PWD/target/fuzz-corpus/$1
mkdir -p "$found" "fuzz/corpus/$1"
cargo fuzz run --sanitizer none --features libfuzzer "$1" "$found" "fuzz/corpus/$1" -- -max_total_time="$2"
