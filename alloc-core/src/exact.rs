//! Exact: a placement in the caller's ids, as parts of a record, and back. The only file that knows both.

use std::collections::BTreeMap;

use crate::PAGE_BYTES;
use crate::extras;
use crate::ids::{NumaNodeId, PuId};
use crate::leaf::first_pus;
use crate::memory::Seat;
use crate::nodeset::NodeSet;
use crate::part::{MAX_PAGES, Part};
use crate::placement::{MemoryHold, NumaNodeMemory, Placement, PoolShare};
use crate::plan::Sink;
use crate::reason::Invalid;
use crate::record::RecordsFull;
use crate::shape::Shape;

/// Why a placement is not a list of parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inexact {
    Invalid(Invalid),
    Records,
}

impl From<Invalid> for Inexact {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<RecordsFull> for Inexact {
    fn from(RecordsFull: RecordsFull) -> Self {
        Self::Records
    }
}

/// Adds the PUs of a leaf's bits to a list.
pub(crate) fn push_pus(shape: &Shape, leaf: u16, bits: u32, pus: &mut Vec<PuId>) {
    let leaf = &shape.layout.leaves[usize::from(leaf)];
    for (at, &core) in (0..).zip(&leaf.cores) {
        if let Some(core) = shape.core(usize::from(core))
            && bits & leaf.core_bits(at) != 0
        {
            pus.extend((0..u16::from(core.spec.pus)).map(|pu| PuId::new(core.first_pu.get() + pu)));
        }
    }
}

/// The parts of a claim as a placement.
pub(crate) fn placement(shape: &Shape, parts: impl Iterator<Item = Part>) -> Placement {
    let mut placement = Placement::default();
    for part in parts {
        match part {
            Part::Empty | Part::Share { cpu_milli: 0, .. } => {}
            Part::Cores { leaf, pus } => push_pus(shape, leaf, pus, &mut placement.pus),
            Part::Share { pool, cpu_milli } => {
                let numa_node = shape.layout.pools[usize::from(pool)].numa_node;
                placement.pools.push(PoolShare { numa_node, cpu_milli });
            }
            Part::Memory { numa_node, pages, .. } if shape.extras.kind(numa_node) != 0 => {
                let memory = NumaNodeMemory { numa_node, mem_bytes: pages * PAGE_BYTES };
                placement.extras.special_memory.push(memory);
            }
            Part::Memory { numa_node, seat, pages } => {
                placement.memory.push(NumaNodeMemory { numa_node, mem_bytes: pages * PAGE_BYTES });
                placement.memory_hold = match seat {
                    Seat::Held => MemoryHold::Held,
                    Seat::SingleLoose | Seat::MultiLoose => MemoryHold::Loose,
                    Seat::SingleStrict | Seat::Group(_) => MemoryHold::Strict,
                };
            }
            extra => extras::exact::push(shape, extra, &mut placement.extras),
        }
    }
    placement.pus.sort_unstable();
    placement.pools.sort_unstable_by_key(|share| share.numa_node);
    placement.memory.sort_unstable_by_key(|memory| memory.numa_node);
    extras::exact::sort(&mut placement.extras);
    placement
}

/// A placement as parts.
pub(crate) fn parts(shape: &Shape, placement: &Placement, sink: &mut impl Sink) -> Result<(), Inexact> {
    for (leaf, pus) in leaf_bits(shape, &placement.pus)? {
        sink.put(Part::Cores { leaf, pus })?;
    }
    if !placement.pools.is_sorted_by(|a, b| a.numa_node < b.numa_node) {
        return Err(Invalid::NotSorted.into());
    }
    for share in &placement.pools {
        let pool = shape.layout.pool_of(share.numa_node).ok_or(Invalid::UnknownPool(share.numa_node))?;
        sink.put(Part::Share { pool, cpu_milli: share.cpu_milli })?;
    }
    if !placement.memory.is_sorted_by(|a, b| a.numa_node < b.numa_node) {
        return Err(Invalid::NotSorted.into());
    }
    for memory in &placement.memory {
        check_memory(shape, *memory)?;
        if shape.extras.kind(memory.numa_node) != 0 {
            return Err(Invalid::SpecialMemory(memory.numa_node).into());
        }
    }
    let seat = seat(shape, placement)?;
    for memory in &placement.memory {
        sink.put(Part::Memory { numa_node: memory.numa_node, seat, pages: memory.mem_bytes / PAGE_BYTES })?;
    }
    extras::exact::parts(shape, &placement.extras, sink)
}

/// A list of PUs as bits per leaf; only whole cores.
pub(crate) fn leaf_bits(shape: &Shape, pus: &[PuId]) -> Result<BTreeMap<u16, u32>, Invalid> {
    let mut leaves = BTreeMap::new();
    if !pus.is_sorted_by(|a, b| a < b) {
        return Err(Invalid::NotSorted);
    }
    let mut left = pus;
    while let [first, ..] = left {
        let at = shape.core_index(*first).ok_or(Invalid::UnknownPu(*first))?;
        let core = shape.core(usize::from(at)).ok_or(Invalid::UnknownPu(*first))?;
        let (siblings, rest) = left.split_at_checked(usize::from(core.spec.pus)).ok_or(Invalid::PartOfCore(*first))?;
        // Sorted, and as many as the core has: they are its PUs if the first is its first and the last its last.
        let last = core.first_pu.get() + u16::from(core.spec.pus) - 1;
        if *first != core.first_pu || siblings.last().is_none_or(|pu| pu.get() != last) {
            return Err(Invalid::PartOfCore(*first));
        }
        let place = shape.layout.place(at);
        *leaves.entry(place.leaf).or_insert(0) |= place.pus;
        left = rest;
    }
    debug_assert!(
        leaves.iter().all(|(leaf, pus)| { pus & !first_pus(shape.layout.leaves[usize::from(*leaf)].pus()) == 0 })
    );
    Ok(leaves)
}

pub(crate) fn check_memory(shape: &Shape, memory: NumaNodeMemory) -> Result<(), Invalid> {
    let NumaNodeMemory { numa_node, mem_bytes } = memory;
    if numa_node.index() >= shape.numa_nodes() {
        return Err(Invalid::UnknownNumaNode(numa_node));
    }
    if mem_bytes % PAGE_BYTES != 0 || mem_bytes / PAGE_BYTES > MAX_PAGES {
        return Err(Invalid::Memory(numa_node));
    }
    Ok(())
}

/// The seat that holds a placement's memory on its terms.
fn seat(shape: &Shape, placement: &Placement) -> Result<Seat, Invalid> {
    let nodeset: NodeSet = placement.memory.iter().map(|memory| memory.numa_node).collect();
    Ok(match (placement.memory_hold, nodeset.len()) {
        (MemoryHold::Held, _) => Seat::Held,
        (MemoryHold::Loose, 0 | 1) => Seat::SingleLoose,
        (MemoryHold::Loose, _) => Seat::MultiLoose,
        (MemoryHold::Strict, 0 | 1) => Seat::SingleStrict,
        (MemoryHold::Strict, _) => Seat::Group(group_of(shape, nodeset).ok_or(Invalid::NoSuchGroup)?),
    })
}

fn group_of(shape: &Shape, nodeset: NodeSet) -> Option<u8> {
    (0..).zip(&shape.layout.groups).find(|(_, group)| **group == nodeset).map(|(at, _)| at)
}

/// The NUMA node a part speaks of, for messages.
pub(crate) fn pool_numa_node(shape: &Shape, pool: u16) -> Option<NumaNodeId> {
    shape.layout.pools[usize::from(pool)].numa_node
}
