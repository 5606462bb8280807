# What the scripts share: sourced, not run.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# A script that is started by `make` or a CI runner has no terminal to ask at.
exec </dev/null

target_dir=${CARGO_TARGET_DIR:-target}

fail() {
    echo "$1" >&2
    exit "${2:-1}"
}

# ran_some LOG WHAT: fails when a run of tests that went well ran none, and so shows nothing. A filter that fits no test is no error
# to cargo.
ran_some() {
    grep -qE '^test result: ok\. [1-9]' "$1" || fail "$2: a green run that shows nothing: nothing ran"
}

# names FOLDER EXTENSION: the names of the files there, one per line, sorted.
names() {
    local file
    for file in "$1"/*"$2"; do
        [ -e "$file" ] && basename "$file" "$2"
    done
    true
}

# pick VARIABLE NAME FOLDER EXTENSION: ends with the list of names and status 2 when NAME is not one of them.
pick() {
    local known
    known=$(names "$3" "$4")
    if [ -z "$2" ]; then
        echo "Which one? $1=… with one of:"
    elif grep -qxF -- "$2" <<<"$known"; then
        return
    else
        echo "There is no '$2'. $1=… with one of:"
    fi >&2
    sed 's/^/  /' <<<"${known:-(none yet)}" >&2
    exit 2
}
