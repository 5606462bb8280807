//! The dependencies from outside that each crate may name itself.
//!
//! A dependency is a decision: it is taken here, by adding a word to the list of the crate that it belongs to. The lists say
//! what may be, not what must be.

use super::{Edge, is_ours, short};

/// Outside crates of one crate of ours.
struct Allowed {
    /// Package name without our prefix.
    name: &'static str,
    /// Normal and build dependencies.
    normal: &'static [&'static str],
    /// Dev dependencies, besides the normal ones.
    dev: &'static [&'static str],
    /// What belongs there, in words.
    belongs: &'static str,
}

/// What any test may use.
const TEST_TOOLS: [&str; 5] = ["proptest", "tempfile", "serde_json", "libc", "seccompiler"];

const ALLOWED: [Allowed; 12] = [
    Allowed {
        name: "alloc-core",
        normal: &["loom"],
        dev: &["proptest"],
        belongs: "std only, and loom for its own models",
    },
    Allowed { name: "alloc-capi", normal: &[], dev: &[], belongs: "what alloc-core has, and nothing else" },
    Allowed {
        name: "alloc-capi-codegen",
        normal: &["cbindgen", "tempfile", "thiserror"],
        dev: &[],
        belongs: "the header's generator",
    },
    Allowed {
        name: "wire",
        normal: &["bytes", "flatbuffers", "rcgen", "rustls", "rustls-pki-types", "rustls-webpki", "thiserror", "time"],
        dev: &TEST_TOOLS,
        belongs: "formats and cryptography, no sockets and no runtime",
    },
    Allowed {
        name: "wire-codegen",
        normal: &["flatc-fork", "tempfile", "thiserror"],
        dev: &[],
        belongs: "the schema compiler",
    },
    Allowed { name: "numa", normal: &["hwlocality", "libc", "serde", "thiserror"], dev: &TEST_TOOLS, belongs: "hwloc" },
    Allowed {
        name: "agent",
        normal: &["io-uring", "libc", "serde", "serde_json", "thiserror", "tokio", "tokio-uring", "tracing"],
        dev: &TEST_TOOLS,
        belongs: "the kernel's interfaces",
    },
    Allowed {
        name: "master",
        normal: &[
            "crossbeam-channel",
            "crossbeam-utils",
            "mio",
            "parking_lot",
            "serde",
            "serde_json",
            "thiserror",
            "tracing",
        ],
        dev: &TEST_TOOLS,
        belongs: "sockets and queues, no hwloc, no cgroups",
    },
    Allowed {
        name: "sdk",
        normal: &["mio", "serde", "serde_json", "thiserror", "tracing"],
        dev: &TEST_TOOLS,
        belongs: "one connection to a master",
    },
    Allowed {
        name: "cli",
        normal: &[
            "clap",
            "libc",
            "serde",
            "serde_json",
            "signal-hook",
            "tempfile",
            "terminal_size",
            "thiserror",
            "toml",
            "tracing",
            "tracing-subscriber",
        ],
        dev: &TEST_TOOLS,
        belongs: "arguments, files and output, no logic of its own",
    },
    Allowed {
        name: "benches",
        normal: &[
            "criterion",
            "crossbeam-channel",
            "crossbeam-utils",
            "csv",
            "libc",
            "lzma-rust2",
            "parking_lot",
            "rustix",
            "serde",
            "serde_json",
            "thiserror",
        ],
        dev: &TEST_TOOLS,
        belongs: "criterion, clocks and pinning, the peers that a bench compares with, and readers of trace files",
    },
    Allowed { name: "fuzz", normal: &["libfuzzer-sys"], dev: &TEST_TOOLS, belongs: "the fuzzer's entry" },
];

/// What is wrong with the dependencies from outside, a sentence each. The house tests themselves may use anything.
#[must_use]
pub fn check(members: &[String], edges: &[Edge]) -> Vec<String> {
    let outside = edges.iter().filter(|edge| !is_ours(&edge.to, members));
    outside.filter_map(judge).collect()
}

fn judge(edge: &Edge) -> Option<String> {
    let allowed = ALLOWED.iter().find(|allowed| allowed.name == short(&edge.from))?;
    let to = edge.to.as_str();
    if to == "loom" && edge.target.as_deref() != Some("cfg(loom)") {
        return Some(format!(
            "`{}` depends on `loom` in every build: declare it under [target.'cfg(loom)'.dependencies]",
            allowed.name
        ));
    }
    let listed = allowed.normal.contains(&to) || edge.dev && allowed.dev.contains(&to);
    (!listed).then(|| {
        format!(
            "`{}` depends on `{to}` from outside; what belongs there: {}. If it does, add it to tests/src/layering/external.rs",
            allowed.name, allowed.belongs
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(from: &str, to: &str, dev: bool, target: Option<&str>) -> usize {
        let edge = Edge { from: format!("meros-{from}"), to: to.to_owned(), dev, target: target.map(str::to_owned) };
        check(&["meros-wire".to_owned()], &[edge]).len()
    }

    #[test]
    fn alloc_core_stays_on_std() {
        assert_eq!(judged("alloc-core", "serde", false, None), 1);
        assert_eq!(judged("alloc-core", "proptest", false, None), 1, "a dev dependency is not a normal one");
        assert_eq!(judged("alloc-core", "proptest", true, None), 0);
        assert_eq!(judged("alloc-core", "loom", false, None), 1);
        assert_eq!(judged("alloc-core", "loom", false, Some("cfg(loom)")), 0);
    }

    #[test]
    fn each_crate_has_its_list() {
        assert_eq!(judged("master", "hwlocality", false, None), 1);
        assert_eq!(judged("wire", "tokio", false, None), 1);
        assert_eq!(judged("numa", "hwlocality", false, None), 0);
        assert_eq!(judged("tests", "anything", false, None), 0);
        assert_eq!(judged("master", "meros-wire", false, None), 0, "our own edges are judged elsewhere");
    }
}
