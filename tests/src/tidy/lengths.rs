//! Lengths: no function over 70 lines, no file over 600, as a ratchet.
//!
//! `lengths.txt` holds today's exceptions with their lengths. A function or file that is longer than its number fails, one that
//! is shorter fails until the number is lowered, and a number that is not needed any more must go.

use std::collections::BTreeMap;

use super::{Repo, Violation};

/// Most lines of a function, from the word `fn` to its closing brace.
const MAX_FUNCTION_LINES: usize = 70;
/// Most lines of a file.
const MAX_FILE_LINES: usize = 600;
/// Where the exceptions are.
const LIST: &str = "tests/src/tidy/lengths.txt";

/// What has a length: a path, and the name of a function in it.
type Measured = (String, Option<String>);

pub(super) fn check(repo: &Repo) -> Vec<Violation> {
    judge(measure(repo), include_str!("lengths.txt"))
}

/// Everything over its limit, with the line it begins on and its length. Functions of one name in one file count as one.
fn measure(repo: &Repo) -> BTreeMap<Measured, (usize, usize)> {
    let mut long = BTreeMap::new();
    for (file, rust) in repo.rust_files() {
        if rust.lines.len() > MAX_FILE_LINES {
            long.insert((file.path.clone(), None), (1, rust.lines.len()));
        }
        for function in rust.functions().into_iter().filter(|function| function.lines > MAX_FUNCTION_LINES) {
            let entry = long.entry((file.path.clone(), Some(function.name))).or_insert((function.line, function.lines));
            entry.1 = entry.1.max(function.lines);
        }
    }
    long
}

/// Compares what is over the limit with the list.
fn judge(long: BTreeMap<Measured, (usize, usize)>, list: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut listed = BTreeMap::new();
    for (index, line) in list.lines().enumerate().filter(|(_, line)| !line.starts_with('#') && !line.is_empty()) {
        match parse(line) {
            Some((lines, what)) => drop(listed.insert(what, (index + 1, lines))),
            None => found.push(on_list(
                index + 1,
                format!("cannot read `{line}`"),
                "write `lines path [function]`".to_owned(),
            )),
        }
    }
    for (what, (line, lines)) in long {
        found.extend(match listed.remove(&what) {
            Some((_, allowed)) if allowed == lines => None,
            Some((at, allowed)) if lines < allowed => {
                Some(on_list(at, format!("{} has only {lines} lines", name(&what)), format!("lower it to {lines}")))
            }
            Some((_, allowed)) => Some(too_long(&what, line, lines, allowed)),
            None => {
                let limit = if what.1.is_some() { MAX_FUNCTION_LINES } else { MAX_FILE_LINES };
                Some(too_long(&what, line, lines, limit))
            }
        });
    }
    let gone = listed.into_iter().map(|(what, (at, _))| {
        on_list(at, format!("{} is within the limit, or gone", name(&what)), "remove this line".to_owned())
    });
    found.extend(gone);
    found
}

fn parse(line: &str) -> Option<(usize, Measured)> {
    let mut words = line.split(' ');
    let lines = words.next()?.parse().ok()?;
    let path = words.next()?.to_owned();
    let function = words.next().map(str::to_owned);
    words.next().is_none().then_some((lines, (path, function)))
}

fn name((path, function): &Measured) -> String {
    function.as_ref().map_or_else(|| format!("`{path}`"), |function| format!("`{function}` in `{path}`"))
}

fn too_long(what: &Measured, line: usize, lines: usize, allowed: usize) -> Violation {
    let subject = what.1.as_ref().map_or_else(|| "the file".to_owned(), |function| format!("function `{function}`"));
    let instead = if what.1.is_some() { "name its parts and move them out" } else { "split it: one concept per file" };
    Violation {
        file: what.0.clone(),
        line,
        rule: "lengths",
        what: format!("{subject} has {lines} lines, {allowed} is the most"),
        instead: instead.to_owned(),
    }
}

fn on_list(line: usize, what: String, instead: String) -> Violation {
    Violation { file: LIST.to_owned(), line, rule: "lengths", what, instead }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(long: &[(&str, Option<&str>, usize)], list: &str) -> Vec<String> {
        let long = long
            .iter()
            .map(|&(path, function, lines)| ((path.to_owned(), function.map(str::to_owned)), (7, lines)))
            .collect();
        judge(long, list).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn long_functions_and_files_are_measured() {
        let function = format!("fn f() {{\n{}}}\n", "    g();\n".repeat(69));
        let file = "//! x\n".repeat(601);
        let repo = Repo::sample(&[("a.rs", function.as_str()), ("b.rs", &file), ("c.rs", "fn g() {}\n")]);
        let long: Vec<_> = measure(&repo).into_iter().map(|((path, name), (_, lines))| (path, name, lines)).collect();
        assert_eq!(long, [("a.rs".to_owned(), Some("f".to_owned()), 71), ("b.rs".to_owned(), None, 601)]);
    }

    #[test]
    fn the_limit_holds_without_an_exception() {
        assert_eq!(
            told(&[("a.rs", Some("f"), 71)], ""),
            ["a.rs:7: lengths: function `f` has 71 lines, 70 is the most: name its parts and move them out"]
        );
        assert_eq!(
            told(&[("a.rs", None, 601)], ""),
            ["a.rs:7: lengths: the file has 601 lines, 600 is the most: split it: one concept per file"]
        );
    }

    #[test]
    fn the_ratchet_only_turns_one_way() {
        let list = "# why\n80 a.rs f\n700 b.rs\n";
        assert!(told(&[("a.rs", Some("f"), 80), ("b.rs", None, 700)], list).is_empty());
        assert_eq!(
            told(&[("a.rs", Some("f"), 81), ("b.rs", None, 690)], list),
            [
                "a.rs:7: lengths: function `f` has 81 lines, 80 is the most: name its parts and move them out",
                "tests/src/tidy/lengths.txt:3: lengths: `b.rs` has only 690 lines: lower it to 690",
            ]
        );
        assert_eq!(
            told(&[("b.rs", None, 700)], list),
            ["tests/src/tidy/lengths.txt:2: lengths: `f` in `a.rs` is within the limit, or gone: remove this line"]
        );
    }

    #[test]
    fn a_list_that_cannot_be_read_fails() {
        assert_eq!(told(&[], "many a.rs\n").len(), 1);
        assert_eq!(told(&[], "80 a.rs f g\n").len(), 1);
    }
}
