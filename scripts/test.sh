#!/usr/bin/env bash
# test.sh [STEP…]: runs every step below, or the named ones, in order, and stops at the first that fails.
#
# A step's output goes to a log file and is shown when the step fails. The last line counts what cargo's test programs
# reported over all steps: "N passed, 0 failed". Tests that could not run on this machine print SKIPPED and are listed before.
#
# The order is cheapest first, and every cargo step but loom and codegen shares one build: cargo unifies the features of the
# packages it is asked for, so each step asks for the same packages (the default members) and narrows by kind of test.
. "$(dirname "$0")/lib.sh"

steps=(
    "setup    | scripts/setup.sh"
    "build    | cargo build && cargo test --no-run"
    "house    | cargo test --test house"
    "lint     | scripts/lint.sh"
    "unit     | cargo test --lib --bins -- --show-output"
    "docs     | cargo test --doc"
    "capi     | scripts/capi.sh"
    "loom     | scripts/loom.sh"
    "real     | cargo test --test '*' -- --show-output --skip house::"
    "demo     | MEROS_BIN=\$(cd $target_dir/debug && pwd) scripts/demo.sh"
    "codegen  | scripts/codegen.sh"
)

name_of() { sed 's/ *|.*//' <<<"$1"; }
command_of() { sed 's/^[^|]*| *//' <<<"$1"; }

# Keeps the steps that were asked for.
choose() {
    local chosen=() wanted step
    for wanted in "$@"; do
        for step in "${steps[@]}"; do
            [ "$(name_of "$step")" = "$wanted" ] && chosen+=("$step") && continue 2
        done
        echo "test: there is no step '$wanted'. The steps:" >&2
        printf '  %s\n' "${steps[@]}" >&2
        exit 2
    done
    steps=("${chosen[@]}")
}

# run_step NUMBER STEP
run_step() {
    local name command log began=$SECONDS status=0
    name=$(name_of "$2")
    command=$(command_of "$2")
    log=$logs/$name.log
    printf '[%d/%d] %s … ' "$1" ${#steps[@]} "$name"
    bash -c "$command" >"$log" 2>&1 || status=$?
    if [ "$status" = 0 ]; then
        echo "$((SECONDS - began)) s"
        return
    fi
    echo "FAILED after $((SECONDS - began)) s, status $status"
    tail -n 200 "$log"
    echo
    echo "test: step '$name' failed. Its whole output: $log"
    echo "Run it again: make test STEPS=$name   or alone: $command"
    echo "$(count) before step '$name' failed"
    exit 1
}

# Sums up what the test programs reported.
count() {
    awk '/^test result: / { for (i = 2; i <= NF; i++) { if ($i ~ /^passed/) passed += $(i-1); if ($i ~ /^failed/) failed += $(i-1) } }
         END { printf "%d passed, %d failed\n", passed, failed }' "$logs"/*.log
}

# Lists what could not run here, equal lines once.
show_skipped() {
    sed -n 's/.*SKIPPED/SKIPPED/p' "$logs"/*.log | sort | uniq -c | sed 's/^ *\([0-9]*\) /\1 × /'
}

[ $# = 0 ] || choose "$@"
logs=$target_dir/test-logs
rm -rf "$logs"
mkdir -p "$logs"
number=0
for step in "${steps[@]}"; do
    number=$((number + 1))
    run_step "$number" "$step"
done
show_skipped
count
