#!/usr/bin/env bash
# The model checker over alloc-core's word protocols: `cargo loom`, kept from modelling nothing.
#
# Flags in the environment win over those of the alias, which switch loom on. They are taken out here; where one is missed,
# alloc-core refuses to compile (REQUIRE_LOOM).
. "$(dirname "$0")/lib.sh"

for flags in $(compgen -e | grep -E '^(RUSTFLAGS|CARGO_ENCODED_RUSTFLAGS|CARGO_BUILD_RUSTFLAGS|CARGO_TARGET_.*_RUSTFLAGS)$'); do
    unset "$flags"
done

log=$(mktemp)
trap 'rm -f "$log"' EXIT
cargo loom "$@" 2>&1 | tee "$log"
ran_some "$log" loom
