//! Usage: what an agent has, free and taken, to be shown. Figures of a moment; exact when nothing is in flight.

use crate::PAGE_BYTES;
use crate::extras::{self, ExtrasUsage};
use crate::ids::NumaNodeId;
use crate::leaf::PuState;
use crate::machine::Machine;
use crate::memory::MemoryWord;
use crate::pool::PoolWord;

/// What an agent has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// PUs nobody has.
    pub pus_free: u32,
    /// PUs that claims hold.
    pub pus_exclusive: u32,
    /// PUs in pools.
    pub pus_pool: u32,
    /// PUs that left pools and wait for the agent's confirmation.
    pub pus_leaving: u32,
    /// The pools, also those without cores.
    pub pools: Vec<PoolUsage>,
    /// The NUMA nodes.
    pub memory: Vec<MemoryUsage>,
    /// Everything else.
    pub extras: ExtrasUsage,
}

/// What a pool has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolUsage {
    /// Its NUMA node; `None` for the pool of the cores that are in no NUMA node.
    pub numa_node: Option<NumaNodeId>,
    /// What its cores come to, in thousandths of a PU.
    pub capacity_milli: u32,
    /// What is promised.
    pub committed_milli: u32,
    /// The epoch of its newest order.
    pub epoch: u32,
}

/// What a NUMA node's memory has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryUsage {
    /// The NUMA node.
    pub numa_node: NumaNodeId,
    /// All of it, in bytes.
    pub total_bytes: u64,
    /// What is free.
    pub free_bytes: u64,
    /// Whom it serves.
    pub mode: MemoryMode,
}

/// Whom a NUMA node's memory serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryMode {
    /// Anybody: nobody was promised anything.
    Open,
    /// Claims of this NUMA node alone.
    Single,
    /// Claims of one group of NUMA nodes.
    Group,
}

impl PoolUsage {
    pub(crate) const fn new(numa_node: Option<NumaNodeId>, word: PoolWord) -> Self {
        Self {
            numa_node,
            capacity_milli: word.capacity_milli(),
            committed_milli: word.committed_milli(),
            epoch: word.epoch(),
        }
    }

    /// What is not promised, in thousandths of a PU.
    #[must_use]
    pub const fn room_milli(&self) -> u32 {
        self.capacity_milli.saturating_sub(self.committed_milli)
    }
}

impl MemoryUsage {
    pub(crate) const fn new(numa_node: NumaNodeId, pages: u64, word: MemoryWord) -> Self {
        let mode = MemoryMode::new(word);
        Self { numa_node, total_bytes: pages * PAGE_BYTES, free_bytes: word.pages() * PAGE_BYTES, mode }
    }
}

impl MemoryMode {
    pub(crate) const fn new(word: MemoryWord) -> Self {
        let seats = word.seats();
        match (seats.group, seats.strict) {
            (None, 0) => Self::Open,
            (None, _) => Self::Single,
            (Some(_), _) => Self::Group,
        }
    }
}

/// What an agent has at this moment.
pub(crate) fn usage(machine: Machine<'_>) -> Usage {
    let pools = machine.shape.layout.pools.iter().zip(0..);
    let pools = pools.map(|(shape, pool)| PoolUsage::new(shape.numa_node, machine.pool(pool)));
    let memory = (0..).map(NumaNodeId::new).zip(machine.shape.pages());
    let memory = memory.map(|(numa_node, &pages)| MemoryUsage::new(numa_node, pages, machine.memory(numa_node)));
    Usage {
        pus_free: machine.count_in(PuState::Free),
        pus_exclusive: machine.count_in(PuState::Held),
        pus_pool: machine.count_in(PuState::Pool),
        pus_leaving: machine.count_in(PuState::Leaving),
        pools: pools.collect(),
        memory: memory.collect(),
        extras: extras::usage::usage(machine),
    }
}
