//! Figures of the extras: what is asked, free, and to be had as required. They say what a request lacks, and by how much.

use crate::PAGE_BYTES;
use crate::extras::layout::{DISK, DeviceGroup};
use crate::extras::millis::WHOLE;
use crate::extras::picks;
use crate::extras::plan::untouched;
use crate::extras::spec::HugeSize;
use crate::extras::wishes::{DeviceAmount, DeviceLocality, DeviceWish, PickWish, Wishes};
use crate::extras::word::ExtraWord;
use crate::ids::NumaNodeId;
use crate::nodeset::NodeSet;
use crate::quantity::pages_up;
use crate::reason::Wanted;
use crate::request::Request;
use crate::stock::Stock;

/// What is asked of one quantity, in the unit of [`Wanted`]; 0 when nothing is.
pub(crate) fn asked(what: Wanted, wishes: &Wishes) -> u64 {
    match what {
        Wanted::ExclusivePus | Wanted::SharedMilli | Wanted::MemBytes => 0,
        Wanted::HugePages(size) => wishes.huge_pages.get(size),
        Wanted::SpecialMemory(kind) => {
            let wish = wishes.special_memory.iter().find(|wish| wish.kind == kind);
            wish.map_or(0, |wish| pages_up(wish.mem_bytes).saturating_mul(PAGE_BYTES))
        }
        Wanted::Devices(kind) | Wanted::DeviceMilli(kind) => device(kind, wishes).map_or(0, asked_of_devices),
        Wanted::DiskBytes => wishes.disk_bytes.div_ceil(PAGE_BYTES).saturating_mul(PAGE_BYTES),
        Wanted::Scalar(name) => wishes.scalars.iter().find(|wish| wish.name == name).map_or(0, |wish| wish.milli),
        Wanted::Numbers(_) | Wanted::Items(_) => pick(what, wishes).map_or(0, |wish| wish.pick.count()),
    }
}

fn device(kind: u32, wishes: &Wishes) -> Option<&DeviceWish> {
    wishes.devices.iter().find(|wish| wish.kind == kind)
}

fn asked_of_devices(wish: &DeviceWish) -> u64 {
    match wish.amount {
        DeviceAmount::Whole(devices) => u64::from(devices),
        DeviceAmount::Milli(milli) => u64::from(milli),
    }
}

fn pick(what: Wanted, wishes: &Wishes) -> Option<&PickWish> {
    wishes.picks().find(|(wish, is_set)| picks::what(wish, *is_set) == what).map(|(wish, _)| wish)
}

/// What there is of one quantity on the agent.
pub(crate) fn free(what: Wanted, stock: &impl Stock) -> u64 {
    let shape = stock.shape();
    let layout = &shape.extras;
    let all =
        |numa_nodes: &mut dyn Iterator<Item = NumaNodeId>| numa_nodes.map(|at| stock.pages(at) * PAGE_BYTES).sum();
    match what {
        Wanted::ExclusivePus | Wanted::SharedMilli | Wanted::MemBytes => 0,
        Wanted::HugePages(size) => huge(size, stock),
        Wanted::SpecialMemory(kind) => all(&mut layout.of_kind(kind)),
        Wanted::Devices(kind) => layout.groups_of(kind).map(|(_, group)| u64::from(untouched(group, stock))).sum(),
        Wanted::DeviceMilli(kind) => layout.groups_of(kind).map(|(_, group)| milli(group, stock)).sum(),
        Wanted::DiskBytes => stock.extra(ExtraWord::Counter(DISK)) * PAGE_BYTES,
        Wanted::Scalar(name) => layout.scalar(name).map_or(0, |counter| stock.extra(ExtraWord::Counter(counter))),
        Wanted::Numbers(name) => layout.pick(name, false).map_or(0, |shape| picks::free(shape, stock)),
        Wanted::Items(name) => layout.pick(name, true).map_or(0, |shape| picks::free(shape, stock)),
    }
}

fn huge(size: HugeSize, stock: &impl Stock) -> u64 {
    stock.shape().ordinary().iter().map(|numa_node| stock.extra(ExtraWord::Huge(numa_node, size))).sum()
}

/// All thousandths of a group's devices.
fn milli(group: &DeviceGroup, stock: &impl Stock) -> u64 {
    let word = |word| stock.devices(word).iter().map(|(_, milli)| u64::from(milli)).sum::<u64>();
    group.words.clone().map(word).sum()
}

/// The most thousandths on one device of a group.
fn most_milli(group: &DeviceGroup, stock: &impl Stock) -> u64 {
    let word = |word| stock.devices(word).iter().map(|(_, milli)| u64::from(milli)).max();
    group.words.clone().filter_map(word).max().unwrap_or(0)
}

/// The most to be had as one wish wants it, wherever it is.
pub(crate) fn best(what: Wanted, wishes: &Wishes, stock: &impl Stock) -> u64 {
    let layout = &stock.shape().extras;
    match what {
        Wanted::DeviceMilli(kind) | Wanted::Devices(kind) => {
            device(kind, wishes).map_or(0, |wish| devices_where(wish, |_| true, stock))
        }
        Wanted::Numbers(name) | Wanted::Items(name) => {
            let shape = layout.pick(name, matches!(what, Wanted::Items(_)));
            pick(what, wishes).zip(shape).map_or(0, |(wish, shape)| picks::best(wish, shape, stock))
        }
        _ => free(what, stock),
    }
}

/// The most to be had of a device wish on some NUMA nodes.
fn devices_where(wish: &DeviceWish, here: impl Fn(Option<NumaNodeId>) -> bool, stock: &impl Stock) -> u64 {
    let groups = stock.shape().extras.groups_of(wish.kind).filter(|(_, group)| here(group.numa_node));
    match wish.amount {
        DeviceAmount::Whole(_) => groups.map(|(_, group)| u64::from(untouched(group, stock))).sum(),
        DeviceAmount::Milli(_) => groups.map(|(_, group)| most_milli(group, stock)).max().unwrap_or(0),
    }
}

/// The most to be had of devices on NUMA nodes the PUs are on.
pub(crate) fn best_beside(what: Wanted, wishes: &Wishes, near: NodeSet, stock: &impl Stock) -> u64 {
    let (Wanted::Devices(kind) | Wanted::DeviceMilli(kind)) = what else { return 0 };
    device(kind, wishes).map_or(0, |wish| devices_beside(wish, near, stock))
}

fn devices_beside(wish: &DeviceWish, near: NodeSet, stock: &impl Stock) -> u64 {
    devices_where(wish, |numa_node| numa_node.is_some_and(|numa_node| near.has(numa_node)), stock)
}

/// Whether all devices that are wanted beside the PUs, this urgently or more, are there.
pub(crate) fn devices_fit(request: &Request, least: DeviceLocality, near: NodeSet, stock: &impl Stock) -> bool {
    let Some(wishes) = request.extras.wishes() else { return true };
    let mut beside = wishes.devices.iter().filter(|wish| wish.locality >= least);
    beside.all(|wish| devices_beside(wish, near, stock) >= asked_of_devices(wish))
}

/// How much of the devices that are wanted beside the PUs, this urgently or more, some NUMA nodes have: thousandths, summed up.
pub(crate) fn met_beside(wishes: &Wishes, least: DeviceLocality, near: NodeSet, stock: &impl Stock) -> u64 {
    let met = |wish: &DeviceWish| match wish.amount {
        DeviceAmount::Whole(devices) => devices_beside(wish, near, stock).min(u64::from(devices)) * u64::from(WHOLE),
        // One device or none: thousandths of two do not add up.
        DeviceAmount::Milli(milli) if devices_beside(wish, near, stock) >= u64::from(milli) => u64::from(milli),
        DeviceAmount::Milli(_) => 0,
    };
    wishes.devices.iter().filter(|wish| wish.locality >= least).map(met).sum()
}

/// The first quantity of which the agent has too little, wherever it is.
pub(crate) fn first_lacking(request: &Request, stock: &impl Stock) -> Option<Wanted> {
    let wishes = request.extras.wishes()?;
    wishes.wanted().find(|what| best(*what, wishes, stock) < asked(*what, wishes))
}
