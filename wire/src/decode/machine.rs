//! A machine.

use super::Result;
use super::common::{labels, numbers, resources, tables, text};
use crate::generated::meros::wire as fb;
use crate::message::{Machine, MachineCore, MachineDevice, MachineNumaNode};

pub(super) fn machine(machine: fb::Machine<'_>) -> Result<Machine> {
    Ok(Machine {
        hostname: text(machine.hostname()),
        topology_hash: machine.topology_hash(),
        pretended: machine.pretended(),
        cores: tables(machine.cores(), "cores", |table| Ok(core(table)))?,
        numa_nodes: tables(machine.numa_nodes(), "numa_nodes", |table| Ok(numa_node(table)))?,
        numa_distances: numbers(machine.numa_distances()),
        devices: tables(machine.devices(), "devices", |table| Ok(device(table)))?,
        resources: resources(machine.resources(), "resources")?,
        attributes: labels(machine.attributes()),
    })
}

fn core(core: fb::MachineCore<'_>) -> MachineCore {
    MachineCore {
        pus: numbers(core.pus()),
        package: core.package(),
        numa_node: core.numa_node(),
        l3_domain: core.l3_domain(),
        kind: core.kind(),
    }
}

fn numa_node(numa_node: fb::MachineNumaNode<'_>) -> MachineNumaNode {
    MachineNumaNode {
        os_index: numa_node.os_index(),
        mem_bytes: numa_node.mem_bytes(),
        huge_2mib_pages: numa_node.huge_2mib_pages(),
        huge_1gib_pages: numa_node.huge_1gib_pages(),
    }
}

fn device(device: fb::MachineDevice<'_>) -> MachineDevice {
    MachineDevice { class: text(device.class()), name: text(device.name()), numa_node: device.numa_node() }
}
