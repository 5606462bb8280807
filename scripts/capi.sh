#!/usr/bin/env bash
# The C ABI as others use it: what the shared library exports, the header in C and in C++, a C program against the shared and the
# static library, the same under AddressSanitizer with its leak check, and a Python program. Needs `cargo build`.
. "$(dirname "$0")/lib.sh"

capi=alloc-core/capi
built=$target_dir/debug
library=$built/libmeros_alloc.so
[ -e "$library" ] || fail "capi: no $library: run cargo build"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
strict=(-std=c11 -Wall -Wextra -Wpedantic -Werror -I "$capi/include")

others=$(nm --dynamic --defined-only --format=posix "$library" | awk '$1 !~ /^meros_/ { print $1 }')
[ -z "$others" ] || fail "capi: the library exports what is not its own: $others"
missing=$(grep -o 'meros_[a-z_]*(' "$capi/include/meros_alloc.h" | tr -d '(' | sort -u |
    comm -23 - <(nm --dynamic --defined-only --format=posix "$library" | awk '{ print $1 }' | sort -u))
[ -z "$missing" ] || fail "capi: the header declares what the library does not export: $missing"

echo '#include "meros_alloc.h"' | g++ -x c++ -std=c++11 -Wall -Wextra -Wpedantic -Werror -I "$capi/include" -fsyntax-only -

gcc "${strict[@]}" "$capi/examples/place.c" -o "$scratch/shared" -L "$built" -lmeros_alloc -lpthread
LD_LIBRARY_PATH=$built "$scratch/shared"

gcc "${strict[@]}" "$capi/examples/place.c" -o "$scratch/static" "$built/libmeros_alloc.a" -lpthread -ldl -lm
"$scratch/static"

gcc "${strict[@]}" -g -fsanitize=address,undefined -fno-sanitize-recover "$capi/examples/place.c" -o "$scratch/checked" -L "$built" -lmeros_alloc -lpthread
LD_LIBRARY_PATH=$built "$scratch/checked"

python3 "$capi/examples/place.py" "$library"
