//! Narrow: place for requests that one leaf serves together with the pool of its NUMA node, along the index of leaves and pools.
//!
//! All exclusive members come from one leaf, all shares from the pool of its NUMA node, the memory from there too: one NUMA
//! node and one L3 domain, the fewest there can be. PUs whose siblings are kept have to fit on the fewest cores besides. What
//! does not fit so is for [`wide`](crate::wide) and the planner.
//!
//! Shares alone are looked for in pools with room first. Then come leaves with enough for all, and at last those whose pool may have
//! room for the shares, or other leaves.
//!
//! A search is bounded, and goes by class, tightest first (pack) or roomiest first (spread). To lose the least worth
//! (fragmentation-aware) a few leaves of the tightest classes are compared (see [`worth`](crate::worth)).

use core::ops::Range;

use crate::MILLI_PER_PU;
use crate::block::{LeafPlace, POSITIONS_PER_LINE};
use crate::claim::Holder;
use crate::ids::AgentId;
use crate::index::{Index, Plane, Query, ROW};
use crate::leaf::{Cores, LEAF_PUS, PuState, lowest_bits};
use crate::mask::Mask;
use crate::memory::Seat;
use crate::outcome::Grant;
use crate::pack::one_of_each;
use crate::part::Part;
use crate::quantity::pages_up;
use crate::record::OpenRecord;
use crate::request::{Level, Locality, MemoryLocality, Policy, Request};
use crate::shortlist::{self, Shortlist};
use crate::site::{Hands, Site};
use crate::siting::Siting;
use crate::standing::Standing;
use crate::stock::{Stock, View, WhatIf};
use crate::walk::Within;
use crate::wants::{Grain, Take, Wants};
use crate::wide::{Missed, TURNED_AWAY, take_planned};
use crate::worth::Worth;

/// How many leaves or pools that do not serve are looked at for one placement.
const LOOKS: u32 = 64;

/// Which bitmaps a search goes along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Planes {
    Leaves,
    Pools,
}

/// What is looked at, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Pools with room, for shares alone.
    Room,
    /// Leaves with enough for all members, shares as cores.
    Both,
    /// Leaves with less, whose pool may have room or other leaves.
    Least,
}

/// Positions of some planes, class by class; in each from a row on, and then up to it.
#[derive(Debug)]
struct Trail {
    planes: Planes,
    memory: Option<Plane>,
    classes: Range<u32>,
    query: Option<Query>,
    start: u32,
    row: u32,
    wrapped: bool,
    at: u32,
    bits: u64,
}

impl Trail {
    fn new(planes: Planes, classes: Range<u32>, memory: Option<Plane>, start: u32) -> Self {
        Self { planes, memory, classes, query: None, start, row: 0, wrapped: true, at: 0, bits: 0 }
    }

    fn next(&mut self, index: &Index, within: Option<&Mask>, roomiest_first: bool) -> Option<u32> {
        while self.bits == 0 {
            let Some(query) = self.query else {
                let class = if roomiest_first { self.classes.next_back() } else { self.classes.next() }?;
                self.query = Some(match self.planes {
                    Planes::Leaves => index.query(class, self.memory),
                    Planes::Pools => index.pool_query(class, self.memory),
                });
                (self.row, self.wrapped) = (self.start, false);
                continue;
            };
            let end = if self.wrapped { self.start } else { index.rows() };
            match within.next(index, query, self.row, end) {
                Some((row, bits)) => (self.at, self.bits, self.row) = (row, bits, row + 1),
                None if !self.wrapped => (self.row, self.wrapped) = (0, true),
                None => self.query = None,
            }
        }
        let bit = self.bits.trailing_zeros();
        self.bits &= self.bits - 1;
        Some(self.at * ROW + bit)
    }
}

/// A search in one shard, for one request, and any number of holders.
#[derive(Debug)]
pub(crate) struct Narrow<'a> {
    hands: Hands<'a>,
    siting: Option<Siting<'a>>,
    standing: Standing,
    wants: Wants,
    level: Option<Level>,
    policy: Policy,
    worth: Option<&'a Worth>,
    pages: u64,
    seat: Seat,
    stage: Stage,
    trail: Trail,
    looks: u32,
    /// Positions of agents that a rule forbids.
    turned_away: u32,
    found: Shortlist,
    /// A position that was claimed at, and may serve once more.
    last: Option<u32>,
    /// An agent whose pools changed though nothing was claimed.
    pub(crate) pools_changed: Option<AgentId>,
}

impl<'a> Narrow<'a> {
    /// A search; `None` for a request that is better served otherwise.
    pub(crate) fn new(
        hands: Hands<'a>,
        siting: Option<Siting<'a>>,
        request: &Request,
        (policy, worth): (Policy, Option<&'a Worth>),
    ) -> Option<Self> {
        // Extras are the planner's.
        if request.extras.wishes().is_some() {
            return None;
        }
        let wants = Wants::new(request, true);
        let level = match request.locality {
            Locality::Required(level) => Some(level),
            // A leaf is in one domain of each level that the machine has.
            Locality::Any | Locality::Preferred(_) => None,
        };
        let in_core = matches!(request.locality, Locality::Required(Level::Core) | Locality::Preferred(Level::Core));
        if wants.least_pus_on(hands.table.narrowest()) > LEAF_PUS
            || in_core && wants.only_take().is_none_or(|take| take.grain == Grain::Split)
        {
            return None;
        }
        let start = hands.shard.index.row_at(hands.table.start_of(hands.desk));
        let pages = pages_up(request.mem_bytes);
        let strict = request.memory == MemoryLocality::Required;
        let mut narrow = Self {
            hands,
            siting,
            standing: request.standing.unwrap_or_default(),
            wants,
            level,
            policy,
            worth,
            pages,
            seat: if strict { Seat::SingleStrict } else { Seat::SingleLoose },
            stage: Stage::Both,
            trail: Trail::new(Planes::Leaves, 0..0, Plane::memory(pages), start),
            looks: 0,
            turned_away: 0,
            found: Shortlist::default(),
            last: None,
            pools_changed: None,
        };
        if narrow.wants.takes().is_empty() {
            narrow.stage = Stage::Room;
        }
        narrow.trail = narrow.trail_of(narrow.stage);
        Some(narrow)
    }

    fn least_pus(&self) -> u32 {
        self.wants.least_pus_on(self.hands.table.narrowest())
    }

    /// Along what a stage looks.
    fn trail_of(&self, stage: Stage) -> Trail {
        let least = self.least_pus();
        let milli = u32::try_from(self.wants.share_milli()).unwrap_or(u32::MAX);
        let most = leaf_classes(least.saturating_add(milli.div_ceil(MILLI_PER_PU)));
        let (planes, classes) = match stage {
            Stage::Room => (Planes::Pools, Plane::pool_classes_from(milli)),
            Stage::Both => (Planes::Leaves, most),
            Stage::Least => (Planes::Leaves, leaf_classes(least.max(1)).start..most.start),
        };
        Trail::new(planes, classes, self.trail.memory, self.trail.start)
    }

    /// Claims at the next leaf or pool that serves.
    pub(crate) fn place(&mut self, holder: Holder) -> Result<Grant, Missed> {
        loop {
            let again = self.last.take();
            let position = again.or_else(|| self.pop()).ok_or(Missed::Agent)?;
            match self.claim(position, holder) {
                Ok(grant) => {
                    self.looks = 0;
                    // What is left where was claimed is the tightest there is.
                    self.last = (self.policy != Policy::Spread).then_some(position);
                    return Ok(grant);
                }
                Err(Missed::Agent) => self.looks += u32::from(again.is_none()),
                Err(missed) => return Err(missed),
            }
        }
    }

    /// The best of the places found; of none, of the next few.
    fn pop(&mut self) -> Option<u32> {
        if self.found.len() == 0 {
            let most = if self.worth.is_some() { shortlist::FEW } else { 1 };
            while self.found.len() < most
                && let Some(position) = self.next()
            {
                self.found.push(self.rank(position), position);
            }
        }
        self.found.pop()
    }

    /// The next position to look at, stage by stage.
    fn next(&mut self) -> Option<u32> {
        if self.looks >= LOOKS || self.turned_away >= TURNED_AWAY {
            return None;
        }
        let roomiest_first = self.policy == Policy::Spread;
        let within = self.siting.map(|siting| siting.mask(self.hands.shard_at));
        while let Some(position) = self.trail.next(&self.hands.shard.index, within, roomiest_first) {
            if self.siting.is_none_or(|siting| siting.admits_at(&self.hands, position)) {
                return Some(position);
            }
            self.turned_away += 1;
            if self.turned_away == TURNED_AWAY {
                return None;
            }
        }
        self.stage = match self.stage {
            Stage::Room => Stage::Both,
            Stage::Both => Stage::Least,
            Stage::Least => return None,
        };
        self.trail = self.trail_of(self.stage);
        self.next()
    }

    fn rank(&self, position: u32) -> i64 {
        let pus = self.least_pus();
        let lost = self.worth.and_then(|worth| {
            let (site, leaf, _) = self.leaf(position)?;
            Some(worth.rank_leaf(&site.machine, leaf, pus, self.pages))
        });
        lost.unwrap_or(0)
    }

    /// The leaf at a position, if its agent takes new claims.
    fn leaf(&self, position: u32) -> Option<(Site<'a>, u16, LeafPlace)> {
        let site = self.hands.open_site_at(position)?;
        let at = position.wrapping_sub(site.cell.line * POSITIONS_PER_LINE);
        let place = site.machine.shape.block.leaf_place(at)?;
        Some((site, u16::try_from(at).ok()?, *place))
    }

    fn claim(&mut self, position: u32, holder: Holder) -> Result<Grant, Missed> {
        let (site, leaf, place) = self.leaf(position).ok_or(Missed::Agent)?;
        if self.level.is_some_and(|level| !place.is_within(level)) && self.level != Some(Level::Core) {
            return Err(Missed::Agent);
        }
        let mut record = site.begin(holder.owner, holder.role).map_err(|_| Missed::Shard)?;
        record.set_standing(self.standing);
        self.plan(&site, (leaf, place), &mut record).ok_or(Missed::Agent)?;
        take_planned(&site, record, self.siting, &mut self.pools_changed)
    }

    /// Plans at a leaf; `None` when it does not serve.
    fn plan(&self, site: &Site<'_>, (leaf, place): (u16, LeafPlace), record: &mut OpenRecord<'_>) -> Option<()> {
        let machine = site.machine;
        let all = machine.leaf(leaf).mask(PuState::Free) & place.bits.all();
        let mut free = all;
        for take in self.wants.takes() {
            let kind = machine.shape.layout.leaves[usize::from(leaf)].kind;
            let suits = take.kind.is_none_or(|wanted| wanted == kind);
            let pus = suits.then(|| choose(*take, place.bits, free)).flatten();
            let in_core = |pus: &u32| self.level != Some(Level::Core) || place.bits.each(*pus).count() == 1;
            let Some(pus) = pus.filter(in_core) else {
                self.put_right(site, leaf, all);
                return None;
            };
            free &= !pus;
            record.push(Part::Cores { leaf, member: take.member, pus }).ok()?;
        }
        let broken = place.bits.whole(all).count_ones() - place.bits.whole(free).count_ones();
        self.plan_shares(site, leaf, broken, record)?;
        if self.pages > 0 {
            let numa_node = place.numa_node?;
            let word = machine.memory(numa_node);
            if word.pages() < self.pages {
                machine.memory_lacks(numa_node);
                return None;
            }
            if !word.admits(self.seat) {
                return None;
            }
            record.push(Part::Memory { numa_node, seat: self.seat, pages: self.pages }).ok()?;
        }
        Some(())
    }

    /// A leaf that does not serve may be of another class than it was found in.
    fn put_right(&self, site: &Site<'_>, leaf: u16, free: u32) {
        if let Some(found) = self.trail.query.map(Query::plane)
            && self.trail.planes == Planes::Leaves
            && crate::index::leaf_class(free.count_ones()).map(Plane::leaf) != Some(found)
        {
            site.machine.leaf_is_not(leaf, found);
        }
    }

    /// Plans the shares on the pool of a leaf of which so many PUs in whole cores are no longer to be had.
    fn plan_shares(&self, site: &Site<'_>, leaf: u16, broken: u32, record: &mut OpenRecord<'_>) -> Option<()> {
        if self.wants.shares().is_empty() {
            return Some(());
        }
        let layout = &site.machine.shape.layout;
        let pool = layout.leaves[usize::from(leaf)].pool;
        if self.wants.in_package && layout.pools[usize::from(pool)].package.is_none() {
            return None;
        }
        let view = View { machine: site.machine, what_if: WhatIf::AsIs };
        let wanted = self.wants.share_milli();
        // Room that is there already needs no core; else cores that are taken cannot join.
        let lacking = wanted.saturating_sub(view.room_milli(pool).into());
        let joinable = || u64::from(view.joinable(pool).saturating_sub(broken)) * u64::from(MILLI_PER_PU);
        if lacking > 0 && lacking > joinable() {
            return None;
        }
        let shares = self.wants.shares().iter();
        shares
            .map(|share| Part::Share { pool, member: share.member, cpu_milli: share.cpu_milli })
            .try_for_each(|share| record.push(share).ok())
    }
}

/// The classes of leaves with so many PUs, none beyond what a leaf can have.
fn leaf_classes(pus: u32) -> Range<u32> {
    let all = Plane::leaf_classes_from(1);
    if pus > LEAF_PUS { all.end..all.end } else { Plane::leaf_classes_from(pus) }
}

/// The PUs of a leaf that a member gets; `None` when they are not there, or would be on more cores than they need.
fn choose(take: Take, bits: Cores, free: u32) -> Option<u32> {
    let cores = |count| Some(bits.lowest(free, count)).filter(|pus| pus.count_ones() == count * bits.width);
    match take.grain {
        Grain::Cores => cores(take.amount),
        Grain::CoresByPu => cores(take.amount.div_ceil(bits.width)),
        Grain::Split => Some(one_of_each(bits, free, take.amount)).filter(|pus| pus.count_ones() == take.amount),
        Grain::Kept => {
            let whole = cores(take.amount / bits.width)?;
            let rest = take.amount % bits.width;
            if rest == 0 {
                return Some(whole);
            }
            let left = bits.each(free & !whole).filter(|core| core.count_ones() >= rest);
            Some(whole | lowest_bits(left.min_by_key(|core| core.count_ones())?, rest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_gets_the_fewest_cores_or_nothing() {
        let bits = Cores::new(4, 2);
        let pus = |grain, amount, free| choose(Take { member: 0, grain, amount, kind: None }, bits, free);
        assert_eq!(pus(Grain::CoresByPu, 3, 0b1111_0111), Some(0b0011_0011));
        assert_eq!(pus(Grain::CoresByPu, 7, 0b1111_0111), None);
        assert_eq!(pus(Grain::Cores, 3, 0b1111_0111), Some(0b1111_0011));
        assert_eq!(pus(Grain::Kept, 1, 0b1111_0111), Some(0b0100), "of the core that is broken already");
        assert_eq!(pus(Grain::Kept, 3, 0b1111_0111), Some(0b0111));
        assert_eq!(pus(Grain::Kept, 2, 0b0101_0101), None, "two cores where one would do");
        assert_eq!(pus(Grain::Split, 3, 0b1111_0111), Some(0b0001_0101));
        assert_eq!(pus(Grain::Split, 5, 0b1111_1111), None);
    }
}
