//! Any bytes as a machine and a sequence of calls on alloc-core's table, each checked against the oracle.
//!
//! Oracle and calls are alloc-core's own, the very files that its property tests run, built here from outside: they see what is
//! public.

#[path = "../../alloc-core/src/tests"]
#[expect(clippy::unwrap_used, reason = "these are tests: what panics is the finding")]
mod proof {
    mod fitting;
    mod machines;
    mod misuse;
    mod odd;
    mod op;
    mod oracle;
    mod oracle_extras;
    mod property;
    mod property_verbs;
    mod script;
    mod together;
    mod wish;
    mod wish_extras;

    pub(super) fn run(bytes: &[u8]) {
        property::run(bytes, |_| ());
    }
}

/// Runs a sequence.
///
/// # Panics
/// When an answer is not the oracle's, or a figure of the table is wrong: that is the finding.
pub fn claims(bytes: &[u8]) {
    proof::run(bytes);
}
