//! Reshape: what a claim is to hold after a resize: all it can keep of what it holds, and what it gets beside that.
//!
//! **Order.** A claim's parts are in the order in which it got them. So what was added last is given back first, and the *baseline*
//! (what it was granted, or restored with) goes last; nothing of it is ever exchanged.
//!
//! **Near.** Further cores come from where the claim has some already: from the same L3 domains, then the same NUMA nodes, as many as
//! there are, and what is left from as few other NUMA nodes as possible, by the planner that plans claims. Nothing is moved, so a
//! claim that grows has as few NUMA nodes as what it keeps allows.
//!
//! **Memory** stays on the NUMA nodes it is on, on its terms. A claim that has none gets it as a new claim would, near its cores.

use crate::exact;
use crate::extras::{ExtraWord, Extras};
use crate::field::{LeafSet, Region, units};
use crate::layout::LeafShape;
use crate::leaf::Cores;
use crate::member::{CoreKind, Cpus, Members, Smt};
use crate::memory::Seat;
use crate::memory_plan::{self, Demand};
use crate::nodeset::NodeSet;
use crate::part::Part;
use crate::plan::{Lack, Scope, Sink, plan};
use crate::quantity::pages_up;
use crate::reason::Invalid;
use crate::record::OpenRecord;
use crate::request::{Level, Locality, MemoryLocality, Request};
use crate::shared::{Reach, reach_milli};
use crate::slots::RecordsFull;
use crate::spare::Spare;
use crate::stock::{Stock, View};
use crate::wants::{Grain, Share, Take, Wants};

/// Why a claim cannot be reshaped.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Misfit {
    Invalid(Invalid),
    Lack(Lack),
}

impl From<Invalid> for Misfit {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<Lack> for Misfit {
    fn from(lack: Lack) -> Self {
        Self::Lack(lack)
    }
}

impl From<RecordsFull> for Misfit {
    fn from(RecordsFull: RecordsFull) -> Self {
        Self::Lack(Lack::Records)
    }
}

/// Writes into `target` what `claim` is to hold.
pub(crate) fn reshape(
    request: &Request,
    view: View<'_>,
    claim: &OpenRecord<'_>,
    target: &mut OpenRecord<'_>,
) -> Result<(), Misfit> {
    let shape = Reshape { request, view, claim };
    shape.check_members()?;
    shape.check_memory()?;
    shape.check_extras()?;
    shape.keep(target)?;
    let mut lack = Lack::Memory;
    for nodeset in shape.nodesets(shape.numa_nodes(&shape.leaves(target))) {
        // Anew, and not the first parts only: what grew for the set before may have grown in those that are kept.
        target.shorten(0);
        shape.keep(target)?;
        match shape.grow(nodeset, target) {
            Ok(()) => return Ok(()),
            Err(Misfit::Lack(Lack::Cpus)) => lack = Lack::Cpus,
            Err(Misfit::Lack(Lack::Memory)) => lack = Lack::Memory,
            Err(misfit) => return Err(misfit),
        }
    }
    Err(lack.into())
}

/// One resize.
#[derive(Clone, Copy)]
struct Reshape<'a> {
    request: &'a Request,
    view: View<'a>,
    claim: &'a OpenRecord<'a>,
}

/// Whether a part is a member's.
fn of_member(member: u8) -> impl Fn(&Part) -> bool {
    move |part| matches!(part, Part::Cores { member: of, .. } | Part::Share { member: of, .. } if *of == member)
}

fn list(record: &OpenRecord<'_>) -> impl Iterator<Item = Part> {
    record.parts().map(|(_, part)| part)
}

/// Checks.
impl Reshape<'_> {
    fn leaf(&self, leaf: u16) -> &LeafShape {
        &self.view.shape().layout.leaves[usize::from(leaf)]
    }

    /// As many members as the claim has, each of CPU of the same sort.
    fn check_members(&self) -> Result<(), Invalid> {
        let (has, asked) = (self.claim.members().into(), self.request.members.added());
        if has != asked {
            return Err(Invalid::OtherMembers { has, asked });
        }
        for (member, cpus) in (0..).zip(self.request.members.as_slice()) {
            if !list(self.claim).filter(of_member(member)).all(|part| self.is_of(cpus, part)) {
                return Err(Invalid::OtherCpus { member: member.into() });
            }
        }
        Ok(())
    }

    /// Whether a part of a member is in the pieces, and of the kind of core, that are asked for.
    fn is_of(&self, cpus: &Cpus, part: Part) -> bool {
        let Part::Cores { leaf, member, .. } = part else { return matches!(cpus, Cpus::Shared { .. }) };
        let (bits, pus) = (self.leaf(leaf).bits, pus_of(self.claim, member, leaf));
        let (pieces, kind) = match *cpus {
            Cpus::Shared { .. } => return false,
            Cpus::Exclusive { smt: Smt::Split, kind, .. } => (bits.count_touched(pus) == pus.count_ones(), kind),
            Cpus::Exclusive { smt: Smt::Kept, kind, .. } => (true, kind),
            Cpus::Exclusive { smt: Smt::Whole, kind, .. } | Cpus::Cores { kind, .. } => (bits.whole(pus) == pus, kind),
        };
        pieces && !matches!(kind, CoreKind::Required(wanted) if wanted != self.leaf(leaf).kind)
    }

    /// Memory in use is promised if and only if that is asked for.
    fn check_memory(&self) -> Result<(), Invalid> {
        let required = self.request.memory == MemoryLocality::Required;
        match self.seat() {
            Some(Seat::SingleStrict | Seat::Group(_)) if !required && self.pages() > 0 => {
                Err(Invalid::OtherMemoryTerms)
            }
            Some(Seat::SingleLoose | Seat::MultiLoose) if required && self.pages() > 0 => {
                Err(Invalid::OtherMemoryTerms)
            }
            Some(Seat::Group(_)) if self.request.is_of_one_numa_node() && self.pages() > 0 => {
                Err(Invalid::HeldElsewhere)
            }
            _ => Ok(()),
        }
    }

    /// Extras stay as they are. Huge and special memory, which would bind where cores and memory may be, are not moved along.
    fn check_extras(&self) -> Result<(), Invalid> {
        if self.request.extras != Extras::default() {
            return Err(Invalid::ExtrasStay);
        }
        let ordinary = self.view.shape().ordinary();
        let binds = |part| match part {
            Part::Extra { word, .. } => matches!(word, ExtraWord::Huge(..)),
            Part::Memory { numa_node, .. } => !ordinary.has(numa_node),
            _ => false,
        };
        if list(self.claim).any(binds) { Err(Invalid::SpecialMemoryHeld) } else { Ok(()) }
    }

    /// The seat from which the claim uses its memory, if it has any.
    fn seat(&self) -> Option<Seat> {
        list(self.claim).find_map(|part| if let Part::Memory { seat, .. } = part { Some(seat) } else { None })
    }

    fn pages(&self) -> u64 {
        pages_up(self.request.mem_bytes)
    }
}

/// The PUs that a member has of a leaf.
fn pus_of(record: &OpenRecord<'_>, member: u8, leaf: u16) -> u32 {
    list(record).filter(of_member(member)).fold(0, |sum, part| match part {
        Part::Cores { leaf: at, pus, .. } if at == leaf => sum | pus,
        _ => sum,
    })
}

/// Keeping.
impl Reshape<'_> {
    /// Keeps of each member's CPU what it may have of it still, and extras.
    fn keep(&self, target: &mut OpenRecord<'_>) -> Result<(), RecordsFull> {
        for part in list(self.claim).filter(|part| !matches!(part, Part::Memory { .. })) {
            target.push(part)?;
        }
        for take in Wants::new(self.request, false).takes() {
            self.shed(*take, target);
        }
        for share in Wants::new(self.request, false).shares() {
            shed_milli(share.member, share.cpu_milli, target);
        }
        Ok(())
    }

    /// What a member has, in the unit in which it is asked for.
    fn has(&self, take: Take, record: &OpenRecord<'_>) -> u32 {
        let of_leaf = |leaf: u16| self.units(take, leaf, pus_of(record, take.member, leaf));
        self.leaves_of(take.member, record).iter().map(of_leaf).sum()
    }

    /// The leaves that a member has PUs of.
    fn leaves_of(&self, member: u8, record: &OpenRecord<'_>) -> LeafSet {
        let leaf = |part| if let Part::Cores { leaf, .. } = part { Some(leaf) } else { None };
        list(record).filter(of_member(member)).filter_map(leaf).collect()
    }

    fn units(&self, take: Take, leaf: u16, pus: u32) -> u32 {
        if take.grain == Grain::Cores { self.leaf(leaf).bits.count_whole(pus) } else { pus.count_ones() }
    }

    /// Gives back what an exclusive member has too much, the last first. Of whole cores those go last whose PUs came one by one, and
    /// then at once.
    fn shed(&self, take: Take, target: &mut OpenRecord<'_>) {
        let mut surplus = self.has(take, target).saturating_sub(take.amount);
        let in_cores = matches!(take.grain, Grain::Cores | Grain::CoresByPu);
        for at in (0..target.len()).rev() {
            while let Part::Cores { leaf, member, pus } = target.part(at)
                && member == take.member
                && let bits = self.leaf(leaf).bits
                && let gone = last_piece(take.grain, bits, if in_cores { bits.whole(pus) } else { pus }, surplus)
                && gone != 0
            {
                surplus -= self.units(take, leaf, gone);
                give_up(target, take.member, leaf, gone);
            }
        }
        for leaf in self.leaves_of(take.member, target).iter().filter(|_| in_cores) {
            let bits = self.leaf(leaf).bits;
            while let whole = bits.whole(pus_of(target, take.member, leaf))
                && let gone = last_piece(take.grain, bits, whole, surplus)
                && gone != 0
            {
                surplus -= self.units(take, leaf, gone);
                give_up(target, take.member, leaf, gone);
            }
        }
    }
}

/// Takes PUs of a leaf off all parts of a member.
fn give_up(target: &mut OpenRecord<'_>, member: u8, leaf: u16, gone: u32) {
    for at in 0..target.len() {
        if let part @ Part::Cores { leaf: here, member: of, pus } = target.part(at)
            && (here, of) == (leaf, member)
        {
            let gone = Part::Cores { leaf, member, pus: pus & gone };
            target.set(at, part.without(gone).unwrap_or(Part::Empty));
        }
    }
}

/// What of a part is given back first, no more than `surplus`: of the core with the fewest PUs, and of those the last.
fn last_piece(grain: Grain, cores: Cores, pus: u32, surplus: u32) -> u32 {
    let Some(core) = cores.each(pus).min_by_key(|core| (core.count_ones(), core.leading_zeros())) else { return 0 };
    match grain {
        Grain::Cores if surplus > 0 => core,
        Grain::CoresByPu if surplus >= core.count_ones() => core,
        Grain::Kept | Grain::Split if surplus > 0 => 1 << (31 - core.leading_zeros()),
        _ => 0,
    }
}

/// Gives back what a member's shares are too much, the last first.
fn shed_milli(wanted: u8, milli: u32, target: &mut OpenRecord<'_>) {
    let mut surplus = milli_of(target, wanted).saturating_sub(milli);
    for at in (0..target.len()).rev() {
        if let Part::Share { pool, member, cpu_milli } = target.part(at)
            && member == wanted
        {
            let gone = Part::Share { pool, member, cpu_milli: cpu_milli.min(surplus) };
            surplus -= cpu_milli.min(surplus);
            target.set(at, target.part(at).without(gone).unwrap_or(Part::Empty));
        }
    }
}

fn milli_of(record: &OpenRecord<'_>, wanted: u8) -> u32 {
    let milli = |part| if let Part::Share { cpu_milli, .. } = part { cpu_milli } else { 0 };
    list(record).filter(of_member(wanted)).map(milli).sum()
}

/// Where the claim may be.
impl Reshape<'_> {
    /// The leaves that a claim has cores of, or of whose pools it has shares.
    fn leaves(&self, record: &OpenRecord<'_>) -> LeafSet {
        let mut leaves = LeafSet::default();
        for part in list(record) {
            match part {
                Part::Cores { leaf, .. } => leaves.add(leaf),
                Part::Share { pool, .. } => {
                    self.view.shape().layout.pools[usize::from(pool)].leaves.iter().for_each(|leaf| leaves.add(*leaf));
                }
                Part::Empty | Part::Memory { .. } | Part::Extra { .. } | Part::Member { .. } => {}
            }
        }
        leaves
    }

    fn numa_nodes(&self, leaves: &LeafSet) -> NodeSet {
        leaves.iter().filter_map(|leaf| self.leaf(leaf).numa_node).collect()
    }

    /// The NUMA nodes of the claim's memory.
    fn memory_nodeset(&self) -> NodeSet {
        let numa_node = |part| if let Part::Memory { numa_node, .. } = part { Some(numa_node) } else { None };
        list(self.claim).filter_map(numa_node).collect()
    }

    /// The sets of NUMA nodes, with those of what is kept, in which cores and memory may be together, the best first; `None` is
    /// anywhere.
    fn nodesets(&self, kept: NodeSet) -> impl Iterator<Item = Option<NodeSet>> {
        let free_to_choose = self.is_promised() && self.seat().is_none() && !self.request.is_of_one_numa_node();
        let first = match self.seat() {
            // That what is kept is of several is told when the region is looked for.
            None if self.is_promised() => (kept.len() == 1 || self.request.is_of_one_numa_node()).then_some(Some(kept)),
            Some(Seat::SingleStrict | Seat::Group(_)) if self.is_promised() => Some(Some(self.memory_nodeset())),
            _ => Some(None),
        };
        let groups = self.view.shape().layout.groups.iter().copied();
        first.into_iter().chain(groups.filter(move |group| free_to_choose && group.union(kept) == *group).map(Some))
    }

    /// Whether memory is wanted, and to be promised.
    fn is_promised(&self) -> bool {
        self.request.memory == MemoryLocality::Required && self.pages() > 0
    }

    /// What of the machine the claim may have cores of.
    fn region(&self, nodeset: Option<NodeSet>, target: &OpenRecord<'_>) -> Result<Region, Invalid> {
        let layout = &self.view.shape().layout;
        let kept = self.leaves(target);
        let here =
            |leaf: &u16| nodeset.is_none_or(|nodeset| self.leaf(*leaf).numa_node.is_some_and(|at| nodeset.has(at)));
        let region = match self.request.locality {
            Locality::Required(Level::Core) => self.core(target).ok_or(Invalid::HeldElsewhere)?,
            Locality::Required(level) => {
                let has_all = |leaves: &&Vec<u16>| kept.iter().all(|leaf| leaves.contains(&leaf));
                let domain = layout.domains(level).iter().find(has_all).ok_or(Invalid::HeldElsewhere)?;
                Region::of_leaves(domain.iter().copied().filter(here).collect())
            }
            Locality::Any | Locality::Preferred(_) => {
                Region::of_leaves(layout.whole()[0].iter().copied().filter(here).collect())
            }
        };
        // A core that is kept need not be on any NUMA node.
        let is_in = |leaf| region.leaves.has(leaf) && here(&leaf);
        if kept.iter().all(is_in) { Ok(region) } else { Err(Invalid::HeldElsewhere) }
    }

    /// The one core that the claim is in.
    fn core(&self, target: &OpenRecord<'_>) -> Option<Region> {
        let mut cores = list(target).flat_map(|part| {
            let Part::Cores { leaf, pus, .. } = part else { return None };
            let bits = self.leaf(leaf).bits;
            let core = bits.each(bits.all()).find(|core| core & pus != 0)?;
            (pus & !core == 0).then_some((leaf, core))
        });
        let first = cores.next()?;
        let parts = list(target).filter(|part| matches!(part, Part::Cores { .. })).count();
        (parts == 1 + cores.filter(|other| *other == first).count()).then(|| Region::of_core(first.0, first.1))
    }
}

/// A plan of one member's further CPU, as that member's.
struct Further<'r, 's, 'a, 'v> {
    target: &'r mut OpenRecord<'a>,
    spare: &'s mut Spare<'v>,
    member: u8,
}

impl Sink for Further<'_, '_, '_, '_> {
    fn put(&mut self, part: Part) -> Result<(), RecordsFull> {
        let part = part.of_member_after(self.member);
        self.spare.give(part);
        // A member has one share of a pool; cores are listed in the order in which they came.
        let is_share = matches!(part, Part::Share { .. });
        let sum = self.target.parts().find_map(|(at, has)| Some((at, has.with(part).filter(|_| is_share)?)));
        match sum {
            Some((at, sum)) => self.target.set(at, sum),
            None => self.target.push(part)?,
        }
        Ok(())
    }
}

/// Growing.
impl Reshape<'_> {
    fn grow(&self, nodeset: Option<NodeSet>, target: &mut OpenRecord<'_>) -> Result<(), Misfit> {
        let region = self.region(nodeset, target)?;
        let mut spare = Spare::new(self.view, self.claim, target).within(&region);
        let wants = Wants::new(self.request, false);
        for take in wants.takes() {
            self.grow_take(*take, &mut spare, target)?;
        }
        for share in wants.shares() {
            self.grow_share(*share, &region, &mut spare, target)?;
        }
        self.put_memory(nodeset, target)
    }

    /// The leaves that are in one domain of a level with some of these, and these.
    fn beside(&self, leaves: &LeafSet, level: Level) -> LeafSet {
        let domains = self.view.shape().layout.domains(level).iter();
        let near = domains.filter(|domain| domain.iter().any(|leaf| leaves.has(*leaf))).flatten().copied();
        near.chain(leaves.iter()).collect()
    }

    /// Further cores or PUs for a member.
    fn grow_take(&self, take: Take, spare: &mut Spare<'_>, target: &mut OpenRecord<'_>) -> Result<(), Misfit> {
        let kept = self.leaves(target);
        let all = Region::of_leaves((0..).take(self.view.shape().layout.leaves.len()).collect());
        let near = [Level::L3, Level::NumaNode].map(|level| Region::of_leaves(self.beside(&kept, level)));
        let take = self.with_preferred_kind(take, spare, target);
        if take.grain == Grain::Kept {
            // At first the siblings of what the member has.
            let stock = spare.filtered(|leaf, pus| pus & self.cores_of(target, take.member, leaf));
            self.take_from(take, &stock, spare, target)?;
        }
        for step in [near[0], near[1], all] {
            let mut stock = spare.within(&step);
            if take.grain == Grain::Split {
                stock = stock.filtered(|leaf, pus| pus & !self.cores_of(target, take.member, leaf));
            }
            self.take_from(take, &stock, spare, target)?;
        }
        if self.has(take, target) < take.amount { Err(Lack::Cpus.into()) } else { Ok(()) }
    }

    /// As if the kind that is preferred were required, where there is enough of it.
    fn with_preferred_kind(&self, take: Take, spare: &Spare<'_>, target: &OpenRecord<'_>) -> Take {
        let preferred = match self.request.members.as_slice()[usize::from(take.member)] {
            Cpus::Exclusive { kind: CoreKind::Preferred(kind), .. }
            | Cpus::Cores { kind: CoreKind::Preferred(kind), .. } => Take { kind: Some(kind), ..take },
            _ => return take,
        };
        let lacking = take.amount.saturating_sub(self.has(take, target));
        if count(preferred, spare) >= lacking { preferred } else { take }
    }

    /// All PUs of the cores of a leaf that a member has PUs of.
    fn cores_of(&self, target: &OpenRecord<'_>, member: u8, leaf: u16) -> u32 {
        let (bits, pus) = (self.leaf(leaf).bits, pus_of(target, member, leaf));
        bits.each(bits.all()).filter(|core| core & pus != 0).fold(0, |sum, core| sum | core)
    }

    /// Takes what a member lacks from a stock, or as much as that has.
    fn take_from(
        &self,
        take: Take,
        stock: &Spare<'_>,
        spare: &mut Spare<'_>,
        target: &mut OpenRecord<'_>,
    ) -> Result<(), Misfit> {
        let lacking = take.amount.saturating_sub(self.has(take, target));
        let amount = lacking.min(count(take, stock));
        if amount == 0 {
            return Ok(());
        }
        let kind = take.kind.map_or(CoreKind::Any, CoreKind::Required);
        let cpus = match take.grain {
            Grain::Cores => Cpus::Cores { cores: amount, kind },
            Grain::CoresByPu => Cpus::Exclusive { pus: amount, smt: Smt::Whole, kind },
            Grain::Split => Cpus::Exclusive { pus: amount, smt: Smt::Split, kind },
            Grain::Kept => Cpus::Exclusive { pus: amount, smt: Smt::Kept, kind },
        };
        let member = take.member;
        Ok(plan(&Request::new(Members::one(cpus), 0), stock, &mut Further { target, spare, member })?)
    }

    /// A larger share for a member: of its own pools, of those of the claim's NUMA nodes, of any.
    fn grow_share(
        &self,
        share: Share,
        region: &Region,
        spare: &mut Spare<'_>,
        target: &mut OpenRecord<'_>,
    ) -> Result<(), Misfit> {
        let Share { member, cpu_milli } = share;
        let near = self.beside(&self.leaves(target), Level::NumaNode);
        let leaves = |pool: u16| &self.view.shape().layout.pools[usize::from(pool)].leaves;
        for step in 0..3 {
            let is_own =
                |part, pool| matches!(part, Part::Share { pool: at, member: of, .. } if (at, of) == (pool, member));
            let own = |pool| list(target).any(|part| is_own(part, pool));
            let is_near = |pool| leaves(pool).iter().any(|leaf| near.has(*leaf));
            let is_in = |pool| leaves(pool).iter().all(|leaf| region.leaves.has(*leaf));
            let stock = spare.of_pools(|pool| is_in(pool) && (step == 2 || step == 1 && is_near(pool) || own(pool)));
            let reach = u32::try_from(reach_milli(Reach::Whole, Scope::Anywhere, &stock)).unwrap_or(u32::MAX);
            let amount = cpu_milli.saturating_sub(milli_of(target, member)).min(reach);
            if amount > 0 {
                let request = Request::new(Members::one(Cpus::shared(amount)), 0);
                plan(&request, &stock, &mut Further { target, spare, member })?;
            }
        }
        if milli_of(target, member) < cpu_milli { Err(Lack::Cpus.into()) } else { Ok(()) }
    }
}

/// How much a stock has for a member, in the unit in which it is asked for.
fn count(take: Take, stock: &Spare<'_>) -> u32 {
    (0..).zip(&stock.shape().layout.leaves).map(|(leaf, shape)| units(take, shape, stock.pus(leaf))).sum()
}

/// Memory.
impl Reshape<'_> {
    fn put_memory(&self, nodeset: Option<NodeSet>, target: &mut OpenRecord<'_>) -> Result<(), Misfit> {
        let near = self.numa_nodes(&self.leaves(target));
        if self.pages() == 0 {
            return Ok(());
        }
        if self.seat().is_none() {
            return self.put_new_memory(nodeset, near, target);
        }
        let first = target.len();
        for part in list(self.claim).filter(|part| matches!(part, Part::Memory { .. })) {
            target.push(part)?;
        }
        let has = (first..target.len()).map(|at| pages_of(target.part(at))).sum::<u64>();
        let (mut surplus, mut lacking) = (has.saturating_sub(self.pages()), self.pages().saturating_sub(has));
        for is_near in [false, true] {
            for at in (first..target.len()).rev() {
                self.change_pages(target, (at, near, is_near), |_, pages| pages - take_up_to(&mut surplus, pages));
            }
        }
        for is_near in [true, false] {
            for at in first..target.len() {
                let more = |free, pages| pages + take_up_to(&mut lacking, free);
                self.change_pages(target, (at, near, is_near), more);
            }
        }
        if lacking > 0 { Err(Lack::Memory.into()) } else { Ok(()) }
    }

    /// Changes a part's pages by what is free beside them and what they are, if its NUMA node is near or not.
    fn change_pages(
        &self,
        target: &mut OpenRecord<'_>,
        (at, near, is_near): (u16, NodeSet, bool),
        change: impl FnOnce(u64, u64) -> u64,
    ) {
        if let Part::Memory { numa_node, seat, pages } = target.part(at)
            && near.has(numa_node) == is_near
        {
            let pages = change(self.view.pages(numa_node), pages);
            target.set(at, Part::Memory { numa_node, seat, pages });
        }
    }

    /// Memory for a claim that had none.
    fn put_new_memory(
        &self,
        nodeset: Option<NodeSet>,
        near: NodeSet,
        target: &mut OpenRecord<'_>,
    ) -> Result<(), Misfit> {
        let shape = self.view.shape();
        let Some(nodeset) = nodeset else {
            return Ok(memory_plan::loose(Demand::of(self.request), shape.ordinary(), near, &self.view, target)?);
        };
        let group = exact::group_of(shape, nodeset);
        if !memory_plan::strict_fits(Demand::of(self.request), nodeset, group, &self.view) {
            return Err(Lack::Memory.into());
        }
        Ok(memory_plan::strict(Demand::of(self.request), (nodeset, group), near, &self.view, target)?)
    }
}

fn pages_of(part: Part) -> u64 {
    if let Part::Memory { pages, .. } = part { pages } else { 0 }
}

/// Takes what is there of what is left.
fn take_up_to(left: &mut u64, there: u64) -> u64 {
    let taken = there.min(*left);
    *left -= taken;
    taken
}
