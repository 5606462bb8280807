//! Search: which region of a machine serves the exclusive members of a request best.
//!
//! A region is some leaves, or one core. Of all regions that have enough, the best has, in this order ([`Cost`]):
//! 1. the fewest outer, then the fewest inner domains (see [`layout`](crate::layout));
//! 2. the level preferred, if one is;
//! 3. the fewest cores, for PUs whose siblings are kept together;
//! 4. cores of one kind;
//! 5. the least left over in the inner, then in the outer domains it touches: the tightest gap, so that large ones stay whole;
//! 6. the least memory in a NUMA node that is to give memory too; 7. NUMA nodes near each other; 8. the lowest leaves.
//!
//! Whole cores of one kind are chosen without trying sets where that is certain to be as good by 1 (see
//! [`straight`](crate::straight)); 5 to 8 are then a matter of a tight choice.
//!
//! For one member a domain is as good as what it has, a single figure, so the number of outer domains is exact whatever
//! their number (see [`bins`](crate::bins)). Which ones is tried out: all sets of that many, and for each the fewest
//! inner ones. Beyond [`MAX_SETS`](crate::bins::MAX_SETS) sets, which takes more than twelve outer domains, the fullest
//! are tried first and the number of inner domains may not be the least.
//!
//! For several members, whether a region has enough is found by packing them into it. Sets of domains are tried from the
//! smallest that might do, as many as above; after that domains are taken away while the rest is enough.

use crate::bins::{Bin, MAX_SETS, fewest, sets, sort, tighten};
use crate::field::{Field, Region};
use crate::ids::NumaNodeId;
use crate::layout::Layout;
use crate::nodeset::NodeSet;
use crate::pack::{Manner, fewest_cores, pack};
use crate::plan::{Lack, Nowhere, Scope, Sink};
use crate::request::{Level, Locality};
use crate::stock::Stock;
use crate::wants::{Grain, Take, Wants};

/// How many sets of inner domains are looked at for several members, in each set of outer ones.
const MAX_INNER_SETS: usize = 32;

/// What speaks against a region, the weightiest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cost {
    outers: usize,
    inners: usize,
    missed: bool,
    cores: u32,
    mixed: bool,
    left_inner: u64,
    left_outer: u64,
    pages: u64,
    far: u32,
}

impl Cost {
    /// Of a place with so much left, to compare places without regions.
    pub(crate) fn of_left(left: u64) -> Self {
        Self { left_outer: left, ..Self::default() }
    }
}

/// A region that has enough.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice {
    pub(crate) cost: Cost,
    pub(crate) region: Region,
}

/// The best so far.
#[derive(Debug, Default)]
pub(crate) struct Best(Option<Choice>);

impl Best {
    fn beats(&self, cost: Cost) -> bool {
        self.0.is_some_and(|best| best.cost < cost)
    }

    /// Of regions that are equal in all, the one that was found first stays.
    fn is_as_good(&self, cost: Cost) -> bool {
        self.0.is_some_and(|best| best.cost <= cost)
    }

    fn offer(&mut self, choice: Choice) {
        let better = |best: &Choice| {
            let tie = choice.cost == best.cost && choice.region.leaves.is_before(&best.region.leaves);
            choice.cost < best.cost || tie
        };
        if self.0.as_ref().is_none_or(better) {
            self.0 = Some(choice);
        }
    }
}

/// A list of leaves in order of outer, then inner domain, as far as a scope has them.
#[derive(Clone, Copy)]
pub(crate) struct Ground<'a> {
    leaves: &'a [u16],
    scope: Scope,
    /// Pages there, if that matters.
    pages: u64,
}

/// The search for one request on one field.
#[derive(Debug)]
pub(crate) struct Search<'a, S, const N: usize> {
    stock: &'a S,
    field: &'a Field<'a, N>,
    wants: &'a Wants,
    locality: Locality,
    /// What each leaf has: of what the only member takes, or PUs.
    has: [u32; N],
    /// How much it takes at the least.
    wanted: u64,
}

impl<'a, S: Stock, const N: usize> Search<'a, S, N> {
    pub(crate) fn new(locality: Locality, wants: &'a Wants, field: &'a Field<'a, N>, stock: &'a S) -> Self {
        let mut has = [0; N];
        for (leaf, has) in (0..).zip(&mut has).take(field.layout.leaves.len()) {
            let pus = field.pus[usize::from(leaf)];
            *has = wants.only_take().map_or_else(|| pus.count_ones(), |take| field.in_leaf(take, leaf));
        }
        let wanted = wants.only_take().map_or_else(|| wants.least_pus(), |take| u64::from(take.amount));
        Self { stock, field, wants, locality, has, wanted }
    }

    pub(crate) const fn layout(&self) -> &Layout {
        self.field.layout
    }

    pub(crate) const fn locality(&self) -> Locality {
        self.locality
    }

    pub(crate) fn only_take(&self) -> Option<Take> {
        self.wants.only_take()
    }

    /// How much it takes at the least.
    pub(crate) const fn wanted(&self) -> u64 {
        self.wanted
    }

    /// The best region of a scope.
    pub(crate) fn best(&self, scope: Scope) -> Option<Choice> {
        let layout = self.field.layout;
        let domains = match self.locality {
            Locality::Required(Level::Core) => return self.best_core(&Region::of(&layout.whole()[0], scope, layout)),
            Locality::Required(level) => layout.domains(level),
            Locality::Any | Locality::Preferred(_) => layout.whole(),
        };
        let mut best = Best::default();
        for leaves in domains {
            self.search(Ground { leaves, scope, pages: 0 }, &mut best);
        }
        best.0
    }

    /// The best region in one of some NUMA nodes, and that NUMA node.
    pub(crate) fn best_in_numa_node(&self, nodeset: NodeSet) -> Option<(NumaNodeId, Choice)> {
        let layout = self.field.layout;
        let scope = Scope::Anywhere;
        let domains = match self.locality {
            Locality::Required(Level::Core) => {
                let scope = Scope::Within { nodeset, group: None };
                let choice = self.best_core(&Region::of(&layout.whole()[0], scope, layout))?;
                let leaf = choice.region.leaves.iter().next()?;
                return Some((layout.leaves[usize::from(leaf)].numa_node?, choice));
            }
            Locality::Required(level) => layout.domains_in_numa_nodes(level),
            Locality::Any | Locality::Preferred(_) => layout.domains_in_numa_nodes(Level::NumaNode),
        };
        let mut best = Best::default();
        for leaves in domains {
            let Some(numa_node) = layout.leaves[usize::from(leaves[0])].numa_node else { continue };
            if nodeset.has(numa_node) {
                self.search(Ground { leaves, scope, pages: self.stock.pages(numa_node) }, &mut best);
            }
        }
        let choice = best.0?;
        let leaf = choice.region.leaves.iter().next()?;
        Some((layout.leaves[usize::from(leaf)].numa_node?, choice))
    }

    /// Looks for regions on this ground.
    fn search(&self, ground: Ground<'_>, best: &mut Best) {
        if self.wants.only_take().is_some() && self.search_alone(ground, best) {
            return;
        }
        if self.sum(ground, ground.leaves) < self.wanted {
            return;
        }
        let mut outers = [Bin::default(); N];
        let len = self.outers(ground, &mut outers);
        let outers = &mut outers[..len];
        sort(outers);
        let Some(least) = fewest(outers, self.wanted) else { return };
        if self.search_straight(ground, outers, least, best) {
            return;
        }
        let most = if self.wants.only_take().is_some() { least } else { len };
        if self.wants.only_take().is_none() && !self.is_enough(&self.region_of(ground, outers)) {
            return;
        }
        let mut tries = MAX_SETS;
        for count in least.max(1)..=most {
            let mut found = false;
            for set in sets(len, count).take(tries) {
                tries -= usize::from(self.wants.only_take().is_none());
                let mut chosen = [Bin::default(); N];
                let count = pick(outers, set, count, &mut chosen);
                found |= self.inside(ground, &chosen[..count], best);
            }
            if found {
                return;
            }
        }
        self.thin_out(ground, outers, best);
    }

    /// What leaves have, as far as the scope has them.
    fn sum(&self, ground: Ground<'_>, leaves: &[u16]) -> u64 {
        let layout = self.field.layout;
        let in_scope = |leaf: &&u16| ground.scope.has(layout.leaves[usize::from(**leaf)].numa_node);
        leaves.iter().filter(in_scope).map(|leaf| u64::from(self.has[usize::from(*leaf)])).sum()
    }

    /// Looks for single outer domains that have enough for the only member; false when there are none.
    fn search_alone(&self, ground: Ground<'_>, best: &mut Best) -> bool {
        let layout = self.field.layout;
        let mut found = false;
        for leaves in
            ground.leaves.chunk_by(|a, b| layout.leaves[usize::from(*a)].outer == layout.leaves[usize::from(*b)].outer)
        {
            let has = self.sum(ground, leaves);
            if has < self.wanted {
                continue;
            }
            found = true;
            let inside = Ground { leaves, ..ground };
            if !self.inside_alone(inside, has, best) && !best.beats(Cost { outers: 1, inners: 2, ..Cost::default() }) {
                let end = u16::try_from(leaves.len()).unwrap_or(u16::MAX);
                let outer = Bin { has: u32::try_from(has).unwrap_or(u32::MAX), domain: 0, start: 0, end };
                self.inside(inside, &[outer], best);
            }
        }
        found
    }

    /// Looks for single inner domains of one outer one; false when none has enough.
    fn inside_alone(&self, ground: Ground<'_>, outer_has: u64, best: &mut Best) -> bool {
        let layout = self.field.layout;
        let mut found = false;
        for leaves in
            ground.leaves.chunk_by(|a, b| layout.leaves[usize::from(*a)].inner == layout.leaves[usize::from(*b)].inner)
        {
            let has = self.sum(ground, leaves);
            if has >= self.wanted {
                found = true;
                let cost = Cost {
                    outers: 1,
                    inners: 1,
                    left_inner: has - self.wanted,
                    left_outer: outer_has - self.wanted,
                    pages: ground.pages,
                    ..Cost::default()
                };
                if !best.is_as_good(cost) {
                    self.weigh(Region::of(leaves, ground.scope, layout), cost, best);
                }
            }
        }
        found
    }

    /// The outer domains that have something; returns how many. Those without PUs count where there are shared members: their
    /// pools may have room.
    fn outers(&self, ground: Ground<'_>, outers: &mut [Bin; N]) -> usize {
        let mut len: usize = 0;
        for (at, &leaf) in (0..).zip(ground.leaves) {
            let shape = &self.field.layout.leaves[usize::from(leaf)];
            let has = self.has[usize::from(leaf)];
            if !ground.scope.has(shape.numa_node) || has == 0 && self.wants.shares().is_empty() {
                continue;
            }
            match outers[..len].last_mut() {
                Some(last) if last.domain == shape.outer => {
                    last.has += has;
                    last.end = at + 1;
                }
                _ => {
                    outers[len] = Bin { has, domain: shape.outer, start: at, end: at + 1 };
                    len += 1;
                }
            }
        }
        len
    }

    /// Looks for the fewest inner domains within these outer ones; false when they do not have enough.
    fn inside(&self, ground: Ground<'_>, outers: &[Bin], best: &mut Best) -> bool {
        let outer_has: u64 = outers.iter().map(|outer| u64::from(outer.has)).sum();
        if outer_has < self.wanted {
            return false;
        }
        let mut inners = [Bin::default(); N];
        let len = self.inners(ground, outers, &mut inners);
        let inners = &mut inners[..len];
        sort(inners);
        let Some(least) = fewest(inners, self.wanted) else { return false };
        if best.beats(Cost { outers: outers.len(), inners: least, ..Cost::default() }) {
            return true;
        }
        if self.wants.only_take().is_none() {
            return self.inside_many(ground, outers, inners, least.max(1), best);
        }
        tighten(inners, least, self.wanted);
        self.try_region(ground, outers, &inners[..least], best)
    }

    /// As `inside`, for several members.
    fn inside_many(&self, ground: Ground<'_>, outers: &[Bin], inners: &[Bin], least: usize, best: &mut Best) -> bool {
        if !self.is_enough(&self.region(ground, outers, inners)) {
            return false;
        }
        let mut tries = MAX_INNER_SETS;
        for count in least..inners.len() {
            let mut found = false;
            for set in sets(inners.len(), count).take(tries) {
                tries -= 1;
                let mut chosen = [Bin::default(); N];
                let len = pick(inners, set, count, &mut chosen);
                found |= self.try_region(ground, outers, &chosen[..len], best);
            }
            if found || best.beats(Cost { outers: outers.len(), inners: count + 1, ..Cost::default() }) {
                return true;
            }
        }
        let mut kept = [Bin::default(); N];
        let len = self.without_spare(inners, &mut kept, |inners| self.is_enough(&self.region(ground, outers, inners)));
        self.try_region(ground, outers, &kept[..len], best)
    }

    /// Takes outer domains away, the emptiest first, while the rest is enough.
    fn thin_out(&self, ground: Ground<'_>, outers: &[Bin], best: &mut Best) {
        let enough = |outers: &[Bin]| self.is_enough(&self.region_of(ground, outers));
        if self.wants.only_take().is_none() {
            let mut kept = [Bin::default(); N];
            let len = self.without_spare(outers, &mut kept, enough);
            self.inside(ground, &kept[..len], best);
        }
    }

    /// Copies the bins that cannot be left out; returns how many.
    fn without_spare(&self, bins: &[Bin], kept: &mut [Bin; N], enough: impl Fn(&[Bin]) -> bool) -> usize {
        let mut len = bins.len();
        kept[..len].copy_from_slice(bins);
        for at in (0..bins.len()).rev() {
            kept[at..len].rotate_left(1);
            if enough(&kept[..len - 1]) {
                len -= 1;
            } else {
                kept[at..len].rotate_right(1);
            }
        }
        len
    }

    /// The inner domains of these outer ones; returns how many. One that several outer domains have comes once.
    pub(crate) fn inners(&self, ground: Ground<'_>, outers: &[Bin], inners: &mut [Bin; N]) -> usize {
        let mut len: usize = 0;
        for outer in outers {
            for &leaf in &ground.leaves[usize::from(outer.start)..usize::from(outer.end)] {
                let (has, shape) = (self.has[usize::from(leaf)], &self.field.layout.leaves[usize::from(leaf)]);
                if !ground.scope.has(shape.numa_node) || has == 0 && self.wants.shares().is_empty() {
                    continue;
                }
                let domain = shape.inner;
                let first = if self.field.layout.crossing { 0 } else { len.saturating_sub(1) };
                match inners[first..len].iter_mut().find(|inner| inner.domain == domain) {
                    Some(inner) => inner.has += has,
                    None => {
                        inners[len] = Bin { has, domain, ..Bin::default() };
                        len += 1;
                    }
                }
            }
        }
        len
    }

    /// What these outer and inner domains have in common.
    fn region(&self, ground: Ground<'_>, outers: &[Bin], inners: &[Bin]) -> Region {
        let mut region = self.region_of(ground, outers);
        if inners.len() < self.field.layout.leaves.len() {
            let inner = |leaf: u16| self.field.layout.leaves[usize::from(leaf)].inner;
            let chosen = |leaf: &u16| inners.iter().any(|bin| bin.domain == inner(*leaf));
            region.leaves = region.leaves.iter().filter(chosen).collect();
        }
        region
    }

    fn region_of(&self, ground: Ground<'_>, outers: &[Bin]) -> Region {
        let leaves = outers.iter().flat_map(|outer| &ground.leaves[usize::from(outer.start)..usize::from(outer.end)]);
        let in_scope = |leaf: &u16| ground.scope.has(self.field.layout.leaves[usize::from(*leaf)].numa_node);
        Region::of_leaves(leaves.copied().filter(in_scope).collect())
    }

    /// Weighs a region against the best so far; false when it does not have enough.
    pub(crate) fn try_region(&self, ground: Ground<'_>, outers: &[Bin], inners: &[Bin], best: &mut Best) -> bool {
        let sum = |bins: &[Bin]| bins.iter().map(|bin| u64::from(bin.has)).sum::<u64>();
        let cost = Cost {
            outers: outers.len(),
            inners: inners.len(),
            left_inner: sum(inners).saturating_sub(self.wanted),
            left_outer: sum(outers).saturating_sub(self.wanted),
            pages: ground.pages,
            ..Cost::default()
        };
        let only = self.wants.only_take();
        if sum(inners) < self.wanted {
            return false;
        }
        // At the least it costs so much: it is only looked at where it may be better.
        if best.is_as_good(cost) && (cost.outers == 1 || best.beats(cost)) {
            return true;
        }
        let region = self.region(ground, outers, inners);
        if only.is_none() && !self.is_enough(&region) {
            return false;
        }
        self.weigh(region, cost, best);
        true
    }

    /// Completes the cost of a region that has enough, and offers it.
    fn weigh(&self, mut region: Region, mut cost: Cost, best: &mut Best) {
        if let Locality::Preferred(level) = self.locality {
            let narrow = self.narrow(&region, level);
            cost.missed = narrow.is_none();
            region = narrow.unwrap_or(region);
        }
        if let Some(take) = self.wants.only_take() {
            cost.cores = if take.grain == Grain::Kept { fewest_cores(take, &region, self.field) } else { 0 };
            cost.mixed = self.is_mixed(take, &region);
        }
        if cost.outers + cost.inners > 2 {
            cost.far = self.far(&region);
        }
        best.offer(Choice { cost, region });
    }

    fn is_mixed(&self, take: Take, region: &Region) -> bool {
        self.field.layout.kinds.len() > 1 && self.field.kinds(take, region).next().is_none()
    }

    /// Whether a region has enough for all members.
    fn is_enough(&self, region: &Region) -> bool {
        match self.wants.only_take() {
            Some(take) => {
                let has = region.leaves.iter().map(|leaf| u64::from(self.field.in_region(take, region, leaf)));
                has.sum::<u64>() >= self.wanted
            }
            None => self.may_be_enough(region) && self.manner(region).is_some(),
        }
    }

    /// Whether a region has the PUs, and the whole cores, that several members need at the very least.
    fn may_be_enough(&self, region: &Region) -> bool {
        let (mut pus, mut whole) = (0, 0);
        for leaf in region.leaves.iter() {
            let bits = self.field.pus_in(region, leaf);
            pus += u64::from(bits.count_ones());
            whole += u64::from(self.field.layout.leaves[usize::from(leaf)].bits.whole(bits).count_ones());
        }
        let wanted_whole = self.wants.takes().iter().filter(|take| take.grain <= Grain::CoresByPu);
        pus >= self.wanted && whole >= wanted_whole.map(|take| u64::from(take.amount)).sum()
    }

    /// The first manner in which all members find their place.
    fn manner(&self, region: &Region) -> Option<Manner> {
        let fits = |manner: &Manner| pack(self.wants, region, *self.field, *manner, self.stock, &mut Nowhere).is_ok();
        Manner::all(self.wants, self.field.layout.kinds.len()).find(fits)
    }

    /// Puts all members into the plan; tells the NUMA nodes they are in.
    pub(crate) fn put(&self, region: &Region, sink: &mut impl Sink) -> Result<NodeSet, Lack> {
        let manner = match self.wants.only_take() {
            Some(_) => Manner::TIDY,
            None => self.manner(region).ok_or(Lack::Moved)?,
        };
        pack(self.wants, region, *self.field, manner, self.stock, sink)
    }

    /// The tightest part of a region that is in one domain of a level and has enough.
    fn narrow(&self, region: &Region, level: Level) -> Option<Region> {
        if level == Level::Core {
            return self.best_core(region).map(|choice| choice.region);
        }
        let has = |leaves: &[u16]| {
            let inside = leaves.iter().filter(|leaf| region.leaves.has(**leaf));
            inside.map(|leaf| u64::from(self.has[usize::from(*leaf)])).sum::<u64>()
        };
        let domains = self.field.layout.domains(level).iter().map(|leaves| (has(leaves), leaves));
        let fitting = domains.filter(|(has, leaves)| *has >= self.wanted && self.has_place(&region.within(leaves)));
        fitting.min_by_key(|(has, _)| *has).map(|(_, leaves)| region.within(leaves))
    }

    /// Whether a region that has the PUs has them in the right pieces; one member's were counted in them.
    fn has_place(&self, region: &Region) -> bool {
        self.wants.only_take().is_some() || self.is_enough(region)
    }

    /// The core of a region that has enough: of those the one with the fewest PUs, in the leaf with the fewest.
    fn best_core(&self, region: &Region) -> Option<Choice> {
        let mut best = Best::default();
        for leaf in region.leaves.iter().filter(|leaf| self.has[usize::from(*leaf)] > 0) {
            let cores = self.field.layout.leaves[usize::from(leaf)].bits;
            for core in cores.each(self.field.pus_in(region, leaf)) {
                let cost = Cost {
                    left_inner: u64::from(core.count_ones()),
                    left_outer: u64::from(self.has[usize::from(leaf)]),
                    ..Cost::default()
                };
                let one = Region::of_core(leaf, core);
                if best.0.is_none_or(|best| cost < best.cost) && self.is_enough(&one) {
                    best.offer(Choice { cost, region: one });
                }
            }
        }
        best.0
    }

    /// How far the NUMA nodes of a region are from each other, all pairs together.
    fn far(&self, region: &Region) -> u32 {
        let shape = self.stock.shape();
        let with_pus = region.leaves.iter().filter(|leaf| self.has[usize::from(*leaf)] > 0);
        let nodeset: NodeSet =
            with_pus.filter_map(|leaf| self.field.layout.leaves[usize::from(leaf)].numa_node).collect();
        let from = |from| nodeset.iter().map(move |to| shape.distance(from, to));
        nodeset.iter().flat_map(from).fold(0, u32::saturating_add)
    }
}

/// Copies the `count` bins of a set to the front of `chosen`; a set of more bins than it has bits is of the first ones.
fn pick(bins: &[Bin], set: u64, count: usize, chosen: &mut [Bin]) -> usize {
    if bins.len() > 64 {
        chosen[..count].copy_from_slice(&bins[..count]);
        return count;
    }
    let picked = bins.iter().enumerate().filter(|(at, _)| set >> at & 1 == 1);
    chosen.iter_mut().zip(picked).map(|(to, (_, bin))| *to = *bin).count()
}
