//! Fuzz targets as plain functions of bytes: a fuzzer finds inputs for them, `cargo test` replays those it found.
//!
//! Run one with `cargo +stable fuzz run --features libfuzzer decode -- -max_total_time=60` (cargo-fuzz 0.13). What it finds goes to
//! `fuzz/corpus/<target>/`, where every file is replayed by `cargo test -p meros-fuzz`.
//!
//! A target panics when a promise is broken, and only then.

mod channel;
mod decode;

pub use channel::channel;
pub use decode::decode;
