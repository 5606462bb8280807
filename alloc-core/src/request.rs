//! Request: what somebody wants of one agent.
//!
//! Exclusive PUs come in whole cores, so that no other claim runs on a sibling: what is asked is rounded up to cores, and
//! all their PUs are charged. A shared claim gets thousandths of a PU in a pool and runs on the pool's cores.
//!
//! Locality of cores and of memory are separate wishes, and each is *required* (refused rather than missed), *preferred*
//! (tried first, then the next coarser level, then anything) or not asked for.

use core::fmt;

use crate::extras::Extras;

/// CPU wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cpus {
    /// PUs nobody else runs on, rounded up to whole cores.
    Exclusive {
        /// How many, at least 1.
        pus: u32,
    },
    /// A share of a pool.
    Shared {
        /// Thousandths of a PU, at least 1.
        cpu_milli: u32,
    },
}

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
    /// No wish: the fewest leaves that serve.
    #[default]
    Any,
    /// In one domain of this level if possible, else of the next coarser one, and so on.
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
    /// PUs and memory from one NUMA node, or one group of them, and held so that nobody else can spill into it.
    Required,
}

/// What somebody wants of one agent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    /// CPU.
    pub cpus: Cpus,
    /// Memory in bytes, rounded up to pages; 0 for none.
    pub mem_bytes: u64,
    /// Where the PUs are to be.
    pub locality: Locality,
    /// Where the memory is to be.
    pub memory: MemoryLocality,
    /// What else is wanted: huge pages, special memory, devices, disk, scalars, ranges, sets.
    pub extras: Extras,
}

impl Request {
    /// Exclusive PUs and memory, anywhere, preferably together.
    #[must_use]
    pub const fn exclusive(pus: u32, mem_bytes: u64) -> Self {
        Self::of(Cpus::Exclusive { pus }, mem_bytes)
    }

    /// A share of a pool and memory, anywhere, preferably together.
    #[must_use]
    pub const fn shared(cpu_milli: u32, mem_bytes: u64) -> Self {
        Self::of(Cpus::Shared { cpu_milli }, mem_bytes)
    }

    const fn of(cpus: Cpus, mem_bytes: u64) -> Self {
        Self { cpus, mem_bytes, locality: Locality::Any, memory: MemoryLocality::Preferred, extras: Extras::NONE }
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
}

/// How much a hold takes at most, of what is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HoldLimit {
    /// PUs, in whole free cores; rounded *down* to cores.
    pub exclusive_pus: u32,
    /// Thousandths of a PU, of the room pools have left.
    pub pool_milli: u32,
    /// Memory in bytes, rounded down to pages.
    pub mem_bytes: u64,
    /// Whether all that is free of the rest is held too: huge pages, special memory, devices, disk, scalars, ranges, sets.
    pub extras: bool,
}

impl HoldLimit {
    /// Everything that is free.
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
}
