//! A machine as its agent registers it: OS numbers, labels, amounts. The master turns it into the core's shape.

use super::resource::Resource;

/// One machine. Vectors are in ascending OS order, so that equal machines are equal messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// The machine's own name for itself.
    pub hostname: String,
    /// A stable hash over the topology below.
    pub topology_hash: u64,
    /// True when the topology is pretended: pinning is recorded, not applied.
    pub pretended: bool,
    /// Every usable core.
    pub cores: Vec<MachineCore>,
    /// Every NUMA node, with or without CPUs.
    pub numa_nodes: Vec<MachineNumaNode>,
    /// Row by row over `numa_nodes`, as the firmware tells (10 = local); empty when it does not.
    pub numa_distances: Vec<u32>,
    /// Devices with their locality.
    pub devices: Vec<MachineDevice>,
    /// Disk, ports, and whatever else the operator names.
    pub resources: Vec<Resource>,
    /// What constraints match on.
    pub attributes: Vec<Label>,
}

/// One core with its labels; each label may be absent, and labels need not nest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MachineCore {
    /// OS numbers of its PUs, SMT siblings together.
    pub pus: Vec<u32>,
    /// OS number of its package.
    pub package: Option<u32>,
    /// OS number of the NUMA node whose DRAM is local to it.
    pub numa_node: Option<u32>,
    /// Number of its L3 domain, dense from 0 within the machine.
    pub l3_domain: Option<u32>,
    /// Kind of a hybrid machine's core, 0 upwards by efficiency; 0 where all are alike.
    pub kind: u32,
}

/// One NUMA node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MachineNumaNode {
    /// OS number.
    pub os_index: u32,
    /// Memory that pods may use, in bytes.
    pub mem_bytes: u64,
    /// 2 MiB pages set aside.
    pub huge_2mib_pages: u64,
    /// 1 GiB pages set aside.
    pub huge_1gib_pages: u64,
}

/// A device pods may ask for, or that placement should be near to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MachineDevice {
    /// `gpu`, `nic`, `block`, or another class in lower case.
    pub class: String,
    /// The OS's name for it, or its bus address.
    pub name: String,
    /// OS number of the NUMA node it hangs on.
    pub numa_node: Option<u32>,
}

/// A key with a value: attributes, labels, annotations, environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    /// The key.
    pub key: String,
    /// The value, possibly empty.
    pub value: String,
}
