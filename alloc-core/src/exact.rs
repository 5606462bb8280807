//! Exact: a placement in the caller's ids, as parts of a record, and back. The only file that knows both.

use crate::PAGE_BYTES;
use crate::extras;
use crate::field::LeafSet;
use crate::ids::{NumaNodeId, PuId};
use crate::member::MAX_MEMBERS;
use crate::memory::{MAX_PAGES, Seat};
use crate::nodeset::NodeSet;
use crate::part::{MAX_LEAVES, Part};
use crate::placement::{MemberPlacement, MemoryHold, NumaNodeMemory, Placement, PoolShare};
use crate::plan::Sink;
use crate::pool::MILLI_BITS;
use crate::reason::Invalid;
use crate::shape::Shape;
use crate::slots::RecordsFull;

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

/// The PUs of a leaf's bits.
pub(crate) fn pus_of(shape: &Shape, leaf: u16, bits: u32) -> impl Iterator<Item = PuId> + use<'_> {
    let leaf = &shape.layout.leaves[usize::from(leaf)];
    (0..).zip(&leaf.cores).flat_map(move |(at, &core)| {
        let own = (bits & leaf.core_bits(at)) >> (at * leaf.bits.width);
        let first = shape.core(usize::from(core)).map_or(0, |core| core.first_pu.get());
        (0..32).filter(move |pu| own >> pu & 1 == 1).map(move |pu| PuId::new(first + pu))
    })
}

/// The lists of one member.
fn lists(placement: &mut Placement, member: u8) -> (&mut Vec<PuId>, &mut Vec<PoolShare>) {
    let Some(at) = usize::from(member).checked_sub(1) else { return (&mut placement.pus, &mut placement.pools) };
    if placement.further.len() <= at {
        placement.further.resize_with(at + 1, MemberPlacement::default);
    }
    let member = &mut placement.further[at];
    (&mut member.pus, &mut member.pools)
}

/// The parts of a claim as a placement.
pub(crate) fn placement(shape: &Shape, parts: impl Iterator<Item = Part>) -> Placement {
    let mut placement = Placement::default();
    for part in parts {
        match part {
            Part::Empty | Part::Share { cpu_milli: 0, .. } | Part::Member { .. } => {}
            Part::Cores { leaf, member, pus } => lists(&mut placement, member).0.extend(pus_of(shape, leaf, pus)),
            Part::Share { pool, member, cpu_milli } => {
                let numa_node = pool_numa_node(shape, pool);
                lists(&mut placement, member).1.push(PoolShare { numa_node, cpu_milli });
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
            Part::Extra { word, amount } => extras::exact::push(shape, word, amount, &mut placement.extras),
        }
    }
    for member in (0..).take(1 + placement.further.len()) {
        let (pus, pools) = lists(&mut placement, member);
        pus.sort_unstable();
        pools.sort_unstable_by_key(|share| share.numa_node);
    }
    placement.memory.sort_unstable_by_key(|memory| memory.numa_node);
    extras::exact::sort(&mut placement.extras);
    placement
}

/// A placement as parts.
pub(crate) fn parts(shape: &Shape, placement: &Placement, sink: &mut impl Sink) -> Result<(), Inexact> {
    let members = placement.members().count();
    if members > MAX_MEMBERS {
        return Err(Invalid::TooManyMembers { members: u32::try_from(members).unwrap_or(u32::MAX) }.into());
    }
    let mut all = LeafBits::default();
    for (member, (pus, pools)) in (0..).zip(placement.members()) {
        for (leaf, pus) in leaf_bits(shape, pus)?.iter() {
            if !all.add(leaf, pus) {
                return Err(Invalid::NotSorted.into());
            }
            sink.put(Part::Cores { leaf, member, pus })?;
        }
        share_parts(shape, member, pools, sink)?;
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

fn share_parts(shape: &Shape, member: u8, shares: &[PoolShare], sink: &mut impl Sink) -> Result<(), Inexact> {
    if !shares.is_sorted_by(|a, b| a.numa_node < b.numa_node) {
        return Err(Invalid::NotSorted.into());
    }
    for PoolShare { numa_node, cpu_milli } in shares.iter().copied() {
        let pool = shape.layout.pool_of(numa_node).ok_or(Invalid::UnknownPool(numa_node))?;
        if cpu_milli >= 1 << MILLI_BITS {
            return Err(Invalid::ShareTooLarge(numa_node).into());
        }
        sink.put(Part::Share { pool, member, cpu_milli })?;
    }
    Ok(())
}

/// Bits of leaves, without memory to allocate.
pub(crate) struct LeafBits {
    leaves: LeafSet,
    bits: [u32; MAX_LEAVES],
}

impl Default for LeafBits {
    fn default() -> Self {
        Self { leaves: LeafSet::default(), bits: [0; MAX_LEAVES] }
    }
}

impl LeafBits {
    /// Adds bits of a leaf; false when some were there.
    fn add(&mut self, leaf: u16, pus: u32) -> bool {
        self.leaves.add(leaf);
        let bits = &mut self.bits[usize::from(leaf)];
        let new = *bits & pus == 0;
        *bits |= pus;
        new
    }

    /// The leaves that have some, lowest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, u32)> {
        self.leaves.iter().map(|leaf| (leaf, self.bits[usize::from(leaf)]))
    }
}

/// A list of PUs as bits per leaf.
fn leaf_bits(shape: &Shape, pus: &[PuId]) -> Result<LeafBits, Invalid> {
    if !pus.is_sorted_by(|a, b| a < b) {
        return Err(Invalid::NotSorted);
    }
    let mut leaves = LeafBits::default();
    for &pu in pus {
        let at = shape.core_index(pu).ok_or(Invalid::UnknownPu(pu))?;
        let core = shape.core(usize::from(at)).ok_or(Invalid::UnknownPu(pu))?;
        let place = shape.layout.place(at);
        let own = 1 << (pu.get() - core.first_pu.get()) << place.pus.trailing_zeros();
        // Sorted, so none comes twice.
        let _new = leaves.add(place.leaf, own);
    }
    Ok(leaves)
}

/// As [`leaf_bits`], for a list that must be of whole cores: a pool's.
pub(crate) fn whole_cores(shape: &Shape, pus: &[PuId]) -> Result<LeafBits, Invalid> {
    let leaves = leaf_bits(shape, pus)?;
    for (leaf, bits) in leaves.iter() {
        let torn = bits & !shape.layout.leaves[usize::from(leaf)].bits.whole(bits);
        if let Some(pu) = pus_of(shape, leaf, torn).min() {
            return Err(Invalid::PartOfCore(pu));
        }
    }
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

/// Which group of a shape is these NUMA nodes.
pub(crate) fn group_of(shape: &Shape, nodeset: NodeSet) -> Option<u8> {
    (0..).zip(&shape.layout.groups).find(|(_, group)| **group == nodeset).map(|(at, _)| at)
}

/// The NUMA node a part speaks of, for messages.
pub(crate) fn pool_numa_node(shape: &Shape, pool: u16) -> Option<NumaNodeId> {
    shape.layout.pools[usize::from(pool)].numa_node
}
