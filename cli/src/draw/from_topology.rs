//! numa → map: the picture of a machine that nobody uses yet.
//!
//! The topology's cores come sorted by package, NUMA node and L3, so equal neighbours make the groups.

use std::collections::BTreeSet;

use meros_numa::{Core, CoreKind, Device, DeviceKind, NumaNode, Topology};

use super::map::{CoreMap, DeviceMark, L3Map, MachineMap, MemoryMap, NumaNodeMap, PackageMap, PuCell, PuState};

impl MachineMap {
    /// The machine with every PU free that may be used.
    pub(crate) fn from_topology(topology: &Topology) -> Self {
        // A NUMA node that spans packages tells its memory and devices once.
        let mut told = BTreeSet::new();
        let packages = runs(topology.cores(), |core| core.package)
            .map(|(index, cores)| package(topology, index, cores, &mut told))
            .chain(offline(topology))
            .collect();
        Self {
            name: topology.machine_name().map(str::to_owned),
            packages,
            memory_only: memory_only(topology),
            devices: marks(topology, |device| device.numa_node.is_none()),
        }
    }
}

/// Neighbours with an equal label, and that label.
fn runs<L: PartialEq + Copy>(cores: &[Core], label: impl Fn(&Core) -> L + Copy) -> impl Iterator<Item = (L, &[Core])> {
    cores.chunk_by(move |a, b| label(a) == label(b)).filter_map(move |run| Some((label(run.first()?), run)))
}

fn package(topology: &Topology, index: Option<u32>, cores: &[Core], told: &mut BTreeSet<u32>) -> PackageMap {
    let known = index.and_then(|index| topology.packages().get(index as usize));
    PackageMap {
        index,
        processor: known.and_then(|package| package.processor.as_deref().map(short)),
        numa_nodes: runs(cores, |core| core.numa_node)
            .map(|(os_index, cores)| numa_node(topology, os_index, cores, told))
            .collect(),
    }
}

/// A processor's name without the signs of its lawyers.
fn short(processor: &str) -> String {
    processor.replace("(R)", "").replace("(TM)", "").replace("(tm)", "")
}

fn numa_node(topology: &Topology, os_index: Option<u32>, cores: &[Core], told: &mut BTreeSet<u32>) -> NumaNodeMap {
    let news = os_index.is_some_and(|os_index| told.insert(os_index));
    let known = os_index.and_then(|os_index| topology.numa_node(os_index));
    let several_kinds = topology.core_kinds().len() > 1;
    NumaNodeMap {
        os_index,
        memory: known.filter(|_| news).and_then(memory),
        l3_domains: runs(cores, |core| (core.l3, core.kind.filter(|_| several_kinds)))
            .map(|((l3, kind), cores)| l3_domain(topology, l3, kind, cores))
            .collect(),
        devices: marks(topology, |device| news && device.numa_node == os_index),
    }
}

fn memory(numa_node: &NumaNode) -> Option<MemoryMap> {
    (numa_node.mem_bytes > 0).then_some(MemoryMap { used_bytes: 0, total_bytes: numa_node.mem_bytes })
}

fn l3_domain(topology: &Topology, index: Option<u32>, kind: Option<u32>, cores: &[Core]) -> L3Map {
    let known = index.and_then(|index| topology.l3_domains().get(index as usize));
    let kind = kind.and_then(|kind| topology.core_kinds().get(kind as usize));
    L3Map {
        index,
        size_bytes: known.map_or(0, |l3| l3.size_bytes),
        kind: kind.map(kind_name),
        cores: cores.iter().map(|core| core_map(topology, core)).collect(),
    }
}

/// The most telling thing known of a kind of cores.
fn kind_name(kind: &CoreKind) -> String {
    match (&kind.name, kind.frequency_max_mhz) {
        (Some(name), _) => name.clone(),
        (None, Some(mhz)) => format!("{}.{} GHz", mhz / 1_000, mhz % 1_000 / 100),
        (None, None) => format!("kind {}", kind.index),
    }
}

fn core_map(topology: &Topology, core: &Core) -> CoreMap {
    let cell = |os_index| PuCell {
        os_index,
        state: if topology.allowed().contains(os_index) { PuState::Free } else { PuState::Disallowed },
    };
    CoreMap { pus: core.pus.iter().map(cell).collect() }
}

/// PUs that are off: nothing says in which core they are.
fn offline(topology: &Topology) -> Option<PackageMap> {
    let core = |os_index| CoreMap { pus: vec![PuCell { os_index, state: PuState::Offline }] };
    let l3_domains = vec![L3Map { cores: topology.offline().iter().map(core).collect(), ..L3Map::default() }];
    let numa_nodes = vec![NumaNodeMap { l3_domains, ..NumaNodeMap::default() }];
    (!topology.offline().is_empty()).then(|| PackageMap { numa_nodes, ..PackageMap::default() })
}

fn memory_only(topology: &Topology) -> Vec<(u32, String, MemoryMap)> {
    let memory_only = topology.numa_nodes().iter().filter(|n| n.memory_only);
    memory_only
        .map(|numa_node| {
            let what = numa_node.subtype.clone().unwrap_or_else(|| "memory only".to_owned());
            (numa_node.os_index, what, memory(numa_node).unwrap_or_default())
        })
        .collect()
}

fn marks(topology: &Topology, is: impl Fn(&Device) -> bool) -> Vec<DeviceMark> {
    let devices = topology.devices().iter().filter(|device| is(device));
    devices
        .filter_map(|device| {
            let kind = match device.kind {
                DeviceKind::Gpu => "gpu",
                DeviceKind::Nic => "nic",
                DeviceKind::Block if !device.os_devices.is_empty() => "block",
                // A controller without disks.
                DeviceKind::Block | DeviceKind::Other => return None,
            };
            Some(DeviceMark { kind: kind.to_owned(), name: device.name.clone() })
        })
        .collect()
}
