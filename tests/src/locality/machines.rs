//! Machines to claim on: those of the shared topologies, and odd ones that no file has.

use std::path::Path;

use meros_alloc_core::{CoreSpec, DeviceSpec, HugePages, NumaNodeId, NumaNodeSpec, ShapeSpec};
use meros_numa::{Core, Device, DeviceKind, NumaNode, Topology};

use crate::e2e::machine::shared;

/// A machine and its name for messages.
#[derive(Debug)]
pub struct Named {
    /// The file's name, or what is odd about it.
    pub name: String,
    /// What the allocator is told.
    pub spec: ShapeSpec,
}

/// The machines of the shared topologies; none, and a loud line, when those are not here.
///
/// # Panics
/// When a file there cannot be read as a machine.
#[must_use]
pub fn real() -> Vec<Named> {
    let Some(folder) = shared("topologies") else { return Vec::new() };
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "xml"));
    files.sort();
    files.iter().map(|file| real_machine(file)).collect()
}

fn real_machine(file: &Path) -> Named {
    let topology = Topology::from_xml_file(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let name = file.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    Named { name, spec: spec(&topology) }
}

/// A topology as the allocator takes it: NUMA nodes by position, those without cores as special memory.
fn spec(topology: &Topology) -> ShapeSpec {
    let numa_nodes = topology.numa_nodes();
    let position = |os: u32| numa_nodes.iter().position(|numa_node| numa_node.os_index == os);
    let id = |os: u32| position(os).and_then(|at| u16::try_from(at).ok()).map(NumaNodeId::new);
    let core = |core: &Core| CoreSpec {
        pus: u8::try_from(core.pus.iter().count()).unwrap_or(u8::MAX),
        l3: core.l3,
        numa_node: core.numa_node.and_then(id),
        package: core.package,
        kind: core.kind.unwrap_or(0),
    };
    let cores: Vec<CoreSpec> = topology.cores().iter().map(core).collect();
    let between = |from: u32, to: u32| topology.distances().and_then(|distances| distances.between(from, to));
    let pairs = numa_nodes.iter().flat_map(|from| numa_nodes.iter().map(move |to| (from.os_index, to.os_index)));
    let distances: Option<Vec<u32>> = pairs.map(|(from, to)| between(from, to)).collect();
    let is_known = cores.iter().any(|core| core.numa_node.is_some());
    let kind = |numa_node: &NumaNode| if is_known && numa_node.memory_only { memory_kind(numa_node) } else { 0 };
    let device = |device: &Device| {
        let kind = DEVICE_KINDS.iter().position(|kind| *kind == device.kind)?;
        Some(DeviceSpec { kind: u32::try_from(kind).ok()?, numa_node: device.numa_node.and_then(id) })
    };
    ShapeSpec {
        cores,
        numa_nodes: numa_nodes.iter().map(|numa_node| numa_node_spec(numa_node, kind(numa_node))).collect(),
        distances: distances.unwrap_or_default(),
        devices: topology.devices().iter().filter_map(device).collect(),
        ..ShapeSpec::default()
    }
}

/// The kinds of device that are told, numbered by position.
const DEVICE_KINDS: [DeviceKind; 3] = [DeviceKind::Gpu, DeviceKind::Nic, DeviceKind::Block];

/// Kinds of special memory: what hwloc calls it, numbered.
fn memory_kind(numa_node: &NumaNode) -> u32 {
    match numa_node.subtype.as_deref() {
        Some("MCDRAM" | "HBM") => 1,
        Some("GPUMemory") => 2,
        _ => 3,
    }
}

fn numa_node_spec(numa_node: &NumaNode, kind: u32) -> NumaNodeSpec {
    let pages = |page_bytes| {
        let of_size = numa_node.huge_pages.iter().filter(|pages| pages.page_bytes == page_bytes);
        of_size.map(|pages| pages.count).sum()
    };
    let huge_pages = HugePages { mib2: pages(2 << 20), gib1: pages(1 << 30) };
    // Some files tell no memory sizes.
    NumaNodeSpec { mem_bytes: numa_node.mem_bytes.max(1 << 30), huge_pages, kind }
}

/// How many cores there are of each thing that has a label; 0: no such label.
#[derive(Clone, Copy)]
struct Regular {
    cores: u32,
    width: u8,
    per_l3: u32,
    per_numa_node: u32,
    per_package: u32,
}

impl Regular {
    fn spec(self) -> ShapeSpec {
        let cores = (0..self.cores).map(|at| CoreSpec {
            pus: self.width,
            l3: at.checked_div(self.per_l3),
            numa_node: at.checked_div(self.per_numa_node).and_then(|at| u16::try_from(at).ok()).map(NumaNodeId::new),
            package: at.checked_div(self.per_package),
            kind: 0,
        });
        let numa_nodes = self.cores.div_ceil(self.per_numa_node) as usize;
        ShapeSpec {
            cores: cores.collect(),
            numa_nodes: vec![NumaNodeSpec::ordinary(1 << 30); numa_nodes],
            ..ShapeSpec::default()
        }
    }
}

const fn regular(cores: u32, width: u8, per_l3: u32, per_numa_node: u32, per_package: u32) -> Regular {
    Regular { cores, width, per_l3, per_numa_node, per_package }
}

/// Machines with what no file has.
#[must_use]
pub fn synthetic() -> Vec<Named> {
    let plain = [
        ("272 PUs in one NUMA node, no L3", regular(68, 4, 0, 68, 68)),
        ("128 PUs under one L3", regular(128, 2, 64, 64, 64)),
        ("8 NUMA nodes of 2 L3", regular(64, 2, 4, 8, 32)),
        ("SMT 3", regular(24, 3, 4, 8, 12)),
        ("SMT 8", regular(16, 8, 2, 4, 8)),
        ("24 packages of 2 L3", regular(96, 1, 2, 4, 4)),
        ("an L3 over two NUMA nodes", regular(48, 2, 12, 6, 24)),
        ("an L3 over four NUMA nodes", regular(64, 1, 16, 4, 16)),
        ("labels that do not nest", regular(30, 2, 3, 5, 7)),
        ("a NUMA node over packages and L3", regular(24, 1, 3, 12, 2)),
    ];
    let mut named: Vec<Named> =
        plain.into_iter().map(|(name, regular)| Named { name: name.to_owned(), spec: regular.spec() }).collect();
    named.extend([outside(), without_cores(), hybrid(), offline()]);
    named
}

fn odd(name: &str, regular: Regular, change: impl Fn(usize, &mut CoreSpec)) -> Named {
    let mut spec = regular.spec();
    for (at, core) in spec.cores.iter_mut().enumerate() {
        change(at, core);
    }
    Named { name: name.to_owned(), spec }
}

fn outside() -> Named {
    odd("cores in no NUMA node, and under no L3", regular(24, 2, 4, 8, 12), |at, core| {
        if at % 5 == 0 {
            core.numa_node = None;
        }
        if at % 7 == 0 {
            core.l3 = None;
        }
    })
}

fn without_cores() -> Named {
    let mut named = odd("NUMA nodes without cores", regular(16, 2, 4, 8, 8), |_, _| ());
    named.spec.numa_nodes.extend([NumaNodeSpec { kind: 1, ..NumaNodeSpec::ordinary(16 << 30) }; 2]);
    named.spec.numa_nodes.push(NumaNodeSpec::ordinary(16 << 30));
    named.spec.devices = vec![DeviceSpec { kind: 0, numa_node: Some(NumaNodeId::new(1)) }; 2];
    named
}

fn hybrid() -> Named {
    odd("hybrid kinds", regular(28, 2, 14, 14, 14), |at, core| {
        if at % 14 >= 6 {
            (core.pus, core.kind) = (1, 1);
        }
    })
}

fn offline() -> Named {
    odd("offline PUs", regular(24, 4, 6, 12, 12), |at, core| core.pus = [4, 3, 4, 1, 2][at % 5])
}
