#!/usr/bin/env bash
# bench.sh NAME: runs one bench, benches/benches/NAME.rs.
. "$(dirname "$0")/lib.sh"

pick NAME "$1" benches/benches .rs
exec cargo bench --package meros-benches --bench "$1"
