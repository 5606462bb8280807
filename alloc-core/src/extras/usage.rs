//! Usage of the extras: what an agent has of each, free and in all.

use crate::PAGE_BYTES;
use crate::extras::layout::{DISK, PickShape};
use crate::extras::millis::Millis;
use crate::extras::spec::{HugePages, HugeSize};
use crate::extras::word::ExtraWord;
use crate::ids::{DeviceId, NameId, NumaNodeId};
use crate::machine::Machine;

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
pub(crate) fn usage(machine: Machine<'_>) -> ExtrasUsage {
    let layout = &machine.shape.extras;
    let picks = |sets| layout.picks.iter().filter(move |pick| pick.is_set == sets).map(|pick| of_pick(machine, pick));
    let disk = ExtraWord::Counter(DISK);
    let scalar = |(name, counter)| {
        let word = ExtraWord::Counter(counter);
        NameUsage { name, total: layout.all(word), free: machine.extra(word) }
    };
    ExtrasUsage {
        huge_pages: (0..).zip(machine.shape.pages()).filter_map(|(at, _)| huge(machine, NumaNodeId::new(at))).collect(),
        devices: (0..).zip(layout.devices()).filter_map(|(at, _)| device(machine, DeviceId::new(at))).collect(),
        disk_total_bytes: layout.all(disk) * PAGE_BYTES,
        disk_free_bytes: machine.extra(disk) * PAGE_BYTES,
        scalars: layout.scalars().map(scalar).collect(),
        ranges: picks(false).collect(),
        sets: picks(true).collect(),
    }
}

fn huge(machine: Machine<'_>, numa_node: NumaNodeId) -> Option<HugeUsage> {
    let mut usage = HugeUsage { numa_node, total: HugePages::default(), free: HugePages::default() };
    for size in HugeSize::ALL {
        let word = ExtraWord::Huge(numa_node, size);
        usage.total = usage.total.with(size, machine.shape.extras.all(word));
        usage.free = usage.free.with(size, machine.extra(word));
    }
    (!usage.total.is_empty()).then_some(usage)
}

fn device(machine: Machine<'_>, device: DeviceId) -> Option<DeviceUsage> {
    let place = machine.shape.extras.place(device)?;
    let free = Millis::from_bits(machine.extra(ExtraWord::Devices(place.word)));
    Some(DeviceUsage { device, free_milli: free.get(place.at) })
}

fn of_pick(machine: Machine<'_>, pick: &PickShape) -> NameUsage {
    let free = pick.words.clone().map(|word| u64::from(machine.extra(ExtraWord::Bits(word)).count_ones())).sum();
    NameUsage { name: pick.name, total: u64::from(pick.width), free }
}
