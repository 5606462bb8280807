//! Benches: each checks its own answer and compares with the raw limit or a peer in the same run
