//! The house rules, applied to this repository. What each rule wants, and its own tests, are in `tests/src`.

#[cfg(test)]
mod house {
    use std::path::{Path, PathBuf};

    use meros_tests::{layering, tidy};

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    fn none_of(found: &[String], what: &str) {
        assert!(found.is_empty(), "{} {what}:\n{}", found.len(), found.join("\n"));
    }

    #[test]
    fn layering() {
        let (members, edges) = layering::declared(&root()).unwrap();
        let mut found = layering::check(&members, &edges);
        found.extend(layering::external::check(&members, &edges));
        none_of(&found, "wrong dependencies");
    }

    #[test]
    fn borders() {
        none_of(&layering::borders::check(&tidy::Repo::open(&root()).unwrap()), "breaches of a border");
    }

    #[test]
    fn tidy() {
        let found: Vec<String> =
            tidy::check(&tidy::Repo::open(&root()).unwrap()).iter().map(ToString::to_string).collect();
        none_of(&found, "breaches of the house rules");
    }
}
