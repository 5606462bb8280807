#!/usr/bin/env bash
# verify.sh NAME: runs one of the suites that are too heavy for `make test`: scripts/verify/NAME.sh.
. "$(dirname "$0")/lib.sh"

pick NAME "$1" scripts/verify .sh
exec "scripts/verify/$1.sh"
