//! Pools: the orders that an agent is to follow, and its confirmations.

use meros_alloc_core as alloc;

use crate::boundary::call;
use crate::message::Message;
use crate::pointer::{In, Out};
use crate::shape::{numa_node_id, of_numa_node};
use crate::status::{No, Status};
use crate::table::Table;

/// The cores that shared claims of one NUMA node run on, as the agent is to set them. Orders of one pool replace each other. Send it
/// when `epoch` differs from the one sent last, and answer with meros_pool_confirm once the agent runs it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PoolOrder {
    /// The pool's NUMA node; `MEROS_NONE` for the pool of the cores that are in no NUMA node.
    pub numa_node: u32,
    /// Which order this is; 0 for a pool that never had a core.
    pub epoch: u32,
    /// Where its PUs begin in the array of all pools' PUs.
    pub pus_first: u32,
    /// How many they are; sorted, whole cores.
    pub pus_len: u32,
    /// 0.
    pub reserved: [u32; 4],
}

/// The newest order of each of an agent's pools, and the PUs of all of them in one array. The lengths become how many there are;
/// `MEROS_TOO_SMALL` when an array was too short: ask again with that much room. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_pool_orders(
    table: In<Table>,
    agent: u32,
    orders: Out<PoolOrder>,
    orders_capacity: usize,
    orders_len: Out<usize>,
    pus: Out<u32>,
    pus_capacity: usize,
    pus_len: Out<usize>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (orders_place, pus_place) = (orders_len.place("orders_len")?, pus_len.place("pus_len")?);
        let mut orders = orders.array(orders_capacity, "orders")?;
        let mut pus = pus.array(pus_capacity, "pus")?;
        let (table, agent) = (table.handle("table")?, alloc::AgentId::new(agent));
        table.0.state(agent).ok_or(No::UnknownAgent(agent))?;
        let found = table.0.pool_orders(agent);
        let orders_found = orders.fill(with_firsts(&found));
        let pus_found = pus.fill(found.iter().flat_map(|order| &order.pus).map(|pu| u32::from(pu.get())));
        orders_place.put(orders_found);
        pus_place.put(pus_found);
        if orders.holds(orders_found) && pus.holds(pus_found) { Ok(()) } else { Err(No::TooSmall) }
    })
}

fn with_firsts(orders: &[alloc::PoolOrder]) -> impl Iterator<Item = PoolOrder> {
    orders.iter().scan(0, |next, order| {
        let pus_len = u32::try_from(order.pus.len()).unwrap_or(0);
        let (numa_node, pus_first) = (of_numa_node(order.numa_node), *next);
        *next += pus_len;
        Some(PoolOrder { numa_node, epoch: order.epoch, pus_first, pus_len, reserved: [0; 4] })
    })
}

/// The agent runs the order of this epoch: cores that had left the pool by then become free; `pus`, if not NULL, tells how many PUs.
/// `MEROS_STALE` when a newer order exists. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_pool_confirm(
    table: In<Table>,
    agent: u32,
    numa_node: u32,
    epoch: u32,
    pus: Out<u32>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, table) = (pus.optional("pus")?, table.handle("table")?);
        let numa_node = numa_node_id("numa_node", numa_node)?;
        match table.0.confirm_pool(alloc::AgentId::new(agent), numa_node, epoch) {
            alloc::Confirmed::Freed { pus } => {
                if let Some(place) = place {
                    place.put(pus);
                }
                Ok(())
            }
            alloc::Confirmed::Stale { epoch } => Err(No::Stale { epoch }),
            alloc::Confirmed::NoSuchPool => Err(No::UnknownPool),
        }
    })
}

/// Lets cores that an agent's pools do not need begin to leave, as a release does; `changed`, if not NULL, becomes 1 when any did. Any
/// thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_pool_trim(table: In<Table>, agent: u32, changed: Out<u32>, message: Out<Message>) -> Status {
    call(message, || {
        let (place, table) = (changed.optional("changed")?, table.handle("table")?);
        let agent = alloc::AgentId::new(agent);
        table.0.state(agent).ok_or(No::UnknownAgent(agent))?;
        let any = table.0.trim_pools(agent);
        if let Some(place) = place {
            place.put(any.into());
        }
        Ok(())
    })
}
