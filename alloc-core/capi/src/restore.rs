//! Restore: what exists already, told to a fresh table: the pools as the agents run them, the exclusive claims, the shared ones, then
//! `meros_pool_trim`.

use meros_alloc_core as alloc;

use crate::answer::{Answer, Told};
use crate::boundary::call;
use crate::claim::tell;
use crate::message::Message;
use crate::placement::{Placement, placement_of};
use crate::pointer::{Argument, In, Out, narrow};
use crate::request::{Holder, one_holder};
use crate::shape::numa_node_id;
use crate::status::Status;
use crate::table::Table;

/// Restores a pool as the agent runs it: `pus` are its PUs, sorted, whole cores. Pools come first, then exclusive claims, then shared
/// ones, then meros_pool_trim. `MEROS_REFUSED` when a claim or a pool has one of the PUs: others of the list may be in the pool by then,
/// and meros_pool_trim lets them go. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_restore_pool(
    table: In<Table>,
    agent: u32,
    numa_node: u32,
    pus: In<u32>,
    pus_len: usize,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (table, numa_node) = (table.handle("table")?, numa_node_id("numa_node", numa_node)?);
        let pus: Vec<alloc::PuId> = pus.array(pus_len, "pus")?.iter().map(pu_of).collect::<Result<_, _>>()?;
        Ok(table.0.restore_pool(alloc::AgentId::new(agent), numa_node, &pus)?)
    })
}

/// Restores a claim that exists already, exactly; past the role's limit, and whatever rules say of its groups. `MEROS_REFUSED` when
/// somebody else has some of it; `MEROS_REASON_NO_SUCH_GROUP` when the table does not have one of its groups. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_restore(
    table: In<Table>,
    agent: u32,
    holder: In<Holder>,
    placement: In<Placement>,
    answer: Out<Answer>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, table) = (answer.place("answer")?, table.handle("table")?);
        let (agent, holder) = (alloc::AgentId::new(agent), one_holder(&holder)?);
        let restored = table.0.restore(agent, holder, &placement_of(&placement)?);
        tell(Some(place), Told::restored(agent, restored))
    })
}

fn pu_of(pu: &u32) -> Result<alloc::PuId, Argument> {
    narrow("pus", *pu, u32::from(u16::MAX)).map(alloc::PuId::new)
}
