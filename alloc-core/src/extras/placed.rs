//! What a claim holds besides PUs, pool shares and ordinary memory: a field of [`Placement`](crate::Placement).

use crate::extras::spec::{HugePages, Span};
use crate::ids::{DeviceId, NameId, NumaNodeId};
use crate::placement::NumaNodeMemory;

/// What a claim holds besides PUs, pool shares and ordinary memory. Each list is sorted and names nothing twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlacedExtras {
    /// Huge pages, by NUMA node.
    pub huge_pages: Vec<NumaNodeHugePages>,
    /// Memory of special NUMA nodes.
    pub special_memory: Vec<NumaNodeMemory>,
    /// Devices.
    pub devices: Vec<DeviceShare>,
    /// Disk in bytes, a whole number of blocks of 4096.
    pub disk_bytes: u64,
    /// Named scalars.
    pub scalars: Vec<ScalarAmount>,
    /// Numbers of named ranges.
    pub ranges: Vec<Picked>,
    /// Items of named sets, by position.
    pub sets: Vec<Picked>,
}

/// Huge pages of one NUMA node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumaNodeHugePages {
    /// The NUMA node.
    pub numa_node: NumaNodeId,
    /// How many, per size.
    pub pages: HugePages,
}

/// A device, or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceShare {
    /// The device.
    pub device: DeviceId,
    /// In thousandths; 1000 is all of it.
    pub milli: u16,
}

/// An amount of a named scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScalarAmount {
    /// The scalar.
    pub name: NameId,
    /// In thousandths.
    pub milli: u64,
}

/// Numbers of a named range, or items of a named set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picked {
    /// The range or set.
    pub name: NameId,
    /// The numbers, sorted.
    pub spans: Vec<Span>,
}
