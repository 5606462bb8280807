//! Plan of the extras: special memory, devices, disk, scalars and picks of one request, near the PUs it got.
//!
//! **Whole devices**: from the nearest group that has all of them untouched, of equally near ones the tightest; else from the
//! nearest groups, of equally near ones those that have most. **Thousandths**: on the nearest device that has them; of equally
//! near ones a split device before an untouched one, and of those the tightest. Devices that may be anywhere are all equally near.

use core::cmp::Reverse;

use crate::PAGE_BYTES;
use crate::extras::layout::{DISK, DeviceGroup};
use crate::extras::millis::{Millis, WHOLE};
use crate::extras::picks;
use crate::extras::wishes::{DeviceAmount, DeviceLocality, DeviceWish, SpecialMemoryWish, Wishes};
use crate::extras::word::ExtraWord;
use crate::ids::NumaNodeId;
use crate::memory::Seat;
use crate::nodeset::{MAX_NUMA_NODES, NodeSet};
use crate::part::Part;
use crate::plan::{Lack, Sink};
use crate::quantity::pages_up;
use crate::reason::Wanted;
use crate::stock::Stock;

/// Puts what is wished into the plan.
pub(crate) fn plan(wishes: &Wishes, near: NodeSet, stock: &impl Stock, sink: &mut impl Sink) -> Result<(), Lack> {
    for wish in &wishes.special_memory {
        special_memory(wish, near, stock, sink)?;
    }
    for wish in &wishes.devices {
        match wish.amount {
            DeviceAmount::Whole(devices) => whole(wish, devices, near, stock, sink)?,
            DeviceAmount::Milli(milli) => part(wish, milli, near, stock, sink)?,
        }
    }
    if wishes.disk_bytes > 0 {
        count(DISK, wishes.disk_bytes.div_ceil(PAGE_BYTES), Wanted::DiskBytes, stock, sink)?;
    }
    for wish in &wishes.scalars {
        let what = Wanted::Scalar(wish.name);
        let counter = stock.shape().extras.scalar(wish.name).ok_or(Lack::Extra(what))?;
        count(counter, wish.milli, what, stock, sink)?;
    }
    for (wish, is_set) in wishes.picks() {
        picks::plan(wish, is_set, stock, sink)?;
    }
    Ok(())
}

/// From the NUMA nodes of the kind, nearest first. They are counted only, so no seat is taken there.
fn special_memory(
    wish: &SpecialMemoryWish,
    near: NodeSet,
    stock: &impl Stock,
    sink: &mut impl Sink,
) -> Result<(), Lack> {
    let shape = stock.shape();
    let rank = |numa_node: &NumaNodeId| (shape.distance_from(near, *numa_node), *numa_node);
    let mut lacking = pages_up(wish.mem_bytes);
    let mut last = None;
    while lacking > 0 {
        let left = shape.extras.of_kind(wish.kind).filter(|numa_node| last.is_none_or(|last| rank(numa_node) > last));
        let numa_node = left.min_by_key(rank).ok_or_else(|| Lack::Extra(wish.what()))?;
        let pages = stock.pages(numa_node).min(lacking);
        if pages > 0 {
            sink.put(Part::Memory { numa_node, seat: Seat::Held, pages })?;
        }
        lacking -= pages;
        last = Some(rank(&numa_node));
    }
    Ok(())
}

/// How far a group is from the PUs, as far as the wish cares; `None` where the wish may not have it.
fn distance(wish: &DeviceWish, group: &DeviceGroup, near: NodeSet, stock: &impl Stock) -> Option<u32> {
    match (wish.locality, group.numa_node) {
        (DeviceLocality::Any, _) => Some(0),
        (DeviceLocality::Required, numa_node) => numa_node.filter(|numa_node| near.has(*numa_node)).map(|_| 0),
        (DeviceLocality::Preferred, None) => Some(u32::MAX),
        (DeviceLocality::Preferred, Some(numa_node)) => Some(stock.shape().distance_from(near, numa_node)),
    }
}

// A kind has a group per NUMA node, and one for devices that are on none: `whole` has a bit for each.
const _: () = assert!(MAX_NUMA_NODES < 128);

/// The groups a wish may draw on, with their distances and positions.
fn groups<'a>(
    wish: &'a DeviceWish,
    near: NodeSet,
    stock: &'a impl Stock,
) -> impl Iterator<Item = (u32, usize, &'a DeviceGroup)> {
    let groups = stock.shape().extras.groups_of(wish.kind);
    groups.filter_map(move |(at, group)| Some((distance(wish, group, near, stock)?, at, group)))
}

/// Devices of a group that nobody has touched.
pub(crate) fn untouched(group: &DeviceGroup, stock: &impl Stock) -> u32 {
    group.words.clone().map(|word| u32::from(stock.devices(word).untouched())).sum()
}

fn whole(wish: &DeviceWish, devices: u32, near: NodeSet, stock: &impl Stock, sink: &mut impl Sink) -> Result<(), Lack> {
    let all = groups(wish, near, stock).map(|(far, at, group)| (far, untouched(group, stock), at, group));
    let enough = all.filter(|(_, has, ..)| *has >= devices).min_by_key(|(far, has, at, _)| (*far, *has, *at));
    if let Some((.., group)) = enough {
        // It had enough a moment ago.
        let taken = take_whole(group, devices, stock, sink)?;
        return if taken == devices { Ok(()) } else { Err(Lack::Moved) };
    }
    // Groups are marked when they were drawn on: what they have may change meanwhile, and none may come twice.
    let mut drawn = 0_u128;
    let mut lacking = devices;
    while lacking > 0 {
        let left = groups(wish, near, stock).enumerate().filter(|(nth, _)| drawn >> nth & 1 == 0);
        let next = left.min_by_key(|(_, (far, at, group))| (*far, Reverse(untouched(group, stock)), *at));
        let (nth, (.., group)) = next.ok_or_else(|| Lack::Extra(wish.what()))?;
        drawn |= 1 << nth;
        lacking -= take_whole(group, lacking, stock, sink)?;
    }
    Ok(())
}

/// Takes up to `devices` of a group, word by word; tells how many.
fn take_whole(group: &DeviceGroup, devices: u32, stock: &impl Stock, sink: &mut impl Sink) -> Result<u32, Lack> {
    let mut taken = 0;
    for word in group.words.clone() {
        let most = u16::try_from(devices - taken).unwrap_or(u16::MAX);
        let millis = stock.devices(word).pick_untouched(most);
        if millis != Millis::default() {
            sink.put(device_part(word, millis))?;
        }
        taken += u32::from(millis.untouched());
    }
    Ok(taken)
}

const fn device_part(word: u16, millis: Millis) -> Part {
    Part::Extra { word: ExtraWord::Devices(word), amount: millis.bits() }
}

fn part(wish: &DeviceWish, milli: u16, near: NodeSet, stock: &impl Stock, sink: &mut impl Sink) -> Result<(), Lack> {
    let in_word = |far, word| stock.devices(word).iter().map(move |(at, has)| (far, has == WHOLE, has, word, at));
    let all = groups(wish, near, stock)
        .flat_map(|(far, _, group)| group.words.clone().flat_map(move |word| in_word(far, word)));
    let best = all.filter(|(_, _, has, ..)| *has >= milli).min();
    let (.., word, at) = best.ok_or_else(|| Lack::Extra(wish.what()))?;
    sink.put(device_part(word, Millis::default().with(at, milli)))?;
    Ok(())
}

fn count(counter: u16, amount: u64, what: Wanted, stock: &impl Stock, sink: &mut impl Sink) -> Result<(), Lack> {
    let word = ExtraWord::Counter(counter);
    if amount > stock.extra(word) {
        return Err(Lack::Extra(what));
    }
    sink.put(Part::Extra { word, amount })?;
    Ok(())
}
