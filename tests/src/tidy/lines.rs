//! Lines: at most 140 characters in Rust, no white space at the end, one line end at the end of a file.
//!
//! A line that is nothing but a link or a string without spaces cannot be broken and is still refused: name it elsewhere.

use super::{File, Repo, Violation};

/// Longest line of Rust, in characters.
const MAX_CHARS: usize = 140;

pub(super) fn check(repo: &Repo) -> Vec<Violation> {
    repo.files.iter().flat_map(check_file).collect()
}

fn check_file(file: &File) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut tell = |line: usize, what: String, instead: &str| {
        found.push(Violation { file: file.path.clone(), line, rule: "lines", what, instead: instead.to_owned() });
    };
    for (number, line) in file.lines() {
        let chars = line.chars().count();
        if file.rust.is_some() && chars > MAX_CHARS {
            tell(number, format!("{chars} characters"), "break the line, 140 is the most");
        }
        if line.ends_with([' ', '\t', '\r']) {
            tell(number, "white space at the end".to_owned(), "remove it");
        }
    }
    let last = file.text.lines().count().max(1);
    if !file.text.is_empty() && (!file.text.ends_with('\n') || file.text.ends_with("\n\n")) {
        tell(last, "the file does not end with exactly one line end".to_owned(), "end it with one");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whats(path: &str, text: &str) -> Vec<String> {
        check(&Repo::sample(&[(path, text)])).into_iter().map(|v| format!("{} {}", v.line, v.what)).collect()
    }

    #[test]
    fn long_lines_are_found_in_rust_only() {
        let long = format!("//! {}\n", "é".repeat(137));
        assert_eq!(whats("a.rs", &long), ["1 141 characters"]);
        assert!(whats("a.rs", &long.replacen('é', "", 1)).is_empty());
        assert!(whats("a.md", &long).is_empty());
    }

    #[test]
    fn ends_are_checked() {
        assert_eq!(whats("a.md", "x \ny\n"), ["1 white space at the end"]);
        assert_eq!(whats("Makefile", "x"), ["1 the file does not end with exactly one line end"]);
        assert_eq!(whats("a.sh", "x\n\n"), ["2 the file does not end with exactly one line end"]);
        assert!(whats("a.rs", "").is_empty());
    }
}
