//! Turns what a source told into a [`Topology`]: checks it, gives every core its labels, sorts, numbers.
//!
//! A core's label is what all its PUs have in common; a core that straddles two packages has no package.
//! Several NUMA nodes may be local to the same PUs (DRAM beside HBM, GPU or CXL memory). The label is then
//! the *local ordinary* memory: ordinary before special, the one local to the fewest PUs, one with memory
//! before one without, the lowest index (Linux numbers DRAM first).

use std::cmp::Reverse;
use std::collections::BTreeSet;

use thiserror::Error;

use crate::hash::structure_hash;
use crate::model::{Core, CoreKind, Device, Distances, L3Domain, NumaNode, Package, Topology};
use crate::set::{CpuSet, NodeSet};

/// The largest machine that is loaded: Linux' own limit on x86.
pub const MAX_PUS: usize = 8_192;

/// Why what a source told is no machine.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MachineError {
    /// Nothing to run on.
    #[error("it has no online PU")]
    NoPus,
    /// More PUs than [`MAX_PUS`].
    #[error("it has {0} PUs; at most {MAX_PUS} are supported")]
    TooManyPus(usize),
    /// Two cores claim one PU.
    #[error("PU {0} is in two cores")]
    PuInTwoCores(u32),
    /// Two NUMA nodes have one operating-system index.
    #[error("there are two NUMA nodes {0}")]
    NumaNodeTwice(u32),
}

/// What a source told, in any order, unlabelled: `index`, the labels and `memory_only` mean nothing yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    pub is_this_machine: bool,
    pub machine_name: Option<String>,
    pub pus: CpuSet,
    /// Online and offline PUs.
    pub complete: CpuSet,
    pub allowed: CpuSet,
    pub allowed_numa_nodes: NodeSet,
    pub packages: Vec<Package>,
    pub dies: Vec<CpuSet>,
    pub numa_nodes: Vec<NumaNode>,
    pub l3_domains: Vec<L3Domain>,
    pub core_kinds: Vec<CoreKind>,
    pub cores: Vec<Core>,
    pub distances: Option<Distances>,
    pub devices: Vec<FoundDevice>,
}

/// A device and the NUMA nodes it hangs on.
#[derive(Debug, Clone)]
pub(crate) struct FoundDevice {
    pub device: Device,
    pub nodeset: NodeSet,
}

/// Makes the topology.
pub(crate) fn assemble(mut found: Found) -> Result<Topology, MachineError> {
    check(&found)?;
    number(&mut found);
    let mut cores = complete_cores(&found)?;
    label(&mut cores, &found);
    mark_memory_only(&mut found.numa_nodes, &cores);
    let mut topology = Topology {
        is_this_machine: found.is_this_machine,
        hash: 0,
        machine_name: found.machine_name,
        allowed: found.allowed.intersection(&found.pus),
        offline: found.complete.difference(&found.pus),
        pus: found.pus,
        allowed_numa_nodes: found.allowed_numa_nodes,
        packages: found.packages,
        devices: place_devices(found.devices, &found.numa_nodes),
        numa_nodes: found.numa_nodes,
        l3_domains: found.l3_domains,
        die_count: index(found.dies.len()),
        core_kinds: found.core_kinds,
        cores,
        distances: found.distances,
    };
    topology.hash = structure_hash(&topology);
    Ok(topology)
}

fn check(found: &Found) -> Result<(), MachineError> {
    match found.pus.len() {
        0 => return Err(MachineError::NoPus),
        1..=MAX_PUS => {}
        more => return Err(MachineError::TooManyPus(more)),
    }
    let mut seen = BTreeSet::new();
    for numa_node in &found.numa_nodes {
        if !seen.insert(numa_node.os_index) {
            return Err(MachineError::NumaNodeTwice(numa_node.os_index));
        }
    }
    Ok(())
}

/// Restricts every set to the online PUs, sorts, and numbers in that order.
fn number(found: &mut Found) {
    let pus = &found.pus;
    for package in &mut found.packages {
        package.cpuset = package.cpuset.intersection(pus);
    }
    found.packages.sort_by_key(|package| (position(&package.cpuset), package.os_index));
    for (at, package) in found.packages.iter_mut().enumerate() {
        package.index = index(at);
    }

    for domain in &mut found.l3_domains {
        domain.cpuset = domain.cpuset.intersection(pus);
    }
    found.l3_domains.sort_by_key(|l3| position(&l3.cpuset));
    for (at, domain) in found.l3_domains.iter_mut().enumerate() {
        domain.index = index(at);
    }

    for kind in &mut found.core_kinds {
        kind.cpuset = kind.cpuset.intersection(pus);
    }
    found.core_kinds.sort_by_key(|kind| (kind.efficiency, position(&kind.cpuset)));
    for (at, kind) in found.core_kinds.iter_mut().enumerate() {
        kind.index = index(at);
    }

    for numa_node in &mut found.numa_nodes {
        numa_node.cpuset = numa_node.cpuset.intersection(pus);
    }
    found.numa_nodes.sort_by_key(|numa_node| numa_node.os_index);
    found.dies.sort_by_key(position);
}

/// Sorts a set by its lowest PU, empty ones last.
fn position(cpuset: &CpuSet) -> u32 {
    cpuset.first().unwrap_or(u32::MAX)
}

/// The cores with their online PUs, and a core of its own for every PU in none.
fn complete_cores(found: &Found) -> Result<Vec<Core>, MachineError> {
    let mut lonely = found.pus.clone();
    let mut cores = Vec::with_capacity(found.cores.len());
    for core in &found.cores {
        let pus = core.pus.intersection(&found.pus);
        if let Some(twice) = pus.difference(&lonely).first() {
            return Err(MachineError::PuInTwoCores(twice));
        }
        lonely = lonely.difference(&pus);
        if !pus.is_empty() {
            cores.push(Core { pus, ..core.clone() });
        }
    }
    for pu in lonely.iter() {
        // The PU is a member of a set, so its index is one that a set holds.
        cores.extend(CpuSet::from_indices([pu]).map(unlabelled_core));
    }
    Ok(cores)
}

/// A core of these PUs that nothing more is known of.
pub(crate) const fn unlabelled_core(pus: CpuSet) -> Core {
    Core { index: 0, os_index: None, pus, package: None, die: None, numa_node: None, l3: None, kind: None }
}

fn label(cores: &mut [Core], found: &Found) {
    let packages = Labels::new(found.packages.iter().map(|p| (p.index, &p.cpuset)));
    let dies = Labels::new((0..).zip(&found.dies));
    let l3_domains = Labels::new(found.l3_domains.iter().map(|l3| (l3.index, &l3.cpuset)));
    let kinds = Labels::new(found.core_kinds.iter().map(|k| (k.index, &k.cpuset)));
    let mut by_preference: Vec<&NumaNode> = found.numa_nodes.iter().collect();
    by_preference.sort_by_key(|numa_node| preference(numa_node));
    let numa_nodes = Labels::new(by_preference.iter().map(|n| (n.os_index, &n.cpuset)));

    for core in &mut *cores {
        core.package = packages.of(&core.pus);
        core.die = dies.of(&core.pus);
        core.numa_node = numa_nodes.of(&core.pus);
        core.l3 = l3_domains.of(&core.pus);
        core.kind = kinds.of(&core.pus);
    }
    cores.sort_by_key(|core| (core.package, core.numa_node, core.l3, position(&core.pus)));
    for (at, core) in cores.iter_mut().enumerate() {
        core.index = index(at);
    }
}

/// Sorts the NUMA nodes local to a PU: the first is its label.
fn preference(numa_node: &NumaNode) -> (bool, usize, Reverse<bool>, u32) {
    let special = numa_node.subtype.as_deref().is_some_and(|name| name != "DRAM");
    (special, numa_node.cpuset.len(), Reverse(numa_node.mem_bytes > 0), numa_node.os_index)
}

/// One label per PU.
struct Labels(Vec<Option<u32>>);

impl Labels {
    /// Where sets overlap, the first one given labels the PU.
    fn new<'sets>(sets: impl Iterator<Item = (u32, &'sets CpuSet)>) -> Self {
        let mut labels = Vec::new();
        for (label, cpuset) in sets {
            for pu in cpuset.iter() {
                let at = pu as usize;
                if labels.len() <= at {
                    labels.resize(at + 1, None);
                }
                labels[at].get_or_insert(label);
            }
        }
        Self(labels)
    }

    /// The label that all these PUs have.
    fn of(&self, pus: &CpuSet) -> Option<u32> {
        let mut labels = pus.iter().map(|pu| self.0.get(pu as usize).copied().flatten());
        let first = labels.next()??;
        labels.all(|label| label == Some(first)).then_some(first)
    }
}

fn mark_memory_only(numa_nodes: &mut [NumaNode], cores: &[Core]) {
    let labels: BTreeSet<u32> = cores.iter().filter_map(|core| core.numa_node).collect();
    for numa_node in numa_nodes {
        numa_node.memory_only = !labels.contains(&numa_node.os_index);
    }
}

/// A device's NUMA node is the one it hangs on that cores are labelled with, if that is a single one.
fn place_devices(devices: Vec<FoundDevice>, numa_nodes: &[NumaNode]) -> Vec<Device> {
    let mut placed: Vec<Device> = devices
        .into_iter()
        .map(|FoundDevice { device, nodeset }| {
            let mut near = numa_nodes.iter().filter(|n| !n.memory_only && nodeset.contains(n.os_index));
            let only = near.next().filter(|_| near.next().is_none());
            Device { numa_node: only.map(|numa_node| numa_node.os_index), ..device }
        })
        .collect();
    placed.sort_by(|a, b| (a.pci.is_none(), &a.pci, &a.name).cmp(&(b.pci.is_none(), &b.pci, &b.name)));
    placed
}

/// A position in one of the model's lists. Lists are bounded by the limits on what is loaded.
fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
