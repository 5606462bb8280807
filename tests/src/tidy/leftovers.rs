//! Leftovers: nothing half-built is committed. No notes to oneself, no placeholders, no debug prints, no tests switched off.

use super::{File, Repo, RustText, Violation};

/// Words of comments and documents that mark something unfinished.
const NOTES: [&str; 4] = ["TODO", "FIXME", "XXX", "HACK"];

/// Macros that stand where code should.
const MACROS: [(&str, &str); 3] = [
    ("todo", "build it, or leave the function out"),
    ("unimplemented", "build it, or refuse it with an error that names it"),
    ("dbg", "use a tracing event, or nothing"),
];

/// Files that must name these words in order to speak about them.
const SPEAKS_OF_THEM: [&str; 2] = ["tests/src/tidy/", "CONTRIBUTING.md"];

pub(super) fn check(repo: &Repo) -> Vec<Violation> {
    let judged = repo.files.iter().filter(|file| !SPEAKS_OF_THEM.iter().any(|path| file.path.starts_with(path)));
    judged.flat_map(|file| file.rust.as_ref().map_or_else(|| in_text(file), |rust| in_rust(file, rust))).collect()
}

fn violation(file: &File, line: usize, what: String, instead: &str) -> Violation {
    Violation { file: file.path.clone(), line, rule: "leftovers", what, instead: instead.to_owned() }
}

fn note_in(text: &str) -> Option<&'static str> {
    let mut words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    words.find_map(|word| NOTES.into_iter().find(|note| *note == word))
}

fn note(file: &File, line: usize, note: &str) -> Violation {
    violation(file, line, format!("`{note}`"), "finish it, or say in the issue what is missing")
}

fn in_text(file: &File) -> Vec<Violation> {
    file.lines().filter_map(|(number, line)| note_in(line).map(|word| note(file, number, word))).collect()
}

fn in_rust(file: &File, rust: &RustText) -> Vec<Violation> {
    let mut found = Vec::new();
    for (index, line) in rust.lines.iter().enumerate() {
        found.extend(note_in(&line.comment).map(|word| note(file, index + 1, word)));
    }
    for window in rust.tokens.windows(3) {
        let [first, second, third] = window else {
            continue;
        };
        if second.text == "!" {
            let matching = MACROS.iter().find(|(name, _)| *name == first.text);
            found.extend(matching.map(|(name, instead)| violation(file, first.line, format!("`{name}!`"), instead)));
        }
        if second.text == "[" && third.text == "ignore" {
            let instead = "make it run, or move it to a suite that runs by name";
            found.push(violation(file, first.line, "a test that is switched off".to_owned(), instead));
        }
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
    fn leftovers_are_found() {
        assert_eq!(
            whats("a.rs", "// TODO: more\nfn f() { todo!(); dbg!(1); }\n"),
            ["1 `TODO`", "2 `todo!`", "2 `dbg!`"]
        );
        assert_eq!(whats("a.rs", "#[test]\n#[ignore]\nfn f() {}\n"), ["2 a test that is switched off"]);
        assert_eq!(whats("a.rs", "#[test]\n#[ignore = \"slow\"]\nfn f() {}\n"), ["2 a test that is switched off"]);
        assert_eq!(whats("run.sh", "x # FIXME\n"), ["1 `FIXME`"]);
    }

    #[test]
    fn words_in_strings_and_longer_words_are_left_alone() {
        assert!(whats("a.rs", "const T: &str = \"TODO\"; fn mastodon(todo: u8) { ignore(XXXL); }\n").is_empty());
    }
}
