//! Content: what an offer shows, as parts of a claim, as amounts, and as words to be asked.
//!
//! What can be held of an agent is planned as any hold is ([`hold`](crate::hold)), on a copy of its words. An offer of a part of it
//! is cut out of that plan, made a claim, and shown by words in which nothing else is free.

use crate::agent_snapshot::AgentSnapshot;
use crate::allocator::amounts::Amounts;
use crate::allocator::filters::Shown;
use crate::extras::word::lowest_bits;
use crate::extras::{ExtraWord, Millis};
use crate::ids::NumaNodeId;
use crate::leaf;
use crate::ledger::ChargePlaces;
use crate::memory::{MemoryWord, Seat};
use crate::part::Part;
use crate::plan::Sink;
use crate::pool;
use crate::request::HoldLimit;
use crate::shape::Shape;
use crate::slots::RecordsFull;
use crate::{MILLI_PER_PU, hold};

/// What an agent, or an offer, has to give.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Content {
    pub(crate) amounts: Amounts,
    /// Its ranges and sets, a bit for each number and item that is there.
    pub(crate) bits: Box<[u64]>,
}

impl Content {
    /// As filters compare it.
    pub(crate) fn as_shown(&self) -> Shown<'_> {
        Shown::new(&self.amounts, &self.bits)
    }
}

/// A plan's parts.
#[derive(Debug, Default)]
pub(crate) struct Parts(pub(crate) Vec<Part>);

impl Sink for Parts {
    fn put(&mut self, part: Part) -> Result<(), RecordsFull> {
        self.0.push(part);
        Ok(())
    }
}

/// All that can be held of an agent, in canonical order.
pub(crate) fn parts(snapshot: &AgentSnapshot<'_>) -> Vec<Part> {
    let shape = snapshot.shape();
    let cpus = shape.layout.leaves.len() + shape.layout.pools.len();
    let mut parts = Parts(Vec::with_capacity(cpus + shape.pages().len() + shape.extras.words().len()));
    match hold::plan(HoldLimit::ALL, snapshot, &mut parts) {
        Ok(()) => parts.0,
        Err(_) => Vec::new(),
    }
}

/// What an agent shows, and how many PUs of it are whole cores.
pub(crate) fn of(places: ChargePlaces<'_>, snapshot: &AgentSnapshot<'_>) -> (Content, u32) {
    let parts = parts(snapshot);
    let pus = parts.iter().map(|part| if let Part::Cores { pus, .. } = part { pus.count_ones() } else { 0 });
    (of_parts(places, &parts), pus.sum())
}

/// What these parts of an agent show.
pub(crate) fn of_parts(places: ChargePlaces<'_>, parts: &[Part]) -> Content {
    Content { amounts: places.sum(parts.iter().copied()), bits: bits(places.shape, parts) }
}

/// The bits of all ranges and sets, each word at its place.
fn bits(shape: &Shape, parts: &[Part]) -> Box<[u64]> {
    let first = shape.extras.first_bits();
    let mut bits = vec![0; shape.extras.words().len() - first].into_boxed_slice();
    for &part in parts {
        if let Part::Extra { word: word @ ExtraWord::Bits(_), amount } = part
            && let Some(at) = shape.extras.position(word)
        {
            bits[at - first] = amount;
        }
    }
    bits
}

/// What an agent has when it is empty.
pub(crate) fn total(places: ChargePlaces<'_>) -> Amounts {
    let shape = places.shape;
    let cpu_milli = u64::from(shape.pus()) * u64::from(MILLI_PER_PU);
    let mut sum = Amounts::new(cpu_milli, 0);
    let memory = (0..).map(NumaNodeId::new).zip(shape.pages());
    memory.for_each(|(numa_node, &pages)| places.add(&mut sum, Part::Memory { numa_node, seat: Seat::Held, pages }));
    shape.extras.words().iter().for_each(|&(word, amount)| places.add(&mut sum, Part::Extra { word, amount }));
    sum
}

/// What a part comes to.
fn amount_of(places: ChargePlaces<'_>, part: Part) -> Amounts {
    places.sum(core::iter::once(part))
}

/// Cuts parts down to what there is headroom for: whole cores, whole devices, the lowest numbers.
pub(crate) fn cut(places: ChargePlaces<'_>, parts: &[Part], headroom: &Amounts) -> Vec<Part> {
    let mut left = *headroom;
    let mut kept = Vec::with_capacity(parts.len());
    for &part in parts {
        let part = cut_part(places, part, &left);
        let amount = amount_of(places, part);
        if part != Part::Empty && left.covers(&amount) {
            left.sub(&amount);
            kept.push(part);
        }
    }
    kept
}

/// The most of a part that there is room for, [`Part::Empty`] for nothing.
fn cut_part(places: ChargePlaces<'_>, part: Part, left: &Amounts) -> Part {
    if left.covers(&amount_of(places, part)) {
        return part;
    }
    let unless_none = |amount: u64, part: Part| if amount == 0 { Part::Empty } else { part };
    // How often one more of it fits.
    let room = |one: Part| left.times(&amount_of(places, one));
    match part {
        Part::Cores { leaf, member, pus } => {
            let bits = places.shape.layout.leaves[usize::from(leaf)].bits;
            let fit = room(Part::Share { pool: 0, member: 0, cpu_milli: MILLI_PER_PU });
            let pus = bits.lowest(pus, u32::try_from(fit).unwrap_or(u32::MAX) / bits.width);
            unless_none(pus.into(), Part::Cores { leaf, member, pus })
        }
        Part::Share { pool, member, cpu_milli } => {
            let fit = room(Part::Share { pool, member, cpu_milli: 1 });
            let cpu_milli = cpu_milli.min(u32::try_from(fit).unwrap_or(u32::MAX));
            unless_none(cpu_milli.into(), Part::Share { pool, member, cpu_milli })
        }
        Part::Memory { numa_node, seat, pages } => {
            let pages = pages.min(room(Part::Memory { numa_node, seat, pages: 1 }));
            unless_none(pages, Part::Memory { numa_node, seat, pages })
        }
        Part::Extra { word: word @ ExtraWord::Devices(_), amount } => {
            let fit = room(Part::Extra { word, amount: Millis::whole(1).bits() });
            let amount = Millis::from_bits(amount).pick_untouched(u16::try_from(fit).unwrap_or(u16::MAX)).bits();
            unless_none(amount, Part::Extra { word, amount })
        }
        Part::Extra { word: word @ ExtraWord::Bits(_), amount } => {
            let fit = u32::try_from(room(Part::Extra { word, amount: 1 })).unwrap_or(u32::MAX);
            let amount = lowest_bits(amount, fit);
            unless_none(amount, Part::Extra { word, amount })
        }
        Part::Extra { word, amount } => {
            let amount = amount.min(room(Part::Extra { word, amount: 1 }));
            unless_none(amount, Part::Extra { word, amount })
        }
        Part::Empty | Part::Member { .. } => Part::Empty,
    }
}

/// The words of an agent of which only these parts are free.
pub(crate) fn words(shape: &Shape, len: usize, parts: &[Part]) -> Box<[u64]> {
    let mut words = vec![0; len].into_boxed_slice();
    let block = &shape.block;
    (0..).zip(&shape.layout.pools).for_each(|(at, _)| words[block.pool(at)] = pool::FRESH);
    (0..shape.pages().len()).for_each(|at| words[block.memory(at)] = MemoryWord::fresh(0).pack());
    for &part in parts {
        match part {
            Part::Cores { leaf, pus, .. } => words[block.leaf(leaf)] |= leaf::fresh(pus),
            Part::Share { pool, cpu_milli, .. } => words[block.pool(pool)] = pool::with_room(cpu_milli),
            Part::Memory { numa_node, pages, .. } => {
                words[block.memory(numa_node.index())] = MemoryWord::fresh(pages).pack();
            }
            Part::Extra { word, amount } => {
                if let Some(position) = shape.extras.position(word) {
                    words[block.extra(position)] = amount;
                }
            }
            Part::Empty | Part::Member { .. } => {}
        }
    }
    words
}
