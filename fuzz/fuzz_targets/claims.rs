//! [`meros_fuzz::claims`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| meros_fuzz::claims(bytes));
