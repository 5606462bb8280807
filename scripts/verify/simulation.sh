#!/usr/bin/env bash
# Many seeds of the simulator: SEEDS=5000 from FIRST=1. Prints those that do not hold; each is run again by `sim SEED`.
. "$(dirname "$0")/../lib.sh"

seeds=${SEEDS:-5000}
first=${FIRST:-1}
cargo build --release --package meros-tests --bin sim
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
"$target_dir/release/sim" "$first" "$seeds" >"$log" || status=$?
grep -v Outcome "$log" || true
echo "$(grep -c Outcome "$log") of $seeds seeds held"
exit "$status"
