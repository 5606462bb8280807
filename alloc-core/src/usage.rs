//! Usage: what an agent has, free and taken, to be shown. Figures of a moment; exact when nothing is in flight.

use crate::PAGE_BYTES;
use crate::extras::{self, ExtrasUsage};
use crate::ids::NumaNodeId;
use crate::leaf::PuState;
use crate::machine::Machine;

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

/// What an agent has at this moment.
pub(crate) fn usage(machine: Machine<'_>) -> Usage {
    let pools = machine.shape.layout.pools.iter().zip(0..).map(|(shape, pool)| {
        let word = machine.pool(pool);
        PoolUsage {
            numa_node: shape.numa_node,
            capacity_milli: word.capacity_milli(),
            committed_milli: word.committed_milli(),
            epoch: word.epoch(),
        }
    });
    let memory = (0..).zip(machine.shape.pages()).map(|(at, &pages)| {
        let word = machine.memory(NumaNodeId::new(at));
        let seats = word.seats();
        let mode = match (seats.group, seats.strict) {
            (None, 0) => MemoryMode::Open,
            (None, _) => MemoryMode::Single,
            (Some(_), _) => MemoryMode::Group,
        };
        MemoryUsage {
            numa_node: NumaNodeId::new(at),
            total_bytes: pages * PAGE_BYTES,
            free_bytes: word.pages() * PAGE_BYTES,
            mode,
        }
    });
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
