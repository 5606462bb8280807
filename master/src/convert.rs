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

/// A framework as the holder of offers, told apart from the same framework's pods.
pub(crate) fn offer_owner(framework: wire::FrameworkId) -> alloc_core::Owner {
    alloc_core::Owner::new(1 << 63 | u64::from(framework.0))
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
    request.with_locality(locality(&spec.wish)).with_memory(memory)
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

/// What a claim that is held for an offer adds up to, as the offer tells it. `name` tells the names of scalars, ranges and sets; what
/// has none is left out.
pub(crate) fn offer<'n>(
    held: &alloc_core::Placement,
    machine: &Machine,
    map: &AgentMap,
    name: impl Fn(alloc_core::NameId) -> Option<&'n str>,
) -> wire::Offer {
    let numa_nodes = offer_numa_nodes(held, map);
    let extras = &held.extras;
    let special = extras.special_memory.iter();
    let special_memory = special.filter_map(|part| {
        // A machine does not tell the kinds of its NUMA nodes.
        let (numa_node, kind) = (map.numa_node(part.numa_node)?, String::new());
        Some(wire::OfferSpecialMemory { numa_node, kind, mem_bytes: part.mem_bytes })
    });
    let named = |id| name(id).map(str::to_owned);
    let scalars = extras.scalars.iter();
    let scalars = scalars.filter_map(|part| Some(wire::OfferScalar { name: named(part.name)?, milli: part.milli }));
    let ranges = extras.ranges.iter();
    let ranges =
        ranges.filter_map(|part| Some(wire::OfferRanges { name: named(part.name)?, spans: inclusive(&part.spans) }));
    let sets = extras.sets.iter().filter_map(|part| {
        let name = named(part.name)?;
        let items = items(machine, &name, &part.spans);
        (!items.is_empty()).then_some(wire::OfferSet { name, items })
    });
    wire::Offer {
        exclusive_cores: numa_nodes.iter().map(|entry| entry.exclusive_cores).sum(),
        exclusive_pus: numa_nodes.iter().map(|entry| entry.exclusive_pus).sum(),
        pool_milli: numa_nodes.iter().map(|entry| entry.pool_milli).sum(),
        mem_bytes: numa_nodes.iter().map(|entry| entry.mem_bytes).sum(),
        numa_nodes,
        disk_bytes: extras.disk_bytes,
        huge_pages: extras.huge_pages.iter().flat_map(|part| huge_pages(part, map)).collect(),
        special_memory: special_memory.collect(),
        devices: extras.devices.iter().filter_map(|part| device(*part, machine)).collect(),
        scalars: by_name(scalars, |part| &part.name),
        ranges: by_name(ranges, |part| &part.name),
        sets: by_name(sets, |part| &part.name),
        ..wire::Offer::default()
    }
}

fn offer_numa_nodes(held: &alloc_core::Placement, map: &AgentMap) -> Vec<wire::OfferNumaNode> {
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
    numa_nodes.into_iter().map(|(numa_node, entry)| wire::OfferNumaNode { numa_node, ..entry }).collect()
}

/// One entry for each size of which there are any.
fn huge_pages(part: &alloc_core::NumaNodeHugePages, map: &AgentMap) -> impl Iterator<Item = wire::OfferHugePages> {
    let (numa_node, all) = (map.numa_node(part.numa_node), part.pages);
    alloc_core::HugeSize::ALL.into_iter().filter_map(move |size| {
        let page_bytes = match size {
            alloc_core::HugeSize::Mib2 => 2 << 20,
            alloc_core::HugeSize::Gib1 => 1 << 30,
        };
        let pages = Some(all.get(size)).filter(|pages| *pages > 0)?;
        Some(wire::OfferHugePages { numa_node: numa_node?, page_bytes, pages })
    })
}

/// The core's devices are the machine's, by position.
fn device(part: alloc_core::DeviceShare, machine: &Machine) -> Option<wire::OfferDevice> {
    let device = machine.devices.get(part.device.index())?;
    Some(wire::OfferDevice {
        class: device.class.clone(),
        name: device.name.clone(),
        numa_node: device.numa_node,
        free_milli: u32::from(part.milli),
    })
}

fn inclusive(spans: &[alloc_core::Span]) -> Vec<wire::InclusiveRange> {
    spans.iter().map(|span| wire::InclusiveRange { begin: span.first, end: span.last }).collect()
}

/// The core's items of a set are the machine's, by position; ascending as those are.
fn items(machine: &Machine, set: &str, spans: &[alloc_core::Span]) -> Vec<String> {
    let named = |resource: &&wire::Resource| resource.name == set;
    let all = machine.resources.iter().filter(named).find_map(|resource| match &resource.value {
        wire::ResourceValue::Set(items) => Some(items),
        wire::ResourceValue::ScalarMilli(_) | wire::ResourceValue::Ranges(_) | wire::ResourceValue::Devices(_) => None,
    });
    let Some(all) = all else { return Vec::new() };
    let held = spans.iter().flat_map(|span| span.first..=span.last);
    held.map_while(|position| all.get(usize::try_from(position).ok()?)).cloned().collect()
}

/// The wire takes names in ascending order only; the core's numbers of them may run otherwise.
fn by_name<T>(parts: impl Iterator<Item = T>, name: impl Fn(&T) -> &String) -> Vec<T> {
    let mut parts: Vec<T> = parts.collect();
    parts.sort_by(|a, b| name(a).cmp(name(b)));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        let core = |pu| wire::MachineCore { pus: vec![pu], numa_node: Some(4), ..wire::MachineCore::default() };
        let numa_node =
            |os_index| wire::MachineNumaNode { os_index, mem_bytes: 1 << 30, ..wire::MachineNumaNode::default() };
        let device =
            |name: &str, numa_node| wire::MachineDevice { class: "gpu".to_owned(), name: name.to_owned(), numa_node };
        let racks = wire::ResourceValue::Set(["a", "b", "c"].map(str::to_owned).to_vec());
        Machine {
            cores: vec![core(0), core(1)],
            numa_nodes: vec![numa_node(4), numa_node(8)],
            devices: vec![device("card0", Some(4)), device("card1", None)],
            resources: vec![wire::Resource { name: "racks".to_owned(), value: racks, ..wire::Resource::default() }],
            ..Machine::default()
        }
    }

    fn held() -> alloc_core::PlacedExtras {
        use alloc_core::{DeviceId, DeviceShare, HugePages, NameId, NumaNodeHugePages, NumaNodeId, Span};
        let picked = |name, spans| alloc_core::Picked { name: NameId::new(name), spans };
        alloc_core::PlacedExtras {
            huge_pages: vec![NumaNodeHugePages {
                numa_node: NumaNodeId::new(0),
                pages: HugePages { mib2: 7, gib1: 0 },
            }],
            special_memory: vec![alloc_core::NumaNodeMemory { numa_node: NumaNodeId::new(1), mem_bytes: 4096 }],
            devices: vec![DeviceShare { device: DeviceId::new(1), milli: 300 }],
            disk_bytes: 8192,
            scalars: [0, 1, 9].map(|name| alloc_core::ScalarAmount { name: NameId::new(name), milli: 5 }).to_vec(),
            ranges: vec![picked(2, vec![Span { first: 5, last: 6 }, Span::one(9)])],
            sets: vec![picked(3, vec![Span::one(0), Span { first: 2, last: u64::MAX }])],
        }
    }

    #[test]
    fn an_offer_has_the_machines_names_for_what_is_held() {
        let machine = machine();
        let map = AgentMap::new(&machine).expect("sound");
        let held = alloc_core::Placement { extras: held(), ..alloc_core::Placement::default() };
        let names = ["swap", "bandwidth", "ports", "racks"];
        let offer = offer(&held, &machine, &map, |name| names.get(name.index()).copied());
        let scalar = |name: &str| wire::OfferScalar { name: name.to_owned(), milli: 5 };
        let spans = vec![wire::InclusiveRange { begin: 5, end: 6 }, wire::InclusiveRange { begin: 9, end: 9 }];
        let (class, name) = ("gpu".to_owned(), "card1".to_owned());
        let expected = wire::Offer {
            disk_bytes: 8192,
            huge_pages: vec![wire::OfferHugePages { numa_node: 4, page_bytes: 2 << 20, pages: 7 }],
            special_memory: vec![wire::OfferSpecialMemory { numa_node: 8, kind: String::new(), mem_bytes: 4096 }],
            devices: vec![wire::OfferDevice { class, name, numa_node: None, free_milli: 300 }],
            scalars: vec![scalar("bandwidth"), scalar("swap")],
            ranges: vec![wire::OfferRanges { name: "ports".to_owned(), spans }],
            sets: vec![wire::OfferSet { name: "racks".to_owned(), items: vec!["a".to_owned(), "c".to_owned()] }],
            ..wire::Offer::default()
        };
        assert_eq!(offer, expected);
    }
}
