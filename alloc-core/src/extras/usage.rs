//! Usage of the extras: what an agent has of each, free and in all.

use crate::PAGE_BYTES;
use crate::agent::Machine;
use crate::extras::layout::{DISK, PickShape};
use crate::extras::spec::{HugePages, HugeSize};
use crate::ids::{DeviceId, NameId, NumaNodeId};

/// What an agent has besides PUs and memory (special memory is listed with the NUMA nodes).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtrasUsage {
    /// Huge pages of the NUMA nodes that have any.
    pub huge_pages: Vec<HugeUsage>,
    /// Every device.
    pub devices: Vec<DeviceUsage>,
    /// Disk, in bytes.
    pub disk_total_bytes: u64,
    /// Disk that is free.
    pub disk_free_bytes: u64,
    /// Named scalars, in thousandths.
    pub scalars: Vec<NameUsage>,
    /// Named ranges, in numbers.
    pub ranges: Vec<NameUsage>,
    /// Named sets, in items.
    pub sets: Vec<NameUsage>,
}

/// Huge pages of a NUMA node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HugeUsage {
    /// The NUMA node.
    pub numa_node: NumaNodeId,
    /// All of them.
    pub total: HugePages,
    /// Those that are free.
    pub free: HugePages,
}

/// A device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceUsage {
    /// The device.
    pub device: DeviceId,
    /// Thousandths that are free, of 1000.
    pub free_milli: u16,
}

/// A named quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameUsage {
    /// Its name.
    pub name: NameId,
    /// All of it.
    pub total: u64,
    /// What is free.
    pub free: u64,
}

/// What an agent has at this moment.
pub(crate) fn usage(machine: &Machine) -> ExtrasUsage {
    let layout = &machine.shape.extras;
    let counters = (0..).zip(layout.counters()).map(|(at, &total)| (at, total, machine.counter(at).free()));
    let scalar = |(at, total, free)| layout.scalar_name(at).map(|name| NameUsage { name, total, free });
    let picks = |sets| layout.picks.iter().filter(move |pick| pick.is_set == sets).map(|pick| of_pick(machine, pick));
    ExtrasUsage {
        huge_pages: (0..).zip(machine.shape.pages()).filter_map(|(at, _)| huge(machine, NumaNodeId::new(at))).collect(),
        devices: (0..).zip(layout.devices()).filter_map(|(at, _)| device(machine, DeviceId::new(at))).collect(),
        disk_total_bytes: layout.counters()[usize::from(DISK)] * PAGE_BYTES,
        disk_free_bytes: machine.counter(DISK).free() * PAGE_BYTES,
        scalars: counters.filter_map(scalar).collect(),
        ranges: picks(false).collect(),
        sets: picks(true).collect(),
    }
}

fn huge(machine: &Machine, numa_node: NumaNodeId) -> Option<HugeUsage> {
    let mut usage = HugeUsage { numa_node, total: HugePages::default(), free: HugePages::default() };
    for size in HugeSize::ALL {
        usage.total = usage.total.with(size, machine.shape.extras.huge(numa_node, size));
        usage.free = usage.free.with(size, machine.huge(numa_node, size).free());
    }
    (!usage.total.is_empty()).then_some(usage)
}

fn device(machine: &Machine, device: DeviceId) -> Option<DeviceUsage> {
    let place = machine.shape.extras.place(device)?;
    Some(DeviceUsage { device, free_milli: machine.devices(place.word).free().get(place.at) })
}

fn of_pick(machine: &Machine, pick: &PickShape) -> NameUsage {
    let free = pick.words.clone().map(|word| u64::from(machine.bits(word).free().count_ones())).sum();
    NameUsage { name: pick.name, total: u64::from(pick.width), free }
}
