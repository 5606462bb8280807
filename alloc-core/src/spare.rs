//! Spare: what a claim that is resized may draw on: what is free beside what it gives up itself, less what it was given already.
//! Read once; a step of the plan works on a copy that is held to a part of the machine.

use crate::MILLI_PER_PU;
use crate::extras::ExtraWord;
use crate::field::Region;
use crate::ids::NumaNodeId;
use crate::memory::Seat;
use crate::nodeset::MAX_NUMA_NODES;
use crate::part::{MAX_LEAVES, Part};
use crate::record::OpenRecord;
use crate::shape::Shape;
use crate::stock::{Stock, View, milli_in, pus_in};

/// One pool for each NUMA node, and one for the cores in none.
const MAX_POOLS: usize = MAX_NUMA_NODES + 1;

/// What is left at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spare<'a> {
    view: View<'a>,
    pus: [u32; MAX_LEAVES],
    room_milli: [u32; MAX_POOLS],
    joinable: [u32; MAX_POOLS],
    /// Pages that are free beside those the claim has, on the NUMA nodes that its memory may be on.
    pages: [u64; MAX_NUMA_NODES],
}

impl<'a> Spare<'a> {
    /// What is free and what the claim has, but for what it keeps.
    pub(crate) fn new(view: View<'a>, claim: &OpenRecord<'_>, kept: &OpenRecord<'_>) -> Self {
        let pages = [0; MAX_NUMA_NODES];
        let mut spare =
            Self { view, pus: [0; MAX_LEAVES], room_milli: [0; MAX_POOLS], joinable: [0; MAX_POOLS], pages };
        let layout = &view.shape().layout;
        for (leaf, _) in (0..).zip(&layout.leaves) {
            spare.pus[usize::from(leaf)] = (view.pus(leaf) | pus_in(claim, leaf)) & !pus_in(kept, leaf);
        }
        for (pool, shape) in (0..).zip(&layout.pools) {
            let given_up = milli_in(claim, pool).saturating_sub(milli_in(kept, pool));
            spare.room_milli[usize::from(pool)] = view.room_milli(pool) + given_up;
            // A core that the claim gives up goes to nobody before the claim is what it is to be.
            let whole = |leaf: u16| {
                let free = view.pus(leaf) & spare.pus[usize::from(leaf)];
                layout.leaves[usize::from(leaf)].bits.whole(free).count_ones()
            };
            spare.joinable[usize::from(pool)] =
                view.leaving(pool) + shape.leaves.iter().map(|&leaf| whole(leaf)).sum::<u32>();
        }
        spare.count_pages(claim);
        spare
    }

    fn count_pages(&mut self, claim: &OpenRecord<'_>) {
        let memory =
            |part| if let Part::Memory { numa_node, pages, .. } = part { Some((numa_node, pages)) } else { None };
        let has = || claim.parts().filter_map(|(_, part)| memory(part));
        let stays = has().next().is_some();
        for (numa_node, pages) in (0..).map(NumaNodeId::new).zip(&mut self.pages).take(self.view.shape().numa_nodes()) {
            let own = has().find(|(at, _)| *at == numa_node).map(|(_, pages)| pages);
            *pages = if stays && own.is_none() { 0 } else { self.view.pages(numa_node) + own.unwrap_or(0) };
        }
    }

    /// Takes a part that the claim gets out of it.
    pub(crate) fn give(&mut self, part: Part) {
        match part {
            Part::Cores { leaf, pus, .. } => self.give_pus(leaf, pus),
            Part::Share { pool, cpu_milli, .. } => self.give_milli(pool, cpu_milli),
            Part::Empty | Part::Memory { .. } | Part::Extra { .. } | Part::Member { .. } => {}
        }
    }

    fn give_pus(&mut self, leaf: u16, pus: u32) {
        let shape = &self.view.shape().layout.leaves[usize::from(leaf)];
        let free = |left: u32| shape.bits.whole(self.view.pus(leaf) & left).count_ones();
        let left = self.pus[usize::from(leaf)] & !pus;
        let fewer = free(self.pus[usize::from(leaf)]).saturating_sub(free(left));
        let joinable = &mut self.joinable[usize::from(shape.pool)];
        *joinable = joinable.saturating_sub(fewer);
        self.pus[usize::from(leaf)] = left;
    }

    fn give_milli(&mut self, pool: u16, cpu_milli: u32) {
        let (room, joinable) = (&mut self.room_milli[usize::from(pool)], &mut self.joinable[usize::from(pool)]);
        let joining = cpu_milli.saturating_sub(*room).div_ceil(MILLI_PER_PU);
        *room = (*room + joining * MILLI_PER_PU).saturating_sub(cpu_milli);
        *joinable = joinable.saturating_sub(joining);
    }

    /// Only the PUs of a region.
    pub(crate) fn within(&self, region: &Region) -> Self {
        self.filtered(|leaf, pus| if region.leaves.has(leaf) { pus & region.mask } else { 0 })
    }

    /// Only some PUs of each leaf.
    pub(crate) fn filtered(&self, keep: impl Fn(u16, u32) -> u32) -> Self {
        let mut near = *self;
        for (leaf, pus) in (0..).zip(&mut near.pus).take(self.view.shape().layout.leaves.len()) {
            *pus = keep(leaf, *pus);
        }
        near
    }

    /// Only these pools.
    pub(crate) fn of_pools(&self, has: impl Fn(u16) -> bool) -> Self {
        let mut near = *self;
        for pool in (0..).take(self.view.shape().layout.pools.len()).filter(|pool| !has(*pool)) {
            (near.room_milli[usize::from(pool)], near.joinable[usize::from(pool)]) = (0, 0);
        }
        near
    }
}

impl Stock for Spare<'_> {
    fn shape(&self) -> &Shape {
        self.view.shape()
    }

    fn pus(&self, leaf: u16) -> u32 {
        self.pus[usize::from(leaf)]
    }

    fn pages(&self, numa_node: NumaNodeId) -> u64 {
        self.pages[numa_node.index()]
    }

    fn admits(&self, numa_node: NumaNodeId, seat: Seat) -> bool {
        self.view.admits(numa_node, seat)
    }

    fn room_milli(&self, pool: u16) -> u32 {
        self.room_milli[usize::from(pool)]
    }

    fn leaving(&self, _: u16) -> u32 {
        0
    }

    fn joinable(&self, pool: u16) -> u32 {
        self.joinable[usize::from(pool)]
    }

    fn extra(&self, word: ExtraWord) -> u64 {
        self.view.extra(word)
    }
}
