//! Plan: which cores, pools and memory a request gets, from a stock. Reads words, changes none: what it finds is gone when
//! somebody is quicker, and then the plan is made anew.
//!
//! **Scope** (memory locality): a required or preferred request tries one NUMA node after the other, tightest first, then
//! the shape's groups of NUMA nodes, smallest first; cores and memory come from the same scope. A preferred one at last
//! tries the whole machine.
//!
//! **Region** (locality of cores): within a scope the leaves that serve best (see [`search`](crate::search)), and in them the
//! PUs that leave the least behind (see [`pack`](crate::pack)). Of several NUMA nodes, and of groups of equal size, the one
//! with the best region serves.
//!
//! A kind of core that is preferred is at first taken as required, and comes before memory and locality that are only
//! preferred.
//!
//! A plan goes to a [`Sink`], part by part: into the claim's record, or nowhere when only feasibility is asked.

use crate::field::{Field, Region};
use crate::ids::NumaNodeId;
use crate::member::{Cpus, MAX_MEMBERS, Smt};
use crate::memory_plan;
use crate::nodeset::NodeSet;
use crate::part::{MAX_INDEX, Part};
use crate::quantity::pages_up;
use crate::reason::Invalid;
use crate::record::OpenRecord;
use crate::request::{Level, Locality, MemoryLocality, Request};
use crate::search::{Cost, Search};
use crate::shared::{self, Reach};
use crate::slots::RecordsFull;
use crate::stock::Stock;
use crate::wants::{Wants, prefers_kind};

/// Why there is no plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lack {
    /// The cores or the share are not there.
    Cpus,
    /// The cores or the share are there; the memory, or memory beside them, is not.
    Memory,
    /// What was there a moment ago is gone: plan again.
    Moved,
    /// No room to write the plan down.
    Records,
}

impl From<RecordsFull> for Lack {
    fn from(RecordsFull: RecordsFull) -> Self {
        Self::Records
    }
}

/// Where a plan goes.
pub(crate) trait Sink {
    fn put(&mut self, part: Part) -> Result<(), RecordsFull>;
}

impl Sink for OpenRecord<'_> {
    fn put(&mut self, part: Part) -> Result<(), RecordsFull> {
        self.push(part)
    }
}

/// Asks only whether there is a plan.
#[derive(Debug)]
pub(crate) struct Nowhere;

impl Sink for Nowhere {
    fn put(&mut self, _: Part) -> Result<(), RecordsFull> {
        Ok(())
    }
}

/// From which NUMA nodes cores and memory may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Any, and cores in none.
    Anywhere,
    /// These, memory included; a group has its position in the shape's list.
    Within { nodeset: NodeSet, group: Option<u8> },
}

impl Scope {
    pub(crate) fn has(self, numa_node: Option<NumaNodeId>) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Within { nodeset, .. } => numa_node.is_some_and(|numa_node| nodeset.has(numa_node)),
        }
    }

    /// Its NUMA nodes; none for anywhere.
    pub(crate) const fn nodeset(self) -> NodeSet {
        match self {
            Self::Anywhere => NodeSet::EMPTY,
            Self::Within { nodeset, .. } => nodeset,
        }
    }

    fn pages(self, stock: &impl Stock) -> u64 {
        self.nodeset().iter().map(|numa_node| stock.pages(numa_node)).sum()
    }
}

/// Whether the request can be meant at all.
pub(crate) fn check(request: &Request) -> Result<(), Invalid> {
    let members = request.members.as_slice();
    if request.members.added() as usize > MAX_MEMBERS {
        return Err(Invalid::TooManyMembers { members: request.members.added() });
    }
    if members.is_empty() || members.iter().any(|cpus| cpus.is_none()) {
        return Err(Invalid::NoCpu);
    }
    let shared = members.iter().any(|cpus| matches!(cpus, Cpus::Shared { .. }));
    let split = members.iter().any(|cpus| matches!(cpus, Cpus::Exclusive { pus: 2.., smt: Smt::Split, .. }));
    match request.locality {
        Locality::Required(level @ (Level::Core | Level::L3)) if shared => Err(Invalid::SharedTooClose(level)),
        Locality::Required(Level::Core) if split => Err(Invalid::SplitInOneCore),
        _ => Ok(()),
    }
}

/// Most machines have no more leaves than this, and plan on less memory.
const FEW_LEAVES: usize = 64;

/// Plans a request.
pub(crate) fn plan(request: &Request, stock: &impl Stock, sink: &mut impl Sink) -> Result<(), Lack> {
    if stock.shape().layout.leaves.len() <= FEW_LEAVES {
        plan_on(request, &Field::<FEW_LEAVES>::read(stock), stock, sink)
    } else {
        plan_on(request, &Field::<MAX_INDEX>::read(stock), stock, sink)
    }
}

fn plan_on<const N: usize>(
    request: &Request,
    field: &Field<'_, N>,
    stock: &impl Stock,
    sink: &mut impl Sink,
) -> Result<(), Lack> {
    let planner = |strict_kinds| Wants::new(request, strict_kinds);
    if prefers_kind(&request.members) {
        let wants = planner(true);
        let planner = Planner::new(request, &wants, field, stock);
        if let Ok(found) = planner.find() {
            return planner.put(&found, sink);
        }
    }
    let wants = planner(false);
    let planner = Planner::new(request, &wants, field, stock);
    let found = planner.find()?;
    planner.put(&found, sink)
}

/// Where the CPU of a request comes from.
#[derive(Clone, Copy, Debug)]
enum Place {
    Region(Region),
    Pools(Reach),
}

/// What a planner found.
#[derive(Clone, Copy, Debug)]
struct Found {
    scope: Scope,
    place: Place,
}

/// How good a find is, the best least.
type Rank = (Cost, u64);

/// One request, its members understood in one way.
struct Planner<'a, S, const N: usize> {
    request: &'a Request,
    pages: u64,
    wants: &'a Wants,
    search: Search<'a, S, N>,
    stock: &'a S,
}

impl<'a, S: Stock, const N: usize> Planner<'a, S, N> {
    fn new(request: &'a Request, wants: &'a Wants, field: &'a Field<'a, N>, stock: &'a S) -> Self {
        let search = Search::new(request.locality, wants, field, stock);
        Self { request, pages: pages_up(request.mem_bytes), wants, search, stock }
    }

    fn find(&self) -> Result<Found, Lack> {
        if self.pages == 0 || self.request.memory == MemoryLocality::Any {
            return self.find_in(Scope::Anywhere).ok_or(Lack::Cpus);
        }
        if let Some(found) = self.find_together() {
            return Ok(found);
        }
        let anywhere = self.find_in(Scope::Anywhere).ok_or(Lack::Cpus)?;
        if self.request.memory == MemoryLocality::Preferred { Ok(anywhere) } else { Err(Lack::Memory) }
    }

    /// In the scope in which CPU and memory both fit: the best NUMA node, else the best of the smallest groups.
    fn find_together(&self) -> Option<Found> {
        self.find_in_numa_node().or_else(|| {
            let mut best: Option<(u32, Rank, Found)> = None;
            for scope in group_scopes(self.stock) {
                let size = scope.nodeset().len();
                if best.is_some_and(|(smallest, ..)| smallest < size) {
                    break;
                }
                if let Some((rank, found)) = self.rank(scope)
                    && best.is_none_or(|(_, least, _)| rank < least)
                {
                    best = Some((size, rank, found));
                }
            }
            best.map(|(.., found)| found)
        })
    }

    /// In the best NUMA node in which CPU and memory both fit.
    fn find_in_numa_node(&self) -> Option<Found> {
        let fits = |scope: &Scope| memory_fits(self.request, self.pages, *scope, self.stock);
        let scopes = single_scopes(self.stock).filter(fits);
        if self.wants.takes().is_empty() {
            return scopes.filter_map(|scope| self.rank(scope)).min_by_key(|(rank, _)| *rank).map(|(_, found)| found);
        }
        let nodeset = scopes.fold(NodeSet::default(), |nodeset, scope| nodeset.union(scope.nodeset()));
        let (numa_node, choice) = self.search.best_in_numa_node(nodeset)?;
        let scope = Scope::Within { nodeset: NodeSet::of(numa_node), group: None };
        Some(Found { scope, place: Place::Region(choice.region) })
    }

    /// What can be had in a scope, if CPU and memory both fit.
    fn rank(&self, scope: Scope) -> Option<(Rank, Found)> {
        if !memory_fits(self.request, self.pages, scope, self.stock) {
            return None;
        }
        let pages = scope.pages(self.stock);
        if self.wants.takes().is_empty() {
            let cost = Cost::of_left(scope_pus(scope, self.stock));
            return self.find_in(scope).map(|found| ((cost, pages), found));
        }
        let choice = self.search.best(scope)?;
        Some(((choice.cost, pages), Found { scope, place: Place::Region(choice.region) }))
    }

    fn find_in(&self, scope: Scope) -> Option<Found> {
        let place = if self.wants.takes().is_empty() {
            Place::Pools(shared::choose(self.wants.share_milli(), self.request.locality, scope, self.stock)?)
        } else {
            Place::Region(self.search.best(scope)?.region)
        };
        Some(Found { scope, place })
    }

    fn put(&self, found: &Found, sink: &mut impl Sink) -> Result<(), Lack> {
        let near = match found.place {
            Place::Region(region) => self.search.put(&region, sink)?,
            Place::Pools(reach) => shared::fill(reach, self.wants, found.scope, self.stock, sink)?,
        };
        put_memory(self.request, self.pages, found.scope, near, self.stock, sink)
    }
}

/// Whether the memory of a request fits a scope.
pub(crate) fn memory_fits(request: &Request, pages: u64, scope: Scope, stock: &impl Stock) -> bool {
    match scope {
        Scope::Anywhere => memory_plan::loose_fits(pages, stock.shape().ordinary(), stock),
        Scope::Within { nodeset, group } if request.memory == MemoryLocality::Required => {
            memory_plan::strict_fits(pages, nodeset, group, stock)
        }
        Scope::Within { nodeset, .. } => memory_plan::loose_fits(pages, nodeset, stock),
    }
}

/// Each NUMA node that has cores.
pub(crate) fn single_scopes(stock: &impl Stock) -> impl Iterator<Item = Scope> {
    let pools = stock.shape().layout.pools.iter();
    pools
        .filter_map(|pool| pool.numa_node)
        .map(|numa_node| Scope::Within { nodeset: NodeSet::of(numa_node), group: None })
}

/// Each group of NUMA nodes, smallest first.
pub(crate) fn group_scopes(stock: &impl Stock) -> impl Iterator<Item = Scope> {
    (0..).zip(&stock.shape().layout.groups).map(|(at, &nodeset)| Scope::Within { nodeset, group: Some(at) })
}

/// PUs that a scope has left.
fn scope_pus(scope: Scope, stock: &impl Stock) -> u64 {
    let leaves = (0..).zip(&stock.shape().layout.leaves).filter(|(_, leaf)| scope.has(leaf.numa_node));
    leaves.map(|(at, _)| u64::from(stock.pus(at).count_ones())).sum()
}

/// Whether the CPU part of a request fits a scope.
pub(crate) fn cpus_fit(request: &Request, scope: Scope, stock: &impl Stock) -> bool {
    fn fit<const N: usize>(request: &Request, scope: Scope, stock: &impl Stock) -> bool {
        let (field, wants) = (Field::<N>::read(stock), Wants::new(request, false));
        Planner::new(request, &wants, &field, stock).find_in(scope).is_some()
    }
    let few = stock.shape().layout.leaves.len() <= FEW_LEAVES;
    if few { fit::<FEW_LEAVES>(request, scope, stock) } else { fit::<MAX_INDEX>(request, scope, stock) }
}

/// Puts the memory into the plan.
pub(crate) fn put_memory(
    request: &Request,
    pages: u64,
    scope: Scope,
    near: NodeSet,
    stock: &impl Stock,
    sink: &mut impl Sink,
) -> Result<(), Lack> {
    if pages == 0 {
        return Ok(());
    }
    match scope {
        Scope::Anywhere => memory_plan::loose(pages, stock.shape().ordinary(), near, stock, sink),
        Scope::Within { nodeset, group } if request.memory == MemoryLocality::Required => {
            memory_plan::strict(pages, (nodeset, group), near, stock, sink)
        }
        Scope::Within { nodeset, .. } => memory_plan::loose(pages, nodeset, near, stock, sink),
    }
}
