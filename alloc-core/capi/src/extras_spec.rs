//! Extras of a shape: huge pages, special memory, devices, disk, scalars, ranges and sets.

use meros_alloc_core as alloc;

use crate::pointer::{Argument, In, plain, unused};
use crate::shape::numa_node_id;

/// Numbers of huge pages.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct HugePages {
    /// Pages of 2 MiB.
    pub mib2: u64,
    /// Pages of 1 GiB.
    pub gib1: u64,
}

/// One device: 1000 thousandths, to be claimed whole or in part.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DeviceSpec {
    /// Which kind: a number of the caller's choice, for a model of GPU, of network card, ….
    pub kind: u32,
    /// The NUMA node it is attached to, or `MEROS_NONE`.
    pub numa_node: u32,
    /// 0.
    pub reserved: [u32; 2],
}

/// An amount of a named scalar: there is, wanted, or held.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Scalar {
    /// In thousandths; less than 2^50.
    pub milli: u64,
    /// Its name: a number that the caller gives each name once.
    pub name: u32,
    /// 0.
    pub reserved: u32,
}

/// Numbers from `first` to `last`, both included.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// The first.
    pub first: u64,
    /// The last; not below the first.
    pub last: u64,
}

/// A named resource of numbered things, such as ports.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct RangesSpec {
    /// Its name.
    pub name: u32,
    /// 0.
    pub reserved: u32,
    /// The numbers, sorted, none twice. All ranges of an agent together have at most 65536 numbers.
    pub spans: In<Span>,
    /// How many spans.
    pub spans_len: usize,
}

/// A named set. Its items are known by their positions, 0 to `items` - 1.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SetSpec {
    /// Its name.
    pub name: u32,
    /// How many items. All sets of an agent together have at most 16384.
    pub items: u32,
    /// 0.
    pub reserved: [u32; 2],
}

/// What an agent has besides cores and the memory of its NUMA nodes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ExtrasSpec {
    /// Disk to be given out, in bytes; rounded down to blocks of 4096.
    pub disk_bytes: u64,
    /// The devices. Their order numbers them.
    pub devices: In<DeviceSpec>,
    /// How many devices.
    pub devices_len: usize,
    /// The named scalars.
    pub scalars: In<Scalar>,
    /// How many scalars.
    pub scalars_len: usize,
    /// The named ranges.
    pub ranges: In<RangesSpec>,
    /// How many ranges.
    pub ranges_len: usize,
    /// The named sets.
    pub sets: In<SetSpec>,
    /// How many sets.
    pub sets_len: usize,
}

plain!(DeviceSpec, Scalar, Span, RangesSpec, SetSpec);

pub(crate) const fn huge_pages_of(pages: HugePages) -> alloc::HugePages {
    alloc::HugePages { mib2: pages.mib2, gib1: pages.gib1 }
}

/// Adds the extras to what a shape is made of.
pub(crate) fn add_extras(spec: &ExtrasSpec, to: &mut alloc::ShapeSpec) -> Result<(), Argument> {
    let devices = spec.devices.array(spec.devices_len, "spec.extras.devices")?;
    let scalars = spec.scalars.array(spec.scalars_len, "spec.extras.scalars")?;
    let ranges = spec.ranges.array(spec.ranges_len, "spec.extras.ranges")?;
    let sets = spec.sets.array(spec.sets_len, "spec.extras.sets")?;
    to.disk_bytes = spec.disk_bytes;
    to.devices = devices.iter().map(device_of).collect::<Result<_, _>>()?;
    to.scalars = scalars.iter().map(scalar_of).collect::<Result<_, _>>()?;
    to.ranges = ranges.iter().map(ranges_of).collect::<Result<_, _>>()?;
    to.sets = sets.iter().map(set_of).collect::<Result<_, _>>()?;
    Ok(())
}

fn device_of(device: &DeviceSpec) -> Result<alloc::DeviceSpec, Argument> {
    let DeviceSpec { kind, numa_node, reserved } = *device;
    unused("extras.devices.reserved", &reserved.map(u64::from))?;
    Ok(alloc::DeviceSpec { kind, numa_node: numa_node_id("extras.devices.numa_node", numa_node)? })
}

fn scalar_of(scalar: &Scalar) -> Result<alloc::ScalarSpec, Argument> {
    let (name, milli) = named_milli(scalar)?;
    Ok(alloc::ScalarSpec { name, milli })
}

/// The name and the amount of a scalar.
pub(crate) fn named_milli(scalar: &Scalar) -> Result<(alloc::NameId, u64), Argument> {
    unused("extras.scalars.reserved", &[u64::from(scalar.reserved)])?;
    Ok((alloc::NameId::new(scalar.name), scalar.milli))
}

fn ranges_of(ranges: &RangesSpec) -> Result<alloc::RangesSpec, Argument> {
    unused("extras.ranges.reserved", &[u64::from(ranges.reserved)])?;
    let spans = spans_of(ranges.spans, ranges.spans_len, "extras.ranges.spans")?;
    Ok(alloc::RangesSpec { name: alloc::NameId::new(ranges.name), spans })
}

pub(crate) fn spans_of(spans: In<Span>, len: usize, name: &'static str) -> Result<Vec<alloc::Span>, Argument> {
    let spans = spans.array(len, name)?;
    Ok(spans.iter().map(|&Span { first, last }| alloc::Span { first, last }).collect())
}

fn set_of(set: &SetSpec) -> Result<alloc::SetSpec, Argument> {
    let SetSpec { name, items, reserved } = *set;
    unused("extras.sets.reserved", &reserved.map(u64::from))?;
    Ok(alloc::SetSpec { name: alloc::NameId::new(name), items })
}
