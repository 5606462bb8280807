//! Hold: a claim of what is free, for somebody to choose from: an offer, a reservation.
//!
//! A hold covers cores that are wholly free, the room pools have left, memory that one task could use together with the huge pages of
//! the same NUMA nodes, and all that is free of the other [`extras`]; extras alone are not held, since no request is for them
//! alone. Nothing runs in it, so it takes no seats; a split takes the seats its request needs, and is refused where those who
//! came meanwhile forbid it.

use crate::PAGE_BYTES;
use crate::extras;
use crate::memory::Seat;
use crate::nodeset::NodeSet;
use crate::part::Part;
use crate::plan::{Lack, Sink};
use crate::request::{HoldLimit, Request};
use crate::stock::Stock;

/// What a hold that finds nothing is told to have asked for.
pub(crate) const ANYTHING: Request = Request::exclusive(1, 0);

/// Plans a hold, in canonical order.
pub(crate) fn plan(limit: HoldLimit, stock: &impl Stock, sink: &mut impl Sink) -> Result<(), Lack> {
    let cores = hold_cores(limit.exclusive_pus, stock, sink)?;
    let shares = hold_shares(limit.pool_milli, stock, sink)?;
    let nodeset = usable_together(stock);
    let memory = hold_memory(limit.mem_bytes / PAGE_BYTES, nodeset, stock, sink)?;
    if limit.extras {
        extras::hold::plan(nodeset, stock, sink)?;
    }
    if cores || shares || memory { Ok(()) } else { Err(Lack::Cpus) }
}

fn hold_cores(most: u32, stock: &impl Stock, sink: &mut impl Sink) -> Result<bool, Lack> {
    let mut left = most;
    for (leaf, shape) in (0..).zip(&stock.shape().layout.leaves) {
        let pus = shape.bits.lowest(stock.pus(leaf), left / shape.bits.width);
        if pus != 0 {
            sink.put(Part::Cores { leaf, member: 0, pus })?;
            left -= pus.count_ones();
        }
    }
    Ok(left < most)
}

fn hold_shares(most: u32, stock: &impl Stock, sink: &mut impl Sink) -> Result<bool, Lack> {
    let mut left = most;
    for (pool, _) in (0..).zip(&stock.shape().layout.pools) {
        let cpu_milli = stock.room_milli(pool).min(left);
        if cpu_milli > 0 {
            sink.put(Part::Share { pool, member: 0, cpu_milli })?;
            left -= cpu_milli;
        }
    }
    Ok(left < most)
}

fn hold_memory(most: u64, nodeset: NodeSet, stock: &impl Stock, sink: &mut impl Sink) -> Result<bool, Lack> {
    let mut left = most;
    for numa_node in nodeset.iter() {
        let pages = stock.pages(numa_node).min(left);
        if pages > 0 {
            sink.put(Part::Memory { numa_node, seat: Seat::Held, pages })?;
            left -= pages;
        }
    }
    Ok(left < most)
}

/// The NUMA nodes whose memory one task may use together: all where nobody was promised anything, or one of the others if
/// that has more.
fn usable_together(stock: &impl Stock) -> NodeSet {
    let nodeset = stock.shape().ordinary();
    let pages = |nodeset: NodeSet| nodeset.iter().map(|numa_node| stock.pages(numa_node)).sum::<u64>();
    let open: NodeSet = nodeset.iter().filter(|numa_node| stock.admits(*numa_node, Seat::MultiLoose)).collect();
    let others = nodeset.iter().filter(|numa_node| !open.has(*numa_node)).map(NodeSet::of);
    match others.max_by_key(|other| pages(*other)) {
        Some(other) if pages(other) > pages(open) => other,
        _ => open,
    }
}
