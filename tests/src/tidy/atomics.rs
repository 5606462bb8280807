//! One door to atomics: `alloc-core/src/sync.rs`. What does not pass it is not seen by the model checker.

use super::{File, Repo, RustText, Violation};

/// The door.
const DOOR: &str = "alloc-core/src/sync.rs";

pub(super) fn check(repo: &Repo) -> Vec<Violation> {
    repo.rust_files().filter(|(file, _)| file.path != DOOR).flat_map(|(file, rust)| check_file(file, rust)).collect()
}

fn check_file(file: &File, rust: &RustText) -> Vec<Violation> {
    let named = rust.tokens.windows(4).filter(|window| names_atomics(window));
    let mut lines: Vec<usize> = named.map(|window| window[0].line).collect();
    lines.dedup();
    lines
        .into_iter()
        .map(|line| Violation {
            file: file.path.clone(),
            line,
            rule: "atomics",
            what: "atomics that do not come through the door".to_owned(),
            instead: format!("use meros_alloc_core::sync ({DOOR}), or send a message"),
        })
        .collect()
}

/// True for `sync::atomic` and for `loom::`.
fn names_atomics(window: &[super::Token]) -> bool {
    let text = |index: usize| window[index].text.as_str();
    (text(0), text(1), text(2), text(3)) == ("sync", ":", ":", "atomic")
        || (text(0), text(1), text(2)) == ("loom", ":", ":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_doors_are_found() {
        let text =
            "use std::sync::atomic::{AtomicBool, Ordering};\nuse loom::thread;\nuse std::sync::Arc; // sync::atomic\n";
        let found = check(&Repo::sample(&[("master/src/a.rs", text), (DOOR, text)]));
        let places: Vec<(&str, usize)> = found.iter().map(|v| (v.file.as_str(), v.line)).collect();
        assert_eq!(places, [("master/src/a.rs", 1), ("master/src/a.rs", 2)]);
    }
}
