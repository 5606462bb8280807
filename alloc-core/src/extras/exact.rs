//! Exact, for the extras: a placement in the caller's ids, as parts of a record, and back.

use crate::PAGE_BYTES;
use crate::exact::{Inexact, check_memory};
use crate::extras::layout::{DISK, DevicePlace};
use crate::extras::millis::{Millis, WHOLE};
use crate::extras::picks;
use crate::extras::placed::{DeviceShare, NumaNodeHugePages, Picked, PlacedExtras, ScalarAmount};
use crate::extras::spec::{HugePages, HugeSize, Span, check_lists, first_unsorted};
use crate::extras::word::ExtraWord;
use crate::memory::{MAX_PAGES, Seat};
use crate::part::{MAX_AMOUNT, Part};
use crate::plan::Sink;
use crate::reason::{Invalid, Wanted};
use crate::shape::Shape;

/// What a word counts, as it is told.
pub(crate) fn what(shape: &Shape, word: ExtraWord) -> Wanted {
    let layout = &shape.extras;
    match word {
        ExtraWord::Huge(_, size) => Wanted::HugePages(size),
        ExtraWord::Devices(word) => Wanted::DeviceMilli(layout.group_of(word).kind),
        ExtraWord::Counter(counter) => layout.scalar_name(counter).map_or(Wanted::DiskBytes, Wanted::Scalar),
        ExtraWord::Bits(word) => {
            let pick = layout.pick_of(word);
            picks::named(pick.name, pick.is_set)
        }
    }
}

/// Adds what a claim holds of a word to a placement.
pub(crate) fn push(shape: &Shape, word: ExtraWord, amount: u64, placed: &mut PlacedExtras) {
    let layout = &shape.extras;
    match word {
        ExtraWord::Huge(numa_node, size) => {
            let pages = HugePages::default().with(size, amount);
            placed.huge_pages.push(NumaNodeHugePages { numa_node, pages });
        }
        ExtraWord::Devices(word) => {
            let taken = Millis::from_bits(amount).iter().filter(|(_, milli)| *milli > 0);
            let share = |(at, milli)| Some(DeviceShare { device: layout.device(DevicePlace { word, at })?, milli });
            placed.devices.extend(taken.filter_map(share));
        }
        ExtraWord::Counter(counter) => match layout.scalar_name(counter) {
            Some(name) => placed.scalars.push(ScalarAmount { name, milli: amount }),
            None => placed.disk_bytes = amount * PAGE_BYTES,
        },
        ExtraWord::Bits(word) => {
            let pick = layout.pick_of(word);
            let list = if pick.is_set { &mut placed.sets } else { &mut placed.ranges };
            let at = list.iter().position(|picked| picked.name == pick.name).unwrap_or_else(|| {
                list.push(Picked { name: pick.name, spans: Vec::new() });
                list.len() - 1
            });
            pick.push_spans(word, amount, &mut list[at].spans);
        }
    }
}

/// Brings a placement's lists into order.
pub(crate) fn sort(placed: &mut PlacedExtras) {
    placed.huge_pages.sort_unstable_by_key(|huge| huge.numa_node);
    placed.huge_pages.dedup_by(|next, kept| {
        let same = next.numa_node == kept.numa_node;
        if same {
            kept.pages = HugePages { mib2: kept.pages.mib2 + next.pages.mib2, gib1: kept.pages.gib1 + next.pages.gib1 };
        }
        same
    });
    placed.special_memory.sort_unstable_by_key(|memory| memory.numa_node);
    placed.devices.sort_unstable_by_key(|share| share.device);
    placed.scalars.sort_unstable_by_key(|scalar| scalar.name);
    for list in [&mut placed.ranges, &mut placed.sets] {
        list.sort_unstable_by_key(|picked| picked.name);
        list.iter_mut().for_each(|picked| sort_spans(&mut picked.spans));
    }
}

/// Spans in order, as few as can be. What a merge added stands behind the rest, words lower than others too.
fn sort_spans(spans: &mut Vec<Span>) {
    spans.sort_unstable();
    spans.dedup_by(|next, kept| {
        let follows = kept.last.checked_add(1) == Some(next.first);
        if follows {
            kept.last = next.last;
        }
        follows
    });
}

/// The extras of a placement as parts.
pub(crate) fn parts(shape: &Shape, placed: &PlacedExtras, sink: &mut impl Sink) -> Result<(), Inexact> {
    check_sorted(placed)?;
    for memory in &placed.special_memory {
        check_memory(shape, *memory)?;
        if shape.extras.kind(memory.numa_node) == 0 {
            return Err(Invalid::SpecialMemory(memory.numa_node).into());
        }
        let pages = memory.mem_bytes / PAGE_BYTES;
        sink.put(Part::Memory { numa_node: memory.numa_node, seat: Seat::Held, pages })?;
    }
    for huge in &placed.huge_pages {
        huge_parts(shape, *huge, sink)?;
    }
    device_parts(shape, &placed.devices, sink)?;
    counter_parts(shape, placed, sink)?;
    for (picked, is_set) in picked(placed) {
        let pick = shape
            .extras
            .pick(picked.name, is_set)
            .ok_or_else(|| Invalid::UnknownName(picks::named(picked.name, is_set)))?;
        if let Some(number) = pick.first_unknown(&picked.spans) {
            return Err(Invalid::UnknownNumber { name: picked.name, number }.into());
        }
        pick.each_word(&picked.spans, |word, bits| {
            sink.put(Part::Extra { word: ExtraWord::Bits(word), amount: bits })
        })?;
    }
    Ok(())
}

fn picked(placed: &PlacedExtras) -> impl Iterator<Item = (&Picked, bool)> {
    placed.ranges.iter().map(|picked| (picked, false)).chain(placed.sets.iter().map(|picked| (picked, true)))
}

fn check_sorted(placed: &PlacedExtras) -> Result<(), Invalid> {
    let by_name = |list: &[Picked]| list.is_sorted_by(|a, b| a.name < b.name);
    let spans = |list: &[Picked]| list.iter().all(|picked| first_unsorted(&picked.spans).is_none());
    check_lists([
        ("extras.huge_pages", placed.huge_pages.is_sorted_by(|a, b| a.numa_node < b.numa_node)),
        ("extras.special_memory", placed.special_memory.is_sorted_by(|a, b| a.numa_node < b.numa_node)),
        ("extras.devices", placed.devices.is_sorted_by(|a, b| a.device < b.device)),
        ("extras.scalars", placed.scalars.is_sorted_by(|a, b| a.name < b.name)),
        ("extras.ranges", by_name(&placed.ranges)),
        ("extras.ranges.spans", spans(&placed.ranges)),
        ("extras.sets", by_name(&placed.sets)),
        ("extras.sets.spans", spans(&placed.sets)),
    ])
}

fn huge_parts(shape: &Shape, huge: NumaNodeHugePages, sink: &mut impl Sink) -> Result<(), Inexact> {
    let NumaNodeHugePages { numa_node, pages } = huge;
    if numa_node.index() >= shape.numa_nodes() {
        return Err(Invalid::UnknownNumaNode(numa_node).into());
    }
    for size in HugeSize::ALL.into_iter().filter(|size| pages.get(*size) > 0) {
        if pages.get(size) > MAX_PAGES {
            return Err(Invalid::Amount(Wanted::HugePages(size)).into());
        }
        sink.put(Part::Extra { word: ExtraWord::Huge(numa_node, size), amount: pages.get(size) })?;
    }
    Ok(())
}

/// The devices of one word become one part, wherever in the list they stand.
fn device_parts(shape: &Shape, shares: &[DeviceShare], sink: &mut impl Sink) -> Result<(), Inexact> {
    let mut words = std::collections::BTreeMap::new();
    for share in shares {
        let place = shape.extras.place(share.device).ok_or(Invalid::UnknownDevice(share.device))?;
        if !(1..=WHOLE).contains(&share.milli) {
            return Err(Invalid::Amount(what(shape, ExtraWord::Devices(place.word))).into());
        }
        let millis: &mut Millis = words.entry(place.word).or_default();
        *millis = millis.with(place.at, share.milli);
    }
    for (word, millis) in words {
        sink.put(Part::Extra { word: ExtraWord::Devices(word), amount: millis.bits() })?;
    }
    Ok(())
}

fn counter_parts(shape: &Shape, placed: &PlacedExtras, sink: &mut impl Sink) -> Result<(), Inexact> {
    let blocks = placed.disk_bytes / PAGE_BYTES;
    if !placed.disk_bytes.is_multiple_of(PAGE_BYTES) || blocks > MAX_AMOUNT {
        return Err(Invalid::Amount(Wanted::DiskBytes).into());
    }
    if blocks > 0 {
        sink.put(Part::Extra { word: ExtraWord::Counter(DISK), amount: blocks })?;
    }
    for scalar in &placed.scalars {
        let what = Wanted::Scalar(scalar.name);
        let counter = shape.extras.scalar(scalar.name).ok_or(Invalid::UnknownName(what))?;
        if scalar.milli == 0 || scalar.milli > MAX_AMOUNT {
            return Err(Invalid::Amount(what).into());
        }
        sink.put(Part::Extra { word: ExtraWord::Counter(counter), amount: scalar.milli })?;
    }
    Ok(())
}
