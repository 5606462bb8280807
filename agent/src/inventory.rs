//! The border: the one file that names both the topology's words and the wire's.
//!
//! Only what this agent may use is registered: a core of which another cgroup took a PU is left out whole, because cores are
//! given whole. Memory that is set aside as huge pages is not counted as ordinary memory.

use meros_numa::{Core, Device, DeviceKind, NumaNode, Topology, TopologyError};
use meros_wire::message::{Machine, MachineCore, MachineDevice, MachineNumaNode};

use crate::config::TopologySource;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// The machine that an agent stands for, pretended unless it is this one.
///
/// # Errors
/// What is wrong with the source, and what to do.
pub fn load(source: &TopologySource, hostname: String) -> Result<Machine, TopologyError> {
    let topology = match source {
        TopologySource::ThisMachine => Topology::this_machine()?,
        TopologySource::Xml(path) => Topology::from_xml_file(path)?,
        TopologySource::Synthetic(description) => Topology::from_synthetic(description)?,
    };
    let pretended = !(*source == TopologySource::ThisMachine && topology.is_this_machine());
    Ok(machine(&topology, hostname, pretended))
}

/// The machine as it is registered.
#[must_use]
pub fn machine(topology: &Topology, hostname: String, pretended: bool) -> Machine {
    let usable = |core: &&Core| core.pus.is_subset(topology.allowed());
    let mut cores: Vec<MachineCore> =
        topology.cores().iter().filter(usable).map(|core| machine_core(topology, core)).collect();
    cores.sort_by(|left, right| left.pus.cmp(&right.pus));
    let allowed = topology.allowed_numa_nodes();
    let numa_nodes: Vec<&NumaNode> =
        topology.numa_nodes().iter().filter(|numa_node| allowed.contains(numa_node.os_index)).collect();
    Machine {
        hostname,
        topology_hash: topology.hash(),
        pretended,
        cores,
        numa_distances: distances(topology, &numa_nodes),
        numa_nodes: numa_nodes.into_iter().map(machine_numa_node).collect(),
        devices: topology.devices().iter().filter_map(machine_device).collect(),
        resources: Vec::new(),
        attributes: Vec::new(),
    }
}

fn machine_core(topology: &Topology, core: &Core) -> MachineCore {
    let package = core.package.and_then(|at| topology.packages().get(usize::try_from(at).ok()?));
    MachineCore {
        pus: core.pus.iter().collect(),
        // By position where the firmware's numbers are large or repeated: what counts is which cores share one.
        package: package.map(|package| package.index),
        numa_node: core.numa_node.filter(|os| topology.allowed_numa_nodes().contains(*os)),
        l3_domain: core.l3,
        kind: core.kind.unwrap_or(0),
    }
}

fn machine_numa_node(numa_node: &NumaNode) -> MachineNumaNode {
    let pages = |page_bytes| {
        let of_size = numa_node.huge_pages.iter().filter(|pages| pages.page_bytes == page_bytes);
        of_size.map(|pages| pages.count).sum::<u64>()
    };
    let set_aside = numa_node.huge_pages.iter().filter(|pages| pages.page_bytes >= MIB);
    let set_aside_bytes =
        set_aside.fold(0_u64, |sum, pages| sum.saturating_add(pages.page_bytes.saturating_mul(pages.count)));
    MachineNumaNode {
        os_index: numa_node.os_index,
        mem_bytes: numa_node.mem_bytes.saturating_sub(set_aside_bytes),
        huge_2mib_pages: pages(2 * MIB),
        huge_1gib_pages: pages(GIB),
    }
}

/// Row by row over the registered NUMA nodes; none at all where one is missing.
fn distances(topology: &Topology, numa_nodes: &[&NumaNode]) -> Vec<u32> {
    let Some(known) = topology.distances() else { return Vec::new() };
    let rows = numa_nodes.iter().flat_map(|from| numa_nodes.iter().map(|to| known.between(from.os_index, to.os_index)));
    rows.collect::<Option<Vec<u32>>>().unwrap_or_default()
}

fn machine_device(device: &Device) -> Option<MachineDevice> {
    let class = match device.kind {
        DeviceKind::Gpu => "gpu",
        DeviceKind::Nic => "nic",
        DeviceKind::Block => "block",
        DeviceKind::Other => return None,
    };
    Some(MachineDevice { class: class.to_owned(), name: device.name.clone(), numa_node: device.numa_node })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_up_machine_is_told_whole() {
        let topology = Topology::from_synthetic("package:2 numa:2 l3:1 core:2 pu:2").unwrap();
        let machine = machine(&topology, "name".to_owned(), true);
        assert_eq!(machine.cores.len(), 8);
        assert_eq!(machine.numa_nodes.len(), 4);
        assert_eq!(machine.topology_hash, topology.hash());
        assert!(machine.pretended);
        let fifth = &machine.cores[4];
        assert_eq!(
            (fifth.pus.as_slice(), fifth.package, fifth.numa_node, fifth.l3_domain),
            (&[8, 9][..], Some(1), Some(2), Some(2))
        );
        let pus: Vec<u32> = machine.cores.iter().flat_map(|core| core.pus.clone()).collect();
        assert_eq!(pus, (0..16).collect::<Vec<u32>>());
    }

    #[test]
    fn this_machine_has_cores_in_ascending_order() {
        let machine = machine(&Topology::this_machine().unwrap(), "name".to_owned(), false);
        assert!(!machine.cores.is_empty());
        assert!(machine.cores.windows(2).all(|pair| pair[0].pus < pair[1].pus));
        assert!(machine.numa_nodes.windows(2).all(|pair| pair[0].os_index < pair[1].os_index));
    }
}
