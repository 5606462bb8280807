//! House rules over the sources, one file per rule.
//!
//! A rule is a function from the [`Repo`] to the [`Violation`]s in it. It reads text, keeps no state, and its own tests show it
//! failing on a bad sample and passing on a good one. [`RULES`] is the list; [`check`] runs it.
//!
//! Generated files, fixtures and corpora are left alone ([`Repo::open`] leaves them out). An exception to a rule is a line in
//! that rule's file, with its reason; there is no comment that switches a rule off in place.

mod atomics;
mod commands;
mod leftovers;
mod lengths;
mod lines;
mod links;
mod map;
mod module_doc;
mod orderings;
mod paths;
mod promises;
mod reasons;
mod repo;
mod rust;
mod sleeps;
mod unsafety;
mod words;

use std::fmt;

pub use repo::{File, Repo, RepoError};
pub use rust::{Line, RustText, Token};

/// One place that breaks one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path from the root of the repository.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Name of the rule: the name of its file here.
    pub rule: &'static str,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub instead: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}: {}: {}", self.file, self.line, self.rule, self.what, self.instead)
    }
}

/// A rule: its check over the whole repository.
pub type Rule = fn(&Repo) -> Vec<Violation>;

/// Every rule, cheap ones first.
pub const RULES: [Rule; 14] = [
    lines::check,
    module_doc::check,
    lengths::check,
    words::check,
    paths::check,
    leftovers::check,
    reasons::check,
    unsafety::check,
    orderings::check,
    atomics::check,
    sleeps::check,
    links::check,
    promises::check,
    map_and_commands,
];

fn map_and_commands(repo: &Repo) -> Vec<Violation> {
    let mut found = map::check(repo);
    found.extend(commands::check(repo));
    found
}

/// All violations of all rules, in order of file and line.
#[must_use]
pub fn check(repo: &Repo) -> Vec<Violation> {
    let mut found: Vec<Violation> = RULES.iter().flat_map(|rule| rule(repo)).collect();
    found.sort_by(|a, b| (&a.file, a.line, a.rule).cmp(&(&b.file, b.line, b.rule)));
    found
}
