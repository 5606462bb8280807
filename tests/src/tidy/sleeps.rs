//! Tests wait for events. A test that sleeps and hopes is slow on every machine and wrong on some.

use super::{Repo, Violation};

/// Calls that let time pass instead of waiting for something.
const SLEEPS: [&str; 4] = ["sleep", "sleep_ms", "sleep_until", "usleep"];

pub(super) fn check(repo: &Repo) -> Vec<Violation> {
    let mut found = Vec::new();
    for (file, rust) in repo.rust_files() {
        for pair in rust.tokens.windows(2) {
            let is_call = SLEEPS.contains(&pair[0].text.as_str()) && pair[1].text == "(";
            if is_call && rust.lines[pair[0].line - 1].in_test {
                found.push(Violation {
                    file: file.path.clone(),
                    line: pair[0].line,
                    rule: "sleeps",
                    what: format!("`{}(` in a test", pair[0].text),
                    instead: "wait for the event itself, with a deadline".to_owned(),
                });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeping_tests_are_found() {
        let text = "fn f() { sleep(1) }\n#[cfg(test)]\nmod tests {\n    fn g() { std::thread::sleep(d); }\n}\n";
        let found =
            check(&Repo::sample(&[("a/src/x.rs", text), ("a/tests/y.rs", "fn f() { run(\"sleep 9\"); sleep(1) }\n")]));
        let places: Vec<String> = found.iter().map(|v| format!("{}:{}", v.file, v.line)).collect();
        assert_eq!(places, ["a/src/x.rs:4", "a/tests/y.rs:1"]);
    }
}
