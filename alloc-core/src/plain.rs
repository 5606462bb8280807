//! Plain: a plan for whole cores over several leaves of a regular machine, without a search.
//!
//! A machine is *plain* when each leaf is an L3 domain of its own, each NUMA node a pool of its leaves, and all cores are of one
//! kind and width (see [`is_plain`]). A request is plain when it has one member, of whole cores, and prefers no level. Then a leaf is
//! as good as the cores it has, and the answer is that of [`plan`](crate::plan) and [`search`](crate::search): the closest scope for
//! cores and memory, in it the fewest NUMA nodes, then the fewest leaves. As in [`straight`](crate::straight), a tight choice is
//! taken when it has no more leaves than the fewest that hold as much anywhere in the scope; else all sets of as many NUMA nodes are
//! tried. Where these are too many, nothing is said, and the planner looks.

use crate::bins::{Bin, MAX_SETS, fewest, sets, sort, tighten};
use crate::layout::Layout;
use crate::leaf::PuState;
use crate::machine::Machine;
use crate::memory_plan::Demand;
use crate::nodeset::NodeSet;
use crate::part::Part;
use crate::plan::{Lack, Scope, group_scopes, memory_fits, put_memory, single_scopes};
use crate::record::OpenRecord;
use crate::request::{Level, Locality, MemoryLocality, Request};
use crate::stock::{View, WhatIf};
use crate::wants::{Grain, Take, Wants};

const POOLS: usize = 16;
const LEAVES: usize = 32;

/// Whether leaves of a machine are told apart by nothing but what they have free.
pub(crate) fn is_plain(layout: &Layout) -> bool {
    let (leaves, pools) = (&layout.leaves, &layout.pools);
    let alike = |a: usize, b: usize| leaves[a].bits.width == leaves[b].bits.width;
    let own =
        |at: usize| leaves[..at].iter().all(|other| (other.outer, other.inner) != (leaves[at].outer, leaves[at].inner));
    leaves.len() <= LEAVES
        && pools.len() <= POOLS
        && !layout.crossing
        && layout.kinds.len() == 1
        && pools.iter().all(|pool| pool.numa_node.is_some())
        && (0..leaves.len()).all(|at| alike(0, at) && own(at) && leaves[at].outer == leaves[at].pool)
}

/// Leaves to take from, the fullest first, and what speaks against them: NUMA nodes, leaves, and cores left over in both.
#[derive(Clone, Copy)]
struct Choice {
    cost: (usize, usize, u64, u64),
    leaves: [Bin; LEAVES],
}

/// There may be a better choice than the one that is found without a search.
struct Uncertain;

/// A plain request on a plain machine.
struct Plain<'a> {
    request: &'a Request,
    machine: Machine<'a>,
    memory: Demand,
    wanted: u64,
    /// Whole cores of each leaf that are free.
    cores: [u32; LEAVES],
}

/// Plans, if request and machine are plain; `None` when that is not so or there is no certain answer, and nothing was written.
pub(crate) fn plan(
    request: &Request,
    wants: &Wants,
    machine: Machine<'_>,
    record: &mut OpenRecord<'_>,
) -> Option<Result<(), Lack>> {
    let take = wants.only_take().filter(|take| matches!(take.grain, Grain::Cores | Grain::CoresByPu))?;
    let any = matches!(request.locality, Locality::Any | Locality::Required(Level::NumaNode | Level::Package));
    let near = request.mem_bytes == 0 || request.memory != MemoryLocality::Any;
    // Extras are the planner's.
    let extras = request.extras.wishes().is_some();
    if extras || !any || !near || take.kind.is_some() || !machine.shape.layout.plain {
        return None;
    }
    let plain = Plain::new(request, take, machine);
    let (scope, choice) = plain.find()?;
    Some(plain.put(take, scope, &choice, record))
}

impl<'a> Plain<'a> {
    fn new(request: &'a Request, take: Take, machine: Machine<'a>) -> Self {
        let mut cores = [0; LEAVES];
        let mut width = 1;
        for ((leaf, place), cores) in (0..).zip(machine.shape.block.leaf_places()).zip(&mut cores) {
            *cores = place.bits.count_whole(machine.leaf(leaf).mask(PuState::Free));
            width = place.bits.width;
        }
        let wanted = if take.grain == Grain::Cores { take.amount } else { take.amount.div_ceil(width) };
        Self { request, machine, memory: Demand::of(request), wanted: u64::from(wanted), cores }
    }

    /// The closest scope in which cores and memory fit, and the best leaves there; `None` when there is none, or it is not certain.
    fn find(&self) -> Option<(Scope, Choice)> {
        let view = View { machine: self.machine, what_if: WhatIf::AsIs };
        let in_numa_node = self.request.locality == Locality::Required(Level::NumaNode);
        if !self.memory.is_empty() || in_numa_node {
            let found = self.best(single_scopes(&view)).ok()?;
            if found.is_some() || in_numa_node {
                return found;
            }
            let mut size = 0;
            for scope in group_scopes(self.request, &view).filter(|_| !self.memory.is_empty()) {
                if scope.nodeset().len() > size {
                    size = scope.nodeset().len();
                    let alike = group_scopes(self.request, &view).filter(|other| other.nodeset().len() == size);
                    let found = self.best(alike).ok()?;
                    if found.is_some() {
                        return found;
                    }
                }
            }
        }
        let strict = !self.memory.is_empty() && self.request.memory == MemoryLocality::Required;
        if strict { None } else { self.best(core::iter::once(Scope::Anywhere)).ok()? }
    }

    /// The best of some scopes that are equally close, if one serves.
    fn best(&self, scopes: impl Iterator<Item = Scope>) -> Result<Option<(Scope, Choice)>, Uncertain> {
        let view = View { machine: self.machine, what_if: WhatIf::AsIs };
        let mut best: Option<(Scope, Choice)> = None;
        for scope in scopes {
            let has = self.sum(scope);
            if has < self.wanted || !self.memory.is_empty() && !memory_fits(self.request, self.memory, scope, &view) {
                continue;
            }
            let choice = self.choose(scope).ok_or(Uncertain)?;
            if best.as_ref().is_none_or(|(_, least)| choice.cost < least.cost) {
                best = Some((scope, choice));
            }
        }
        Ok(best)
    }

    fn sum(&self, scope: Scope) -> u64 {
        let leaves = self.machine.shape.layout.leaves.iter().zip(self.cores);
        leaves.filter(|(leaf, _)| scope.has(leaf.numa_node)).map(|(_, cores)| u64::from(cores)).sum()
    }

    /// The leaves to take from in a scope that has enough; `None` when that is not certain, or not all in one package as required.
    fn choose(&self, scope: Scope) -> Option<Choice> {
        let mut pools = [Bin::default(); POOLS];
        let len = self.pools(scope, &mut pools);
        sort(&mut pools[..len]);
        let count = fewest(&pools[..len], self.wanted)?;
        let mut leaves = [Bin::default(); LEAVES];
        let all = self.leaves(&pools[..len], &mut leaves);
        let least = fewest(&leaves[..all], self.wanted)?;
        let mut tight = pools;
        tighten(&mut tight[..len], count, self.wanted);
        let members = tight[..count].iter().fold(0, |members, bin| members | 1 << bin.domain);
        if self.fewest_of(&leaves[..all], members) == Some(least) {
            return self.choice(&tight[..count], least);
        }
        let (least, set) = self.try_sets(&pools[..len], count, &leaves[..all])?;
        let chosen = pools[..len].iter().enumerate().filter(|(at, _)| set >> at & 1 == 1);
        tight.iter_mut().zip(chosen).for_each(|(to, (_, bin))| *to = *bin);
        self.choice(&tight[..count], least)
    }

    /// The fewest leaves that any set of `count` pools has enough in, and the tightest such set; `None` when there are too many sets.
    fn try_sets(&self, pools: &[Bin], count: usize, leaves: &[Bin]) -> Option<(usize, u64)> {
        let mut best: Option<(usize, u64, u64)> = None;
        for (tried, set) in sets(pools.len(), count).enumerate() {
            if tried + 1 == MAX_SETS {
                return None;
            }
            let chosen = || pools.iter().enumerate().filter(|(at, _)| set >> at & 1 == 1).map(|(_, bin)| bin);
            let has = chosen().map(|bin| u64::from(bin.has)).sum::<u64>();
            if has < self.wanted {
                continue;
            }
            let members = chosen().fold(0, |members, bin| members | 1 << bin.domain);
            let Some(few) = self.fewest_of(leaves, members) else { continue };
            if best.is_none_or(|(least, tightest, _)| (few, has) < (least, tightest)) {
                best = Some((few, has, set));
            }
        }
        best.map(|(few, _, set)| (few, set))
    }

    /// How many of these leaves, the fullest first, hold enough, if only those of some pools count.
    fn fewest_of(&self, leaves: &[Bin], members: u64) -> Option<usize> {
        let pool = |bin: &&Bin| self.machine.shape.layout.leaves[usize::from(bin.domain)].pool;
        let (mut lacking, mut few) = (self.wanted, 0);
        for bin in leaves.iter().filter(|bin| members >> pool(bin) & 1 == 1) {
            few += 1;
            lacking = lacking.saturating_sub(u64::from(bin.has));
            if lacking == 0 {
                return Some(few);
            }
        }
        None
    }

    /// The tightest `least` leaves of some pools.
    fn choice(&self, pools: &[Bin], least: usize) -> Option<Choice> {
        let mut leaves = [Bin::default(); LEAVES];
        let all = self.leaves(pools, &mut leaves);
        tighten(&mut leaves[..all], least, self.wanted);
        let left = |bins: &[Bin]| bins.iter().map(|bin| u64::from(bin.has)).sum::<u64>() - self.wanted;
        let cost = (pools.len(), least, left(&leaves[..least]), left(pools));
        self.is_within(pools).then_some(Choice { cost, leaves })
    }

    /// Whether pools lie in one package, where that is required.
    fn is_within(&self, pools: &[Bin]) -> bool {
        let package = |bin: &Bin| self.machine.shape.layout.pools[usize::from(bin.domain)].package;
        let first = pools.first().and_then(package);
        self.request.locality != Locality::Required(Level::Package)
            || first.is_some() && pools.iter().all(|bin| package(bin) == first)
    }

    /// The pools of a scope, by what they have; how many.
    fn pools(&self, scope: Scope, bins: &mut [Bin; POOLS]) -> usize {
        let mut len = 0;
        for (domain, pool) in (0..).zip(&self.machine.shape.layout.pools) {
            let has = pool.leaves.iter().map(|leaf| self.cores[usize::from(*leaf)]).sum();
            if has > 0 && scope.has(pool.numa_node) {
                bins[len] = Bin { has, domain, ..Bin::default() };
                len += 1;
            }
        }
        len
    }

    /// The leaves of some pools, sorted, the fullest first; how many.
    fn leaves(&self, pools: &[Bin], bins: &mut [Bin; LEAVES]) -> usize {
        let of = |pool: &Bin| self.machine.shape.layout.pools[usize::from(pool.domain)].leaves.iter();
        let mut len = 0;
        for &domain in pools.iter().flat_map(of).filter(|leaf| self.cores[usize::from(**leaf)] > 0) {
            bins[len] = Bin { has: self.cores[usize::from(domain)], domain, ..Bin::default() };
            len += 1;
        }
        sort(&mut bins[..len]);
        len
    }

    /// Writes the plan down: all of each leaf but the last.
    fn put(&self, take: Take, scope: Scope, choice: &Choice, record: &mut OpenRecord<'_>) -> Result<(), Lack> {
        let layout = &self.machine.shape.layout;
        let (mut lacking, mut near) = (self.wanted, NodeSet::default());
        let (_, count, ..) = choice.cost;
        for bin in &choice.leaves[..count] {
            let shape = &layout.leaves[usize::from(bin.domain)];
            let free = self.machine.pus_in(bin.domain, PuState::Free);
            let pus = shape.bits.lowest(free, u32::try_from(lacking).unwrap_or(u32::MAX));
            lacking = lacking.saturating_sub(u64::from(shape.bits.count_whole(pus)));
            near = shape.numa_node.map_or(near, |numa_node| near.with(numa_node));
            record.push(Part::Cores { leaf: bin.domain, member: take.member, pus })?;
        }
        if lacking > 0 {
            return Err(Lack::Moved);
        }
        let view = View { machine: self.machine, what_if: WhatIf::AsIs };
        if self.memory.is_empty() {
            return Ok(());
        }
        put_memory(self.request, self.memory, (scope, near), &view, record)
    }
}
