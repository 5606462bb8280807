//! Usage of extras: what an agent has free besides PUs and memory, into the caller's arrays.

use meros_alloc_core as alloc;

use crate::extras_spec::HugePages;
use crate::pointer::{Argument, Out, Places, plain};

/// Huge pages of a NUMA node.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct HugeUsage {
    /// All of them.
    pub total: HugePages,
    /// Those that are free.
    pub free: HugePages,
    /// The NUMA node.
    pub numa_node: u32,
    /// 0.
    pub reserved: u32,
}

/// A device.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DeviceUsage {
    /// The device: its position in the shape.
    pub device: u32,
    /// Thousandths that are free, of 1000.
    pub free_milli: u32,
}

/// A named quantity.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct NameUsage {
    /// All of it: thousandths of a scalar, numbers of a range, items of a set.
    pub total: u64,
    /// What is free.
    pub free: u64,
    /// Its name.
    pub name: u32,
    /// 0.
    pub reserved: u32,
}

/// What an agent has besides PUs and memory. A list may be NULL when its capacity is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ExtrasUsage {
    /// Disk, in bytes.
    pub disk_total_bytes: u64,
    /// Disk that is free.
    pub disk_free_bytes: u64,
    /// Huge pages of the NUMA nodes that have any.
    pub huge_pages: Out<HugeUsage>,
    /// The room of `huge_pages`.
    pub huge_pages_capacity: usize,
    /// How many such NUMA nodes there are. Set by the library, as all lengths here.
    pub huge_pages_len: usize,
    /// Every device.
    pub devices: Out<DeviceUsage>,
    /// The room of `devices`.
    pub devices_capacity: usize,
    /// How many devices there are.
    pub devices_len: usize,
    /// Named scalars.
    pub scalars: Out<NameUsage>,
    /// The room of `scalars`.
    pub scalars_capacity: usize,
    /// How many scalars there are.
    pub scalars_len: usize,
    /// Named ranges.
    pub ranges: Out<NameUsage>,
    /// The room of `ranges`.
    pub ranges_capacity: usize,
    /// How many ranges there are.
    pub ranges_len: usize,
    /// Named sets.
    pub sets: Out<NameUsage>,
    /// The room of `sets`.
    pub sets_capacity: usize,
    /// How many sets there are.
    pub sets_len: usize,
}

plain!(HugeUsage, DeviceUsage, NameUsage);

/// The caller's arrays, checked.
#[derive(Debug)]
pub(crate) struct ExtrasUsageRoom<'a> {
    huge_pages: Places<'a, HugeUsage>,
    devices: Places<'a, DeviceUsage>,
    scalars: Places<'a, NameUsage>,
    ranges: Places<'a, NameUsage>,
    sets: Places<'a, NameUsage>,
}

impl<'a> ExtrasUsageRoom<'a> {
    pub(crate) fn new(usage: &'a ExtrasUsage) -> Result<Self, Argument> {
        Ok(Self {
            huge_pages: usage.huge_pages.array(usage.huge_pages_capacity, "usage.extras.huge_pages")?,
            devices: usage.devices.array(usage.devices_capacity, "usage.extras.devices")?,
            scalars: usage.scalars.array(usage.scalars_capacity, "usage.extras.scalars")?,
            ranges: usage.ranges.array(usage.ranges_capacity, "usage.extras.ranges")?,
            sets: usage.sets.array(usage.sets_capacity, "usage.extras.sets")?,
        })
    }

    /// Writes what has room; sets the lengths, and tells whether all had.
    pub(crate) fn write(mut self, found: &alloc::ExtrasUsage, told: &mut ExtrasUsage) -> bool {
        (told.disk_total_bytes, told.disk_free_bytes) = (found.disk_total_bytes, found.disk_free_bytes);
        told.huge_pages_len = self.huge_pages.fill(found.huge_pages.iter().map(of_huge));
        told.devices_len = self.devices.fill(found.devices.iter().map(of_device));
        told.scalars_len = self.scalars.fill(found.scalars.iter().map(of_name));
        told.ranges_len = self.ranges.fill(found.ranges.iter().map(of_name));
        told.sets_len = self.sets.fill(found.sets.iter().map(of_name));
        self.huge_pages.holds(told.huge_pages_len)
            && self.devices.holds(told.devices_len)
            && self.scalars.holds(told.scalars_len)
            && self.ranges.holds(told.ranges_len)
            && self.sets.holds(told.sets_len)
    }
}

fn of_huge(usage: &alloc::HugeUsage) -> HugeUsage {
    let [total, free] = [usage.total, usage.free].map(|alloc::HugePages { mib2, gib1 }| HugePages { mib2, gib1 });
    HugeUsage { total, free, numa_node: usage.numa_node.get().into(), reserved: 0 }
}

fn of_device(usage: &alloc::DeviceUsage) -> DeviceUsage {
    DeviceUsage { device: usage.device.get().into(), free_milli: usage.free_milli.into() }
}

fn of_name(usage: &alloc::NameUsage) -> NameUsage {
    NameUsage { total: usage.total, free: usage.free, name: usage.name.get(), reserved: 0 }
}
