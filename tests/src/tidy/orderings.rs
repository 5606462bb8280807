//! Memory orderings: each use names the operation it pairs with, or says why Relaxed is enough.
//!
//! A use is one of the five orderings in code. It is explained by a comment on its line or on the lines shortly above that
//! says "pairs with", or that gives a reason after the ordering's name: `// Relaxed on failure: nothing is read through it.`

use super::{File, Repo, RustText, Violation};

/// The five, as `core::sync::atomic::Ordering` names them.
const ORDERINGS: [&str; 5] = ["Relaxed", "Acquire", "Release", "AcqRel", "SeqCst"];

/// How far above a comment may stand, in lines.
const NEAR_LINES: usize = 8;

pub(super) fn check(repo: &Repo) -> Vec<Violation> {
    repo.rust_files().flat_map(|(file, rust)| check_file(file, rust)).collect()
}

fn check_file(file: &File, rust: &RustText) -> Vec<Violation> {
    let imported = imports_names(rust);
    let mut uses: Vec<(usize, &str)> = Vec::new();
    for (index, token) in rust.tokens.iter().enumerate() {
        let qualified = index >= 3 && rust.tokens[index - 1].text == ":" && rust.tokens[index - 3].text == "Ordering";
        if ORDERINGS.contains(&token.text.as_str()) && (qualified || imported) && !in_use(rust, index) {
            uses.push((token.line, &token.text));
        }
    }
    uses.dedup_by_key(|(line, _)| *line);
    uses.into_iter()
        .filter(|(line, _)| !explained(rust, *line))
        .map(|(line, name)| violation(file, line, name))
        .collect()
}

/// True when the file imports the orderings' bare names from `Ordering`.
fn imports_names(rust: &RustText) -> bool {
    rust.tokens.windows(4).enumerate().any(|(index, window)| {
        let opens = window[0].text == "Ordering" && window[1].text == ":" && window[2].text == ":";
        opens && in_use(rust, index) && window[3].text != ";"
    })
}

/// True when the token stands in a `use` declaration.
fn in_use(rust: &RustText, index: usize) -> bool {
    let before = rust.tokens[..index].iter().rev().take_while(|token| token.text != ";");
    before.take(64).take_while(|token| !matches!(token.text.as_str(), "(" | ")" | "=")).any(|token| token.text == "use")
}

fn explained(rust: &RustText, line: usize) -> bool {
    let comments = rust.comments_near(line, NEAR_LINES);
    let flat = comments.replace(['\n', '/'], " ").split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let pairs =
        ["pairs with", "pair with", "paired with", "synchronizes with"].iter().any(|words| flat.contains(words));
    pairs || ORDERINGS.iter().any(|name| gives_reason(&flat, &name.to_lowercase()))
}

/// True for "relaxed: …", "relaxed on failure: …", "relaxed, both: …": the name, at most three more words and a colon.
fn gives_reason(comments: &str, name: &str) -> bool {
    comments.match_indices(name).any(|(at, _)| {
        let rest = &comments[at + name.len()..];
        rest.split_once(':').is_some_and(|(words, _)| {
            !words.contains(['.', ';', '`']) && words.split_whitespace().filter(|word| *word != ",").count() <= 3
        })
    })
}

fn violation(file: &File, line: usize, name: &str) -> Violation {
    let instead = if name == "Relaxed" {
        "say above it why no order is needed: `// Relaxed: …`"
    } else {
        "say above it which operation it pairs with"
    };
    let what = format!("`{name}` without its reason");
    Violation { file: file.path.clone(), line, rule: "orderings", what, instead: instead.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        check(&Repo::sample(&[("a.rs", text)])).into_iter().map(|v| v.line).collect()
    }

    #[test]
    fn bare_orderings_are_found() {
        assert_eq!(lines("fn f() { w.load(Ordering::Acquire); }\n"), [1]);
        assert_eq!(
            lines("use x::Ordering::{Acquire, Relaxed};\nfn f() {\n    // reads it\n    w.load(Relaxed);\n}\n"),
            [4]
        );
        assert_eq!(lines("use x::Ordering::*;\nfn f() { w.load(SeqCst); }\n"), [2]);
    }

    #[test]
    fn explained_orderings_pass() {
        assert!(
            lines("fn f() {\n    // Acquire: pairs with the Release in `g`.\n    w.load(Ordering::Acquire);\n}\n")
                .is_empty()
        );
        assert!(lines("fn f() {\n    w.load(Ordering::Relaxed); // Relaxed: a hint.\n}\n").is_empty());
        assert!(lines("fn f() {\n    // It pairs\n    // with `g`.\n    w.load(Ordering::Acquire);\n}\n").is_empty());
    }

    #[test]
    fn reasons_begin_with_the_name() {
        assert!(lines("fn f() {\n    // Relaxed, both: owned here.\n    w.load(Ordering::Relaxed);\n}\n").is_empty());
        assert_eq!(lines("// It is Relaxed. Note:\nfn f() { w.load(Ordering::Relaxed); }\n"), [2]);
    }

    #[test]
    fn other_meanings_of_the_words_pass() {
        assert!(lines("enum Op { Release }\nfn f() { Op::Release; a.cmp(b) == Ordering::Less }\n").is_empty());
        assert!(lines("use core::sync::atomic::Ordering;\npub use x::Ordering::Relaxed;\n").is_empty());
    }

    #[test]
    fn a_comment_far_away_does_not_count() {
        let text = format!("// Relaxed: why.\n{}fn f() {{ w.load(Ordering::Relaxed); }}\n", "\n".repeat(9));
        assert_eq!(lines(&text), [11]);
    }
}
