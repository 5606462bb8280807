#!/usr/bin/env bash
# Other random sequences of calls than those of `make test`, beside the oracle: 100,000 for each of RUNS=10 seeds from SEED on.
# What fails tells its bytes, which `fuzz/corpus/claims` keeps, and its seed.
. "$(dirname "$0")/../lib.sh"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
first=${SEED:-$(date +%s)}
for ((seed = first; seed < first + ${RUNS:-10}; seed++)); do
    echo "sequences: SEED=$seed"
    SEED=$seed cargo test --package meros-alloc-core --lib -- oracle 2>&1 | tee "$log"
    ran_some "$log" sequences
done
