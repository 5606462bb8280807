//! What `meros ps --output json` says, as far as tests read it.

use serde::Deserialize;

/// The cluster.
#[derive(Clone, Debug, Deserialize)]
pub struct Listing {
    /// By number.
    pub agents: Vec<Agent>,
    /// Oldest first.
    pub pods: Vec<Pod>,
}

/// One agent.
#[derive(Clone, Debug, Deserialize)]
pub struct Agent {
    /// Its id.
    pub agent: String,
    /// Whether it has a connection.
    pub connected: bool,
    /// Whether its machine is.
    pub pretended: bool,
    /// How many.
    pub cores: usize,
    /// How many.
    pub pus: usize,
    /// What shared pods run on.
    pub pools: Vec<Pool>,
}

/// One shared pool.
#[derive(Clone, Debug, Deserialize)]
pub struct Pool {
    /// By the operating system's numbers.
    pub pus: Vec<u32>,
}

/// One pod.
#[derive(Clone, Debug, Deserialize)]
pub struct Pod {
    /// Its id.
    pub pod: String,
    /// Its name.
    pub name: String,
    /// How it stands.
    pub state: String,
    /// Why, for programs.
    pub reason: String,
    /// Why, for people.
    pub message: String,
    /// Where.
    pub agent: Option<String>,
    /// How it ended.
    pub exit: Option<Exit>,
    /// What the master gave it.
    pub placement: Placement,
    /// What the kernel says it has.
    pub pinning: Option<Pinning>,
}

/// How a pod ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Exit {
    /// By itself.
    pub code: Option<i32>,
    /// By a signal.
    pub signal: Option<i32>,
}

/// What the master gave a pod.
#[derive(Clone, Debug, Deserialize)]
pub struct Placement {
    /// PUs of its own.
    pub exclusive_pus: Vec<u32>,
    /// Its parts of pools.
    pub pools: Vec<PoolShare>,
    /// Its memory.
    pub memory: Vec<NumaMemory>,
}

/// A part of a pool.
#[derive(Clone, Debug, Deserialize)]
pub struct PoolShare {
    /// Thousandths of a PU.
    pub cpu_milli: u32,
}

/// Memory on a NUMA node.
#[derive(Clone, Debug, Deserialize)]
pub struct NumaMemory {
    /// By the operating system's number.
    pub numa_node: u32,
    /// How much.
    pub mem_bytes: u64,
}

/// What the kernel says a pod may use, in the kernel's list format.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Pinning {
    /// PUs.
    pub cpuset: String,
    /// NUMA nodes.
    pub mems: String,
}

impl Listing {
    /// Reads one document.
    #[must_use]
    pub fn parse(json: &[u8]) -> Self {
        let parsed = serde_json::from_slice(json);
        parsed.unwrap_or_else(|error| panic!("not a listing: {error}: {}", String::from_utf8_lossy(json)))
    }

    /// The last whole document of what a watching `meros ps` has written so far.
    pub(super) fn last_of(written: &[u8]) -> Option<Self> {
        const END: &[u8] = b"\n}\n";
        let end = written.windows(END.len()).rposition(|bytes| bytes == END)? + END.len();
        let documents = &written[..end];
        let before = documents[..end - END.len()].windows(END.len()).rposition(|bytes| bytes == END);
        Some(Self::parse(&documents[before.map_or(0, |at| at + END.len())..]))
    }

    /// The pod of that id or name.
    #[must_use]
    pub fn pod(&self, wanted: &str) -> Option<&Pod> {
        self.pods.iter().find(|pod| pod.pod == wanted || pod.name == wanted)
    }

    /// PUs of all pools of all agents, ascending.
    #[must_use]
    pub fn pool_pus(&self) -> Vec<u32> {
        let pools = self.agents.iter().flat_map(|agent| &agent.pools);
        let mut pus: Vec<u32> = pools.flat_map(|pool| pool.pus.iter().copied()).collect();
        pus.sort_unstable();
        pus
    }
}

impl Pod {
    /// Whether it has ended, however.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(self.state.as_str(), "finished" | "failed" | "killed" | "error" | "lost" | "dropped" | "gone")
    }
}

/// Numbers of the kernel's list format: `0-3,8`.
#[must_use]
pub fn numbers(list: &str) -> Vec<u32> {
    let number = |text: &str| text.parse::<u32>().unwrap_or_else(|error| panic!("`{list}` is no list: {error}"));
    let ranges = list.trim().split(',').filter(|range| !range.is_empty());
    ranges
        .flat_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            number(first)..=number(last)
        })
        .collect()
}

/// A list of the kernel's that stands in a text of the format of `/proc/self/status`.
#[must_use]
pub fn allowed(status: &str, key: &str) -> Vec<u32> {
    let value = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    numbers(value.unwrap_or_else(|| panic!("no {key} in:\n{status}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_the_kernel_are_read() {
        assert_eq!(numbers("0-2,8\n"), [0, 1, 2, 8]);
        assert_eq!(numbers("\n"), [0; 0]);
        assert_eq!(allowed("Name:\tsh\nCpus_allowed_list:\t1,3-4\n", "Cpus_allowed_list"), [1, 3, 4]);
    }

    #[test]
    fn of_several_listings_the_last_whole_one_counts() {
        let listing = |pod: &str| format!("{{\n  \"agents\": [],\n  \"pods\": [{pod}]\n}}\n");
        let (one, two) = (listing(""), listing(""));
        assert!(Listing::last_of(b"{\n  \"agents\": [").is_none());
        assert!(Listing::last_of(format!("{one}{two}{{\n").as_bytes()).is_some_and(|listing| listing.pods.is_empty()));
    }
}
