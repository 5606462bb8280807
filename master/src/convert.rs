//! The border: the one file that names both the wire's words and the core's.
//!
//! The wire speaks in OS numbers (PU 12, NUMA node 8); the core in dense positions inside one shape. An [`AgentMap`] is the
//! bridge for one machine, made once when it registers.

use std::collections::BTreeMap;

use meros_alloc_core as alloc_core;
use meros_wire::message as wire;
use meros_wire::message::{ClaimTag, Machine, NumaMemory, PoolShare, Refusal, RefusalCode};

/// More PUs than any machine in the field; a larger figure is a mistake or an attack.
const PUS_MAX: usize = 65_536;
/// NUMA nodes likewise.
const NUMA_NODES_MAX: usize = 1_024;
/// SMT siblings of one core.
const PUS_PER_CORE_MAX: usize = 32;

/// The names of one machine: dense positions to OS numbers and back.
#[derive(Clone, Debug)]
pub(crate) struct AgentMap {
    pus: Vec<u32>,
    pu_positions: BTreeMap<u32, u16>,
    /// The core of each PU, by position.
    cores: Vec<u32>,
    /// The pool that each PU's core would join.
    pools: Vec<u32>,
    numa_nodes: Vec<u32>,
    numa_positions: BTreeMap<u32, u16>,
}

/// The core's shape of a registered machine, and the names that go with it.
///
/// # Errors
/// Names the field that is wrong.
pub(crate) fn shape(machine: &Machine) -> Result<(alloc_core::Shape, AgentMap), Refusal> {
    let map = AgentMap::new(machine)?;
    let cores =
        machine.cores.iter().enumerate().map(|(at, core)| core_spec(at, core, &map)).collect::<Result<_, _>>()?;
    let numa_nodes =
        machine.numa_nodes.iter().map(|numa_node| alloc_core::NumaNodeSpec::ordinary(numa_node.mem_bytes)).collect();
    let spec =
        alloc_core::ShapeSpec { cores, numa_nodes, distances: machine.numa_distances.clone(), ..Default::default() };
    let shape = alloc_core::Shape::new(&spec).map_err(|error| invalid("machine", error.to_string()))?;
    Ok((shape, map))
}

fn core_spec(at: usize, given: &wire::MachineCore, map: &AgentMap) -> Result<alloc_core::CoreSpec, Refusal> {
    let field = format!("machine.cores[{at}]");
    let pus = u8::try_from(given.pus.len()).ok().filter(|pus| (1..=PUS_PER_CORE_MAX).contains(&usize::from(*pus)));
    let pus = pus.ok_or_else(|| invalid(&field, format!("has {} PUs; 1 to 32 are possible", given.pus.len())))?;
    let numa_node = match given.numa_node {
        Some(os) => {
            let unknown = || invalid(&field, format!("names NUMA node {os}, which machine.numa_nodes does not list"));
            Some(alloc_core::NumaNodeId::new(*map.numa_positions.get(&os).ok_or_else(unknown)?))
        }
        None => None,
    };
    Ok(alloc_core::CoreSpec { pus, l3: given.l3_domain, numa_node, package: given.package, kind: given.kind })
}

impl AgentMap {
    fn new(machine: &Machine) -> Result<Self, Refusal> {
        let pus: Vec<u32> = machine.cores.iter().flat_map(|core| core.pus.iter().copied()).collect();
        let numa_nodes: Vec<u32> = machine.numa_nodes.iter().map(|numa_node| numa_node.os_index).collect();
        let pu_positions = positions("machine.cores", "PU", &pus, PUS_MAX)?;
        let numa_positions = positions("machine.numa_nodes", "NUMA node", &numa_nodes, NUMA_NODES_MAX)?;
        let pools = machine
            .cores
            .iter()
            .flat_map(|core| core.pus.iter().map(|_| core.numa_node.unwrap_or(wire::PoolOrder::NO_NUMA_NODE)));
        let cores = (0_u32..).zip(&machine.cores).flat_map(|(at, core)| core.pus.iter().map(move |_| at));
        Ok(Self { cores: cores.collect(), pus, pu_positions, pools: pools.collect(), numa_nodes, numa_positions })
    }

    fn pu(&self, position: alloc_core::PuId) -> Option<u32> {
        self.pus.get(position.index()).copied()
    }

    fn numa_node(&self, position: alloc_core::NumaNodeId) -> Option<u32> {
        self.numa_nodes.get(position.index()).copied()
    }

    fn pu_position(&self, os: u32) -> Option<alloc_core::PuId> {
        self.pu_positions.get(&os).map(|position| alloc_core::PuId::new(*position))
    }

    fn numa_position(&self, os: u32) -> Option<alloc_core::NumaNodeId> {
        self.numa_positions.get(&os).map(|position| alloc_core::NumaNodeId::new(*position))
    }

    fn pool_name(&self, numa_node: Option<alloc_core::NumaNodeId>) -> u32 {
        numa_node.and_then(|position| self.numa_node(position)).unwrap_or(wire::PoolOrder::NO_NUMA_NODE)
    }

    /// Outer `None`: the machine has no such NUMA node.
    fn pool_position(&self, name: u32) -> Option<Option<alloc_core::NumaNodeId>> {
        if name == wire::PoolOrder::NO_NUMA_NODE {
            return Some(None);
        }
        self.numa_position(name).map(Some)
    }
}

fn positions(field: &str, what: &str, os: &[u32], max: usize) -> Result<BTreeMap<u32, u16>, Refusal> {
    if os.len() > max {
        return Err(invalid(field, format!("has {} {what}s; {max} are possible", os.len())));
    }
    let mut positions = BTreeMap::new();
    for (at, number) in os.iter().enumerate() {
        let position = u16::try_from(at).map_err(|_| invalid(field, format!("has more than {max} {what}s")))?;
        if positions.insert(*number, position).is_some() {
            return Err(invalid(field, format!("lists {what} {number} twice")));
        }
    }
    Ok(positions)
}

fn invalid(field: &str, message: String) -> Refusal {
    Refusal { code: RefusalCode::Invalid, field: field.to_owned(), message, ..Refusal::default() }
}

pub(crate) const fn agent(agent: alloc_core::AgentId) -> wire::AgentId {
    wire::AgentId(agent.get())
}

pub(crate) const fn core_agent(agent: wire::AgentId) -> alloc_core::AgentId {
    alloc_core::AgentId::new(agent.0)
}

/// A framework as the owner of claims.
pub(crate) fn owner(framework: wire::FrameworkId) -> alloc_core::Owner {
    alloc_core::Owner::new(u64::from(framework.0))
}

pub(crate) const fn framework(framework: alloc_core::FrameworkId) -> wire::FrameworkId {
    wire::FrameworkId(framework.get())
}

pub(crate) const fn core_framework(framework: wire::FrameworkId) -> alloc_core::FrameworkId {
    alloc_core::FrameworkId::new(framework.0)
}

pub(crate) const fn offer_id(offer: alloc_core::OfferId) -> wire::OfferId {
    wire::OfferId(offer.get())
}

pub(crate) fn core_offers(offers: &[wire::OfferId]) -> Vec<alloc_core::OfferId> {
    offers.iter().map(|offer| alloc_core::OfferId::new(offer.0)).collect()
}

/// A pod's launch from offers.
pub(crate) fn launch(framework: wire::FrameworkId, spec: &wire::PodSpec) -> alloc_core::Operation {
    alloc_core::Operation::Launch { owner: owner(framework), request: request(spec) }
}

/// The standing that the core gives to the middle of all priorities, 0.
const ORDINARY: u8 = 64;
/// Priorities nearer to 0 than this have a standing each.
const EXACT: i32 = 32;

/// A priority as a claim's standing, which has 128 steps: -32 to 31 are a step each around the middle, 64; beyond, each step
/// is twice as far out. So no order is turned round, small numbers are all told apart, and of large ones those that differ twofold.
pub(crate) fn standing(priority: i32) -> alloc_core::Standing {
    // How often the distance has doubled beyond the exact ones: at most 26.
    let doublings = |distance: u32| u8::try_from(distance.ilog2() - EXACT.ilog2()).unwrap_or(u8::MAX);
    let exact = |priority: i8| ORDINARY.saturating_add_signed(priority);
    let step = match i8::try_from(priority) {
        Ok(near) if (-EXACT..EXACT).contains(&priority) => exact(near),
        _ if priority > 0 => exact(31) + 1 + doublings(priority.unsigned_abs()),
        _ => exact(-32) - 1 - doublings(priority.unsigned_abs()),
    };
    // 5 to 121: never too high.
    alloc_core::Standing::new(step).unwrap_or_default()
}

pub(crate) fn claim_tag(claim: alloc_core::ClaimId) -> ClaimTag {
    ClaimTag(u128::from(claim.as_u64()))
}

/// A pod's quantities and wishes as the core takes them. One claim for the whole pod.
pub(crate) fn request(spec: &wire::PodSpec) -> alloc_core::Request {
    let mut pus = 0_u32;
    let mut cpu_milli = 0_u32;
    let mut mem_bytes = 0_u64;
    for member in &spec.members {
        match member.resources.cpus {
            wire::Cpus::Exclusive { pus: more } => pus = pus.saturating_add(more),
            wire::Cpus::Shared { cpu_milli: more } => cpu_milli = cpu_milli.saturating_add(more),
        }
        mem_bytes = mem_bytes.saturating_add(member.resources.mem_bytes);
    }
    let request = if pus > 0 {
        alloc_core::Request::exclusive(pus, mem_bytes)
    } else {
        alloc_core::Request::shared(cpu_milli, mem_bytes)
    };
    let memory = if spec.wish.memory_local_required {
        alloc_core::MemoryLocality::Required
    } else {
        alloc_core::MemoryLocality::Preferred
    };
    request.with_locality(locality(&spec.wish)).with_memory(memory).with_standing(standing(spec.priority))
}

const fn locality(wish: &wire::PlacementWish) -> alloc_core::Locality {
    let level = match wish.locality {
        wire::Locality::Any => return alloc_core::Locality::Any,
        wire::Locality::Package => alloc_core::Level::Package,
        wire::Locality::NumaNode => alloc_core::Level::NumaNode,
        wire::Locality::L3Domain => alloc_core::Level::L3,
        wire::Locality::Core => alloc_core::Level::Core,
    };
    if wish.locality_required { alloc_core::Locality::Required(level) } else { alloc_core::Locality::Preferred(level) }
}

/// A claim's exact PUs and memory by OS number.
pub(crate) fn placement(placed: &alloc_core::Placement, map: &AgentMap) -> wire::Placement {
    let exclusive_pus = ascending(placed.pus.iter().filter_map(|pu| map.pu(*pu)));
    let pools = placed.pools.iter();
    let memory = placed.memory.iter().filter_map(|part| {
        let numa_node = map.numa_node(part.numa_node)?;
        Some(NumaMemory { numa_node, mem_bytes: part.mem_bytes })
    });
    wire::Placement {
        exclusive_pus,
        pools: pools
            .map(|share| PoolShare { pool: map.pool_name(share.numa_node), cpu_milli: share.cpu_milli })
            .collect(),
        memory: memory.collect(),
    }
}

/// The wire takes OS numbers in ascending order only; dense positions may run otherwise (SMT siblings far apart).
fn ascending(numbers: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.sort_unstable();
    numbers
}

/// The way back, for pods that an agent reports. `None`: it names what the machine does not have.
pub(crate) fn core_placement(placed: &wire::Placement, strict: bool, map: &AgentMap) -> Option<alloc_core::Placement> {
    let mut pus: Vec<_> = placed.exclusive_pus.iter().map(|pu| map.pu_position(*pu)).collect::<Option<_>>()?;
    pus.sort_unstable();
    let mut pools = Vec::with_capacity(placed.pools.len());
    for share in &placed.pools {
        let numa_node = map.pool_position(share.pool)?;
        pools.push(alloc_core::PoolShare { numa_node, cpu_milli: share.cpu_milli });
    }
    let mut memory = Vec::with_capacity(placed.memory.len());
    for part in &placed.memory {
        let numa_node = map.numa_position(part.numa_node)?;
        memory.push(alloc_core::NumaNodeMemory { numa_node, mem_bytes: part.mem_bytes });
    }
    let memory_hold = if strict { alloc_core::MemoryHold::Strict } else { alloc_core::MemoryHold::Loose };
    Some(alloc_core::Placement { pus, pools, memory, memory_hold, ..alloc_core::Placement::default() })
}

/// Epochs of one leader's pools start anew; with the term above them they never go back.
pub(crate) const fn wire_epoch(term: u64, epoch: u32) -> u64 {
    term << 32 | epoch as u64
}

/// Pool orders as agents take them, with the term above the epoch; never-used pools are left out.
pub(crate) fn pool_orders(term: u64, orders: &[alloc_core::PoolOrder], map: &AgentMap) -> Vec<wire::PoolOrder> {
    let used = orders.iter().filter(|order| order.epoch > 0);
    used.map(|order| wire::PoolOrder {
        pool: map.pool_name(order.numa_node),
        pus: ascending(order.pus.iter().filter_map(|pu| map.pu(*pu))),
        epoch: wire_epoch(term, order.epoch),
    })
    .collect()
}

/// A pool that an agent carried over, for [`restore_pool`](crate::allocation::Allocation::restore_pool). `None`: it names what
/// the machine does not have.
pub(crate) fn core_pool(order: &wire::PoolOrder, map: &AgentMap) -> Option<alloc_core::PoolOrder> {
    let numa_node = map.pool_position(order.pool)?;
    let pus = order.pus.iter().map(|pu| map.pu_position(*pu)).collect::<Option<_>>()?;
    Some(alloc_core::PoolOrder { numa_node, pus, epoch: 0 })
}

/// Which pool and epoch an agent confirms. `None`: another leader's epoch, or a pool that the machine does not have.
pub(crate) fn confirmed(
    term: u64,
    confirmed: wire::PoolConfirmed,
    map: &AgentMap,
) -> Option<(Option<alloc_core::NumaNodeId>, u32)> {
    let epoch = confirmed.epoch.checked_sub(term << 32)?;
    Some((map.pool_position(confirmed.pool)?, u32::try_from(epoch).ok()?))
}

/// What a claim that is held for an offer adds up to, as the offer tells it.
pub(crate) fn offer(held: &alloc_core::Placement, map: &AgentMap) -> wire::Offer {
    let mut numa_nodes: BTreeMap<u32, wire::OfferNumaNode> = BTreeMap::new();
    let mut last_core = None;
    for pu in &held.pus {
        let pool = map.pools.get(pu.index()).copied().unwrap_or(wire::PoolOrder::NO_NUMA_NODE);
        let core = map.cores.get(pu.index());
        let entry = numa_nodes.entry(pool).or_default();
        entry.exclusive_pus += 1;
        // Positions of one core's PUs follow each other.
        entry.exclusive_cores += u32::from(core != last_core);
        last_core = core;
    }
    for share in &held.pools {
        numa_nodes.entry(map.pool_name(share.numa_node)).or_default().pool_milli += share.cpu_milli;
    }
    for part in &held.memory {
        if let Some(os) = map.numa_node(part.numa_node) {
            numa_nodes.entry(os).or_default().mem_bytes += part.mem_bytes;
        }
    }
    wire::Offer {
        exclusive_cores: numa_nodes.values().map(|entry| entry.exclusive_cores).sum(),
        exclusive_pus: numa_nodes.values().map(|entry| entry.exclusive_pus).sum(),
        pool_milli: numa_nodes.values().map(|entry| entry.pool_milli).sum(),
        mem_bytes: numa_nodes.values().map(|entry| entry.mem_bytes).sum(),
        numa_nodes: numa_nodes
            .into_iter()
            .map(|(numa_node, entry)| wire::OfferNumaNode { numa_node, ..entry })
            .collect(),
        ..wire::Offer::default()
    }
}

#[cfg(test)]
mod tests {
    use super::standing;

    #[test]
    fn priorities_keep_their_order() {
        let rising = [i32::MIN, -1_000, -33, -32, -1, 0, 1, 31, 32, 1_000, 2_000, 1_000_000, 2_000_000_000];
        let steps = rising.map(|priority| standing(priority).priority());
        assert!(steps.is_sorted_by(|lower, higher| lower < higher), "{steps:?}");
        assert_eq!((steps[0], steps[5], steps[12]), (5, 64, 121));
        assert_eq!(standing(i32::MAX), standing(2_000_000_000));
    }
}
