//! Every promise of SPECIFICATION.md has a number and names tests that exist.
//!
//! A promise is a list item, heading or table row that begins with its number in bold: `- **M3** …`, `| **M3** | …`. It goes on
//! to the next promise or heading. Its tests are links whose text is the test's name and whose target is the file of the
//! test: ``[`two_exclusive_pods_never_share_a_core`](tests/tests/pinning.rs)``. The file must have a function of that name.

use super::links::{prose, resolve};
use super::{File, Repo, Violation};

/// The page of promises.
const PAGE: &str = "SPECIFICATION.md";

pub(super) fn check(repo: &Repo) -> Vec<Violation> {
    let Some(page) = repo.file(PAGE) else {
        return vec![violation(1, "the page is missing".to_owned(), "write the promises down, each with its test")];
    };
    let promises = promises(page);
    let mut found = Vec::new();
    if promises.is_empty() {
        found.push(violation(1, "the page promises nothing".to_owned(), "number the promises: `- **M1** …`"));
    }
    for (index, promise) in promises.iter().enumerate() {
        if promises[..index].iter().any(|earlier| earlier.number == promise.number) {
            found.push(violation(
                promise.line,
                format!("{} is there twice", promise.number),
                "give it a number of its own",
            ));
        }
        if promise.tests.is_empty() {
            let what = format!("{} names no test", promise.number);
            found.push(violation(promise.line, what, "link the test that shows it: [`test_name`](path/to/file.rs)"));
        }
        for (line, name, target) in &promise.tests {
            if !test_exists(repo, name, target) {
                let what = format!("{} links the test `{name}`, which is not in `{target}`", promise.number);
                found.push(violation(*line, what, "link a test that exists, or write it"));
            }
        }
    }
    found
}

struct Promise {
    number: String,
    line: usize,
    /// Line, name and target of each link to a Rust file.
    tests: Vec<(usize, String, String)>,
}

fn promises(page: &File) -> Vec<Promise> {
    let mut found: Vec<Promise> = Vec::new();
    let mut open = false;
    for (line, text) in prose(page) {
        if let Some(number) = number(text) {
            found.push(Promise { number, line, tests: Vec::new() });
            open = true;
        } else if text.starts_with('#') {
            open = false;
        }
        if let (true, Some(promise)) = (open, found.last_mut()) {
            promise.tests.extend(test_links(text).map(|(name, target)| (line, name, target)));
        }
    }
    found
}

/// The number that a promise begins with: capital letters and digits in bold.
fn number(line: &str) -> Option<String> {
    let rest = line.trim_start().trim_start_matches(['-', '*', '#', '|', ' ']);
    let starts_bold = line[..line.len() - rest.len()].ends_with("**");
    let (number, _) = rest.split_once("**")?;
    let letters = number.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_number =
        !letters.is_empty() && letters.len() < number.len() && letters.chars().all(|c| c.is_ascii_uppercase());
    (starts_bold && is_number).then(|| number.to_owned())
}

fn test_links(line: &str) -> impl Iterator<Item = (String, String)> {
    line.match_indices("](").filter_map(|(at, _)| {
        let (_, name) = line[..at].rsplit_once('[')?;
        let target = line[at + 2..].split(')').next()?;
        target.ends_with(".rs").then(|| (name.trim_matches('`').to_owned(), target.to_owned()))
    })
}

/// True when the file at `target` has a function called by the last part of `name`.
fn test_exists(repo: &Repo, name: &str, target: &str) -> bool {
    let function = name.rsplit("::").next().unwrap_or(name);
    let rust = resolve(PAGE, target).and_then(|path| repo.file(&path)).and_then(|file| file.rust.as_ref());
    rust.is_some_and(|rust| rust.tokens.windows(2).any(|pair| pair[0].text == "fn" && pair[1].text == function))
}

fn violation(line: usize, what: String, instead: &str) -> Violation {
    Violation { file: PAGE.to_owned(), line, rule: "promises", what, instead: instead.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whats(page: &str) -> Vec<String> {
        let test = "#[test]\nfn shares_no_core() {}\n// fn commented() {}\n";
        check(&Repo::sample(&[(PAGE, page), ("tests/tests/pin.rs", test)])).into_iter().map(|v| v.what).collect()
    }

    #[test]
    fn a_promise_with_its_test_passes() {
        assert!(whats("# A\n- **M1** Never shared:\n  [`shares_no_core`](tests/tests/pin.rs)\n").is_empty());
        assert!(whats("| **M1** | Never | [`pin::shares_no_core`](tests/tests/pin.rs) |\n").is_empty());
        assert!(whats("### **M1** Never\n[`shares_no_core`](tests/tests/pin.rs)\n").is_empty());
    }

    #[test]
    fn promises_without_tests_are_found() {
        assert_eq!(whats("- **M1** Never\n# B\n[`shares_no_core`](tests/tests/pin.rs)\n"), ["M1 names no test"]);
        let gone = "M1 links the test `commented`, which is not in `tests/tests/pin.rs`";
        assert_eq!(whats("- **M1** Never [`commented`](tests/tests/pin.rs)\n"), [gone]);
        let line = "- **M1** [`shares_no_core`](tests/tests/pin.rs)\n";
        assert_eq!(whats(&line.repeat(2)), ["M1 is there twice"]);
    }

    #[test]
    fn an_empty_or_missing_page_fails() {
        assert_eq!(whats("# A\nSome **bold** words, **M1** in the middle.\n"), ["the page promises nothing"]);
        assert_eq!(check(&Repo::sample(&[])).len(), 1);
    }
}
