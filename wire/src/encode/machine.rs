//! A machine.

use flatbuffers::WIPOffset;

use super::Builder;
use super::common::{items, labels, resources, tables, text};
use crate::generated::meros::wire as fb;
use crate::message::{Machine, MachineCore, MachineDevice, MachineNumaNode};

pub(super) fn machine(b: &mut Builder, machine: &Machine) -> WIPOffset<fb::Machine<'static>> {
    let args = fb::MachineArgs {
        hostname: text(b, &machine.hostname),
        topology_hash: machine.topology_hash,
        pretended: machine.pretended,
        cores: tables(b, &machine.cores, core),
        numa_nodes: tables(b, &machine.numa_nodes, numa_node),
        numa_distances: items(b, &machine.numa_distances),
        devices: tables(b, &machine.devices, device),
        resources: resources(b, &machine.resources),
        attributes: labels(b, &machine.attributes),
    };
    fb::Machine::create(b, &args)
}

fn core(b: &mut Builder, core: &MachineCore) -> WIPOffset<fb::MachineCore<'static>> {
    let args = fb::MachineCoreArgs {
        pus: items(b, &core.pus),
        package: core.package,
        numa_node: core.numa_node,
        l3_domain: core.l3_domain,
        kind: core.kind,
    };
    fb::MachineCore::create(b, &args)
}

fn numa_node(b: &mut Builder, numa_node: &MachineNumaNode) -> WIPOffset<fb::MachineNumaNode<'static>> {
    let args = fb::MachineNumaNodeArgs {
        os_index: numa_node.os_index,
        mem_bytes: numa_node.mem_bytes,
        huge_2mib_pages: numa_node.huge_2mib_pages,
        huge_1gib_pages: numa_node.huge_1gib_pages,
    };
    fb::MachineNumaNode::create(b, &args)
}

fn device(b: &mut Builder, device: &MachineDevice) -> WIPOffset<fb::MachineDevice<'static>> {
    let args = fb::MachineDeviceArgs {
        class: text(b, &device.class),
        name: text(b, &device.name),
        numa_node: device.numa_node,
    };
    fb::MachineDevice::create(b, &args)
}
