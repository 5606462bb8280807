//! Request: what somebody wants of one agent.
//!
//! CPU is asked for by [`Members`](crate::Members), mostly one; memory and locality are the claim's. An exclusive member gets
//! whole cores unless it says otherwise ([`Smt`]). A shared one gets thousandths of a PU in a pool and runs on the
//! pool's cores.
//!
//! Locality of cores and of memory are separate wishes, and each is *required* (refused rather than missed), *preferred*
//! (never refused when anything fits) or not asked for. Unless a level is required, a claim gets the fewest NUMA nodes
//! possible, then the fewest L3 domains; the other way round on machines where one L3 cache spans NUMA nodes.

use core::fmt;

use crate::extras::Extras;
use crate::member::{CoreKind, Cpus, Members, Smt};
use crate::standing::Standing;

/// How close together things are to be, closest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// In one core.
    Core,
    /// Under one L3 cache.
    L3,
    /// In one NUMA node.
    NumaNode,
    /// In one package.
    Package,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Core => "core",
            Self::L3 => "L3 domain",
            Self::NumaNode => "NUMA node",
            Self::Package => "package",
        })
    }
}

/// Where the PUs are to be, relative to each other.
///
/// A pool spans a NUMA node, so a shared claim can be held to a NUMA node or a package, not closer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Locality {
    /// No wish: the fewest NUMA nodes and L3 domains that serve.
    #[default]
    Any,
    /// As without a wish, and of equally good choices one that is in one domain of this level.
    Preferred(Level),
    /// In one domain of this level, or not at all.
    Required(Level),
}

/// Where the memory is to be, relative to the PUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MemoryLocality {
    /// Near the PUs where it fits, but PUs are chosen without regard to memory.
    Any,
    /// PUs and memory from one NUMA node, or one group of them, if possible.
    #[default]
    Preferred,
    /// PUs and memory from one NUMA node, or one group of them, and held so that nobody else can spill into it. From one NUMA node
    /// only where the PUs are [required](Locality::Required) to be in one [NUMA node](Level::NumaNode).
    Required,
}

/// What somebody wants of one agent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    /// CPU, member by member.
    pub members: Members,
    /// Memory in bytes, rounded up to pages; 0 for none.
    pub mem_bytes: u64,
    /// Where the PUs are to be.
    pub locality: Locality,
    /// Where the memory is to be.
    pub memory: MemoryLocality,
    /// What else is wanted: huge pages, special memory, devices, disk, scalars, ranges, sets.
    pub extras: Extras,
    /// How the claim is to stand; `None` for the default, and in a split for the claim's own.
    pub standing: Option<Standing>,
}

impl Request {
    /// CPU for these members and memory, anywhere, preferably together.
    #[must_use]
    pub const fn new(members: Members, mem_bytes: u64) -> Self {
        let (locality, memory) = (Locality::Any, MemoryLocality::Preferred);
        Self { members, mem_bytes, locality, memory, extras: Extras::NONE, standing: None }
    }

    /// One member with whole cores of at least this many PUs together.
    #[must_use]
    pub const fn exclusive(pus: u32, mem_bytes: u64) -> Self {
        Self::new(Members::one(Cpus::exclusive(pus)), mem_bytes)
    }

    /// One member with this many whole cores.
    #[must_use]
    pub const fn cores(cores: u32, mem_bytes: u64) -> Self {
        Self::new(Members::one(Cpus::cores(cores)), mem_bytes)
    }

    /// One member with a share of a pool.
    #[must_use]
    pub const fn shared(cpu_milli: u32, mem_bytes: u64) -> Self {
        Self::new(Members::one(Cpus::shared(cpu_milli)), mem_bytes)
    }

    /// The same with one more member.
    #[must_use]
    pub const fn with_member(mut self, cpus: Cpus) -> Self {
        self.members = self.members.with(cpus);
        self
    }

    /// The same with this wish for the SMT siblings of the last member.
    #[must_use]
    pub const fn with_smt(mut self, smt: Smt) -> Self {
        if let Some(last) = self.members.last_mut() {
            *last = last.with_smt(smt);
        }
        self
    }

    /// The same with this wish for the kind of the last member's cores.
    #[must_use]
    pub const fn with_kind(mut self, kind: CoreKind) -> Self {
        if let Some(last) = self.members.last_mut() {
            *last = last.with_kind(kind);
        }
        self
    }

    /// The same with this wish for the PUs.
    #[must_use]
    pub const fn with_locality(mut self, locality: Locality) -> Self {
        self.locality = locality;
        self
    }

    /// The same with this wish for the memory.
    #[must_use]
    pub const fn with_memory(mut self, memory: MemoryLocality) -> Self {
        self.memory = memory;
        self
    }

    /// Whether its PUs and its memory, promised, are to be of one NUMA node.
    pub(crate) fn is_of_one_numa_node(&self) -> bool {
        self.memory == MemoryLocality::Required && self.locality == Locality::Required(Level::NumaNode)
    }

    /// The same, for a claim that stands so.
    #[must_use]
    pub const fn with_standing(mut self, standing: Standing) -> Self {
        self.standing = Some(standing);
        self
    }
}

/// How much a hold takes at most, of what is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HoldLimit {
    /// PUs, in cores that are wholly free; rounded *down* to cores.
    pub exclusive_pus: u32,
    /// Thousandths of a PU, of the room pools have left.
    pub pool_milli: u32,
    /// Memory in bytes, rounded down to pages.
    pub mem_bytes: u64,
    /// Whether all that is free of the rest is held too: huge pages, special memory, devices, disk, scalars, ranges, sets.
    pub extras: bool,
}

impl HoldLimit {
    /// Everything that is free, except PUs whose siblings are not.
    pub const ALL: Self = Self { exclusive_pus: u32::MAX, pool_milli: u32::MAX, mem_bytes: u64::MAX, extras: true };
}

/// What place looks for among agents that fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Policy {
    /// The agent with the least left: keeps large gaps whole.
    #[default]
    Pack,
    /// The agent with the most left: spreads load and risk.
    Spread,
    /// The place that loses the least use for the kinds of pods placed so far under this policy: PUs beside too little memory, leaves
    /// too small for a pod, and split devices are filled first; pods without devices are kept off the CPU that devices need. In a
    /// gang it is [`Policy::Pack`].
    FragmentationAware,
}
