//! What every bench shares: who measured, where, and the last line that a script reads.
//!
//! A bench checks its own answer before it is timed, compares with the raw limit or a peer in the same run, and closes with one
//! line of JSON: `{"bench":"x","ok":true,"reach":[{"name":"…","value":1.2,"bar":1.0,"met":true},…]}`.

pub mod bare;
pub mod churn;
pub mod clock;
pub mod cluster;
pub mod numa_trace;
pub mod openb;
pub mod random;
pub mod sharing;
pub mod traces;
pub mod yardstick;

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

/// One figure that somebody asked for.
#[derive(Clone, Debug)]
pub struct Reach {
    /// What it is, with its unit.
    pub name: String,
    /// What was measured.
    pub value: f64,
    /// What was asked for.
    pub bar: f64,
    /// Whether it is enough.
    pub met: bool,
}

impl Reach {
    /// A figure that has to be at least its bar.
    #[must_use]
    pub fn at_least(name: impl Into<String>, value: f64, bar: f64) -> Self {
        Self { name: name.into(), value, bar, met: value >= bar }
    }

    /// A figure that may be no more than its bar.
    #[must_use]
    pub fn at_most(name: impl Into<String>, value: f64, bar: f64) -> Self {
        Self { name: name.into(), value, bar, met: value <= bar }
    }
}

/// Prints machine, kernel and commit.
pub fn print_where() {
    let first_line = |path: &str, key: &str| -> String {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().find(|line| line.starts_with(key)).unwrap_or("unknown").to_owned()
    };
    println!("{}", first_line("/proc/cpuinfo", "model name"));
    println!("kernel: {}", first_line("/proc/version", "Linux"));
    let commit = Command::new("git").args(["describe", "--always", "--dirty"]).output();
    let commit =
        commit.map_or_else(|_| "unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).into_owned());
    println!("malloc: {}", std::env::var("GLIBC_TUNABLES").unwrap_or_else(|_| "as the system has it".into()));
    println!("commit: {}", commit.trim());
}

/// What a bench is to run on; `None` after it was said, as the last line, that the bench did not run.
pub fn loaded_or_said<T, E: std::fmt::Display>(bench: &str, loaded: Result<T, E>) -> Option<T> {
    loaded.map_or_else(
        |error| {
            println!("NOT RUN: {error}");
            print_reach(bench, false, &[]);
            None
        },
        Some,
    )
}

/// The last line.
pub fn print_reach(bench: &str, ok: bool, reach: &[Reach]) {
    let reach: Vec<Value> = reach
        .iter()
        .map(|figure| json!({"name": figure.name, "value": figure.value, "bar": figure.bar, "met": figure.met}))
        .collect();
    println!("{}", json!({"bench": bench, "ok": ok, "reach": reach}));
}

/// Reads what [`print_reach`] printed: whether the bench's answer was right, and its figures.
#[must_use]
pub fn read_reach(line: &str) -> Option<(bool, Vec<Reach>)> {
    let said: Value = serde_json::from_str(line).ok()?;
    let figure = |figure: &Value| {
        let number = |field: &str| figure.get(field)?.as_f64();
        let name = figure.get("name")?.as_str()?.to_owned();
        Some(Reach { name, value: number("value")?, bar: number("bar")?, met: figure.get("met")?.as_bool()? })
    };
    let figures = said.get("reach")?.as_array()?.iter().map(figure).collect::<Option<_>>()?;
    Some((said.get("ok")?.as_bool()?, figures))
}
