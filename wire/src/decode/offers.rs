//! Offers: vectors of structs that the offers share, read in place.
//!
//! Each offer takes as many parts from the front of each vector as its counts say, and the last must leave nothing. So
//! however large a count is, no more is made than the message has parts.

use core::ops::Range;

use flatbuffers::{Follow, ForwardsUOffset, Vector};

use super::Result;
use super::common::ascending_ranges;
use crate::error::DecodeError;
use crate::generated::meros::wire as fb;
use crate::message::{
    AgentId, InclusiveRange, Label, Offer, OfferDevice, OfferHugePages, OfferId, OfferNumaNode, OfferRanges,
    OfferScalar, OfferSet, OfferSpecialMemory,
};
use crate::offers::{KNOWN_FLAGS, NONE, REVOCABLE};

/// Bytes of text that one message may come to when each use of a shared text counts: a small frame could name one long
/// text a million times.
const MAX_OFFER_TEXT_BYTES: usize = 32 << 20;

pub(super) fn offers(offers: fb::Offers<'_>) -> Result<Vec<Offer>> {
    let hot = offers.offers().unwrap_or_default();
    let extras = offers.extras().unwrap_or_default();
    if !extras.is_empty() && extras.len() != hot.len() {
        return Err(DecodeError::invalid("extras", format!("{} for {} offers", extras.len(), hot.len())));
    }
    let mut shared = Shared::of(offers);
    let mut mirrors = Vec::with_capacity(hot.len());
    for (index, hot) in hot.iter().enumerate() {
        let extras = (!extras.is_empty()).then(|| extras.get(index));
        let offer = shared.offer(hot, extras).map_err(|error| error.within(&format!("offers[{index}]")))?;
        mirrors.push(offer);
    }
    shared.nothing_left()?;
    Ok(mirrors)
}

/// The texts that offers share.
struct Texts<'a> {
    texts: Vector<'a, ForwardsUOffset<&'a str>>,
    room_bytes: usize,
}

impl<'a> Texts<'a> {
    fn get(&mut self, number: u32, field: &str) -> Result<&'a str> {
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        if number >= self.texts.len() {
            return Err(DecodeError::invalid(field, format!("no text {number} among {}", self.texts.len())));
        }
        let text = self.texts.get(number);
        self.room_bytes = self.room_bytes.checked_sub(text.len()).ok_or_else(|| {
            DecodeError::invalid(field, format!("more than {MAX_OFFER_TEXT_BYTES} bytes of text: send fewer offers"))
        })?;
        Ok(text)
    }

    fn owned(&mut self, number: u32, field: &str) -> Result<String> {
        self.get(number, field).map(str::to_owned)
    }

    /// A text that comes after the one before it, by their bytes.
    fn ascending(&mut self, number: u32, before: &mut Option<&'a str>, field: &str) -> Result<String> {
        let text = self.get(number, field)?;
        if before.is_some_and(|before| before >= text) {
            return Err(DecodeError::invalid(field, "must ascend, each once"));
        }
        *before = Some(text);
        Ok(text.to_owned())
    }
}

/// One vector of parts, and where the next offer's begin.
struct Parts<'a, T> {
    parts: Vector<'a, T>,
    next: usize,
    field: &'static str,
}

impl<'a, T: Follow<'a> + 'a> Parts<'a, T> {
    fn of(parts: Option<Vector<'a, T>>, field: &'static str) -> Self {
        Self { parts: parts.unwrap_or_default(), next: 0, field }
    }

    /// Takes the first `count` of what is left.
    fn take(&mut self, count: u32) -> Result<Taken<'a, T>> {
        let left = self.parts.len() - self.next;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count > left {
            return Err(DecodeError::invalid(self.field, format!("{count} where {left} are left")));
        }
        let from = self.next;
        self.next += count;
        Ok(Taken { parts: self.parts, at: from..self.next })
    }

    fn nothing_left(&self) -> Result<()> {
        match self.parts.len() - self.next {
            0 => Ok(()),
            left => Err(DecodeError::invalid(self.field, format!("{left} that belong to no offer"))),
        }
    }
}

/// Parts of one offer.
struct Taken<'a, T> {
    parts: Vector<'a, T>,
    at: Range<usize>,
}

impl<'a, T: Follow<'a, Inner = &'a T> + 'a> Taken<'a, T> {
    fn iter(&self) -> impl ExactSizeIterator<Item = &'a T> + use<'a, T> {
        let parts = self.parts;
        self.at.clone().map(move |at| parts.get(at))
    }

    /// A mirror of each; no more room is made than for them.
    fn read<O>(&self, mut each: impl FnMut(&'a T) -> Result<O>) -> Result<Vec<O>> {
        let mut mirrors = Vec::with_capacity(self.at.len());
        for part in self.iter() {
            mirrors.push(each(part)?);
        }
        Ok(mirrors)
    }

    /// Takes what has the same name as the first of what is left; `None`: nothing is left.
    fn run(&mut self, name: impl Fn(&'a T) -> u32) -> Option<(u32, Self)> {
        let first = self.iter().next().map(&name)?;
        let length = self.iter().take_while(|part| name(part) == first).count();
        let end = self.at.start + length;
        let run = Self { parts: self.parts, at: self.at.start..end };
        self.at.start = end;
        Some((first, run))
    }
}

/// Everything that the offers of one message share.
struct Shared<'a> {
    texts: Texts<'a>,
    numa_nodes: Parts<'a, fb::OfferNumaNodeV1>,
    attributes: Parts<'a, fb::OfferAttributeV1>,
    huge_pages: Parts<'a, fb::OfferHugePagesV1>,
    special_memory: Parts<'a, fb::OfferSpecialMemoryV1>,
    devices: Parts<'a, fb::OfferDeviceV1>,
    scalars: Parts<'a, fb::OfferScalarV1>,
    ranges: Parts<'a, fb::OfferRangeV1>,
    items: Parts<'a, fb::OfferItemV1>,
}

impl<'a> Shared<'a> {
    fn of(offers: fb::Offers<'a>) -> Self {
        Self {
            texts: Texts { texts: offers.texts().unwrap_or_default(), room_bytes: MAX_OFFER_TEXT_BYTES },
            numa_nodes: Parts::of(offers.numa_nodes(), "numa_nodes"),
            attributes: Parts::of(offers.attributes(), "attributes"),
            huge_pages: Parts::of(offers.huge_pages(), "huge_pages"),
            special_memory: Parts::of(offers.special_memory(), "special_memory"),
            devices: Parts::of(offers.devices(), "devices"),
            scalars: Parts::of(offers.scalars(), "scalars"),
            ranges: Parts::of(offers.ranges(), "ranges"),
            items: Parts::of(offers.items(), "items"),
        }
    }

    fn nothing_left(&self) -> Result<()> {
        self.numa_nodes.nothing_left()?;
        self.attributes.nothing_left()?;
        self.huge_pages.nothing_left()?;
        self.special_memory.nothing_left()?;
        self.devices.nothing_left()?;
        self.scalars.nothing_left()?;
        self.ranges.nothing_left()?;
        self.items.nothing_left()
    }

    fn offer(&mut self, offer: &fb::OfferV1, extras: Option<&fb::OfferExtrasV1>) -> Result<Offer> {
        let attributes = self.attributes.take(offer.attributes())?;
        let attributes = attributes.read(|label| self.label(label))?;
        let mirror = Offer {
            offer: OfferId(offer.offer()),
            agent: AgentId(offer.agent()),
            hostname: self.texts.owned(offer.hostname(), "hostname")?,
            role: self.texts.owned(offer.role(), "role")?,
            exclusive_cores: offer.exclusive_cores(),
            exclusive_pus: offer.exclusive_pus(),
            pool_milli: offer.pool_milli(),
            mem_bytes: offer.mem_bytes(),
            numa_nodes: self.numa_nodes.take(offer.numa_nodes())?.iter().map(numa_node).collect(),
            attributes,
            ..Offer::default()
        };
        match extras {
            Some(extras) => self.with_extras(mirror, extras),
            None => Ok(mirror),
        }
    }

    fn with_extras(&mut self, offer: Offer, extras: &fb::OfferExtrasV1) -> Result<Offer> {
        let unknown = extras.flags() & !KNOWN_FLAGS;
        if unknown != 0 {
            return Err(DecodeError::not_understood("flags", format!("bit {}", unknown.trailing_zeros())));
        }
        let special_memory = self.special_memory.take(extras.special_memory())?;
        let devices = self.devices.take(extras.devices())?;
        Ok(Offer {
            disk_bytes: extras.disk_bytes(),
            huge_pages: self.huge_pages.take(extras.huge_pages())?.read(huge_pages)?,
            special_memory: special_memory.read(|part| self.special_memory(part))?,
            devices: devices.read(|part| self.device(part))?,
            scalars: self.scalars(extras.scalars())?,
            ranges: self.ranges(extras.ranges())?,
            sets: self.sets(extras.items())?,
            reserved_for: match extras.reserved_for() {
                NONE => None,
                role => Some(self.texts.owned(role, "reserved_for")?),
            },
            revocable: extras.flags() & REVOCABLE != 0,
            ..offer
        })
    }

    fn label(&mut self, label: &fb::OfferAttributeV1) -> Result<Label> {
        let key = self.texts.owned(label.key(), "attributes.key")?;
        Ok(Label { key, value: self.texts.owned(label.value(), "attributes.value")? })
    }

    fn special_memory(&mut self, part: &fb::OfferSpecialMemoryV1) -> Result<OfferSpecialMemory> {
        let kind = self.texts.owned(part.kind(), "special_memory.kind")?;
        Ok(OfferSpecialMemory { numa_node: part.numa_node(), kind, mem_bytes: part.mem_bytes() })
    }

    fn device(&mut self, device: &fb::OfferDeviceV1) -> Result<OfferDevice> {
        let free_milli = device.free_milli();
        if !(1..=1000).contains(&free_milli) {
            return Err(DecodeError::invalid("devices.free_milli", format!("{free_milli} is not from 1 to 1000")));
        }
        Ok(OfferDevice {
            class: self.texts.owned(device.class(), "devices.class")?,
            name: self.texts.owned(device.name(), "devices.name")?,
            numa_node: Some(device.numa_node()).filter(|numa_node| *numa_node != NONE),
            free_milli,
        })
    }

    fn scalars(&mut self, count: u32) -> Result<Vec<OfferScalar>> {
        let mut before = None;
        let taken = self.scalars.take(count)?;
        taken.read(|scalar| {
            let name = self.texts.ascending(scalar.name(), &mut before, "scalars.name")?;
            Ok(OfferScalar { name, milli: scalar.milli() })
        })
    }

    fn ranges(&mut self, count: u32) -> Result<Vec<OfferRanges>> {
        let mut left = self.ranges.take(count)?;
        let (mut all, mut before) = (Vec::new(), None);
        while let Some((name, run)) = left.run(fb::OfferRangeV1::name) {
            let name = self.texts.ascending(name, &mut before, "ranges.name")?;
            all.push(OfferRanges { name, spans: spans(&run)? });
        }
        Ok(all)
    }

    fn sets(&mut self, count: u32) -> Result<Vec<OfferSet>> {
        let mut left = self.items.take(count)?;
        let (mut all, mut before) = (Vec::new(), None);
        while let Some((name, run)) = left.run(fb::OfferItemV1::set) {
            let name = self.texts.ascending(name, &mut before, "items.set")?;
            let mut before = None;
            let items = run.read(|part| self.texts.ascending(part.item(), &mut before, "items.item"))?;
            all.push(OfferSet { name, items });
        }
        Ok(all)
    }
}

fn numa_node(part: &fb::OfferNumaNodeV1) -> OfferNumaNode {
    OfferNumaNode {
        numa_node: part.numa_node(),
        exclusive_cores: part.exclusive_cores(),
        exclusive_pus: part.exclusive_pus(),
        pool_milli: part.pool_milli(),
        mem_bytes: part.mem_bytes(),
    }
}

fn huge_pages(part: &fb::OfferHugePagesV1) -> Result<OfferHugePages> {
    let page_bytes = part.page_bytes();
    if !page_bytes.is_power_of_two() {
        return Err(DecodeError::invalid("huge_pages.page_bytes", format!("{page_bytes} is not a power of two")));
    }
    Ok(OfferHugePages { numa_node: part.numa_node(), page_bytes, pages: part.pages() })
}

fn spans(run: &Taken<'_, fb::OfferRangeV1>) -> Result<Vec<InclusiveRange>> {
    let spans: Vec<_> = run.iter().map(|range| InclusiveRange { begin: range.begin(), end: range.end() }).collect();
    ascending_ranges(&spans, "ranges")?;
    Ok(spans)
}
