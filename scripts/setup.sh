#!/usr/bin/env bash
# Installs what the build and the tests need and this machine lacks. Does nothing, quickly, when nothing is missing.
#
# libhwloc-dev, libudev-dev, pkg-config: the topology library and how it is found (libudev is named at link time)
# gcc, g++, make, cmake:                 C code of dependencies; the schema compiler is C++
# busybox-static:                        what pods run in demo and tests
# python3:                               calls the C ABI in a test
. "$(dirname "$0")/lib.sh"

packages=(libhwloc-dev libudev-dev pkg-config busybox-static gcc g++ make cmake python3)

# How a command becomes root's: nothing, sudo, or sudo that asks at the terminal. Ends the script when there is no way.
find_root() {
    if [ "$(id -u)" = 0 ]; then
        as_root=()
    elif sudo -n true 2>/dev/null; then
        as_root=(sudo -n)
    elif command -v sudo >/dev/null && : 2>/dev/null </dev/tty; then
        as_root=(sudo)
    else
        fail "setup: packages are missing, and neither root nor sudo is here to install them. As root: apt-get install $*"
    fi
}

apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 "$@" >"$log" 2>&1
}

install_packages() {
    local missing=() package
    for package in "${packages[@]}"; do
        dpkg-query --show --showformat='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] && return
    find_root "${missing[@]}"
    echo "setup: installing ${missing[*]}"
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    # The package lists of a fresh machine are empty or old: then the first try fails.
    if ! apt install --no-install-recommends --yes "${missing[@]}"; then
        { apt update && apt install --no-install-recommends --yes "${missing[@]}"; } || {
            cat "$log" >&2
            fail "setup: apt-get could not install ${missing[*]}; what it said is above"
        }
    fi
}

install_rust_parts() {
    command -v cargo >/dev/null || fail "setup: no cargo. Install Rust 1.95 or newer: https://rustup.rs"
    local missing=() part
    for part in clippy rustfmt; do
        "cargo-${part/rustfmt/fmt}" --version >/dev/null 2>&1 || missing+=("$part")
    done
    [ ${#missing[@]} = 0 ] && return
    command -v rustup >/dev/null || fail "setup: Rust without ${missing[*]}, and no rustup to add them: install them"
    rustup component add "${missing[@]}"
}

if command -v dpkg-query >/dev/null; then
    install_packages
else
    echo "setup: not a Debian machine: see to it that these are here in some form: ${packages[*]}" >&2
fi
install_rust_parts
