//! What somebody wants to run, and where a master put it.
//!
//! The schema grows to all that Mesos tasks, Marathon apps and Kubernetes pods can say. What is here and not yet acted on
//! is refused by whoever would have to act, naming the field; what a *newer* writer adds is refused through
//! `must_understand`, because an older reader cannot see it.

use super::id::PodId;
use super::machine::Label;

/// Members started for one purpose on one agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodSpec {
    /// Bits of [`features`] that the reader must act on.
    pub must_understand: u64,
    /// Chosen by the asker: asking twice with one id is asking once.
    pub pod: PodId,
    /// For people; need not be unique.
    pub name: String,
    /// Whose share it is charged to.
    pub role: String,
    /// Higher first; 0 is ordinary.
    pub priority: i32,
    /// At least one.
    pub members: Vec<MemberSpec>,
    /// Where it should run.
    pub wish: PlacementWish,
    /// From the first signal to the force, when it is told to end.
    pub kill_grace_ms: u32,
    /// For selectors.
    pub labels: Vec<Label>,
    /// For tools.
    pub annotations: Vec<Label>,
}

impl PodSpec {
    /// Sets `must_understand` of the pod and of its members from what they use. Who writes a spec calls it last.
    pub fn mark_features(&mut self) {
        let wish = &self.wish;
        self.must_understand =
            bit_if(wish.locality_required || wish.memory_local_required, features::REQUIRED_LOCALITY)
                | bit_if(!wish.constraints.is_empty(), features::CONSTRAINTS);
        for member in &mut self.members {
            member.must_understand =
                bit_if(matches!(member.resources.cpus, Cpus::Exclusive { .. }), features::EXCLUSIVE_CORES)
                    | bit_if(member.root != Root::Agent, features::ROOT_FOLDER);
        }
    }
}

const fn bit_if(used: bool, bit: u64) -> u64 {
    if used { bit } else { 0 }
}

/// One member of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberSpec {
    /// Bits of [`features`] that the reader must act on.
    pub must_understand: u64,
    /// Unique in its pod.
    pub name: String,
    /// When it runs.
    pub kind: MemberKind,
    /// What runs.
    pub command: Command,
    /// What it sees as `/`.
    pub root: Root,
    /// What it is given.
    pub resources: MemberResources,
    /// For its framework alone.
    pub data: Vec<u8>,
}

/// When a member runs in its pod's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MemberKind {
    /// Before the apps, to its end.
    Init,
    /// Beside the apps, from before the first to after the last.
    Sidecar,
    /// What the pod is for.
    #[default]
    App,
    /// Started inside an executor.
    Nested,
}

/// A program with its arguments and surroundings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// Program first; found through the member's `PATH` when it has no slash.
    pub argv: Vec<String>,
    /// The whole environment: nothing is inherited from the agent.
    pub env: Vec<Label>,
    /// Empty: the root.
    pub working_dir: String,
    /// Name or number, empty: as the agent.
    pub user: String,
}

/// What a member sees as `/`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Root {
    /// The agent machine's own.
    #[default]
    Agent,
    /// A folder on the agent's machine.
    Folder(String),
}

/// Quantities for one member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemberResources {
    /// Processing.
    pub cpus: Cpus,
    /// Memory limit, in bytes; 0: none asked for.
    pub mem_bytes: u64,
}

/// Two ways to be given processing. 1 cpu = 1 PU = 1000 `cpu_milli`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cpus {
    /// Cores of its own. Rounded up to whole cores, and charged with all their PUs.
    Exclusive {
        /// PUs asked for.
        pus: u32,
    },
    /// A part of the shared pool.
    Shared {
        /// Thousandths of a PU.
        cpu_milli: u32,
    },
}

impl Default for Cpus {
    fn default() -> Self {
        Self::Shared { cpu_milli: 0 }
    }
}

/// Where a pod should run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlacementWish {
    /// How close together its PUs are.
    pub locality: Locality,
    /// Rather wait than run further apart.
    pub locality_required: bool,
    /// Rather wait than use memory of a NUMA node without its PUs.
    pub memory_local_required: bool,
    /// Attributes the agent must have, all of them.
    pub constraints: Vec<Label>,
}

/// How close together PUs are. Independent predicates: an L3 domain may span NUMA nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Locality {
    /// Anywhere on one agent.
    #[default]
    Any,
    /// In one package.
    Package,
    /// In one NUMA node.
    NumaNode,
    /// Under one L3 cache.
    L3Domain,
    /// On one core.
    Core,
}

/// Where a pod was put: exact PUs and memory, by OS number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// Exclusive PUs, ascending; empty for a pod on the shared pool.
    pub exclusive_pus: Vec<u32>,
    /// Parts of shared pools.
    pub pools: Vec<PoolShare>,
    /// Memory by NUMA node.
    pub memory: Vec<NumaMemory>,
}

/// A part of one NUMA node's shared pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolShare {
    /// Which pool, as [`PoolOrder::pool`](super::order::PoolOrder::pool).
    pub pool: u32,
    /// Thousandths of a PU.
    pub cpu_milli: u32,
}

/// Memory on one NUMA node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NumaMemory {
    /// OS number.
    pub numa_node: u32,
    /// In bytes.
    pub mem_bytes: u64,
}

/// Bits of `must_understand`, with their names for refusals. A bit, once given, is never used for another thing.
pub mod features {
    /// Exclusive cores.
    pub const EXCLUSIVE_CORES: u64 = 1 << 0;
    /// A required locality, of PUs or of memory.
    pub const REQUIRED_LOCALITY: u64 = 1 << 1;
    /// A root folder.
    pub const ROOT_FOLDER: u64 = 1 << 2;
    /// Agent constraints.
    pub const CONSTRAINTS: u64 = 1 << 3;

    /// Every bit this build knows, with its name.
    pub const KNOWN: [(u64, &str); 4] = [
        (EXCLUSIVE_CORES, "exclusive-cores"),
        (REQUIRED_LOCALITY, "required-locality"),
        (ROOT_FOLDER, "root-folder"),
        (CONSTRAINTS, "constraints"),
    ];

    /// All of [`KNOWN`] in one.
    #[must_use]
    pub fn known() -> u64 {
        KNOWN.iter().fold(0, |all, (bit, _)| all | bit)
    }

    /// The lowest bit of `bits` that this build does not know.
    #[must_use]
    pub fn first_unknown(bits: u64) -> Option<u32> {
        let unknown = bits & !known();
        (unknown != 0).then(|| unknown.trailing_zeros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_say_what_a_spec_uses() {
        let mut spec = PodSpec { members: vec![MemberSpec::default(), MemberSpec::default()], ..PodSpec::default() };
        spec.mark_features();
        assert_eq!((spec.must_understand, spec.members[0].must_understand), (0, 0), "the plainest needs nothing");
        spec.wish.memory_local_required = true;
        spec.members[1].resources.cpus = Cpus::Exclusive { pus: 1 };
        spec.members[1].root = Root::Folder("/srv".to_owned());
        spec.mark_features();
        assert_eq!(spec.must_understand, features::REQUIRED_LOCALITY);
        let both = features::EXCLUSIVE_CORES | features::ROOT_FOLDER;
        assert_eq!((spec.members[0].must_understand, spec.members[1].must_understand), (0, both));
    }

    #[test]
    fn known_bits_are_single_and_different() {
        assert_eq!(features::known().count_ones() as usize, features::KNOWN.len());
        assert!(features::KNOWN.iter().all(|(bit, _)| bit.is_power_of_two()));
        assert_eq!(features::first_unknown(features::known()), None);
        assert_eq!(features::first_unknown(1 << 63 | 1 << 62), Some(62));
    }
}
