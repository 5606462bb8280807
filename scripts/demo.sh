#!/usr/bin/env bash
# demo.sh: a cluster on this machine, shown with the commands that anybody would type.
#
# With a terminal it stays up until Ctrl-C, without one it ends by itself; 0 means that everything was as it should be. MEROS_BIN
# names a folder with built programs; without it they are built first. Everything it makes is in one temporary folder and below
# one name in the cgroup tree; both are gone when it ends, however it ends.
[ -t 0 ] && [ -t 1 ] && terminal=yes || terminal=no
. "$(dirname "$0")/lib.sh"

if [ -z "${MEROS_BIN:-}" ]; then
    cargo build --release --package meros-cli --package meros-agent
    MEROS_BIN=$(cd "$target_dir/release" && pwd)
fi
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "demo: making cgroups needs root, and there is no sudo here: run it as root"
    [ "$terminal" = no ] || exec </dev/tty
    exec sudo MEROS_BIN="$MEROS_BIN" "$0"
fi
PATH=$MEROS_BIN:$PATH
scratch=$(mktemp -d /tmp/meros-demo.XXXXXX)
cgroup_root=meros-demo-$$
up=

bold= plain=
[ ! -t 1 ] || bold=$'\e[1m' plain=$'\e[0m'

title() { printf '\n%s\n' "$bold$*$plain"; }

# typed WORD…: as somebody would type it, quoted only where it must be.
typed() { sed "s/'\([A-Za-z0-9_.:/=-]*\)'/\1/g" <<<"$bold\$$plain ${*@Q}"; }

# show COMMAND…: as typed, then what it answers. Its exit code is in $code.
show() {
    code=0
    typed "$@"
    "$@" || code=$?
}

# start_cluster NAME FLAG…: `meros up` in the background. It lives as long as descriptor 9 is open, so never longer than this script.
start_cluster() {
    export MEROS_STATE_DIR=$scratch/$1
    mkdir "$MEROS_STATE_DIR"
    mkfifo "$MEROS_STATE_DIR/in" "$MEROS_STATE_DIR/out"
    shift
    typed meros up "$@"
    meros up "$@" --cgroup-root "$cgroup_root" --end-with-stdin <"$MEROS_STATE_DIR/in" >"$MEROS_STATE_DIR/out" &
    up=$!
    exec 9>"$MEROS_STATE_DIR/in" 8<"$MEROS_STATE_DIR/out"
    local line
    while read -r line <&8; do
        [ -n "$line" ] || return 0
        echo "$line"
    done
    fail "demo: the cluster did not come up"
}

end_cluster() {
    exec 9>&-
    [ -z "$up" ] || wait "$up" || fail "demo: the cluster did not end well"
    up=
}

# until_pod NAME STATE: waits for it, woken by the master.
until_pod() {
    grep -qm1 -E "^[0-9a-f]{8} +$1 +$2 " < <(exec meros ps --all --watch 2>/dev/null 9>&-)
}

# check_pinning NAME: what the pod itself sees is what the master says it placed.
check_pinning() {
    local placed seen
    placed=$(meros ps --all | awk -v name="$1" '$2 == name { print "PUs " $(NF - 2) ", NUMA nodes " $(NF - 1) }')
    seen=$(meros logs "$1" | awk '/^Cpus_allowed_list/ { pus = $2 } /^Mems_allowed_list/ { print "PUs " pus ", NUMA nodes " $2 }')
    [ -n "$placed" ] && [ "$placed" = "$seen" ] || fail "demo: $1 was placed on $placed and sees $seen"
    echo "✓ $1 sees what it was given: $seen"
}

cleanup() {
    end_cluster || true
    rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

look='grep -E "^(Cpus|Mems)_allowed_list" /proc/self/status'

title "One master and one agent, as real processes, on this machine"
start_cluster here
pus=$(meros ps --output json | sed -n 's/^ *"pus": \([0-9]*\),$/\1/p')
[ "$pus" -ge 2 ] || fail "demo: one pod gets a core of its own and another shares one: that takes two cores"

title "Three pods: a core of its own, more cores than there are, half a core of the shared pool"
show meros run --detach --name pinned --cpus 1 --memory 64MiB -- sh -c "$look; exec sleep 1000"
show meros run --detach --name greedy --cpus $((pus + 1)) -- true
show meros run --detach --name sharing --shared-cpus 0.5 --memory 64MiB -- sh -c "$look; exec sleep 1000"
until_pod pinned running
until_pod sharing running
until_pod greedy waiting

title "Who owns what, and why the third one waits"
show meros ps --map

title "What the pods themselves see"
show meros logs pinned
check_pinning pinned
show meros logs sharing
check_pinning sharing

title "A run that is watched ends as its task did"
show meros run --shared-cpus 0.1 -- sh -c 'echo working; exit 3'
echo "exit code $code"
[ "$code" = 3 ] || fail "demo: the task's exit code was not passed on"

if [ "$terminal" = yes ]; then
    title "It stays up until Ctrl-C. In another terminal:"
    echo "export PATH=$MEROS_BIN:\$PATH MEROS_STATE_DIR=$MEROS_STATE_DIR"
    echo "meros ps --map --watch"
    trap 'exit 0' INT TERM
    wait "$up"
    exit
fi

title "The end"
show meros kill --wait pinned sharing greedy
show meros ps --all
end_cluster
[ -z "$(find /sys/fs/cgroup -name "$cgroup_root*" -print -quit)" ] || fail "demo: cgroups were left behind"
echo "✓ nothing is left behind"

title "The same on two pretended machines: placement is real, pinning is recorded"
start_cluster pretended --agents 2 --topology 'synthetic:package:2 numa:1 l3:2 core:4 pu:2'
show meros run --detach --name tight --cpus 6 --locality l3 --required -- sleep 1000
show meros run --detach --name wide --cpus 20 --locality any -- sleep 1000
show meros run --detach --name small --shared-cpus 2.5 -- sleep 1000
until_pod tight running
until_pod wide running
until_pod small running
show meros ps --map
show meros kill --wait tight wide small
end_cluster
title "That was Meros. README.md goes on from here."
