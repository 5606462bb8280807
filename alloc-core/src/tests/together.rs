//! What two claims hold together besides PUs, pool shares and ordinary memory, by simple maps.

use std::collections::{BTreeMap, BTreeSet};

use meros_alloc_core::{
    DeviceShare, HugePages, NameId, NumaNodeHugePages, NumaNodeMemory, Picked, PlacedExtras, ScalarAmount, Span,
};

/// Adds up what two lists say of the same thing.
fn sums<K: Ord, V: core::ops::Add<Output = V> + Copy>(pairs: impl Iterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut sums: BTreeMap<K, V> = BTreeMap::new();
    for (key, value) in pairs {
        let sum = sums.get(&key).map_or(value, |there| *there + value);
        sums.insert(key, sum);
    }
    sums
}

fn huge_pages(both: [&PlacedExtras; 2]) -> Vec<NumaNodeHugePages> {
    let all = || both.into_iter().flat_map(|extras| &extras.huge_pages);
    let mib2 = sums(all().map(|huge| (huge.numa_node, huge.pages.mib2)));
    let gib1 = sums(all().map(|huge| (huge.numa_node, huge.pages.gib1)));
    let pages = |(numa_node, mib2)| NumaNodeHugePages { numa_node, pages: HugePages { mib2, gib1: gib1[&numa_node] } };
    mib2.into_iter().map(pages).collect()
}

/// The numbers of each name, as few spans as possible.
fn picked(lists: [&[Picked]; 2]) -> Vec<Picked> {
    let mut numbers: BTreeMap<NameId, BTreeSet<u64>> = BTreeMap::new();
    for pick in lists.into_iter().flatten() {
        let all = pick.spans.iter().flat_map(|span| span.first..=span.last);
        numbers.entry(pick.name).or_default().extend(all);
    }
    let spans = |numbers: BTreeSet<u64>| {
        let mut spans: Vec<Span> = Vec::new();
        for number in numbers {
            match spans.last_mut() {
                Some(last) if last.last + 1 == number => last.last = number,
                _ => spans.push(Span::one(number)),
            }
        }
        spans
    };
    numbers.into_iter().map(|(name, numbers)| Picked { name, spans: spans(numbers) }).collect()
}

/// What both hold.
pub(super) fn extras(into: &PlacedExtras, from: &PlacedExtras) -> PlacedExtras {
    let both = [into, from];
    let memory = sums(both.into_iter().flat_map(|one| &one.special_memory).map(|one| (one.numa_node, one.mem_bytes)));
    let devices = sums(both.into_iter().flat_map(|one| &one.devices).map(|one| (one.device, one.milli)));
    let scalars = sums(both.into_iter().flat_map(|one| &one.scalars).map(|one| (one.name, one.milli)));
    PlacedExtras {
        huge_pages: huge_pages(both),
        special_memory: memory
            .into_iter()
            .map(|(numa_node, mem_bytes)| NumaNodeMemory { numa_node, mem_bytes })
            .collect(),
        devices: devices.into_iter().map(|(device, milli)| DeviceShare { device, milli }).collect(),
        disk_bytes: into.disk_bytes + from.disk_bytes,
        scalars: scalars.into_iter().map(|(name, milli)| ScalarAmount { name, milli }).collect(),
        ranges: picked([&into.ranges, &from.ranges]),
        sets: picked([&into.sets, &from.sets]),
    }
}
