//! Table: its life, its capacity, and the check of everything.

use std::sync::Arc;

use meros_alloc_core as alloc;

use crate::boundary::{call, call_quietly};
use crate::codes::ABI_VERSION;
use crate::message::Message;
use crate::pointer::{Argument, In, Out, growing, narrow};
use crate::shape::Shape;
use crate::status::Status;

/// All agents, roles and claims. Any number of threads may use it at once. Free it with meros_table_free; handles of threads on it may
/// be freed before or after.
#[derive(Debug)]
pub struct Table(pub(crate) Arc<alloc::Table>);

/// How much a table has room for. Said once; memory that is not used yet costs addresses only.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    /// sizeof(meros_capacity).
    pub size: u32,
    /// Shards, 1 to 64: parts with memory and index of their own. One per NUMA node of the machine the table is on.
    pub shards: u32,
    /// Agents of all shards together.
    pub agents: u32,
    /// Cache lines for the agents' words, all together: `lines` of meros_shape_info for each.
    pub lines: u32,
    /// Claim records of all shards together. A claim takes one per four parts.
    pub claims: u32,
    /// Roles, at most 65535.
    pub roles: u32,
    /// Threads that may work at once, with a handle of their own or not; at most 65535.
    pub threads: u32,
    /// Different shapes, at most 4096.
    pub shapes: u32,
}

growing!(Capacity);

/// The core's limits: beyond them it would name the capacity as a whole, and not the field.
const MAX_SHARDS: u32 = 64;
const MAX_SHAPES: u32 = 4096;

/// The version of the interface that the library has: compare with `MEROS_ABI_VERSION` of the header. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_abi_version() -> u32 {
    ABI_VERSION
}

/// A capacity for so many agents of a shape, or of others as large: one shard, 64 claims an agent, 64 roles, 16 threads, 64 shapes.
/// Change what you like of it. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_capacity_for_agents(
    agents: u32,
    shape: In<Shape>,
    capacity: Out<Capacity>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (frame, shape) = (capacity.growing("capacity")?, shape.handle("shape")?);
        frame.put(of_capacity(alloc::Capacity::for_agents(agents, &shape.0)));
        Ok(())
    })
}

/// An empty table. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_table_new(capacity: In<Capacity>, table: Out<Out<Table>>, message: Out<Message>) -> Status {
    call(message, || {
        let place = table.handle_place("table")?;
        let capacity = capacity_of(&capacity.growing("capacity")?)?;
        place.give(Table(Arc::new(alloc::Table::new(capacity)?)));
        Ok(())
    })
}

/// Frees a table; NULL is fine. Nobody may be in a call with it. Its memory goes with the last of its handles.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_table_free(table: Out<Table>) {
    call_quietly(|| drop(table.take()));
}

/// What a table has room for. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_table_capacity(table: In<Table>, capacity: Out<Capacity>, message: Out<Message>) -> Status {
    call(message, || {
        let (frame, table) = (capacity.growing("capacity")?, table.handle("table")?);
        frame.put(of_capacity(table.0.capacity()));
        Ok(())
    })
}

/// Bytes that a table takes beside claim records, when it is full of agents. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_table_bytes(table: In<Table>, bytes: Out<u64>, message: Out<Message>) -> Status {
    call(message, || {
        let (place, table) = (bytes.place("bytes")?, table.handle("table")?);
        place.put(table.0.bytes() as u64);
        Ok(())
    })
}

/// Touches every page of a shard's memory, so that it comes to be on the NUMA node of the calling thread. Any thread; to be called
/// before the shard is used, harmless later.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_table_touch(table: In<Table>, shard: u32, message: Out<Message>) -> Status {
    call(message, || {
        let (table, shard) = (table.handle("table")?, shard as usize);
        if shard >= usize::from(table.0.capacity().shards) {
            return Err(alloc::TableError::NoSuchShard { shard }.into());
        }
        table.0.touch(shard);
        Ok(())
    })
}

/// Recomputes every fast figure from the records: `MEROS_OK`, or `MEROS_INCONSISTENT` with the first contradiction as the message.
/// Any thread, but for the quiet state only: a call in flight looks like a contradiction.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_validate(table: In<Table>, message: Out<Message>) -> Status {
    call(message, || Ok(table.handle("table")?.0.validate()?))
}

fn capacity_of(capacity: &Capacity) -> Result<alloc::Capacity, Argument> {
    let Capacity { size: _, shards, agents, lines, claims, roles, threads, shapes } = *capacity;
    Ok(alloc::Capacity {
        shards: narrow("capacity.shards", shards, MAX_SHARDS)?,
        agents,
        lines,
        claims,
        roles: narrow("capacity.roles", roles, u32::from(u16::MAX))?,
        threads: narrow("capacity.threads", threads, u32::from(u16::MAX))?,
        shapes: narrow("capacity.shapes", shapes, MAX_SHAPES)?,
    })
}

fn of_capacity(capacity: alloc::Capacity) -> Capacity {
    let alloc::Capacity { shards, agents, lines, claims, roles, threads, shapes } = capacity;
    let [roles, threads, shapes] = [roles, threads, shapes].map(u32::from);
    Capacity { size: 0, shards: shards.into(), agents, lines, claims, roles, threads, shapes }
}
