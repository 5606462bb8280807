//! Every lint that is switched off says why: `#[allow(…, reason = "…")]`, better `#[expect(…, reason = "…")]`.

use super::rust::closing;
use super::{File, Repo, RustText, Token, Violation};

pub(super) fn check(repo: &Repo) -> Vec<Violation> {
    repo.rust_files().flat_map(|(file, rust)| check_file(file, rust)).collect()
}

fn check_file(file: &File, rust: &RustText) -> Vec<Violation> {
    attributes(&rust.tokens).flat_map(bare_lists).map(|token| violation(file, token)).collect()
}

/// The tokens of each attribute, from its bracket to the closing one.
fn attributes(tokens: &[Token]) -> impl Iterator<Item = &[Token]> {
    let opens = tokens.windows(3).enumerate().filter_map(|(index, window)| {
        let [hash, next, after] = window else {
            return None;
        };
        let inner = next.text == "!" && after.text == "[";
        (hash.text == "#" && (inner || next.text == "[")).then(|| index + 1 + usize::from(inner))
    });
    opens.map(|open| &tokens[open..=closing(tokens, open)])
}

/// The words `allow` and `expect` in an attribute whose list of lints has no reason.
fn bare_lists(attribute: &[Token]) -> impl Iterator<Item = &Token> {
    attribute.windows(2).enumerate().filter_map(|(index, pair)| {
        let switches = matches!(pair[0].text.as_str(), "allow" | "expect") && pair[1].text == "(";
        let list = &attribute[index + 1..=closing(attribute, index + 1)];
        let has_reason = list.windows(2).any(|pair| pair[0].text == "reason" && pair[1].text == "=");
        (switches && !has_reason).then_some(&pair[0])
    })
}

fn violation(file: &File, token: &Token) -> Violation {
    Violation {
        file: file.path.clone(),
        line: token.line,
        rule: "reasons",
        what: format!("`{}` without a reason", token.text),
        instead: "say why: `reason = \"…\"`".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        check(&Repo::sample(&[("a.rs", text)])).into_iter().map(|v| v.line).collect()
    }

    #[test]
    fn a_lint_switched_off_without_reason_is_found() {
        let text = "#![allow(missing_docs)]\n#[expect(clippy::exit, dead_code)]\n#[cfg_attr(not(loom), allow(dead_code))]\nfn f() {}\n";
        assert_eq!(lines(text), [1, 2, 3]);
    }

    #[test]
    fn reasons_and_methods_are_let_through() {
        assert!(
            lines(
                "#[expect(clippy::exit, reason = \"the child's end\")]\nfn f() { x.expect(\"y\"); g(a, allow(1)); }\n"
            )
            .is_empty()
        );
    }
}
