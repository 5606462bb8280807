//! Every Rust file begins with its module doc: what it is, its rules, its units.

use super::{Repo, Violation};

pub(super) fn check(repo: &Repo) -> Vec<Violation> {
    let without = repo.rust_files().filter(|(file, _)| !file.text.is_empty() && !begins_with_doc(&file.text));
    without
        .map(|(file, _)| Violation {
            file: file.path.clone(),
            line: 1,
            rule: "module_doc",
            what: "the file does not begin with a module doc".to_owned(),
            instead: "begin it with `//!` lines: what it is, its rules, its units".to_owned(),
        })
        .collect()
}

/// True when the first line is a module doc that says something.
fn begins_with_doc(text: &str) -> bool {
    text.lines().next().and_then(|line| line.strip_prefix("//! ")).is_some_and(|doc| doc.trim().len() > 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_doc_is_found() {
        let repo = Repo::sample(&[
            ("good.rs", "//! Pool words.\n\nuse x;\n"),
            ("bad.rs", "use x;\n//! Late.\n"),
            ("dumb.rs", "//!\n"),
            ("x.sh", "#!/bin/sh\n"),
        ]);
        let found: Vec<String> = check(&repo).into_iter().map(|v| v.file).collect();
        assert_eq!(found, ["bad.rs", "dumb.rs"]);
    }
}
