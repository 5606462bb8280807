//! ARCHITECTURE.md's map shows every member of the workspace, as its folder between backticks: `` `alloc-core/` ``.

use super::{Repo, Violation};

/// The page with the map.
const PAGE: &str = "ARCHITECTURE.md";

pub(super) fn check(repo: &Repo) -> Vec<Violation> {
    let Some(manifest) = repo.file("Cargo.toml") else {
        return Vec::new();
    };
    let members = members(&manifest.text);
    let map = repo.file(PAGE).map_or("", |page| page.text.as_str());
    let missing = members.iter().filter(|member| !map.contains(&format!("`{member}/`")));
    missing
        .map(|member| Violation {
            file: PAGE.to_owned(),
            line: 1,
            rule: "map",
            what: format!("the workspace member `{member}/` is not on the map"),
            instead: "say there what it is and what it deliberately has not".to_owned(),
        })
        .collect()
}

/// The paths in the workspace's list of members.
fn members(manifest: &str) -> Vec<String> {
    let list = manifest.lines().skip_while(|line| line.trim() != "members = [").skip(1);
    let quoted = list.take_while(|line| line.trim() != "]").filter_map(|line| line.split('"').nth(1));
    quoted.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str =
        "[workspace]\nmembers = [\n    \"wire\",\n    \"wire/codegen\",\n]\ndefault-members = [\n    \"x\",\n]\n";

    #[test]
    fn a_member_that_is_not_on_the_map_is_found() {
        let repo = Repo::sample(&[("Cargo.toml", MANIFEST), (PAGE, "- `wire/codegen/` generates\n")]);
        let whats: Vec<String> = check(&repo).into_iter().map(|v| v.what).collect();
        assert_eq!(whats, ["the workspace member `wire/` is not on the map"]);
    }

    #[test]
    fn a_missing_map_misses_all() {
        assert_eq!(check(&Repo::sample(&[("Cargo.toml", MANIFEST)])).len(), 2);
    }
}
