//! Memory of a plan: which NUMA nodes give how many pages, and from which seat.

use crate::ids::NumaNodeId;
use crate::memory::Seat;
use crate::nodeset::NodeSet;
use crate::part::Part;
use crate::plan::{Lack, Sink};
use crate::stock::Stock;

/// The seat of a claim that is promised the memory of one NUMA node, or of a group.
const fn strict_seat(group: Option<u8>) -> Seat {
    match group {
        None => Seat::SingleStrict,
        Some(group) => Seat::Group(group),
    }
}

/// The NUMA nodes that admit a comer.
fn open(nodeset: NodeSet, seat: Seat, stock: &impl Stock) -> impl Iterator<Item = NumaNodeId> {
    nodeset.iter().filter(move |numa_node| stock.admits(*numa_node, seat))
}

fn pages(numa_nodes: impl Iterator<Item = NumaNodeId>, stock: &impl Stock) -> u64 {
    numa_nodes.map(|numa_node| stock.pages(numa_node)).sum()
}

/// Whether these NUMA nodes, all of them together, can be promised.
pub(crate) fn strict_fits(wanted: u64, nodeset: NodeSet, group: Option<u8>, stock: &impl Stock) -> bool {
    let admitted = nodeset.iter().all(|numa_node| stock.admits(numa_node, strict_seat(group)));
    admitted && pages(nodeset.iter(), stock) >= wanted
}

/// Puts pages of NUMA nodes that are promised together into the plan, those near the cores first. A group is held as one,
/// so each of its NUMA nodes is in the plan, even with no pages.
pub(crate) fn strict(
    wanted: u64,
    (nodeset, group): (NodeSet, Option<u8>),
    near: NodeSet,
    stock: &impl Stock,
    sink: &mut impl Sink,
) -> Result<(), Lack> {
    let mut lacking = wanted;
    for is_near in [true, false] {
        for numa_node in nodeset.iter().filter(|numa_node| near.has(*numa_node) == is_near) {
            let taken = stock.pages(numa_node).min(lacking);
            sink.put(Part::Memory { numa_node, seat: strict_seat(group), pages: taken })?;
            lacking -= taken;
        }
    }
    if lacking > 0 { Err(Lack::Moved) } else { Ok(()) }
}

/// Whether these NUMA nodes have the pages for a claim that is promised nothing.
pub(crate) fn loose_fits(wanted: u64, nodeset: NodeSet, stock: &impl Stock) -> bool {
    open(nodeset, Seat::SingleLoose, stock).any(|numa_node| stock.pages(numa_node) >= wanted)
        || pages(open(nodeset, Seat::MultiLoose, stock), stock) >= wanted
}

/// Puts pages into the plan from the nearest of these NUMA nodes that has them all, else from as many as it takes.
pub(crate) fn loose(
    wanted: u64,
    nodeset: NodeSet,
    near: NodeSet,
    stock: &impl Stock,
    sink: &mut impl Sink,
) -> Result<(), Lack> {
    let shape = stock.shape();
    let far = |numa_node: NumaNodeId| near.first().map_or(0, |from| shape.distance(from, numa_node));
    let rank = |numa_node: &NumaNodeId| (!near.has(*numa_node), far(*numa_node), *numa_node);
    let enough = open(nodeset, Seat::SingleLoose, stock).filter(|numa_node| stock.pages(*numa_node) >= wanted);
    if let Some(numa_node) = enough.min_by_key(rank) {
        sink.put(Part::Memory { numa_node, seat: Seat::SingleLoose, pages: wanted })?;
        return Ok(());
    }
    if pages(open(nodeset, Seat::MultiLoose, stock), stock) < wanted {
        return Err(Lack::Memory);
    }
    let mut lacking = wanted;
    let mut last = None;
    while lacking > 0 {
        let left =
            open(nodeset, Seat::MultiLoose, stock).filter(|numa_node| last.is_none_or(|last| rank(numa_node) > last));
        let numa_node = left.min_by_key(rank).ok_or(Lack::Moved)?;
        let taken = stock.pages(numa_node).min(lacking);
        if taken > 0 {
            sink.put(Part::Memory { numa_node, seat: Seat::MultiLoose, pages: taken })?;
            lacking -= taken;
        }
        last = Some(rank(&numa_node));
    }
    Ok(())
}
