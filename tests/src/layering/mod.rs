//! The house's floor plan: which crate may name which, inside and outside the workspace.
//!
//! The edges between our crates are exact: one too many fails, one that the plan has and the manifest lost fails too. Normal,
//! build and dev dependencies count alike: a test that needs the crate above is a test of the crate above. `tests`, `benches`
//! and `fuzz` see everything and nothing sees them; the code generators stand alone.
//!
//! What each crate may use from outside is in [`external`], the files at the borders in [`borders`].

pub mod borders;
pub mod external;

use std::collections::BTreeSet;
use std::path::Path;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// Prefix of our package names.
const OURS: &str = "meros-";

/// What a crate of ours depends on, of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sees {
    /// Exactly these.
    Exactly(&'static [&'static str]),
    /// Any of the crates that make up the product.
    Product,
    /// Anything.
    All,
}

/// The crates that make up the product, below the `meros` binary.
const PRODUCT: [&str; 6] = ["alloc-core", "wire", "numa", "agent", "master", "sdk"];

/// The plan: each crate (package name without prefix), what it sees, and what it deliberately is not.
const PLAN: [(&str, Sees, &str); 13] = [
    ("alloc-core", Sees::Exactly(&[]), "the allocator knows numbers only: no wire types, no hwloc"),
    ("alloc-capi", Sees::Exactly(&["alloc-core"]), "the C ABI translates, it decides nothing"),
    ("alloc-capi-codegen", Sees::Exactly(&[]), "the generator writes a file and is linked to nothing"),
    ("wire", Sees::Exactly(&[]), "the messages have no cluster state"),
    ("wire-codegen", Sees::Exactly(&[]), "the generator writes a file and is linked to nothing"),
    ("numa", Sees::Exactly(&[]), "the topology has no wire types and no policy"),
    ("agent", Sees::Exactly(&["wire", "numa"]), "the agent decides no placement"),
    ("master", Sees::Exactly(&["wire", "alloc-core"]), "the master has no machine-level code"),
    ("sdk", Sees::Exactly(&["wire"]), "frameworks have no private doors into the master"),
    ("cli", Sees::Product, "the binary puts the product together"),
    ("benches", Sees::All, "benches see everything and nothing sees them"),
    ("fuzz", Sees::All, "fuzz targets see everything and nothing sees them"),
    ("tests", Sees::All, "the house tests see everything and nothing sees them"),
];

/// One dependency as a manifest declares it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The package that depends, as cargo names it.
    pub from: String,
    /// The package depended on.
    pub to: String,
    /// `true` for dev dependencies.
    pub dev: bool,
    /// The `cfg` that it is limited to.
    pub target: Option<String>,
}

/// The members of the workspace at `root`, and every dependency that they declare.
///
/// # Errors
/// When cargo cannot read the manifests; the text is cargo's.
pub fn declared(root: &Path) -> Result<(Vec<String>, Vec<Edge>), cargo_metadata::Error> {
    let mut command = MetadataCommand::new();
    // Only the manifests are read: no lock file is resolved, no registry asked.
    let metadata: Metadata = command.manifest_path(root.join("Cargo.toml")).no_deps().exec()?;
    let members = metadata.packages.iter().map(|package| package.name.to_string()).collect();
    Ok((members, metadata.packages.iter().flat_map(edges_of).collect()))
}

fn edges_of(package: &Package) -> Vec<Edge> {
    let edge = |to: &cargo_metadata::Dependency| Edge {
        from: package.name.to_string(),
        to: to.name.clone(),
        dev: to.kind == DependencyKind::Development,
        target: to.target.as_ref().map(ToString::to_string),
    };
    package.dependencies.iter().map(edge).collect()
}

/// What is wrong with the edges between our crates, a sentence each.
#[must_use]
pub fn check(members: &[String], edges: &[Edge]) -> Vec<String> {
    let mut found = Vec::new();
    for name in members.iter().map(|member| short(member)) {
        if !PLAN.iter().any(|(known, ..)| *known == name) {
            found.push(format!(
                "crate `{name}` is not in the plan: add it to PLAN in tests/src/layering/mod.rs, with what it sees"
            ));
        }
    }
    for (name, sees, why) in PLAN {
        if !members.iter().any(|member| short(member) == name) {
            found.push(format!("crate `{name}` is in the plan and not in the workspace: remove it from PLAN"));
            continue;
        }
        let of_ours = edges.iter().filter(|edge| short(&edge.from) == name && is_ours(&edge.to, members));
        let declared: BTreeSet<&str> = of_ours.map(|edge| short(&edge.to)).collect();
        found.extend(judge(name, sees, why, &declared));
    }
    found
}

fn judge(name: &str, sees: Sees, why: &str, declared: &BTreeSet<&str>) -> Vec<String> {
    let (allowed, needed): (&[&str], &[&str]) = match sees {
        Sees::Exactly(list) => (list, list),
        Sees::Product => (&PRODUCT, &[]),
        Sees::All => (&PRODUCT, &[]),
    };
    let mut found = Vec::new();
    for to in declared.iter().filter(|to| !allowed.contains(to)) {
        let page = if allowed.is_empty() { "nothing of ours".to_owned() } else { allowed.join(", ") };
        found.push(format!(
            "`{name}` depends on `{to}`; it may see {page} ({why}): move what is shared down, or the caller up"
        ));
    }
    for to in needed.iter().filter(|to| !declared.contains(**to)) {
        found.push(format!(
            "`{name}` does not depend on `{to}` any more; if the plan changed, change PLAN and ARCHITECTURE.md"
        ));
    }
    found
}

fn is_ours(package: &str, members: &[String]) -> bool {
    package.starts_with(OURS) || members.iter().any(|member| member == package)
}

fn short(package: &str) -> &str {
    package.strip_prefix(OURS).unwrap_or(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members() -> Vec<String> {
        PLAN.iter().map(|(name, ..)| format!("meros-{name}")).collect()
    }

    fn good() -> Vec<Edge> {
        let pairs =
            [("agent", "wire"), ("agent", "numa"), ("master", "wire"), ("master", "alloc-core"), ("sdk", "wire")];
        pairs
            .into_iter()
            .chain([("alloc-capi", "alloc-core"), ("cli", "master"), ("tests", "agent")])
            .map(|(from, to)| edge(from, to))
            .collect()
    }

    fn edge(from: &str, to: &str) -> Edge {
        Edge { from: format!("meros-{from}"), to: format!("meros-{to}"), dev: false, target: None }
    }

    fn with(extra: Edge) -> Vec<String> {
        check(&members(), &good().into_iter().chain([extra]).collect::<Vec<_>>())
    }

    #[test]
    fn the_plan_passes() {
        assert_eq!(check(&members(), &good()), Vec::<String>::new());
    }

    #[test]
    fn wrong_edges_are_told() {
        let told = with(edge("alloc-core", "wire"));
        assert_eq!(told.len(), 1);
        assert!(told[0].starts_with("`alloc-core` depends on `wire`; it may see nothing of ours"), "{told:?}");
        assert_eq!(with(edge("master", "numa")).len(), 1);
        assert_eq!(with(edge("cli", "tests")).len(), 1, "nobody sees the tests");
        assert_eq!(with(edge("tests", "fuzz")).len(), 1, "nobody sees the fuzz targets");
        assert_eq!(with(Edge { dev: true, ..edge("sdk", "master") }).len(), 1, "dev dependencies count");
    }

    #[test]
    fn lost_edges_and_unknown_crates_are_told() {
        let lost: Vec<Edge> = good().into_iter().filter(|edge| *edge != self::edge("master", "alloc-core")).collect();
        assert!(check(&members(), &lost)[0].starts_with("`master` does not depend on `alloc-core` any more"));
        let mut more = members();
        more.push("meros-store".to_owned());
        assert!(check(&more, &good())[0].starts_with("crate `store` is not in the plan"));
        assert!(check(&members()[1..], &good())[0].starts_with("crate `alloc-core` is in the plan and not"));
    }
}
