//! Placeholder until the schema stands.
fn main() {}
