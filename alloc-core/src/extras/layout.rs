//! Layout of the extras: which word of an agent is what, derived once from the shape's description.
//!
//! - **Huge pages**: a word per NUMA node and size.
//! - **Devices**: those of one kind and NUMA node are a *group* and lie side by side, five to a word.
//! - **Counters**: disk first, then the scalars in the order given.
//! - **Bits**: the ranges in the order given, then the sets. The numbers of one are strung together, 48 to a word.

use core::fmt;
use core::ops::Range;
use std::collections::BTreeMap;

use crate::PAGE_BYTES;
use crate::extras::millis::{DEVICES, Millis};
use crate::extras::spec::{DeviceSpec, HugeSize, Span, first_unsorted, numbers};
use crate::extras::word::{BITS, ExtraWord, first_bits};
use crate::ids::{DeviceId, NameId, NumaNodeId};
use crate::memory::MAX_PAGES;
use crate::part::{MAX_AMOUNT, MAX_BIT_WORDS, MAX_INDEX};
use crate::shape::ShapeSpec;

/// The most devices of an agent.
pub(crate) const MAX_DEVICES: usize = MAX_INDEX;
/// The most scalars, the most ranges, and the most sets of an agent.
pub(crate) const MAX_NAMES: usize = 128;
/// The most numbers of all ranges of an agent.
pub(crate) const MAX_NUMBERS: u64 = 1 << 16;
/// The most items of all sets of an agent.
pub(crate) const MAX_ITEMS: u64 = 1 << 14;

const _: () = assert!(MAX_NAMES < MAX_INDEX);
// Each name begins a word of its own, so it may leave one word half empty.
const _: () = assert!((MAX_NUMBERS + MAX_ITEMS) / BITS as u64 + 2 * (MAX_NAMES as u64 + 1) <= MAX_BIT_WORDS as u64);

/// The counter of disk; the scalars follow.
pub(crate) const DISK: u16 = 0;

/// What is wrong with the extras of a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtrasError {
    /// `numa_nodes[numa_node].huge_pages` has 2³³ pages or more.
    HugePages {
        /// The NUMA node.
        numa_node: usize,
    },
    /// `devices` has more than 1024 entries.
    TooManyDevices {
        /// How many were given.
        devices: usize,
    },
    /// `devices[device].numa_node` is not in `numa_nodes`.
    DeviceNumaNode {
        /// Position in `devices`.
        device: usize,
        /// What was given.
        numa_node: NumaNodeId,
    },
    /// `disk_bytes` is 2⁶² or more.
    Disk,
    /// `scalars[scalar].milli` is 2⁵⁰ or more.
    Scalar {
        /// Position in `scalars`.
        scalar: usize,
    },
    /// A list of names has more than 128 entries.
    TooManyNames {
        /// The list.
        field: &'static str,
        /// How many were given.
        found: usize,
    },
    /// A name was given before in the same list.
    NameTwice {
        /// The list.
        field: &'static str,
        /// Position in the list.
        at: usize,
    },
    /// `ranges[ranges].spans` is not sorted, or a span ends before it begins.
    Spans {
        /// Position in `ranges`.
        ranges: usize,
        /// Position in its spans.
        span: usize,
    },
    /// All ranges together have more than 65,536 numbers.
    TooManyNumbers,
    /// All sets together have more than 16,384 items.
    TooManyItems,
}

impl fmt::Display for ExtrasError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::HugePages { numa_node } => {
                write!(f, "numa_nodes[{numa_node}].huge_pages is too large: give less than 2^33 pages")
            }
            Self::TooManyDevices { devices } => {
                write!(f, "devices has {devices} entries: give at most {MAX_DEVICES}")
            }
            Self::DeviceNumaNode { device, numa_node } => {
                write!(f, "devices[{device}].numa_node is {numa_node}, which numa_nodes does not have")
            }
            Self::Disk => write!(f, "disk_bytes is too large: give less than 2^62 bytes"),
            Self::Scalar { scalar } => {
                write!(f, "scalars[{scalar}].milli is too large: give less than 2^50 thousandths")
            }
            Self::TooManyNames { field, found } => {
                write!(f, "{field} has {found} entries: give at most {MAX_NAMES}")
            }
            Self::NameTwice { field, at } => {
                write!(f, "{field}[{at}].name was given before: give each name once")
            }
            Self::Spans { ranges, span } => {
                write!(
                    f,
                    "ranges[{ranges}].spans[{span}] ends before it begins or is not after the one before: sort them"
                )
            }
            Self::TooManyNumbers => write!(f, "ranges have more than {MAX_NUMBERS} numbers together: give fewer"),
            Self::TooManyItems => write!(f, "sets have more than {MAX_ITEMS} items together: give fewer"),
        }
    }
}

/// Devices of one kind on one NUMA node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeviceGroup {
    pub(crate) kind: u32,
    pub(crate) numa_node: Option<NumaNodeId>,
    pub(crate) words: Range<u16>,
}

/// Where a device's thousandths are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DevicePlace {
    pub(crate) word: u16,
    pub(crate) at: u16,
}

/// A named range or set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PickShape {
    pub(crate) name: NameId,
    pub(crate) is_set: bool,
    /// Its numbers; spans that touch are one.
    spans: Vec<Span>,
    pub(crate) words: Range<u16>,
    pub(crate) width: u32,
}

/// Which word of an agent is what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExtraLayout {
    /// The words and what each has in all, in canonical order. There is none for what the machine has nothing of.
    words: Vec<(ExtraWord, u64)>,
    /// Where the devices' words begin among them.
    first_device: usize,
    first_bits: usize,
    kinds: Vec<u32>,
    devices: Vec<DeviceSpec>,
    places: Vec<DevicePlace>,
    /// The devices of each word, at most five.
    device_words: Vec<Vec<DeviceId>>,
    pub(crate) groups: Vec<DeviceGroup>,
    scalars: Vec<NameId>,
    pub(crate) picks: Vec<PickShape>,
}

impl ExtraLayout {
    pub(crate) fn new(spec: &ShapeSpec) -> Result<Self, ExtrasError> {
        let picks = picks(spec)?;
        let mut layout = Self {
            words: Vec::new(),
            first_device: 0,
            first_bits: 0,
            kinds: spec.numa_nodes.iter().map(|numa_node| numa_node.kind).collect(),
            places: vec![DevicePlace::default(); spec.devices.len()],
            device_words: Vec::new(),
            groups: Vec::new(),
            scalars: spec.scalars.iter().map(|scalar| scalar.name).collect(),
            picks,
            devices: spec.devices.clone(),
        };
        layout.add_devices(spec)?;
        let devices =
            (0..).zip(&layout.device_words).map(|(at, devices)| (ExtraWord::Devices(at), whole(devices).bits()));
        let bits = layout.picks.iter().flat_map(PickShape::all);
        let words = huge_words(spec)?.into_iter().chain(devices).chain(counters(spec)?).chain(bits);
        layout.words = words.filter(|(_, all)| *all > 0).collect();
        layout.first_device = layout.words.partition_point(|(word, _)| *word < ExtraWord::Devices(0));
        layout.first_bits = layout.words.partition_point(|(word, _)| *word < ExtraWord::Bits(0));
        Ok(layout)
    }

    fn add_devices(&mut self, spec: &ShapeSpec) -> Result<(), ExtrasError> {
        let devices = spec.devices.len();
        if devices > MAX_DEVICES {
            return Err(ExtrasError::TooManyDevices { devices });
        }
        let mut alike: BTreeMap<(u32, Option<NumaNodeId>), Vec<DeviceId>> = BTreeMap::new();
        for (at, device) in (0_u16..).zip(&spec.devices) {
            if let Some(numa_node) = device.numa_node.filter(|numa_node| numa_node.index() >= spec.numa_nodes.len()) {
                return Err(ExtrasError::DeviceNumaNode { device: usize::from(at), numa_node });
            }
            alike.entry((device.kind, device.numa_node)).or_default().push(DeviceId::new(at));
        }
        let mut word = 0;
        for ((kind, numa_node), devices) in alike {
            let first = word;
            for devices in devices.chunks(usize::from(DEVICES)) {
                for (at, device) in (0..).zip(devices) {
                    self.places[device.index()] = DevicePlace { word, at };
                }
                self.device_words.push(devices.to_vec());
                word += 1;
            }
            self.groups.push(DeviceGroup { kind, numa_node, words: first..word });
        }
        Ok(())
    }

    /// The words and what each has in all, in canonical order.
    pub(crate) fn words(&self) -> &[(ExtraWord, u64)] {
        &self.words
    }

    /// A word's position among them, if the machine has anything of it.
    pub(crate) fn position(&self, word: ExtraWord) -> Option<usize> {
        if let ExtraWord::Devices(word) = word {
            let word = usize::from(word);
            return (word < self.device_words.len()).then_some(self.first_device + word);
        }
        if let ExtraWord::Bits(bits) = word {
            // Mostly they follow each other without a gap.
            let at = self.first_bits + usize::from(bits);
            if self.words.get(at).is_some_and(|(found, _)| *found == word) {
                return Some(at);
            }
        }
        self.words.binary_search_by_key(&word, |(word, _)| *word).ok()
    }

    /// Where the words of ranges and sets begin: they are the last.
    pub(crate) const fn first_bits(&self) -> usize {
        self.first_bits
    }

    /// What a word has in all.
    pub(crate) fn all(&self, word: ExtraWord) -> u64 {
        self.position(word).map_or(0, |at| self.words[at].1)
    }

    /// The kind of a NUMA node's memory; 0 for ordinary.
    pub(crate) fn kind(&self, numa_node: NumaNodeId) -> u32 {
        self.kinds[numa_node.index()]
    }

    /// The NUMA nodes whose memory is of a kind.
    pub(crate) fn of_kind(&self, kind: u32) -> impl Iterator<Item = NumaNodeId> {
        (0..).zip(&self.kinds).filter(move |(_, other)| **other == kind).map(|(at, _)| NumaNodeId::new(at))
    }

    pub(crate) fn devices(&self) -> &[DeviceSpec] {
        &self.devices
    }

    pub(crate) fn place(&self, device: DeviceId) -> Option<DevicePlace> {
        self.places.get(device.index()).copied()
    }

    pub(crate) fn device(&self, place: DevicePlace) -> Option<DeviceId> {
        self.device_words.get(usize::from(place.word))?.get(usize::from(place.at)).copied()
    }

    /// The group that a word belongs to.
    pub(crate) fn group_of(&self, word: u16) -> &DeviceGroup {
        &self.groups[self.groups.partition_point(|group| group.words.end <= word)]
    }

    /// The groups of a kind.
    pub(crate) fn groups_of(&self, kind: u32) -> impl Iterator<Item = (usize, &DeviceGroup)> {
        self.groups.iter().enumerate().filter(move |(_, group)| group.kind == kind)
    }

    /// The scalars, with their counters.
    pub(crate) fn scalars(&self) -> impl Iterator<Item = (NameId, u16)> {
        self.scalars.iter().copied().zip(DISK + 1..)
    }

    /// The counter of a scalar.
    pub(crate) fn scalar(&self, name: NameId) -> Option<u16> {
        self.scalars().find(|(other, _)| *other == name).map(|(_, counter)| counter)
    }

    /// The scalar of a counter; `None` for disk.
    pub(crate) fn scalar_name(&self, counter: u16) -> Option<NameId> {
        self.scalars.get(usize::from(counter.checked_sub(DISK + 1)?)).copied()
    }

    /// The range, or the set, with a name.
    pub(crate) fn pick(&self, name: NameId, is_set: bool) -> Option<&PickShape> {
        self.picks.iter().find(|pick| pick.name == name && pick.is_set == is_set)
    }

    /// The range or set that a word belongs to.
    pub(crate) fn pick_of(&self, word: u16) -> &PickShape {
        &self.picks[self.picks.partition_point(|pick| pick.words.end <= word)]
    }
}

impl PickShape {
    /// Its words with all their bits.
    fn all(&self) -> impl Iterator<Item = (ExtraWord, u64)> {
        let bits = |word| first_bits(self.width - u32::from(word - self.words.start) * BITS);
        self.words.clone().map(move |word| (ExtraWord::Bits(word), bits(word)))
    }

    /// The position of a span's first number, if it has the whole span.
    fn position(&self, span: Span) -> Option<u64> {
        let mut before = 0;
        for own in &self.spans {
            if own.first <= span.first && span.last <= own.last {
                return Some(before + (span.first - own.first));
            }
            before += own.reach() + 1;
        }
        None
    }

    /// The first number of a span that it has not whole.
    pub(crate) fn first_unknown(&self, spans: &[Span]) -> Option<u64> {
        spans.iter().find(|span| self.position(**span).is_none()).map(|span| span.first)
    }

    fn number(&self, mut position: u64) -> Option<u64> {
        for own in &self.spans {
            if position <= own.reach() {
                return Some(own.first + position);
            }
            position -= own.reach() + 1;
        }
        None
    }

    /// The bits of spans it has, word by word in ascending order.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "positions are below the width, which the shape's check bounds"
    )]
    pub(crate) fn each_word<E>(
        &self,
        spans: &[Span],
        mut each: impl FnMut(u16, u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut pending_word, mut pending) = (0, 0);
        for span in spans {
            let Some(first) = self.position(*span) else { continue };
            let (mut at, last) = (first as u32, (first + span.reach()) as u32);
            while at <= last {
                let word = at / BITS;
                let end = (word * BITS + BITS - 1).min(last);
                if word != pending_word && pending != 0 {
                    each(self.words.start + pending_word as u16, pending)?;
                    pending = 0;
                }
                (pending_word, pending) = (word, pending | first_bits(end - at + 1) << (at % BITS));
                at = end + 1;
            }
        }
        if pending != 0 { each(self.words.start + pending_word as u16, pending) } else { Ok(()) }
    }

    /// Adds the numbers of a word's bits to a list of spans; words come in ascending order.
    pub(crate) fn push_spans(&self, word: u16, bits: u64, spans: &mut Vec<Span>) {
        let first = u64::from(word - self.words.start) * u64::from(BITS);
        for position in (0..u64::from(BITS)).filter(|at| bits >> at & 1 == 1).map(|at| first + at) {
            let Some(number) = self.number(position) else { continue };
            match spans.last_mut() {
                Some(last) if last.last.checked_add(1) == Some(number) => last.last = number,
                _ => spans.push(Span::one(number)),
            }
        }
    }
}

/// Devices of a word, untouched.
#[expect(clippy::cast_possible_truncation, reason = "at most five")]
fn whole(devices: &[DeviceId]) -> Millis {
    Millis::whole(devices.len() as u16)
}

fn huge_words(spec: &ShapeSpec) -> Result<Vec<(ExtraWord, u64)>, ExtrasError> {
    let mut words = Vec::new();
    for (at, numa_node) in (0_u16..).zip(&spec.numa_nodes) {
        for size in HugeSize::ALL {
            let pages = numa_node.huge_pages.get(size);
            if pages > MAX_PAGES {
                return Err(ExtrasError::HugePages { numa_node: usize::from(at) });
            }
            words.push((ExtraWord::Huge(NumaNodeId::new(at), size), pages));
        }
    }
    Ok(words)
}

fn counters(spec: &ShapeSpec) -> Result<Vec<(ExtraWord, u64)>, ExtrasError> {
    check_names("scalars", spec.scalars.iter().map(|scalar| scalar.name))?;
    let blocks = spec.disk_bytes / PAGE_BYTES;
    if blocks > MAX_AMOUNT {
        return Err(ExtrasError::Disk);
    }
    if let Some(scalar) = spec.scalars.iter().position(|scalar| scalar.milli > MAX_AMOUNT) {
        return Err(ExtrasError::Scalar { scalar });
    }
    let amounts = core::iter::once(blocks).chain(spec.scalars.iter().map(|scalar| scalar.milli));
    Ok((DISK..).map(ExtraWord::Counter).zip(amounts).collect())
}

fn check_names(field: &'static str, names: impl ExactSizeIterator<Item = NameId>) -> Result<(), ExtrasError> {
    let found = names.len();
    if found > MAX_NAMES {
        return Err(ExtrasError::TooManyNames { field, found });
    }
    let mut seen = std::collections::BTreeSet::new();
    for (at, name) in names.enumerate() {
        if !seen.insert(name) {
            return Err(ExtrasError::NameTwice { field, at });
        }
    }
    Ok(())
}

fn picks(spec: &ShapeSpec) -> Result<Vec<PickShape>, ExtrasError> {
    check_names("ranges", spec.ranges.iter().map(|ranges| ranges.name))?;
    check_names("sets", spec.sets.iter().map(|set| set.name))?;
    let mut all = 0_u64;
    for (ranges, given) in spec.ranges.iter().enumerate() {
        if let Some(span) = first_unsorted(&given.spans) {
            return Err(ExtrasError::Spans { ranges, span });
        }
        all = all.saturating_add(numbers(&given.spans));
    }
    if all > MAX_NUMBERS {
        return Err(ExtrasError::TooManyNumbers);
    }
    if spec.sets.iter().map(|set| u64::from(set.items)).sum::<u64>() > MAX_ITEMS {
        return Err(ExtrasError::TooManyItems);
    }
    let ranges = spec.ranges.iter().map(|ranges| (ranges.name, false, joined(&ranges.spans)));
    let sets = spec.sets.iter().map(|set| (set.name, true, items(set.items)));
    let mut next = 0;
    Ok(ranges.chain(sets).map(|(name, is_set, spans)| pick(name, is_set, spans, &mut next)).collect())
}

#[expect(clippy::cast_possible_truncation, reason = "the callers' checks bound the width and so the words")]
fn pick(name: NameId, is_set: bool, spans: Vec<Span>, next: &mut u16) -> PickShape {
    let width = numbers(&spans) as u32;
    let first = *next;
    *next += width.div_ceil(BITS) as u16;
    PickShape { name, is_set, spans, words: first..*next, width }
}

/// The positions of a set's items.
fn items(items: u32) -> Vec<Span> {
    items.checked_sub(1).map(|last| Span { first: 0, last: u64::from(last) }).into_iter().collect()
}

/// Sorted spans with those that touch made one.
fn joined(spans: &[Span]) -> Vec<Span> {
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last) if last.last.checked_add(1) == Some(span.first) => last.last = span.last,
            _ => joined.push(*span),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extras::spec::{RangesSpec, ScalarSpec, SetSpec};
    use crate::testing::spec;
    use crate::{Shape, ShapeError};

    const NAME: NameId = NameId::new(1);

    fn layout(change: impl FnOnce(&mut ShapeSpec)) -> Result<ExtraLayout, ExtrasError> {
        let mut spec = spec(2, 1, 2, 1 << 30);
        change(&mut spec);
        match Shape::new(&spec) {
            Ok(shape) => Ok(shape.extras),
            Err(ShapeError::Extras(error)) => Err(error),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn devices_of_one_kind_and_numa_node_lie_side_by_side() {
        let device = |kind, numa_node| DeviceSpec { kind, numa_node: Some(NumaNodeId::new(numa_node)) };
        let layout = layout(|spec| {
            spec.devices = (0..12).map(|at| device(1, at % 2)).chain([device(0, 1)]).collect();
        })
        .unwrap();
        assert_eq!(layout.groups.iter().map(|group| group.words.clone()).collect::<Vec<_>>(), [0..1, 1..3, 3..5]);
        assert_eq!(layout.all(ExtraWord::Devices(2)), Millis::whole(1).bits());
        for device in (0..13).map(DeviceId::new) {
            assert_eq!(layout.device(layout.place(device).unwrap()), Some(device));
        }
        assert_eq!(layout.place(DeviceId::new(13)), None);
    }

    #[test]
    fn numbers_are_strung_together_and_found_again() {
        let spans = vec![Span { first: 10, last: 19 }, Span { first: 20, last: 70 }, Span::one(u64::MAX)];
        let layout = layout(|spec| {
            spec.ranges = vec![RangesSpec { name: NAME, spans }];
            spec.sets = vec![SetSpec { name: NAME, items: 3 }];
        })
        .unwrap();
        let ranges = layout.pick(NAME, false).unwrap();
        assert_eq!((ranges.words.clone(), ranges.width), (0..2, 62));
        assert_eq!([0, 1, 2, 3].map(|at| layout.all(ExtraWord::Bits(at))), [first_bits(48), first_bits(14), 0b111, 0]);
        let asked = [Span { first: 15, last: 60 }, Span::one(u64::MAX)];
        assert_eq!(ranges.first_unknown(&asked), None);
        assert_eq!(ranges.first_unknown(&[Span { first: 70, last: 71 }]), Some(70));
        let mut found = Vec::new();
        let every = ranges.each_word::<()>(&asked, |word, bits| {
            ranges.push_spans(word, bits, &mut found);
            Ok(())
        });
        assert_eq!((every, found.as_slice()), (Ok(()), asked.as_slice()));
        assert!(layout.pick_of(2).is_set);
        assert!(layout.pick(NameId::new(2), true).is_none());
    }

    #[test]
    fn errors_name_the_field_and_the_fix() {
        let says = |change: fn(&mut ShapeSpec)| layout(change).unwrap_err().to_string();
        let wide = Span { first: 0, last: u64::MAX };
        assert_eq!(
            says(|spec| spec.numa_nodes[1].huge_pages.gib1 = 1 << 36),
            "numa_nodes[1].huge_pages is too large: give less than 2^33 pages"
        );
        assert_eq!(
            says(|spec| spec.devices = vec![DeviceSpec { kind: 0, numa_node: Some(NumaNodeId::new(9)) }]),
            "devices[0].numa_node is n9, which numa_nodes does not have"
        );
        assert_eq!(
            says(|spec| spec.scalars = vec![ScalarSpec { name: NAME, milli: 1 }; 2]),
            "scalars[1].name was given before: give each name once"
        );
        let bad = layout(|spec| spec.ranges = vec![RangesSpec { name: NAME, spans: vec![wide] }]);
        assert_eq!(bad.unwrap_err(), ExtrasError::TooManyNumbers);
        let bad = layout(|spec| spec.ranges = vec![RangesSpec { name: NAME, spans: vec![Span::one(4), Span::one(4)] }]);
        assert_eq!(bad.unwrap_err(), ExtrasError::Spans { ranges: 0, span: 1 });
        let bad = layout(|spec| spec.sets = vec![SetSpec { name: NAME, items: u32::MAX }]);
        assert_eq!(bad.unwrap_err(), ExtrasError::TooManyItems);
        let bad = layout(|spec| spec.disk_bytes = u64::MAX);
        assert_eq!(bad.unwrap_err(), ExtrasError::Disk);
        let bad = layout(|spec| spec.scalars = vec![ScalarSpec { name: NAME, milli: 1 << 50 }]);
        assert_eq!(bad.unwrap_err(), ExtrasError::Scalar { scalar: 0 });
        let device = DeviceSpec { kind: 0, numa_node: None };
        let bad = layout(|spec| spec.devices = vec![device; 1025]);
        assert_eq!(bad.unwrap_err(), ExtrasError::TooManyDevices { devices: 1025 });
        let names = (0..129).map(NameId::new);
        let bad = layout(|spec| spec.sets = names.map(|name| SetSpec { name, items: 1 }).collect());
        assert_eq!(bad.unwrap_err(), ExtrasError::TooManyNames { field: "sets", found: 129 });
    }

    #[test]
    fn what_a_machine_has_nothing_of_has_no_word() {
        assert_eq!(layout(|_| {}).unwrap().words(), []);
        let layout = layout(|spec| {
            spec.numa_nodes[1].huge_pages.gib1 = 3;
            spec.scalars = vec![ScalarSpec { name: NAME, milli: 7 }];
        });
        let (layout, huge) = (layout.unwrap(), ExtraWord::Huge(NumaNodeId::new(1), HugeSize::Gib1));
        assert_eq!(layout.words(), [(huge, 3), (ExtraWord::Counter(1), 7)]);
        assert_eq!(
            (layout.position(ExtraWord::Counter(1)), layout.position(ExtraWord::Counter(DISK))),
            (Some(1), None)
        );
    }
}
