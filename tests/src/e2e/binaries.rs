//! The programs under test: those that were built into the same folder as the test itself.

use std::path::{Path, PathBuf};

/// The `meros` program.
#[must_use]
pub fn meros() -> PathBuf {
    built("meros", "cargo build")
}

/// The program beside every member.
#[must_use]
pub fn supervisor() -> PathBuf {
    built("meros-supervisor", "cargo build")
}

/// An example of one of the crates.
#[must_use]
pub fn example(name: &str) -> PathBuf {
    built(&format!("examples/{name}"), "cargo build --examples")
}

fn built(name: &str, how: &str) -> PathBuf {
    let path = folder().join(name);
    assert!(path.is_file(), "{} is missing: build it first with `{how}`, in the profile of this test", path.display());
    path
}

/// Where they are: `target/debug` for a test in `target/debug/deps`.
#[must_use]
pub fn folder() -> PathBuf {
    let test = std::env::current_exe().unwrap_or_else(|error| panic!("where is this test? {error}"));
    let folder = test.ancestors().nth(2).map(Path::to_owned);
    folder.unwrap_or_else(|| panic!("{} is not in a target folder", test.display()))
}
