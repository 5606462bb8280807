//! Placed extras: what a claim holds besides PUs, pool shares and ordinary memory, into the caller's arrays and out of them.

use meros_alloc_core as alloc;

use crate::extras_spec::{HugePages, Scalar, huge_pages_of, named_milli};
use crate::placement::{NumaNodeMemory, memory_of, of_memory};
use crate::pointer::{Argument, Out, Places, narrow, plain, unused};

/// Huge pages of one NUMA node.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct NumaNodeHugePages {
    /// How many.
    pub pages: HugePages,
    /// The NUMA node.
    pub numa_node: u32,
    /// 0.
    pub reserved: u32,
}

/// A device, or a part of one.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DeviceShare {
    /// The device: its position in the shape.
    pub device: u32,
    /// In thousandths; 1000 is all of it.
    pub milli: u32,
}

/// Numbers of a named range, or items of a named set by their positions: from `first` to `last`, both included.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Picked {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// The range or set.
    pub name: u32,
    /// 0.
    pub reserved: u32,
}

/// What a claim holds besides PUs, pool shares and ordinary memory. Each list is sorted and names nothing twice; of one range or set there
/// may be several entries. A list may be NULL when its capacity is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PlacedExtras {
    /// Disk in bytes, a whole number of blocks of 4096.
    pub disk_bytes: u64,
    /// Huge pages.
    pub huge_pages: Out<NumaNodeHugePages>,
    /// The room of `huge_pages`.
    pub huge_pages_capacity: usize,
    /// How many NUMA nodes with huge pages there are.
    pub huge_pages_len: usize,
    /// Memory of special NUMA nodes.
    pub special_memory: Out<NumaNodeMemory>,
    /// The room of `special_memory`.
    pub special_memory_capacity: usize,
    /// How many special NUMA nodes there are.
    pub special_memory_len: usize,
    /// Devices.
    pub devices: Out<DeviceShare>,
    /// The room of `devices`.
    pub devices_capacity: usize,
    /// How many devices there are.
    pub devices_len: usize,
    /// Named scalars.
    pub scalars: Out<Scalar>,
    /// The room of `scalars`.
    pub scalars_capacity: usize,
    /// How many scalars there are.
    pub scalars_len: usize,
    /// Numbers of named ranges.
    pub ranges: Out<Picked>,
    /// The room of `ranges`.
    pub ranges_capacity: usize,
    /// How many spans of ranges there are.
    pub ranges_len: usize,
    /// Items of named sets.
    pub sets: Out<Picked>,
    /// The room of `sets`.
    pub sets_capacity: usize,
    /// How many spans of sets there are.
    pub sets_len: usize,
}

plain!(NumaNodeHugePages, DeviceShare, Picked, PlacedExtras);

/// The caller's arrays, checked.
#[derive(Debug)]
pub(crate) struct ExtrasRoom<'a> {
    huge_pages: Places<'a, NumaNodeHugePages>,
    special_memory: Places<'a, NumaNodeMemory>,
    devices: Places<'a, DeviceShare>,
    scalars: Places<'a, Scalar>,
    ranges: Places<'a, Picked>,
    sets: Places<'a, Picked>,
}

impl<'a> ExtrasRoom<'a> {
    pub(crate) fn new(extras: &'a PlacedExtras) -> Result<Self, Argument> {
        let special_memory = (extras.special_memory_capacity, "placement.extras.special_memory");
        Ok(Self {
            huge_pages: extras.huge_pages.array(extras.huge_pages_capacity, "placement.extras.huge_pages")?,
            special_memory: extras.special_memory.array(special_memory.0, special_memory.1)?,
            devices: extras.devices.array(extras.devices_capacity, "placement.extras.devices")?,
            scalars: extras.scalars.array(extras.scalars_capacity, "placement.extras.scalars")?,
            ranges: extras.ranges.array(extras.ranges_capacity, "placement.extras.ranges")?,
            sets: extras.sets.array(extras.sets_capacity, "placement.extras.sets")?,
        })
    }

    /// Writes what has room; sets the lengths, and tells whether all had.
    pub(crate) fn write(mut self, found: &alloc::PlacedExtras, told: &mut PlacedExtras) -> bool {
        told.disk_bytes = found.disk_bytes;
        told.huge_pages_len = self.huge_pages.fill(found.huge_pages.iter().map(of_huge_pages));
        told.special_memory_len = self.special_memory.fill(found.special_memory.iter().map(of_memory));
        told.devices_len = self.devices.fill(found.devices.iter().map(of_device));
        told.scalars_len = self.scalars.fill(found.scalars.iter().map(of_scalar));
        told.ranges_len = self.ranges.fill(found.ranges.iter().flat_map(of_picked));
        told.sets_len = self.sets.fill(found.sets.iter().flat_map(of_picked));
        self.huge_pages.holds(told.huge_pages_len)
            && self.special_memory.holds(told.special_memory_len)
            && self.devices.holds(told.devices_len)
            && self.scalars.holds(told.scalars_len)
            && self.ranges.holds(told.ranges_len)
            && self.sets.holds(told.sets_len)
    }
}

fn of_huge_pages(held: &alloc::NumaNodeHugePages) -> NumaNodeHugePages {
    let alloc::HugePages { mib2, gib1 } = held.pages;
    NumaNodeHugePages { pages: HugePages { mib2, gib1 }, numa_node: held.numa_node.get().into(), reserved: 0 }
}

fn of_device(share: &alloc::DeviceShare) -> DeviceShare {
    DeviceShare { device: share.device.get().into(), milli: share.milli.into() }
}

fn of_scalar(amount: &alloc::ScalarAmount) -> Scalar {
    Scalar { milli: amount.milli, name: amount.name.get(), reserved: 0 }
}

fn of_picked(picked: &alloc::Picked) -> impl Iterator<Item = Picked> {
    let name = picked.name.get();
    picked.spans.iter().map(move |&alloc::Span { first, last }| Picked { first, last, name, reserved: 0 })
}

pub(crate) fn placed_extras_of(extras: &PlacedExtras) -> Result<alloc::PlacedExtras, Argument> {
    let (huge_pages, special_memory) = (extras.huge_pages.read(), extras.special_memory.read());
    let (devices, scalars) = (extras.devices.read(), extras.scalars.read());
    let huge_pages = huge_pages.array(extras.huge_pages_len, "placement.extras.huge_pages")?;
    let special_memory = special_memory.array(extras.special_memory_len, "placement.extras.special_memory")?;
    let devices = devices.array(extras.devices_len, "placement.extras.devices")?;
    let scalars = scalars.array(extras.scalars_len, "placement.extras.scalars")?;
    Ok(alloc::PlacedExtras {
        huge_pages: huge_pages.iter().map(numa_node_huge_pages_of).collect::<Result<_, _>>()?,
        special_memory: special_memory.iter().map(memory_of).collect::<Result<_, _>>()?,
        devices: devices.iter().map(device_of).collect::<Result<_, _>>()?,
        disk_bytes: extras.disk_bytes,
        scalars: scalars.iter().map(scalar_of).collect::<Result<_, _>>()?,
        ranges: picked_of(extras.ranges.read().array(extras.ranges_len, "placement.extras.ranges")?)?,
        sets: picked_of(extras.sets.read().array(extras.sets_len, "placement.extras.sets")?)?,
    })
}

fn numa_node_huge_pages_of(held: &NumaNodeHugePages) -> Result<alloc::NumaNodeHugePages, Argument> {
    unused("placement.extras.huge_pages.reserved", &[u64::from(held.reserved)])?;
    let numa_node = narrow("placement.extras.huge_pages.numa_node", held.numa_node, u32::from(u16::MAX))?;
    Ok(alloc::NumaNodeHugePages { numa_node: alloc::NumaNodeId::new(numa_node), pages: huge_pages_of(held.pages) })
}

fn device_of(share: &DeviceShare) -> Result<alloc::DeviceShare, Argument> {
    let device = narrow("placement.extras.devices.device", share.device, u32::from(u16::MAX))?;
    let milli = narrow("placement.extras.devices.milli", share.milli, 1000)?;
    Ok(alloc::DeviceShare { device: alloc::DeviceId::new(device), milli })
}

fn scalar_of(scalar: &Scalar) -> Result<alloc::ScalarAmount, Argument> {
    let (name, milli) = named_milli(scalar)?;
    Ok(alloc::ScalarAmount { name, milli })
}

/// Entries of one name after another are one range or set.
fn picked_of(entries: &[Picked]) -> Result<Vec<alloc::Picked>, Argument> {
    let mut made: Vec<alloc::Picked> = Vec::new();
    for &Picked { first, last, name, reserved } in entries {
        unused("placement.extras.reserved", &[u64::from(reserved)])?;
        let (name, span) = (alloc::NameId::new(name), alloc::Span { first, last });
        match made.last_mut().filter(|before| before.name == name) {
            Some(before) => before.spans.push(span),
            None => made.push(alloc::Picked { name, spans: vec![span] }),
        }
    }
    Ok(made)
}
