//! Many offers to bytes without plain Rust between: what a master does a million times a second.
//!
//! 1. Parts of an offer are structs as they travel: [`numa_node`], [`range`], [`scalar`] and their like make them once, for
//!    example when an agent registers, and [`OffersWriter::push`] copies slices of them.
//! 2. Texts stand once in a message; parts name them by the number that [`OffersWriter::text`] gave. Numbers hold until
//!    [`OffersWriter::clear`], those before [`OffersWriter::keep_texts`] for as long as the writer: whoever prepares parts for
//!    many messages keeps their texts, and every message then carries them.
//! 3. A message is [`Encoder::offers`](crate::encode::Encoder::offers) of the writer, or [`Link::send_offers`](crate::Link::send_offers).
//!    The plain Rust [`Offer`] goes the same way, through [`OffersWriter::add`].
//!
//! Order within an offer: as in [`message::offer`](crate::message::offer). The writer does not check it; the reader refuses the message.

mod parts;
mod texts;

use self::parts::{Counts, count};
pub(crate) use self::parts::{KNOWN_FLAGS, NONE, REVOCABLE};
pub use self::parts::{
    OfferHead, OfferParts, attribute, device, huge_pages, item, numa_node, range, scalar, special_memory,
};
use self::texts::Texts;
pub use crate::generated::meros::wire::{
    OfferAttributeV1, OfferDeviceV1, OfferHugePagesV1, OfferItemV1, OfferNumaNodeV1, OfferRangeV1, OfferScalarV1,
    OfferSpecialMemoryV1,
};
use crate::generated::meros::wire::{OfferExtrasV1, OfferV1};
use crate::message::Offer;

/// The table, its vtable, and each vector's length and alignment, generously.
const TABLE_BYTES: usize = 256;

/// The offers of one message. Its memory is kept from message to message.
///
/// ```
/// use meros_wire::message::{AgentId, Envelope, OfferId, OfferNumaNode};
/// use meros_wire::offers::{OfferHead, OfferParts, OffersWriter, numa_node, range};
///
/// let mut writer = OffersWriter::default();
/// let (role, ports) = (writer.text("research"), writer.text("ports"));
/// writer.keep_texts();
/// // When the agent registers:
/// let numa_nodes = [numa_node(&OfferNumaNode { exclusive_pus: 8, mem_bytes: 64 << 30, ..OfferNumaNode::default() })];
/// let ranges = [range(ports, 31_000, 31_999), range(ports, 33_000, 33_999)];
/// // For each message:
/// let hostname = writer.text("rack-3");
/// let head = OfferHead { offer: OfferId(1), agent: AgentId(7), hostname, role, exclusive_pus: 8, ..OfferHead::default() };
/// writer.push(&head, &OfferParts { numa_nodes: &numa_nodes, ranges: &ranges, ..OfferParts::default() });
/// let frame = meros_wire::encode::Encoder::default().offers(&Envelope::default(), &writer).to_vec();
/// writer.clear();
/// # assert!(meros_wire::decode::frame(&frame).is_ok());
/// ```
#[derive(Clone, Debug, Default)]
pub struct OffersWriter {
    pub(crate) offers: Vec<OfferV1>,
    pub(crate) numa_nodes: Vec<OfferNumaNodeV1>,
    pub(crate) attributes: Vec<OfferAttributeV1>,
    pub(crate) texts: Texts,
    /// One for each of `offers`.
    pub(crate) extras: Vec<OfferExtrasV1>,
    /// Any of them says something.
    pub(crate) has_extras: bool,
    pub(crate) huge_pages: Vec<OfferHugePagesV1>,
    pub(crate) special_memory: Vec<OfferSpecialMemoryV1>,
    pub(crate) devices: Vec<OfferDeviceV1>,
    pub(crate) scalars: Vec<OfferScalarV1>,
    pub(crate) ranges: Vec<OfferRangeV1>,
    pub(crate) items: Vec<OfferItemV1>,
}

impl OffersWriter {
    /// A writer of these.
    pub(crate) fn of(offers: &[Offer]) -> Self {
        let mut writer = Self::default();
        for offer in offers {
            writer.add(offer);
        }
        writer
    }

    /// The number of a text, to be named in heads and parts. Takes it in if it is new.
    pub fn text(&mut self, text: &str) -> u32 {
        self.texts.number(text)
    }

    /// The same for a text that is known to be new, such as a hostname: quicker, since it is not looked for, and not found by
    /// [`text`](OffersWriter::text) later. Not for names of scalars, ranges and sets.
    pub fn new_text(&mut self, text: &str) -> u32 {
        self.texts.append(text)
    }

    /// Texts taken in so far hold for as long as the writer, and travel with every message.
    pub fn keep_texts(&mut self) {
        self.texts.keep();
    }

    /// Appends an offer. Every text that it names must be one of this writer's.
    pub fn push(&mut self, head: &OfferHead, parts: &OfferParts<'_>) {
        self.numa_nodes.extend_from_slice(parts.numa_nodes);
        self.attributes.extend_from_slice(parts.attributes);
        self.huge_pages.extend_from_slice(parts.huge_pages);
        self.special_memory.extend_from_slice(parts.special_memory);
        self.devices.extend_from_slice(parts.devices);
        self.scalars.extend_from_slice(parts.scalars);
        self.ranges.extend_from_slice(parts.ranges);
        self.items.extend_from_slice(parts.items);
        self.push_counted(head, parts.counts());
    }

    /// Appends a plain Rust offer, its texts taken in.
    pub fn add(&mut self, offer: &Offer) {
        let before = self.ends();
        let head = self.head(offer);
        self.numa_nodes.extend(offer.numa_nodes.iter().map(numa_node));
        let texts = &mut self.texts;
        let attributes = offer.attributes.iter();
        self.attributes.extend(attributes.map(|label| attribute(texts.number(&label.key), texts.number(&label.value))));
        let huge = offer.huge_pages.iter();
        self.huge_pages.extend(huge.map(|huge| huge_pages(huge.numa_node, huge.page_bytes, huge.pages)));
        for memory in &offer.special_memory {
            let kind = texts.number(&memory.kind);
            self.special_memory.push(special_memory(memory.numa_node, kind, memory.mem_bytes));
        }
        for part in &offer.devices {
            let (class, name) = (texts.number(&part.class), texts.number(&part.name));
            self.devices.push(device(class, name, part.numa_node, part.free_milli));
        }
        self.scalars.extend(offer.scalars.iter().map(|part| scalar(texts.number(&part.name), part.milli)));
        for named in &offer.ranges {
            let name = texts.number(&named.name);
            self.ranges.extend(named.spans.iter().map(|span| range(name, span.begin, span.end)));
        }
        for named in &offer.sets {
            let set = texts.number(&named.name);
            self.items.extend(named.items.iter().map(|text| item(set, texts.number(text))));
        }
        self.push_counted(&head, self.ends().since(before));
    }

    fn head(&mut self, offer: &Offer) -> OfferHead {
        OfferHead {
            offer: offer.offer,
            agent: offer.agent,
            hostname: self.text(&offer.hostname),
            role: self.text(&offer.role),
            exclusive_cores: offer.exclusive_cores,
            exclusive_pus: offer.exclusive_pus,
            pool_milli: offer.pool_milli,
            mem_bytes: offer.mem_bytes,
            disk_bytes: offer.disk_bytes,
            reserved_for: offer.reserved_for.as_deref().map(|role| self.text(role)),
            revocable: offer.revocable,
        }
    }

    fn push_counted(&mut self, head: &OfferHead, counts: Counts) {
        debug_assert!(
            head.texts().all(|text| text < self.texts.len()),
            "a text of another writer, or from before a clear"
        );
        self.offers.push(head.offer(counts));
        self.extras.push(head.extras(counts));
        self.has_extras |= head.has_extras() || counts.has_extras();
    }

    /// How many parts there are of each kind.
    fn ends(&self) -> Counts {
        Counts {
            numa_nodes: count(self.numa_nodes.len()),
            attributes: count(self.attributes.len()),
            huge_pages: count(self.huge_pages.len()),
            special_memory: count(self.special_memory.len()),
            devices: count(self.devices.len()),
            scalars: count(self.scalars.len()),
            ranges: count(self.ranges.len()),
            items: count(self.items.len()),
        }
    }

    /// How many offers were appended.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.offers.len()
    }

    /// Whether none was.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.offers.is_empty()
    }

    /// About how many bytes the offers take in a frame, never less than they do; the envelope is not in it. To stop before the
    /// peer's limit of a frame.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        size_of_val(&*self.offers)
            + size_of_val(&*self.numa_nodes)
            + size_of_val(&*self.attributes)
            + size_of_val(&*self.extras)
            + size_of_val(&*self.huge_pages)
            + size_of_val(&*self.special_memory)
            + size_of_val(&*self.devices)
            + size_of_val(&*self.scalars)
            + size_of_val(&*self.ranges)
            + size_of_val(&*self.items)
            + self.texts.size_bytes()
            + TABLE_BYTES
    }

    /// Forgets the offers and every text not kept; the memory stays.
    pub fn clear(&mut self) {
        self.offers.clear();
        self.numa_nodes.clear();
        self.attributes.clear();
        self.extras.clear();
        self.has_extras = false;
        self.huge_pages.clear();
        self.special_memory.clear();
        self.devices.clear();
        self.scalars.clear();
        self.ranges.clear();
        self.items.clear();
        self.texts.clear();
    }
}
