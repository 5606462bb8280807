//! Plan: which cores, pools and memory a request gets, from a stock. Reads words, changes none: what it finds is gone when
//! somebody is quicker, and then the plan is made anew.
//!
//! **Scope** (memory locality): a required or preferred request tries one NUMA node after the other, tightest first, then
//! the shape's groups of NUMA nodes, smallest first; cores and memory come from the same scope. A preferred one at last
//! tries the whole machine.
//!
//! **Reach** (locality of cores): within a scope the tightest domain of the wanted level that has enough; a preferred level
//! goes on to the coarser ones. In the chosen domain one leaf that fits tightest, else the fullest leaves first, so that a
//! claim touches few words.
//!
//! A plan goes to a [`Sink`], part by part: into the claim's record, or nowhere when only feasibility is asked.

use crate::cores;
use crate::ids::NumaNodeId;
use crate::memory_plan;
use crate::nodeset::NodeSet;
use crate::part::Part;
use crate::quantity::pages_up;
use crate::reason::Invalid;
use crate::record::OpenRecord;
use crate::request::{Cpus, Level, Locality, MemoryLocality, Request};
use crate::shared;
use crate::slots::RecordsFull;
use crate::stock::Stock;

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
}

/// Whether the request can be meant at all.
pub(crate) const fn check(request: &Request) -> Result<(), Invalid> {
    match (request.cpus, request.locality) {
        (Cpus::Exclusive { pus: 0 } | Cpus::Shared { cpu_milli: 0 }, _) => Err(Invalid::NoCpu),
        (Cpus::Shared { .. }, Locality::Required(level @ (Level::Core | Level::L3))) => {
            Err(Invalid::SharedTooClose(level))
        }
        _ => Ok(()),
    }
}

/// Plans a request.
pub(crate) fn plan(request: &Request, stock: &impl Stock, sink: &mut impl Sink) -> Result<(), Lack> {
    let pages = pages_up(request.mem_bytes);
    if pages == 0 || request.memory == MemoryLocality::Any {
        return plan_within(request, pages, Scope::Anywhere, stock, sink);
    }
    if let Some(scope) = tightest_scope(request, pages, stock) {
        return plan_within(request, pages, scope, stock, sink);
    }
    if request.memory == MemoryLocality::Preferred {
        return plan_within(request, pages, Scope::Anywhere, stock, sink);
    }
    let cpus_alone = cpus_fit(request, Scope::Anywhere, stock);
    Err(if cpus_alone { Lack::Memory } else { Lack::Cpus })
}

/// The tightest scope in which cores and memory both fit.
fn tightest_scope(request: &Request, pages: u64, stock: &impl Stock) -> Option<Scope> {
    let fits = |scope: &Scope| memory_fits(request, pages, *scope, stock) && cpus_fit(request, *scope, stock);
    let singles = single_scopes(stock).filter(fits);
    singles.min_by_key(|scope| tightness(*scope, stock)).or_else(|| group_scopes(stock).find(fits))
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

/// What a scope has left, least first.
fn tightness(scope: Scope, stock: &impl Stock) -> (u32, u64) {
    let Scope::Within { nodeset, .. } = scope else { return (u32::MAX, u64::MAX) };
    let layout = &stock.shape().layout;
    let pus = (0..)
        .zip(&layout.leaves)
        .filter(|(_, leaf)| scope.has(leaf.numa_node))
        .map(|(at, _)| stock.pus(at).count_ones())
        .sum();
    (pus, nodeset.iter().map(|numa_node| stock.pages(numa_node)).sum())
}

/// Whether the CPU part of a request fits a scope.
pub(crate) fn cpus_fit(request: &Request, scope: Scope, stock: &impl Stock) -> bool {
    match request.cpus {
        Cpus::Exclusive { pus } => cores::choose(pus, request.locality, scope, stock).is_some(),
        Cpus::Shared { cpu_milli } => shared::choose(cpu_milli, request.locality, scope, stock).is_some(),
    }
}

fn plan_within(
    request: &Request,
    pages: u64,
    scope: Scope,
    stock: &impl Stock,
    sink: &mut impl Sink,
) -> Result<(), Lack> {
    let near = match request.cpus {
        Cpus::Exclusive { pus } => {
            let domain = cores::choose(pus, request.locality, scope, stock).ok_or(Lack::Cpus)?;
            cores::fill(domain, pus, scope, stock, sink)?
        }
        Cpus::Shared { cpu_milli } => {
            let reach = shared::choose(cpu_milli, request.locality, scope, stock).ok_or(Lack::Cpus)?;
            shared::fill(reach, cpu_milli, scope, stock, sink)?
        }
    };
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
