//! The Rust client of the master: what `meros run` and every framework here is written with
