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
//! **Devices** that are required beside the PUs are part of the choice of scope: a scope whose PUs have too few devices on
//! their NUMA nodes does not serve, and the next is tried. Preferred ones are first taken for required. What else is asked of
//! the agent comes last, as near to the PUs as can be (see [`extras::plan`]).
//!
//! A plan goes to a [`Sink`], part by part: into the claim's record, or nowhere when only feasibility is asked.

use crate::extras::beside::Beside;
use crate::extras::{self, DeviceLocality, figures};
use crate::field::{Field, Region};
use crate::ids::NumaNodeId;
use crate::member::{Cpus, MAX_MEMBERS, Smt};
use crate::memory_plan::{self, Demand};
use crate::nodeset::NodeSet;
use crate::part::{MAX_LEAVES, Part};
use crate::reason::{Invalid, Wanted};
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

    /// One NUMA node.
    pub(crate) const fn one(numa_node: NumaNodeId) -> Self {
        Self::Within { nodeset: NodeSet::of(numa_node), group: None }
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
    request.extras.check()?;
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
const FEW_LEAVES: usize = if cfg!(loom) { 4 } else { 64 };

/// Plans a request.
pub(crate) fn plan(request: &Request, stock: &impl Stock, sink: &mut impl Sink) -> Result<(), Lack> {
    if stock.shape().layout.leaves.len() <= FEW_LEAVES {
        plan_on(request, &Field::<FEW_LEAVES>::read(stock), stock, sink)
    } else {
        plan_on(request, &Field::<MAX_LEAVES>::read(stock), stock, sink)
    }
}

#[inline(never)]
fn plan_on<const N: usize>(
    request: &Request,
    field: &Field<'_, N>,
    stock: &impl Stock,
    sink: &mut impl Sink,
) -> Result<(), Lack> {
    if prefers_kind(&request.members) {
        let wants = Wants::new(request, true);
        let planner = Planner::new(request, &wants, field, stock);
        if let Some(found) = planner.find() {
            return planner.put(&found, sink);
        }
    }
    let wants = Wants::new(request, false);
    let planner = Planner::new(request, &wants, field, stock);
    let found = planner.find().ok_or_else(|| planner.lack())?;
    planner.put(&found, sink)
}

/// Where the CPU of a request comes from.
#[derive(Clone, Copy, Debug)]
enum Place {
    Region(Region),
    Pools(Reach),
    /// Wherever it has to be so that these devices are beside it.
    Beside(DeviceLocality),
}

/// What a planner found.
#[derive(Clone, Copy, Debug)]
struct Found {
    /// From where the CPU comes.
    cpus: Scope,
    place: Place,
    /// From where the memory comes.
    memory: Scope,
}

/// What has to come from one scope with the CPU.
#[derive(Clone, Copy, Debug)]
struct Together {
    memory: bool,
    /// Devices that are wanted beside the PUs this urgently or more.
    devices: Option<DeviceLocality>,
}

/// How good a find is, the best least.
type Rank = (bool, Cost, u64);

/// One request, its members understood in one way.
struct Planner<'a, S, const N: usize> {
    request: &'a Request,
    demand: Demand,
    wants: &'a Wants,
    search: Search<'a, S, N>,
    field: &'a Field<'a, N>,
    stock: &'a S,
}

impl<'a, S: Stock, const N: usize> Planner<'a, S, N> {
    fn new(request: &'a Request, wants: &'a Wants, field: &'a Field<'a, N>, stock: &'a S) -> Self {
        let search = Search::new(request.locality, wants, field, stock);
        Self { request, demand: Demand::of(request), wants, search, field, stock }
    }

    /// The best way to serve the request, best first: memory and preferred devices with the CPU, memory only, preferred
    /// devices only, neither; as far as the request leaves it open.
    fn find(&self) -> Option<Found> {
        let memory = if self.demand.is_empty() { MemoryLocality::Any } else { self.request.memory };
        let steps = device_steps(self.request);
        let with_memory = if memory == MemoryLocality::Any { &[] } else { steps };
        let without = if memory == MemoryLocality::Required { &[] } else { steps };
        let together = |&devices: &_| self.find_together(Together { memory: true, devices: Some(devices) });
        with_memory.iter().find_map(together).or_else(|| without.iter().find_map(|&devices| self.find_apart(devices)))
    }

    /// What is to blame that nothing was found.
    fn lack(&self) -> Lack {
        if self.place(Scope::Anywhere).is_none() {
            return Lack::Cpus;
        }
        if let Some(what) = figures::first_lacking(self.request, self.stock) {
            return Lack::Extra(what);
        }
        let memory = self.request.memory == MemoryLocality::Required && !self.demand.is_empty();
        let serves = || !memory || self.find_together(Together { memory, devices: None }).is_some();
        match self.request.extras.first_required() {
            Some(device) if serves() => Lack::Extra(device),
            _ => self.demand.lack(self.stock.shape().ordinary(), self.stock),
        }
    }

    /// With memory from anywhere.
    fn find_apart(&self, devices: DeviceLocality) -> Option<Found> {
        if !self.request.extras.wants_beside(devices) {
            let (_, place) = self.place(Scope::Anywhere)?;
            return Some(Found { cpus: Scope::Anywhere, place, memory: Scope::Anywhere });
        }
        let together = Together { memory: false, devices: Some(devices) };
        let found = self.find_together(together);
        found.or_else(|| self.rank(Scope::Anywhere, together).map(|(_, found)| found))
    }

    /// In the scope in which all this fits together: the best NUMA node, else the best of the smallest groups.
    fn find_together(&self, together: Together) -> Option<Found> {
        self.find_in_numa_node(together).or_else(|| {
            let mut best: Option<(u32, Rank, Found)> = None;
            for scope in group_scopes(self.request, self.stock) {
                let size = scope.nodeset().len();
                if best.is_some_and(|(smallest, ..)| smallest < size) {
                    break;
                }
                if let Some((rank, found)) = self.rank(scope, together)
                    && best.is_none_or(|(_, least, _)| rank < least)
                {
                    best = Some((size, rank, found));
                }
            }
            best.map(|(.., found)| found)
        })
    }

    /// In the best NUMA node in which all this fits.
    fn find_in_numa_node(&self, together: Together) -> Option<Found> {
        let beside = |scope: &Scope| self.devices_fit(together, scope.nodeset());
        let scopes = single_scopes(self.stock).filter(|scope| self.memory_fits(together, *scope)).filter(beside);
        if self.wants.takes().is_empty() {
            let ranked = scopes.filter_map(|scope| self.rank(scope, together));
            return ranked.min_by_key(|(rank, _)| *rank).map(|(_, found)| found);
        }
        let nodeset = scopes.fold(NodeSet::default(), |nodeset, scope| nodeset.union(scope.nodeset()));
        let (numa_node, choice) = self.search.best_in_numa_node(nodeset)?;
        Some(found_in(Scope::one(numa_node), Place::Region(choice.region), together))
    }

    /// What can be had in a scope, if all this fits.
    fn rank(&self, scope: Scope, together: Together) -> Option<(Rank, Found)> {
        if !self.memory_fits(together, scope) {
            return None;
        }
        let (cost, place) = match self.place(scope)? {
            (_, Place::Pools(reach)) => (Cost::of_left(scope_pus(scope, self.stock)), Place::Pools(reach)),
            placed => placed,
        };
        let place = self.beside_devices(place, scope, together)?;
        let rank = (matches!(place, Place::Beside(_)), cost, scope.pages(self.stock));
        Some((rank, found_in(scope, place, together)))
    }

    /// The best place for the CPU in a scope; of pools the cost is not told.
    fn place(&self, scope: Scope) -> Option<(Cost, Place)> {
        if self.wants.takes().is_empty() {
            let reach = shared::choose(self.wants.share_milli(), self.request.locality, scope, self.stock)?;
            return Some((Cost::default(), Place::Pools(reach)));
        }
        let choice = self.search.best(scope)?;
        Some((choice.cost, Place::Region(choice.region)))
    }

    /// This place if the devices are beside it, else one beside them.
    fn beside_devices(&self, place: Place, scope: Scope, together: Together) -> Option<Place> {
        let least = together.devices.filter(|least| self.request.extras.wants_beside(*least));
        let Some(least) = least else { return Some(place) };
        let near = self.put_cpus(&place, scope, &mut Nowhere).ok()?;
        if self.devices_fit(together, near) {
            return Some(place);
        }
        self.beside(least, scope).put(&mut Nowhere).is_ok().then_some(Place::Beside(least))
    }

    fn beside(&self, least: DeviceLocality, scope: Scope) -> Beside<'a, S, N> {
        Beside { request: self.request, least, scope, wants: self.wants, field: self.field, stock: self.stock }
    }

    /// Whether the devices that are to be beside PUs on these NUMA nodes are there.
    fn devices_fit(&self, together: Together, near: NodeSet) -> bool {
        together.devices.is_none_or(|least| figures::devices_fit(self.request, least, near, self.stock))
    }

    /// Whether the memory of the request fits a scope, if it is to come from there.
    fn memory_fits(&self, together: Together, scope: Scope) -> bool {
        !together.memory || scope == Scope::Anywhere || memory_fits(self.request, self.demand, scope, self.stock)
    }

    /// Puts all that was found into the plan: CPU, memory, then the rest near the PUs.
    fn put(&self, found: &Found, sink: &mut impl Sink) -> Result<(), Lack> {
        let near = self.put_cpus(&found.place, found.cpus, sink)?;
        if !self.demand.is_empty() {
            put_memory(self.request, self.demand, (found.memory, near), self.stock, sink)?;
        }
        match self.request.extras.wishes() {
            Some(wishes) => extras::plan::plan(wishes, near, self.stock, sink),
            None => Ok(()),
        }
    }

    /// Puts the CPU into the plan; tells the NUMA nodes it is in.
    fn put_cpus(&self, place: &Place, scope: Scope, sink: &mut impl Sink) -> Result<NodeSet, Lack> {
        match *place {
            Place::Region(ref region) => self.search.put(region, sink),
            Place::Pools(reach) => shared::fill(reach, self.wants, scope, self.stock, sink),
            Place::Beside(least) => self.beside(least, scope).put(sink),
        }
    }
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

/// Puts the memory of a request into the plan, of a scope, best near the PUs.
pub(crate) fn put_memory(
    request: &Request,
    demand: Demand,
    (scope, near): (Scope, NodeSet),
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

const fn found_in(scope: Scope, place: Place, together: Together) -> Found {
    Found { cpus: scope, place, memory: if together.memory { scope } else { Scope::Anywhere } }
}

/// Which device wishes a scope has to keep: first the preferred ones too, then the required ones alone.
fn device_steps(request: &Request) -> &'static [DeviceLocality] {
    if request.extras.wants_beside(DeviceLocality::Preferred) {
        &[DeviceLocality::Preferred, DeviceLocality::Required]
    } else {
        &[DeviceLocality::Required]
    }
}

/// Each NUMA node that has cores.
pub(crate) fn single_scopes(stock: &impl Stock) -> impl Iterator<Item = Scope> {
    let pools = stock.shape().layout.pools.iter();
    pools.filter_map(|pool| pool.numa_node).map(Scope::one)
}

/// Each group of NUMA nodes that a request may be in, smallest first.
pub(crate) fn group_scopes(request: &Request, stock: &impl Stock) -> impl Iterator<Item = Scope> {
    let may_be = !request.is_of_one_numa_node();
    (0..)
        .zip(&stock.shape().layout.groups)
        .filter(move |_| may_be)
        .map(|(at, &nodeset)| Scope::Within { nodeset, group: Some(at) })
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
        Planner::new(request, &wants, &field, stock).place(scope).is_some()
    }
    let few = stock.shape().layout.leaves.len() <= FEW_LEAVES;
    if few { fit::<FEW_LEAVES>(request, scope, stock) } else { fit::<MAX_LEAVES>(request, scope, stock) }
}
