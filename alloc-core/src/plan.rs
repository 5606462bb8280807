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
//! **Devices** that are required beside the PUs are part of the choice of scope: a scope whose PUs have too few devices on
//! their NUMA nodes does not serve, and the next is tried. Preferred ones are first taken for required. What else is asked of
//! the agent comes last, as near to the PUs as can be (see [`extras::plan`]).
//!
//! A plan goes to a [`Sink`], part by part: into the claim's record, or nowhere when only feasibility is asked.

use crate::cores;
use crate::extras::{self, DeviceLocality, Extras, figures};
use crate::ids::NumaNodeId;
use crate::memory_plan::{self, Demand};
use crate::nodeset::NodeSet;
use crate::part::Part;
use crate::reason::{Invalid, Wanted};
use crate::record::{OpenRecord, RecordsFull};
use crate::request::{Cpus, Level, Locality, MemoryLocality, Request};
use crate::shared;
use crate::stock::Stock;

/// Why there is no plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lack {
    /// The cores or the share are not there.
    Cpus,
    /// The cores or the share are there; the memory, or memory beside them, is not.
    Memory,
    /// So is the memory; this is not, or not where it is required.
    Extra(Wanted),
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
pub(crate) fn check(request: &Request) -> Result<(), Invalid> {
    request.extras.check()?;
    match (request.cpus, request.locality) {
        (Cpus::Exclusive { pus: 0 } | Cpus::Shared { cpu_milli: 0 }, _) => Err(Invalid::NoCpu),
        (Cpus::Shared { .. }, Locality::Required(level @ (Level::Core | Level::L3))) => {
            Err(Invalid::SharedTooClose(level))
        }
        _ => Ok(()),
    }
}

/// Where a plan takes things from.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// From where the cores come.
    cpus: Scope,
    /// From where the memory comes.
    memory: Scope,
    /// Which devices are beside the cores: those wanted there this urgently or more.
    beside: DeviceLocality,
}

/// Plans a request.
pub(crate) fn plan(request: &Request, stock: &impl Stock, sink: &mut impl Sink) -> Result<(), Lack> {
    let demand = Demand::of(request);
    match way(request, demand, stock) {
        Some(way) => plan_along(way, request, demand, stock, sink),
        None => Err(lack(request, demand, stock)),
    }
}

/// The best way to serve a request, best first: memory and preferred devices with the cores, memory only, preferred devices
/// only, neither; as far as the request leaves it open.
fn way(request: &Request, demand: Demand, stock: &impl Stock) -> Option<Way> {
    let steps = beside_steps(request);
    let together = |&beside: &_| {
        let scope = tightest_scope(request, demand, beside, stock)?;
        Some(Way { cpus: scope, memory: scope, beside })
    };
    let apart = |&beside: &_| {
        let cpus = scope_for_devices(request, beside, stock)?;
        Some(Way { cpus, memory: Scope::Anywhere, beside })
    };
    let no_memory = demand.is_empty();
    let first = if no_memory || request.memory == MemoryLocality::Any { &[] } else { steps };
    let second = if no_memory || request.memory != MemoryLocality::Required { steps } else { &[] };
    first.iter().find_map(together).or_else(|| second.iter().find_map(apart))
}

/// Which device wishes a scope has to keep: first the preferred ones too, then the required ones alone.
fn beside_steps(request: &Request) -> &'static [DeviceLocality] {
    if request.extras.wants_beside(DeviceLocality::Preferred) {
        &[DeviceLocality::Preferred, DeviceLocality::Required]
    } else {
        &[DeviceLocality::Required]
    }
}

/// What is to blame that no scope serves.
fn lack(request: &Request, demand: Demand, stock: &impl Stock) -> Lack {
    if !cpus_fit(request, Scope::Anywhere, stock) {
        return Lack::Cpus;
    }
    if let Some(what) = figures::first_lacking(request, stock) {
        return Lack::Extra(what);
    }
    let without_devices = Request { extras: Extras::NONE, ..request.clone() };
    let memory = request.memory == MemoryLocality::Required && !demand.is_empty();
    match request.extras.first_required() {
        Some(device)
            if !memory || tightest_scope(&without_devices, demand, DeviceLocality::Required, stock).is_some() =>
        {
            Lack::Extra(device)
        }
        _ => demand.lack(stock.shape().ordinary(), stock),
    }
}

/// The tightest scope in which cores, memory and the devices that are to be beside them fit.
fn tightest_scope(request: &Request, demand: Demand, beside: DeviceLocality, stock: &impl Stock) -> Option<Scope> {
    let fits = |scope: &Scope| {
        memory_fits(request, demand, *scope, stock)
            && cpus_fit(request, *scope, stock)
            && devices_fit_beside(request, beside, *scope, stock)
    };
    let singles = single_scopes(stock).filter(fits);
    singles.min_by_key(|scope| tightness(*scope, stock)).or_else(|| group_scopes(stock).find(fits))
}

/// The scope for cores whose memory may come from anywhere: the tightest that has the devices beside them.
fn scope_for_devices(request: &Request, beside: DeviceLocality, stock: &impl Stock) -> Option<Scope> {
    if !request.extras.wants_beside(beside) {
        return Some(Scope::Anywhere);
    }
    let fits = |scope: &Scope| cpus_fit(request, *scope, stock) && devices_fit_beside(request, beside, *scope, stock);
    let singles = single_scopes(stock).filter(fits).min_by_key(|scope| tightness(*scope, stock));
    singles.or_else(|| group_scopes(stock).chain([Scope::Anywhere]).find(fits))
}

/// Whether the devices that are to be beside the PUs are, with the PUs this scope gives.
fn devices_fit_beside(request: &Request, beside: DeviceLocality, scope: Scope, stock: &impl Stock) -> bool {
    !request.extras.wants_beside(beside) || fill_cpus_beside(request, beside, scope, stock, &mut Nowhere).is_ok()
}

/// Puts the CPU part of a request into the plan, with PUs on each NUMA node that the devices wanted beside them come from.
fn fill_cpus_beside(
    request: &Request,
    beside: DeviceLocality,
    scope: Scope,
    stock: &impl Stock,
    sink: &mut impl Sink,
) -> Result<NodeSet, Lack> {
    if request.extras.wants_beside(beside) {
        let near = fill_cpus(request, scope, stock, &mut Nowhere)?;
        if !figures::devices_fit(request, beside, near, stock) {
            return extras::beside::cover(request, beside, scope, stock, sink);
        }
    }
    fill_cpus(request, scope, stock, sink)
}

/// Whether the memory of a request fits a scope.
pub(crate) fn memory_fits(request: &Request, demand: Demand, scope: Scope, stock: &impl Stock) -> bool {
    match scope {
        Scope::Anywhere => memory_plan::loose_fits(demand, stock.shape().ordinary(), stock),
        Scope::Within { nodeset, group } if request.memory == MemoryLocality::Required => {
            memory_plan::strict_fits(demand, nodeset, group, stock)
        }
        Scope::Within { nodeset, .. } => memory_plan::loose_fits(demand, nodeset, stock),
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

/// Puts the CPU part of a request into the plan; tells the NUMA nodes it is in.
pub(crate) fn fill_cpus(
    request: &Request,
    scope: Scope,
    stock: &impl Stock,
    sink: &mut impl Sink,
) -> Result<NodeSet, Lack> {
    match request.cpus {
        Cpus::Exclusive { pus } => {
            let domain = cores::choose(pus, request.locality, scope, stock).ok_or(Lack::Cpus)?;
            cores::fill(domain, pus, scope, stock, sink)
        }
        Cpus::Shared { cpu_milli } => {
            let reach = shared::choose(cpu_milli, request.locality, scope, stock).ok_or(Lack::Cpus)?;
            shared::fill(reach, cpu_milli, scope, stock, sink)
        }
    }
}

fn plan_along(
    way: Way,
    request: &Request,
    demand: Demand,
    stock: &impl Stock,
    sink: &mut impl Sink,
) -> Result<(), Lack> {
    let near = fill_cpus_beside(request, way.beside, way.cpus, stock, sink)?;
    if !demand.is_empty() {
        fill_memory(request, demand, way.memory, near, stock, sink)?;
    }
    match request.extras.wishes() {
        Some(wishes) => extras::plan::plan(wishes, near, stock, sink),
        None => Ok(()),
    }
}

fn fill_memory(
    request: &Request,
    demand: Demand,
    scope: Scope,
    near: NodeSet,
    stock: &impl Stock,
    sink: &mut impl Sink,
) -> Result<(), Lack> {
    match scope {
        Scope::Anywhere => memory_plan::loose(demand, stock.shape().ordinary(), near, stock, sink),
        Scope::Within { nodeset, group } if request.memory == MemoryLocality::Required => {
            memory_plan::strict(demand, (nodeset, group), near, stock, sink)
        }
        Scope::Within { nodeset, .. } => memory_plan::loose(demand, nodeset, near, stock, sink),
    }
}
