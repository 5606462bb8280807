//! Usage: what an agent has, free and taken, read into the caller's arrays.

use meros_alloc_core as alloc;

use crate::boundary::call;
use crate::codes::of_memory_mode;
use crate::extras_usage::{ExtrasUsage, ExtrasUsageRoom};
use crate::message::Message;
use crate::pointer::{In, Out, growing, plain, unused};
use crate::shape::of_numa_node;
use crate::status::{No, Status};
use crate::table::Table;

/// What a pool has: the cores of a NUMA node that shared claims run on.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PoolUsage {
    /// Its NUMA node; `MEROS_NONE` for the pool of the cores that are in no NUMA node.
    pub numa_node: u32,
    /// What its cores come to, in thousandths of a PU.
    pub capacity_milli: u32,
    /// What is promised.
    pub committed_milli: u32,
    /// The epoch of its newest order.
    pub epoch: u32,
    /// 0.
    pub reserved: [u32; 4],
}

/// What a NUMA node's memory has.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct MemoryUsage {
    /// The NUMA node.
    pub numa_node: u32,
    /// A meros_memory_mode: whom it serves.
    pub mode: u32,
    /// All of it, in bytes.
    pub total_bytes: u64,
    /// What is free.
    pub free_bytes: u64,
    /// 0.
    pub reserved: u64,
}

/// What an agent has.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// sizeof(meros_usage).
    pub size: u32,
    /// PUs nobody has.
    pub pus_free: u32,
    /// PUs that claims hold.
    pub pus_exclusive: u32,
    /// PUs in pools.
    pub pus_pool: u32,
    /// PUs that left pools and wait for the agent's confirmation.
    pub pus_leaving: u32,
    /// 0.
    pub reserved: u32,
    /// The caller's array for the pools, also those without cores; may be NULL when `pools_capacity` is 0.
    pub pools: Out<PoolUsage>,
    /// Its room.
    pub pools_capacity: usize,
    /// How many pools there are. Set by the library.
    pub pools_len: usize,
    /// The caller's array for the NUMA nodes; may be NULL when `memory_capacity` is 0.
    pub memory: Out<MemoryUsage>,
    /// Its room.
    pub memory_capacity: usize,
    /// How many NUMA nodes there are. Set by the library.
    pub memory_len: usize,
    /// Everything else.
    pub extras: ExtrasUsage,
}

plain!(PoolUsage, MemoryUsage);
growing!(Usage);

/// What an agent has, at this moment; exact when nothing is in flight. `usage` brings its arrays along, and comes back with their lengths;
/// `MEROS_TOO_SMALL` when one was too short. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_usage_read(table: In<Table>, agent: u32, usage: Out<Usage>, message: Out<Message>) -> Status {
    call(message, || {
        let mut told = usage.read().growing("usage")?;
        unused("usage.reserved", &[u64::from(told.reserved)])?;
        let (room, frame) = (told, usage.growing("usage")?);
        let mut pools = room.pools.array(room.pools_capacity, "usage.pools")?;
        let mut memory = room.memory.array(room.memory_capacity, "usage.memory")?;
        let extras = ExtrasUsageRoom::new(&room.extras)?;
        let agent = alloc::AgentId::new(agent);
        let found = table.handle("table")?.0.usage(agent).ok_or(No::UnknownAgent(agent))?;
        told.pools_len = pools.fill(found.pools.iter().map(of_pool));
        told.memory_len = memory.fill(found.memory.iter().map(of_memory));
        (told.pus_free, told.pus_exclusive) = (found.pus_free, found.pus_exclusive);
        (told.pus_pool, told.pus_leaving) = (found.pus_pool, found.pus_leaving);
        let extras_fit = extras.write(&found.extras, &mut told.extras);
        frame.put(told);
        let fits = pools.holds(told.pools_len) && memory.holds(told.memory_len);
        if fits && extras_fit { Ok(()) } else { Err(No::TooSmall) }
    })
}

pub(crate) fn of_pool(pool: &alloc::PoolUsage) -> PoolUsage {
    let alloc::PoolUsage { numa_node, capacity_milli, committed_milli, epoch } = *pool;
    PoolUsage { numa_node: of_numa_node(numa_node), capacity_milli, committed_milli, epoch, reserved: [0; 4] }
}

pub(crate) fn of_memory(memory: &alloc::MemoryUsage) -> MemoryUsage {
    let alloc::MemoryUsage { numa_node, total_bytes, free_bytes, mode } = *memory;
    let mode = of_memory_mode(mode) as u32;
    MemoryUsage { numa_node: u32::from(numa_node.get()), mode, total_bytes, free_bytes, reserved: 0 }
}
