//! Memory of a plan: which NUMA nodes give how many pages, huge pages included, and from which seat.
//!
//! A claim may use any memory of a NUMA node it sits on, so huge pages come from NUMA nodes it has a seat on, and by the same
//! rule. Where it has huge pages only, its part of the memory has 0 pages.

use crate::extras::{ExtraWord, HugePages, HugeSize};
use crate::ids::NumaNodeId;
use crate::memory::Seat;
use crate::nodeset::NodeSet;
use crate::part::Part;
use crate::plan::{Lack, Sink};
use crate::quantity::pages_up;
use crate::reason::Wanted;
use crate::request::Request;
use crate::stock::Stock;

/// What is wanted of ordinary NUMA nodes, or what they have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Demand {
    pub(crate) pages: u64,
    pub(crate) huge: HugePages,
}

impl Demand {
    pub(crate) fn of(request: &Request) -> Self {
        Self { pages: pages_up(request.mem_bytes), huge: request.extras.huge_pages() }
    }

    pub(crate) fn is_empty(self) -> bool {
        self == Self::default()
    }

    fn fits(self, has: Self) -> bool {
        self.pages <= has.pages && self.huge.mib2 <= has.huge.mib2 && self.huge.gib1 <= has.huge.gib1
    }

    /// Figure by figure.
    fn zip(self, other: Self, with: impl Fn(u64, u64) -> u64) -> Self {
        let huge =
            HugePages { mib2: with(self.huge.mib2, other.huge.mib2), gib1: with(self.huge.gib1, other.huge.gib1) };
        Self { pages: with(self.pages, other.pages), huge }
    }

    fn put(self, numa_node: NumaNodeId, seat: Seat, sink: &mut impl Sink) -> Result<(), Lack> {
        sink.put(Part::Memory { numa_node, seat, pages: self.pages })?;
        for size in HugeSize::ALL.into_iter().filter(|size| self.huge.get(*size) > 0) {
            sink.put(Part::Extra { word: ExtraWord::Huge(numa_node, size), amount: self.huge.get(size) })?;
        }
        Ok(())
    }

    /// What these NUMA nodes lack for it; memory, when each of them alone is short of something only.
    pub(crate) fn lack(self, nodeset: NodeSet, stock: &impl Stock) -> Lack {
        let has = self.in_all(nodeset.iter(), stock);
        let short = |size: &HugeSize| self.huge.get(*size) > has.huge.get(*size);
        let wanted = |size: &HugeSize| self.huge.get(*size) > 0 && self.pages == 0;
        let huge = HugeSize::ALL.into_iter().find(short).or_else(|| HugeSize::ALL.into_iter().find(wanted));
        huge.map_or(Lack::Memory, |size| Lack::Extra(Wanted::HugePages(size)))
    }

    /// What a NUMA node has of it; of what is not wanted nothing, so that no word is read in vain.
    fn there(self, numa_node: NumaNodeId, stock: &impl Stock) -> Self {
        let wanted = HugeSize::ALL.into_iter().filter(|size| self.huge.get(*size) > 0);
        let huge = wanted
            .fold(HugePages::default(), |huge, size| huge.with(size, stock.extra(ExtraWord::Huge(numa_node, size))));
        Self { pages: stock.pages(numa_node), huge }
    }

    /// What some NUMA nodes have of it together.
    fn in_all(self, numa_nodes: impl Iterator<Item = NumaNodeId>, stock: &impl Stock) -> Self {
        numa_nodes.map(|at| self.there(at, stock)).fold(Self::default(), |sum, one| sum.zip(one, |a, b| a + b))
    }
}

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

/// Whether these NUMA nodes, all of them together, can be promised.
pub(crate) fn strict_fits(wanted: Demand, nodeset: NodeSet, group: Option<u8>, stock: &impl Stock) -> bool {
    let admitted = nodeset.iter().all(|numa_node| stock.admits(numa_node, strict_seat(group)));
    admitted && wanted.fits(wanted.in_all(nodeset.iter(), stock))
}

/// Puts pages of NUMA nodes that are promised together into the plan, those near the cores first. A group is held as one,
/// so each of its NUMA nodes is in the plan, even with no pages.
pub(crate) fn strict(
    wanted: Demand,
    (nodeset, group): (NodeSet, Option<u8>),
    near: NodeSet,
    stock: &impl Stock,
    sink: &mut impl Sink,
) -> Result<(), Lack> {
    let mut lacking = wanted;
    for is_near in [true, false] {
        for numa_node in nodeset.iter().filter(|numa_node| near.has(*numa_node) == is_near) {
            let taken = wanted.there(numa_node, stock).zip(lacking, u64::min);
            taken.put(numa_node, strict_seat(group), sink)?;
            lacking = lacking.zip(taken, |a, b| a - b);
        }
    }
    if lacking.is_empty() { Ok(()) } else { Err(Lack::Moved) }
}

/// Whether these NUMA nodes have the pages for a claim that is promised nothing.
pub(crate) fn loose_fits(wanted: Demand, nodeset: NodeSet, stock: &impl Stock) -> bool {
    open(nodeset, Seat::SingleLoose, stock).any(|numa_node| wanted.fits(wanted.there(numa_node, stock)))
        || wanted.fits(wanted.in_all(open(nodeset, Seat::MultiLoose, stock), stock))
}

/// Puts pages into the plan from the nearest of these NUMA nodes that has them all, else from as many as it takes.
pub(crate) fn loose(
    wanted: Demand,
    nodeset: NodeSet,
    near: NodeSet,
    stock: &impl Stock,
    sink: &mut impl Sink,
) -> Result<(), Lack> {
    let shape = stock.shape();
    let far = |numa_node: NumaNodeId| near.first().map_or(0, |from| shape.distance(from, numa_node));
    let rank = |numa_node: &NumaNodeId| (!near.has(*numa_node), far(*numa_node), *numa_node);
    let enough =
        open(nodeset, Seat::SingleLoose, stock).filter(|numa_node| wanted.fits(wanted.there(*numa_node, stock)));
    if let Some(numa_node) = enough.min_by_key(rank) {
        return wanted.put(numa_node, Seat::SingleLoose, sink);
    }
    if !wanted.fits(wanted.in_all(open(nodeset, Seat::MultiLoose, stock), stock)) {
        return Err(wanted.lack(nodeset, stock));
    }
    let mut lacking = wanted;
    let mut last = None;
    while !lacking.is_empty() {
        let left =
            open(nodeset, Seat::MultiLoose, stock).filter(|numa_node| last.is_none_or(|last| rank(numa_node) > last));
        let numa_node = left.min_by_key(rank).ok_or(Lack::Moved)?;
        let taken = wanted.there(numa_node, stock).zip(lacking, u64::min);
        if !taken.is_empty() {
            taken.put(numa_node, Seat::MultiLoose, sink)?;
            lacking = lacking.zip(taken, |a, b| a - b);
        }
        last = Some(rank(&numa_node));
    }
    Ok(())
}
