//! No paths of one machine: what is committed runs in any checkout, for any user.

use super::{Repo, Violation};

/// Beginnings of paths that only some machine has.
const MACHINE_PATHS: [&str; 5] = ["/work/", "/root/", "/home/", "/Users/", "/tmp/target"];

/// Files that must name the paths in order to refuse them.
const SPEAKS_OF_THEM: &str = "tests/src/tidy/";

pub(super) fn check(repo: &Repo) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in repo.files.iter().filter(|file| !file.path.starts_with(SPEAKS_OF_THEM)) {
        for (line, text) in file.lines() {
            let paths = MACHINE_PATHS.into_iter().filter(|path| stands_in(text, path));
            found.extend(paths.map(|path| Violation {
                file: file.path.clone(),
                line,
                rule: "paths",
                what: format!("the machine path `{path}`"),
                instead: "start from the repository's root, an argument or a temporary folder".to_owned(),
            }));
        }
    }
    found
}

/// True when `path` begins a path in `text`, not when it goes on one (`/sys/fs/cgroup/root/`).
fn stands_in(text: &str, path: &str) -> bool {
    text.match_indices(path).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '}' | '>' | ')' | '*' | '$' | '…'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_paths_are_found() {
        let repo = Repo::sample(&[("a.rs", "const A: &str = \"/root/x\";\n"), ("b.sh", "cd /work/main\n")]);
        let found: Vec<String> = check(&repo).into_iter().map(|v| v.what).collect();
        assert_eq!(found, ["the machine path `/root/`", "the machine path `/work/`"]);
    }

    #[test]
    fn parts_of_other_paths_are_not() {
        let text = "/sys/fs/cgroup/root/a ../work/b {dir}/root/c $HOME/work/d\n";
        assert!(check(&Repo::sample(&[("a.md", text)])).is_empty());
    }
}
