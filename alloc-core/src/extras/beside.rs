//! Beside: PUs on every NUMA node that gives devices, where the place that would be best without devices has too few.
//!
//! 1. The NUMA nodes to be covered: one after the other, the one that brings the wishes furthest, until the devices are there.
//! 2. They share the PUs of an only member: the one with the fewest takes its share of what is lacking, then the next. Taken in
//!    this order, what is left is always enough for one core on each that is left, if it can be done at all.
//! 3. What is still lacking comes from the other NUMA nodes of the scope.
//!
//! Several members, and one that has to stay in one domain, are not dealt out. They get the best place in the NUMA nodes to be
//! covered, else in these and the nearest others. That they then are on all that give devices is checked, not sought: a request
//! that would fit only so is refused for lack of the devices.

use crate::extras::figures;
use crate::extras::wishes::DeviceLocality;
use crate::field::{Field, units};
use crate::ids::NumaNodeId;
use crate::nodeset::NodeSet;
use crate::part::Part;
use crate::plan::{Lack, Nowhere, Scope, Sink};
use crate::request::{Level, Locality, Request};
use crate::search::Search;
use crate::shared;
use crate::slots::RecordsFull;
use crate::stock::Stock;
use crate::wants::{Take, Wants};

/// One request whose devices are to be beside its PUs.
pub(crate) struct Beside<'a, S, const N: usize> {
    pub(crate) request: &'a Request,
    /// Which wishes for devices count: those this urgent or more.
    pub(crate) least: DeviceLocality,
    pub(crate) scope: Scope,
    pub(crate) wants: &'a Wants,
    pub(crate) field: &'a Field<'a, N>,
    pub(crate) stock: &'a S,
}

impl<S: Stock, const N: usize> Beside<'_, S, N> {
    /// Puts the CPU into the plan, with PUs on each NUMA node that the devices come from; tells the NUMA nodes.
    pub(crate) fn put(&self, sink: &mut impl Sink) -> Result<NodeSet, Lack> {
        let from = with_pus(self.wants, self.scope, self.stock);
        let covered = self.covered(from).ok_or(Lack::Cpus)?;
        match self.wants.only_amount() {
            Some(amount) if self.may_span(covered) => self.deal(amount, covered, from, sink),
            _ => self.gather(covered, from, sink),
        }
    }

    /// Deals the only member out over the NUMA nodes to be covered, and over the others.
    fn deal(&self, amount: u32, covered: NodeSet, from: NodeSet, sink: &mut impl Sink) -> Result<NodeSet, Lack> {
        let take = self.wants.only_take();
        let mut sink = Counting { sink, take, amount: 0, stock: self.stock };
        let most = |numa_node: &NumaNodeId| most(self.wants, *numa_node, self.stock);
        let wanted = u64::from(amount);
        let mut left = covered;
        while let Some(numa_node) = left.iter().min_by_key(most) {
            let lacking = wanted.checked_sub(sink.amount).filter(|lacking| *lacking > 0).ok_or(Lack::Cpus)?;
            let share = lacking.div_ceil(u64::from(left.len())).min(most(&numa_node));
            self.fill(&self.wants.with_amount(share), Locality::Any, Scope::one(numa_node), &mut sink)?;
            left = left.without(numa_node);
        }
        let lacking = wanted.saturating_sub(sink.amount);
        if lacking == 0 {
            return Ok(covered);
        }
        if !self.may_span(from) {
            return Err(Lack::Cpus);
        }
        let rest = from.iter().filter(|numa_node| !covered.has(*numa_node)).collect();
        let more = self.fill(&self.wants.with_amount(lacking), Locality::Any, within(rest), &mut sink)?;
        Ok(covered.union(more))
    }

    /// Puts the members where they fit best, in the NUMA nodes to be covered and as few of the nearest others as it takes.
    fn gather(&self, covered: NodeSet, from: NodeSet, sink: &mut impl Sink) -> Result<NodeSet, Lack> {
        let fill = |nodeset, sink: &mut Nowhere| self.fill(self.wants, self.request.locality, within(nodeset), sink);
        let fits = |near: NodeSet| figures::devices_fit(self.request, self.least, near, self.stock);
        let mut nodeset = covered;
        while !fill(nodeset, &mut Nowhere).is_ok_and(fits) {
            let far = |numa_node: &NumaNodeId| self.stock.shape().distance_from(covered, *numa_node);
            let others = from.iter().filter(|numa_node| !nodeset.has(*numa_node));
            nodeset = nodeset.with(others.min_by_key(far).ok_or(Lack::Cpus)?);
        }
        self.fill(self.wants, self.request.locality, within(nodeset), sink)
    }

    /// Puts CPU into the plan, wherever it is best in a scope; tells the NUMA nodes it is in.
    fn fill(&self, wants: &Wants, locality: Locality, scope: Scope, sink: &mut impl Sink) -> Result<NodeSet, Lack> {
        if wants.takes().is_empty() {
            let reach = shared::choose(wants.share_milli(), locality, scope, self.stock).ok_or(Lack::Cpus)?;
            return shared::fill(reach, wants, scope, self.stock, sink);
        }
        let search = Search::new(locality, wants, self.field, self.stock);
        search.put(&search.best(scope).ok_or(Lack::Cpus)?.region, sink)
    }

    /// The NUMA nodes to take devices from; `None` when these do not have them all.
    fn covered(&self, from: NodeSet) -> Option<NodeSet> {
        let wishes = self.request.extras.wishes()?;
        let met = |nodeset| figures::met_beside(wishes, self.least, nodeset, self.stock);
        let mut covered = NodeSet::default();
        while !figures::devices_fit(self.request, self.least, covered, self.stock) {
            let others = from.iter().filter(|numa_node| !covered.has(*numa_node));
            let best = others.max_by_key(|at| met(covered.with(*at)))?;
            if met(covered.with(best)) <= met(covered) {
                return None;
            }
            covered = covered.with(best);
        }
        Some(covered)
    }

    /// Whether PUs on all of these NUMA nodes can keep the locality required of them.
    fn may_span(&self, nodeset: NodeSet) -> bool {
        let Locality::Required(level) = self.request.locality else { return true };
        let layout = self.field.layout;
        let is_in = |at: u16| layout.leaves[usize::from(at)].numa_node.is_some_and(|numa_node| nodeset.has(numa_node));
        let spanned = (0..).zip(&layout.leaves).filter(|(at, _)| is_in(*at));
        level != Level::Core
            && layout.domains(level).iter().any(|leaves| spanned.clone().all(|(at, _)| leaves.contains(&at)))
    }
}

const fn within(nodeset: NodeSet) -> Scope {
    Scope::Within { nodeset, group: None }
}

/// What a NUMA node could give of what the request takes; of several members, in PUs and thousandths.
fn most(wants: &Wants, numa_node: NumaNodeId, stock: &impl Stock) -> u64 {
    let layout = &stock.shape().layout;
    let milli = || layout.pool_of(Some(numa_node)).map_or(0, |pool| u64::from(stock.reach_milli(pool)));
    let of_leaf =
        |pus: u32, leaf: &_| wants.only_take().map_or_else(|| pus.count_ones(), |take| units(take, leaf, pus));
    let leaves = (0..).zip(&layout.leaves).filter(|(_, leaf)| leaf.numa_node == Some(numa_node));
    let pus = || leaves.map(|(at, leaf)| u64::from(of_leaf(stock.pus(at), leaf))).sum::<u64>();
    match (wants.takes().is_empty(), wants.shares().is_empty()) {
        (true, _) => milli(),
        (false, true) => pus(),
        (false, false) => pus() + milli(),
    }
}

/// The NUMA nodes of a scope that have what the request takes.
pub(crate) fn with_pus(wants: &Wants, scope: Scope, stock: &impl Stock) -> NodeSet {
    let numa_nodes = stock.shape().layout.pools.iter().filter_map(|pool| pool.numa_node);
    numa_nodes.filter(|numa_node| scope.has(Some(*numa_node)) && most(wants, *numa_node, stock) > 0).collect()
}

/// Counts what passes to another sink, in the unit of the only member.
struct Counting<'a, S, K> {
    sink: &'a mut K,
    take: Option<Take>,
    amount: u64,
    stock: &'a S,
}

impl<S: Stock, K: Sink> Sink for Counting<'_, S, K> {
    fn put(&mut self, part: Part) -> Result<(), RecordsFull> {
        self.amount += match (part, self.take) {
            (Part::Cores { leaf, pus, .. }, Some(take)) => {
                u64::from(units(take, &self.stock.shape().layout.leaves[usize::from(leaf)], pus))
            }
            (Part::Share { cpu_milli, .. }, _) => u64::from(cpu_milli),
            _ => 0,
        };
        self.sink.put(part)
    }
}
