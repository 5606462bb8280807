//! Every Markdown link to a file of the repository leads to one.

use super::{File, Repo, Violation};

pub(super) fn check(repo: &Repo) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in repo.files.iter().filter(|file| file.is_markdown()) {
        for (line, target) in targets(file) {
            let Some(path) = resolve(&file.path, &target) else {
                continue;
            };
            if !exists(repo, &path) {
                found.push(Violation {
                    file: file.path.clone(),
                    line,
                    rule: "links",
                    what: format!("the link to `{target}` leads nowhere"),
                    instead: "correct the path, or remove the link".to_owned(),
                });
            }
        }
    }
    found
}

/// The targets of the links `[text](target)` and `[name]: target` outside code blocks, with their lines.
pub(super) fn targets(file: &File) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(file) {
        let inline = line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
        let reference = line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, target)| target.trim());
        found.extend(inline.chain(reference).map(|target| (number, target.to_owned())));
    }
    found
}

/// The lines outside fenced code blocks.
pub(super) fn prose(file: &File) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    file.lines().filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        fenced ^= is_fence;
        !fenced && !is_fence
    })
}

/// The path from the root that a target in the file at `from` means; `None` when it leaves the repository or stays on the page.
pub(super) fn resolve(from: &str, target: &str) -> Option<String> {
    let path = target.split('#').next().unwrap_or_default();
    if path.is_empty() || path.contains("://") || path.starts_with("mailto:") {
        return None;
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            // A link above the root is kept as it is: no such file exists.
            ".." if parts.pop().is_none() => return Some(path.to_owned()),
            ".." => {}
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn exists(repo: &Repo, path: &str) -> bool {
    let folder = format!("{path}/");
    path.is_empty() || repo.paths.iter().any(|known| known == path || known.starts_with(&folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(text: &str) -> Vec<String> {
        let repo = Repo::sample(&[("docs/a.md", text), ("wire/src/lib.rs", ""), ("README.md", "")]);
        check(&repo).into_iter().map(|v| format!("{} {}", v.line, v.what)).collect()
    }

    #[test]
    fn broken_links_are_found() {
        assert_eq!(broken("see [x](../wire/src/gone.rs)\n"), ["1 the link to `../wire/src/gone.rs` leads nowhere"]);
        assert_eq!(broken("\n[x]: b.md\n"), ["2 the link to `b.md` leads nowhere"]);
        assert_eq!(broken("[x](../../b.md)\n").len(), 1);
    }

    #[test]
    fn good_links_pass() {
        assert!(broken("[a](../wire/) [b](../README.md#top) [c](#here) [d](https://x.org/y.md) [e](..)\n").is_empty());
        assert!(broken("```\n[x](gone.md)\n```\n").is_empty());
    }
}
