//! Commands in documents exist, and every command is documented.
//!
//! A command is a target of the Makefile with a `##` text, which `make help` prints. Every `make name` between backticks or in
//! a code block of a Markdown file must be one; CONTRIBUTING.md must name each of them.

use super::{File, Repo, Violation};

/// The page that lists the commands.
const PAGE: &str = "CONTRIBUTING.md";

pub(super) fn check(repo: &Repo) -> Vec<Violation> {
    let Some(makefile) = repo.file("Makefile") else {
        return Vec::new();
    };
    let targets = targets(makefile);
    let mut found = Vec::new();
    let mut named = Vec::new();
    for file in repo.files.iter().filter(|file| file.is_markdown()) {
        for (line, name) in commands(file) {
            if !targets.contains(&name) {
                found.push(violation(
                    &file.path,
                    line,
                    format!("`make {name}` does not exist"),
                    "name one of `make help`",
                ));
            } else if file.path == PAGE {
                named.push(name);
            }
        }
    }
    let silent = targets.into_iter().filter(|target| !named.contains(target));
    found.extend(
        silent.map(|target| violation(PAGE, 1, format!("`make {target}` is not mentioned"), "say what it is for")),
    );
    found
}

/// The targets that `make help` prints.
fn targets(makefile: &File) -> Vec<String> {
    let documented = makefile.lines().filter(|(_, line)| line.contains(" ## ") && !line.starts_with(['\t', '#', ' ']));
    documented.filter_map(|(_, line)| line.split_once(':')).map(|(name, _)| name.to_owned()).collect()
}

/// The commands that a page tells its reader to type.
fn commands(file: &File) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (number, line) in file.lines() {
        fenced ^= line.trim_start().starts_with("```");
        let typed: Vec<&str> = if fenced { vec![line] } else { line.split('`').skip(1).step_by(2).collect() };
        for text in typed {
            let name =
                text.trim().trim_start_matches("$ ").strip_prefix("make ").and_then(|rest| rest.split(' ').next());
            let name = name.map(|name| name.trim_matches(|c: char| !c.is_alphanumeric()).to_owned());
            found.extend(name.filter(|name| !name.is_empty() && !name.contains('=')).map(|name| (number, name)));
        }
    }
    found
}

fn violation(file: &str, line: usize, what: String, instead: &str) -> Violation {
    Violation { file: file.to_owned(), line, rule: "commands", what, instead: instead.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAKEFILE: &str = "all: build\nbuild: setup ## build it\n\t@echo a: ## b\nfuzz: ## fuzz it\n";

    fn whats(contributing: &str, readme: &str) -> Vec<String> {
        let repo = Repo::sample(&[("Makefile", MAKEFILE), (PAGE, contributing), ("README.md", readme)]);
        check(&repo).into_iter().map(|v| format!("{} {}", v.file, v.what)).collect()
    }

    #[test]
    fn documented_commands_pass() {
        assert!(
            whats("`make build` and `make fuzz TARGET=a`\n", "```\n$ make build   # builds\n```\nmake sense\n")
                .is_empty()
        );
    }

    #[test]
    fn commands_that_do_not_exist_or_are_not_told_are_found() {
        assert_eq!(
            whats("`make build`\n", "```\nmake test\n```\n"),
            ["README.md `make test` does not exist", "CONTRIBUTING.md `make fuzz` is not mentioned"]
        );
    }
}
