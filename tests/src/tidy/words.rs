//! Words: one word, one meaning; and for each word that is not ours, the word to use.
//!
//! Text is read as words whatever it is written in: `NumaNode`, `numa_node` and "NUMA node" are the same two words, in code,
//! comments, strings and documents. [`BANNED`] is the list, in singular; plurals are found too. [`FOREIGN`] are the places where
//! such a word is somebody else's name for something else. An entry of it that is not needed any more must go.

use super::{File, Repo, Violation};

/// A banned sequence of words.
struct Banned {
    /// The words, in small letters.
    words: &'static [&'static str],
    /// Fine when this word stands before.
    unless_after: &'static [&'static str],
    /// Fine when this word stands after.
    unless_before: &'static [&'static str],
    /// What to say.
    say: &'static str,
}

const fn banned(words: &'static [&'static str], say: &'static str) -> Banned {
    Banned { words, unless_after: &[], unless_before: &[], say }
}

const BANNED: [Banned; 14] = [
    banned(&["slave"], "agent"),
    banned(&["tenant"], "role"),
    banned(&["cpu", "id"], "PU, as `pu` or `os_pu`"),
    banned(&["cpu", "index"], "PU, as `pu` or `os_pu`"),
    banned(&["vcpu"], "PU"),
    banned(&["v", "cpu"], "PU"),
    banned(&["hardware", "thread"], "PU"),
    banned(&["hyper", "thread"], "PU, or SMT sibling"),
    banned(&["hyperthread"], "PU, or SMT sibling"),
    Banned {
        words: &["node"],
        // A tree has nodes of its own; the kernel's are devices; Kubernetes' are its own and are written kube-node.
        unless_after: &["numa", "multi", "single", "device", "kube", "kubernetes", "memory"],
        unless_before: &["set", "sets"],
        say: "NUMA node, as `numa_node`, or nodeset (an agent is not a node)",
    },
    banned(&["host"], "agent, or machine"),
    banned(&["job"], "task, or pod"),
    banned(&["container"], "task, pod, or member"),
    banned(&["workload"], "task, or pod"),
];

/// A banned word that is somebody else's name for something else.
struct Foreign {
    /// Beginning of the paths it may stand in; empty for all.
    path: &'static str,
    /// The banned word.
    word: &'static str,
    /// Text that the line must have; empty for any.
    line: &'static str,
    /// Whose word it is. Read by people.
    #[expect(dead_code, reason = "the reason is for the reader of the list")]
    whose: &'static str,
}

const FOREIGN: &[Foreign] = &[
    Foreign { path: "numa/", word: "host", line: "", whose: "hwloc: the machine that the program runs on" },
    Foreign { path: "agent/src/config.rs", word: "host", line: "", whose: "hwloc, as a value of --topology" },
    Foreign { path: "cli/src/", word: "host", line: "host, or xml:FILE", whose: "hwloc, as a value of --topology" },
    Foreign { path: "cli/src/", word: "host", line: "default_value", whose: "hwloc, as a value of --topology" },
    Foreign { path: "benches/src/openb/", word: "node", line: "openb_node_list", whose: "the trace: a file's name" },
    Foreign { path: "benches/src/openb/", word: "workload", line: "workload", whose: "the trace: a column's name" },
    Foreign { path: "benches/src/numa_trace/", word: "vcpu", line: "flavor_", whose: "the trace: a column's name" },
    Foreign { path: "", word: "hardware", line: "PU", whose: "the glossary, which says what a PU is" },
];

/// Files that must name the words in order to refuse them.
const SPEAKS_OF_THEM: &str = "tests/src/tidy/";

pub(super) fn check(repo: &Repo) -> Vec<Violation> {
    let mut used = vec![false; FOREIGN.len()];
    let judged = repo.files.iter().filter(|file| !file.path.starts_with(SPEAKS_OF_THEM));
    let mut found: Vec<Violation> = judged.flat_map(|file| check_file(file, &mut used)).collect();
    // Samples of a few files would leave nearly every entry unused.
    if repo.file("tests/src/tidy/words.rs").is_some() {
        found.extend(FOREIGN.iter().zip(used).filter(|(_, used)| !used).map(|(entry, _)| unused(entry)));
    }
    found
}

fn unused(entry: &Foreign) -> Violation {
    Violation {
        file: "tests/src/tidy/words.rs".to_owned(),
        line: 1,
        rule: "words",
        what: format!("the exception for `{}` in `{}` with `{}` is not needed", entry.word, entry.path, entry.line),
        instead: "remove it from FOREIGN".to_owned(),
    }
}

fn check_file(file: &File, used: &mut [bool]) -> Vec<Violation> {
    let mut found = Vec::new();
    // The last word of a line of prose stands before the first of the next one.
    let mut last = String::new();
    for (number, line) in file.lines() {
        let words = words(line);
        for at in 0..words.len() {
            let before = if at == 0 { last.as_str() } else { words[at - 1].as_str() };
            for banned in BANNED.iter().filter(|banned| matches(banned, &words[at..], before)) {
                if !is_foreign(file, line, banned.words[0], used) {
                    found.push(violation(file, number, banned));
                }
            }
        }
        last = words.into_iter().next_back().unwrap_or_default();
    }
    found.dedup();
    found
}

fn matches(banned: &Banned, words: &[String], before: &str) -> bool {
    let length = banned.words.len();
    let same = words.len() >= length
        && banned.words.iter().zip(words).enumerate().all(|(index, (banned, word))| {
            word == banned || index + 1 == length && word.strip_suffix('s').is_some_and(|singular| singular == *banned)
        });
    let after = words.get(length).map_or("", String::as_str);
    same && !banned.unless_after.contains(&before) && !banned.unless_before.contains(&after)
}

fn is_foreign(file: &File, line: &str, word: &str, used: &mut [bool]) -> bool {
    let entry = FOREIGN
        .iter()
        .position(|entry| entry.word == word && file.path.starts_with(entry.path) && line.contains(entry.line));
    if let Some(index) = entry {
        used[index] = true;
    }
    entry.is_some()
}

fn violation(file: &File, line: usize, banned: &Banned) -> Violation {
    Violation {
        file: file.path.clone(),
        line,
        rule: "words",
        what: format!("`{}` is not our word", banned.words.join(" ")),
        instead: format!("say {}", banned.say),
    }
}

/// The words of a line in small letters, with names taken apart: `NumaNode` and `numa_node` give "numa", "node".
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for name in line.split(|c: char| !c.is_alphanumeric()) {
        let chars: Vec<char> = name.chars().collect();
        let mut word = String::new();
        for (index, &next) in chars.iter().enumerate() {
            let after_small = index > 0 && chars[index - 1].is_lowercase();
            let before_small = index > 0 && chars.get(index + 1).is_some_and(|after| after.is_lowercase());
            // `aB` parts before B; `ABc` parts before B too, but `PUs` and `VMs` are plurals.
            let parts = next.is_uppercase() && (after_small || before_small && chars[index + 1..] != ['s']);
            if parts && !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            word.extend(next.to_lowercase());
        }
        if !word.is_empty() {
            words.push(word);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(path: &str, text: &str) -> Vec<String> {
        check(&Repo::sample(&[(path, text)])).into_iter().map(|v| format!("{} {}", v.line, v.instead)).collect()
    }

    #[test]
    fn names_are_taken_apart() {
        assert_eq!(
            words("let NumaNode = numa_node(OS_INDEX, free_PUs);"),
            ["let", "numa", "node", "numa", "node", "os", "index", "free", "pus"]
        );
        assert_eq!(words("CpuId vCPU XMLNode L3"), ["cpu", "id", "v", "cpu", "xml", "node", "l3"]);
    }

    #[test]
    fn banned_words_are_found_in_every_dress() {
        assert_eq!(told("a.rs", "fn f(slave_id: u8) {}\n"), ["1 say agent"]);
        assert_eq!(told("a.md", "Each Tenant has two\nslaves.\n"), ["1 say role", "2 say agent"]);
        assert_eq!(told("a.rs", "struct CpuId; // cpu_ids\n"), ["1 say PU, as `pu` or `os_pu`"]);
        assert_eq!(told("a.fbs", "table A { vcpus: int; }\n"), ["1 say PU"]);
        assert_eq!(told("a.rs", "const E: &str = \"one hardware thread\";\n"), ["1 say PU"]);
        assert_eq!(told("a.rs", "let job_name = container(workload);\n").len(), 3);
    }

    #[test]
    fn a_node_is_a_numa_node() {
        let say = "say NUMA node, as `numa_node`, or nodeset (an agent is not a node)";
        assert_eq!(told("a.rs", "fn f(node_id: u8) {}\n"), [format!("1 {say}")]);
        assert_eq!(told("a.rs", "// the node's memory\n"), [format!("1 {say}")]);
        assert!(told("a.rs", "fn f(numa_node: NumaNodeId) {} // NUMA nodes, a NodeSet\n").is_empty());
        assert!(told("a.rs", "// the memory of a NUMA\n// node that is full\n").is_empty());
    }

    #[test]
    fn foreign_words_pass_where_they_belong() {
        assert!(told("numa/src/load.rs", "//! The host's topology.\n").is_empty());
        assert_eq!(told("master/src/a.rs", "let host = 1; // hostname\n"), ["1 say agent, or machine"]);
    }
}
