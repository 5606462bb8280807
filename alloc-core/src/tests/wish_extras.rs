//! Wishes for extras read from a [`Script`], and extras that a claim is said to have: of what
//! [`with_extras`](super::machines::with_extras) has, a little more, and what no machine has.

use super::machines::{GPU, HBM, LABELS, NIC, PORTS, TOKENS};
use super::script::Script;
use meros_alloc_core::{
    DeviceAmount, DeviceId, DeviceLocality, DeviceShare, DeviceWish, HugePages, NameId, NumaNodeHugePages, NumaNodeId,
    NumaNodeMemory, PAGE_BYTES, Pick, PickWish, Picked, PlacedExtras, Placement, ScalarAmount, ScalarWish, Span,
    SpecialMemoryWish, Wishes,
};

/// What is said of a list of at most one.
fn one<T>(script: &mut Script<'_>, said: bool, read: impl FnOnce(&mut Script<'_>) -> Option<T>) -> Option<Vec<T>> {
    if said { Some(vec![read(script)?]) } else { Some(Vec::new()) }
}

/// Wishes that can be meant: each sort in a quarter of all.
pub(super) fn wishes(script: &mut Script<'_>) -> Option<Wishes> {
    let sorts = script.byte()? & script.byte()?;
    let said = |sort: u8| sorts >> sort & 1 == 1;
    let huge = if said(0) { script.byte()? } else { 0 };
    let mut wishes = Wishes {
        huge_pages: HugePages { mib2: u64::from(huge % 6), gib1: u64::from(huge / 6 % 3) },
        special_memory: one(script, said(1), special)?,
        devices: one(script, said(2), |script| device(script, GPU))?,
        disk_bytes: if said(3) { u64::from(script.wide(60 * 4096)?) } else { 0 },
        scalars: one(script, said(4), |script| Some(ScalarWish { name: TOKENS, milli: script.wide(3000)?.into() }))?,
        ranges: one(script, said(5), |script| pick(script, PORTS, 30_995, 67, 40))?,
        sets: one(script, said(6), |script| pick(script, LABELS, 0, 4, 5))?,
    };
    if said(7) {
        let kind = script.pick(&[NIC, NIC, 99])?;
        wishes.devices.push(device(script, kind)?);
    }
    Some(wishes)
}

fn special(script: &mut Script<'_>) -> Option<SpecialMemoryWish> {
    Some(SpecialMemoryWish { kind: HBM, mem_bytes: script.wide(9 * 4096)?.into() })
}

fn device(script: &mut Script<'_>, kind: u32) -> Option<DeviceWish> {
    let byte = script.byte()?;
    let amount = if byte < 128 {
        DeviceAmount::Whole(1 + u32::from(byte) % 4)
    } else {
        DeviceAmount::Milli(u16::from(1 + byte % 10) * 100)
    };
    let locality = script.pick(&[DeviceLocality::Any, DeviceLocality::Preferred, DeviceLocality::Required])?;
    Some(DeviceWish { kind, amount, locality })
}

/// Any of fewer than `most`, or a few exactly, from among `numbers` that begin at `first`.
fn pick(script: &mut Script<'_>, name: NameId, first: u64, numbers: u8, most: u8) -> Option<PickWish> {
    let (byte, more) = (script.byte()?, script.byte()?);
    let first = first + u64::from(byte / 2 % numbers);
    let exact = Pick::Exact(vec![Span { first, last: first + u64::from(more % 4) }]);
    Some(PickWish { name, pick: if byte % 2 == 0 { exact } else { Pick::Any(1 + u32::from(more % (most - 1))) } })
}

/// A claim of extras alone, as somebody says.
pub(super) fn alone(script: &mut Script<'_>) -> Option<Placement> {
    Some(Placement { extras: placed(script)?, ..Placement::default() })
}

/// Extras that somebody says a claim has: of any machine, sorted or not.
pub(super) fn placed(script: &mut Script<'_>) -> Option<PlacedExtras> {
    let sorts = script.byte()? & script.byte()?;
    let said = |sort: u8| sorts >> sort & 1 == 1;
    let devices = if said(2) { script.below(4)? } else { 0 };
    let mut devices: Vec<DeviceShare> = (0..devices).map(|_| share(script)).collect::<Option<_>>()?;
    if sorts & 128 == 0 {
        devices.sort_unstable_by_key(|share| share.device);
        devices.dedup_by_key(|share| share.device);
    }
    Some(PlacedExtras {
        huge_pages: one(script, said(0), huge_pages)?,
        special_memory: one(script, said(1), memory)?,
        devices,
        disk_bytes: if said(3) { bytes(script)? } else { 0 },
        scalars: one(script, said(4), scalar)?,
        ranges: one(script, said(5), |script| picked(script, PORTS, 30_999))?,
        sets: one(script, said(6), |script| picked(script, LABELS, 0))?,
    })
}

/// Whole pages, none, some bytes, or as many as there are numbers.
fn bytes(script: &mut Script<'_>) -> Option<u64> {
    Some(match script.byte()? {
        0 => 0,
        1 => 17,
        2 => u64::MAX,
        byte => u64::from(byte) % 9 * PAGE_BYTES,
    })
}

fn numa_node(script: &mut Script<'_>) -> Option<NumaNodeId> {
    Some(NumaNodeId::new(u16::from(script.byte()? % 6)))
}

fn huge_pages(script: &mut Script<'_>) -> Option<NumaNodeHugePages> {
    let (numa_node, byte) = (numa_node(script)?, script.byte()?);
    let gib1 = if byte > 250 { u64::MAX } else { u64::from(byte / 5 % 3) };
    Some(NumaNodeHugePages { numa_node, pages: HugePages { mib2: u64::from(byte % 5), gib1 } })
}

fn memory(script: &mut Script<'_>) -> Option<NumaNodeMemory> {
    Some(NumaNodeMemory { numa_node: numa_node(script)?, mem_bytes: bytes(script)? })
}

fn share(script: &mut Script<'_>) -> Option<DeviceShare> {
    let device = DeviceId::new(u16::from(script.byte()? % 12));
    Some(DeviceShare { device, milli: u16::from(script.byte()? % 12) * 100 })
}

fn scalar(script: &mut Script<'_>) -> Option<ScalarAmount> {
    let (byte, milli) = (script.byte()?, script.wide(6000)?);
    let name = if byte % 8 == 0 { LABELS } else { TOKENS };
    Some(ScalarAmount { name, milli: if byte > 250 { u64::MAX } else { (milli - 1).into() } })
}

fn picked(script: &mut Script<'_>, name: NameId, first: u64) -> Option<Picked> {
    let (count, name) = (script.below(3)?, if script.byte()? > 250 { TOKENS } else { name });
    let span = |script: &mut Script<'_>| {
        let (first, more) = (first + u64::from(script.byte()? % 64), script.byte()?);
        Some(Span { first, last: if more > 250 { u64::MAX } else { (first + u64::from(more % 8)).saturating_sub(1) } })
    };
    Some(Picked { name, spans: (0..count).map(|_| span(script)).collect::<Option<_>>()? })
}
