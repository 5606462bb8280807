//! Beside: PUs on every NUMA node that gives devices, where no single NUMA node has enough of both.
//!
//! 1. The NUMA nodes to be covered: one after the other, the one that brings the wishes furthest, until the devices are there.
//! 2. They share the PUs: the one with the fewest takes its share of what is lacking, then the next. Taken in this order, what is
//!    left is always enough for one core on each that is left, if it can be done at all.
//! 3. What is still lacking comes from the other NUMA nodes of the scope.

use crate::extras::figures;
use crate::extras::wishes::{DeviceLocality, Extras};
use crate::ids::NumaNodeId;
use crate::nodeset::NodeSet;
use crate::part::Part;
use crate::plan::{Lack, Scope, Sink, fill_cpus};
use crate::record::RecordsFull;
use crate::request::{Cpus, Locality, Request};
use crate::stock::Stock;

/// Puts PUs into the plan, on each NUMA node that the devices come from; tells the NUMA nodes.
pub(crate) fn cover(
    request: &Request,
    least: DeviceLocality,
    scope: Scope,
    stock: &impl Stock,
    sink: &mut impl Sink,
) -> Result<NodeSet, Lack> {
    let from = with_pus(request, scope, stock);
    let covered = covered(request, least, from, stock).ok_or(Lack::Cpus)?;
    if !may_span(request.locality, covered, stock) {
        return Err(Lack::Cpus);
    }
    let mut sink = Counting { sink, amount: 0 };
    let wanted = u64::from(amount(request.cpus));
    let mut left = covered;
    while let Some(numa_node) = left.iter().min_by_key(|numa_node| most(request, *numa_node, stock)) {
        let lacking = wanted.checked_sub(sink.amount).filter(|lacking| *lacking > 0).ok_or(Lack::Cpus)?;
        let share = lacking.div_ceil(u64::from(left.len())).min(most(request, numa_node, stock));
        fill_cpus(&of_amount(request, share), within(NodeSet::of(numa_node)), stock, &mut sink)?;
        left = left.without(numa_node);
    }
    let lacking = wanted.saturating_sub(sink.amount);
    if lacking == 0 {
        return Ok(covered);
    }
    let rest: NodeSet = from.iter().filter(|numa_node| !covered.has(*numa_node)).collect();
    if !may_span(request.locality, from, stock) {
        return Err(Lack::Cpus);
    }
    let more = fill_cpus(&of_amount(request, lacking), within(rest), stock, &mut sink)?;
    Ok(more.iter().fold(covered, NodeSet::with))
}

const fn within(nodeset: NodeSet) -> Scope {
    Scope::Within { nodeset, group: None }
}

const fn amount(cpus: Cpus) -> u32 {
    match cpus {
        Cpus::Exclusive { pus } => pus,
        Cpus::Shared { cpu_milli } => cpu_milli,
    }
}

/// The CPU part of a request with another amount, wherever in its scope.
fn of_amount(request: &Request, amount: u64) -> Request {
    let amount = u32::try_from(amount).unwrap_or(u32::MAX);
    let cpus = match request.cpus {
        Cpus::Exclusive { .. } => Cpus::Exclusive { pus: amount },
        Cpus::Shared { .. } => Cpus::Shared { cpu_milli: amount },
    };
    Request { cpus, mem_bytes: 0, locality: Locality::Any, memory: request.memory, extras: Extras::NONE }
}

/// PUs, or thousandths of a PU, that a NUMA node could give.
fn most(request: &Request, numa_node: NumaNodeId, stock: &impl Stock) -> u64 {
    let layout = &stock.shape().layout;
    match request.cpus {
        Cpus::Exclusive { .. } => {
            let leaves = (0..).zip(&layout.leaves).filter(|(_, leaf)| leaf.numa_node == Some(numa_node));
            leaves.map(|(at, _)| u64::from(stock.pus(at).count_ones())).sum()
        }
        Cpus::Shared { .. } => layout.pool_of(Some(numa_node)).map_or(0, |pool| u64::from(stock.reach_milli(pool))),
    }
}

/// The NUMA nodes of a scope that have PUs.
pub(crate) fn with_pus(request: &Request, scope: Scope, stock: &impl Stock) -> NodeSet {
    let numa_nodes = stock.shape().layout.pools.iter().filter_map(|pool| pool.numa_node);
    numa_nodes.filter(|numa_node| scope.has(Some(*numa_node)) && most(request, *numa_node, stock) > 0).collect()
}

/// The NUMA nodes to take devices from; `None` when these do not have them all.
fn covered(request: &Request, least: DeviceLocality, from: NodeSet, stock: &impl Stock) -> Option<NodeSet> {
    let wishes = request.extras.wishes()?;
    let met = |nodeset| figures::met_beside(wishes, least, nodeset, stock);
    let mut covered = NodeSet::default();
    while !figures::devices_fit(request, least, covered, stock) {
        let best = from.iter().filter(|numa_node| !covered.has(*numa_node)).max_by_key(|at| met(covered.with(*at)))?;
        if met(covered.with(best)) <= met(covered) {
            return None;
        }
        covered = covered.with(best);
    }
    Some(covered)
}

/// Whether PUs on all of these NUMA nodes can keep the locality required of them.
fn may_span(locality: Locality, nodeset: NodeSet, stock: &impl Stock) -> bool {
    let Locality::Required(level) = locality else { return true };
    let layout = &stock.shape().layout;
    let is_in = |at: u16| layout.leaves[usize::from(at)].numa_node.is_some_and(|numa_node| nodeset.has(numa_node));
    let spanned = (0..).zip(&layout.leaves).filter(|(at, _)| is_in(*at));
    layout.domains(level).iter().any(|leaves| spanned.clone().all(|(at, _)| leaves.contains(&at)))
}

/// Counts the PUs, or the thousandths, that pass to another sink.
struct Counting<'a, S> {
    sink: &'a mut S,
    amount: u64,
}

impl<S: Sink> Sink for Counting<'_, S> {
    fn put(&mut self, part: Part) -> Result<(), RecordsFull> {
        self.amount += match part {
            Part::Cores { pus, .. } => u64::from(pus.count_ones()),
            Part::Share { cpu_milli, .. } => u64::from(cpu_milli),
            _ => 0,
        };
        self.sink.put(part)
    }
}
