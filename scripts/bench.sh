#!/usr/bin/env bash
# bench.sh NAME: runs one bench, benches/benches/NAME.rs.
. "$(dirname "$0")/lib.sh"

pick NAME "$1" benches/benches .rs
# Tables are large: with pages of 2 MiB, less is waited for their addresses. Yardsticks are given the same.
export GLIBC_TUNABLES=${GLIBC_TUNABLES:-glibc.malloc.hugetlb=1}
exec cargo bench --package meros-benches --bench "$1"
