//! One file stands at each border: it alone names the vocabularies of both sides and translates.

use crate::tidy::{Repo, RustText};

/// A border inside one crate.
struct Border {
    /// The crate's sources.
    sources: &'static str,
    /// The file that translates.
    file: &'static str,
    /// The two vocabularies, as crate names in code.
    vocabularies: [&'static str; 2],
}

const BORDERS: [Border; 2] = [
    Border { sources: "master/src/", file: "master/src/convert.rs", vocabularies: ["meros_wire", "meros_alloc_core"] },
    Border { sources: "agent/src/", file: "agent/src/inventory.rs", vocabularies: ["meros_numa", "meros_wire"] },
];

/// What is wrong at the borders, a sentence each.
#[must_use]
pub fn check(repo: &Repo) -> Vec<String> {
    BORDERS.iter().flat_map(|border| check_border(repo, border)).collect()
}

fn check_border(repo: &Repo, border: &Border) -> Vec<String> {
    let [left, right] = border.vocabularies;
    let inside = repo.rust_files().filter(|(file, _)| file.path.starts_with(border.sources));
    let both: Vec<&str> = inside
        .filter(|(_, rust)| names(rust, left) && names(rust, right))
        .map(|(file, _)| file.path.as_str())
        .collect();
    let mut found = Vec::new();
    if !both.contains(&border.file) {
        found
            .push(format!("`{}` does not translate between {left} and {right}: it is the file that must", border.file));
    }
    for file in both.into_iter().filter(|file| *file != border.file) {
        found.push(format!(
            "`{file}` names both {left} and {right}: translate in `{}` and use its types here",
            border.file
        ));
    }
    found
}

/// True when code, not a comment, names the crate.
fn names(rust: &RustText, vocabulary: &str) -> bool {
    rust.tokens.iter().any(|token| token.text == vocabulary)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 2] = [
        ("master/src/convert.rs", "use meros_wire::A;\nuse meros_alloc_core::B;\n"),
        ("agent/src/inventory.rs", "use meros_wire::A;\nuse meros_numa::B;\n"),
    ];

    #[test]
    fn two_translators_are_one_too_many() {
        let mut files = GOOD.to_vec();
        files.push(("master/src/a.rs", "use meros_alloc_core::B; // not meros_wire\n"));
        assert_eq!(check(&Repo::sample(&files)), Vec::<String>::new());
        files.push(("master/src/b.rs", "use meros_alloc_core::B;\nfn f(a: meros_wire::A) {}\n"));
        assert_eq!(
            check(&Repo::sample(&files)),
            [
                "`master/src/b.rs` names both meros_wire and meros_alloc_core: translate in `master/src/convert.rs` and use its types here"
            ]
        );
    }

    #[test]
    fn a_border_without_translator_is_told() {
        assert_eq!(check(&Repo::sample(&GOOD[..1])).len(), 1);
    }
}
