//! Fuzz targets as plain functions of bytes: a fuzzer finds inputs for them, `cargo test` replays those it found.
//!
//! Run one with `RUSTC_BOOTSTRAP=1 cargo fuzz run --features libfuzzer decode -- -max_total_time=60` (cargo-fuzz 0.13; the variable
//! lets a stable compiler use the address sanitizer, which the generated code's unsafe reads are worth). Give it a scratch folder before
//! `fuzz/corpus/decode` to keep the committed corpus small; `cargo test -p meros-fuzz` replays every file of it.
//!
//! A target panics when a promise is broken, and only then.

mod channel;
mod claims;
mod decode;

pub use channel::channel;
pub use claims::claims;
pub use decode::decode;
