//! Wishes: what a request asks for besides PUs and ordinary memory.

use meros_alloc_core as alloc;

use crate::codes::device_locality;
use crate::extras_spec::{HugePages, Scalar, Span, huge_pages_of, named_milli, spans_of};
use crate::pointer::{Argument, In, narrow, plain, unused};

/// Memory of a special kind, from the NUMA nodes of this kind that are nearest to the PUs.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SpecialMemoryWish {
    /// In bytes, at least 1; rounded up to pages.
    pub mem_bytes: u64,
    /// The kind, as in meros_numa_node_spec; not 0.
    pub kind: u32,
    /// 0.
    pub reserved: u32,
}

/// Devices of one kind. One of `whole` and `milli` is set.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DeviceWish {
    /// The kind, as in meros_device_spec.
    pub kind: u32,
    /// So many whole devices.
    pub whole: u32,
    /// Or thousandths of one device, at most 1000. Shared devices are filled up before another is begun.
    pub milli: u32,
    /// A meros_device_locality: where they are to be.
    pub locality: u32,
}

/// Numbers of a named range, or items of a named set by their positions. One of `count` and `spans_len` is set.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PickWish {
    /// The range or set.
    pub name: u32,
    /// Any so many.
    pub count: u32,
    /// Or these, sorted, none twice.
    pub spans: In<Span>,
    /// How many spans.
    pub spans_len: usize,
}

/// What is asked for besides PUs and memory. Each list is sorted by kind or name and names nothing twice.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Wishes {
    /// Huge pages, beside the memory.
    pub huge_pages: HugePages,
    /// Disk, in bytes; rounded up to blocks of 4096.
    pub disk_bytes: u64,
    /// Memory of special NUMA nodes.
    pub special_memory: In<SpecialMemoryWish>,
    /// How many kinds of it.
    pub special_memory_len: usize,
    /// Devices.
    pub devices: In<DeviceWish>,
    /// How many kinds of them.
    pub devices_len: usize,
    /// Named scalars.
    pub scalars: In<Scalar>,
    /// How many scalars.
    pub scalars_len: usize,
    /// Numbers of named ranges.
    pub ranges: In<PickWish>,
    /// How many ranges.
    pub ranges_len: usize,
    /// Items of named sets.
    pub sets: In<PickWish>,
    /// How many sets.
    pub sets_len: usize,
}

plain!(SpecialMemoryWish, DeviceWish, PickWish, Wishes);

pub(crate) fn wishes_of(wishes: &Wishes) -> Result<alloc::Wishes, Argument> {
    let special_memory = wishes.special_memory.array(wishes.special_memory_len, "extras.special_memory")?;
    let devices = wishes.devices.array(wishes.devices_len, "extras.devices")?;
    let scalars = wishes.scalars.array(wishes.scalars_len, "extras.scalars")?;
    let picks = |picks: In<PickWish>, len, name| picks.array(len, name)?.iter().map(pick_of).collect::<Result<_, _>>();
    Ok(alloc::Wishes {
        huge_pages: huge_pages_of(wishes.huge_pages),
        special_memory: special_memory.iter().map(special_memory_of).collect::<Result<_, _>>()?,
        devices: devices.iter().map(device_of).collect::<Result<_, _>>()?,
        disk_bytes: wishes.disk_bytes,
        scalars: scalars.iter().map(scalar_of).collect::<Result<_, _>>()?,
        ranges: picks(wishes.ranges, wishes.ranges_len, "extras.ranges")?,
        sets: picks(wishes.sets, wishes.sets_len, "extras.sets")?,
    })
}

fn special_memory_of(wish: &SpecialMemoryWish) -> Result<alloc::SpecialMemoryWish, Argument> {
    let SpecialMemoryWish { mem_bytes, kind, reserved } = *wish;
    unused("extras.special_memory.reserved", &[u64::from(reserved)])?;
    Ok(alloc::SpecialMemoryWish { kind, mem_bytes })
}

fn device_of(wish: &DeviceWish) -> Result<alloc::DeviceWish, Argument> {
    let DeviceWish { kind, whole, milli, locality } = *wish;
    let amount = match (whole, milli) {
        (whole, 0) => alloc::DeviceAmount::Whole(whole),
        (0, milli) => alloc::DeviceAmount::Milli(narrow("extras.devices.milli", milli, 1000)?),
        _ => return Err(Argument::WholeAndMilli),
    };
    Ok(alloc::DeviceWish { kind, amount, locality: device_locality(locality)? })
}

fn scalar_of(scalar: &Scalar) -> Result<alloc::ScalarWish, Argument> {
    let (name, milli) = named_milli(scalar)?;
    Ok(alloc::ScalarWish { name, milli })
}

fn pick_of(wish: &PickWish) -> Result<alloc::PickWish, Argument> {
    let PickWish { name, count, spans, spans_len } = *wish;
    let pick = match (count, spans_len) {
        (0, len) => alloc::Pick::Exact(spans_of(spans, len, "extras.spans")?),
        (count, 0) => alloc::Pick::Any(count),
        _ => return Err(Argument::CountAndSpans),
    };
    Ok(alloc::PickWish { name: alloc::NameId::new(name), pick })
}
