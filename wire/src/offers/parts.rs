//! The parts of an offer as they travel, and how they are made.

use super::{
    OfferAttributeV1, OfferDeviceV1, OfferExtrasV1, OfferHugePagesV1, OfferItemV1, OfferNumaNodeV1, OfferRangeV1,
    OfferScalarV1, OfferSpecialMemoryV1, OfferV1,
};
use crate::message::{AgentId, OfferId, OfferNumaNode};

/// Where a number may be absent.
pub(crate) const NONE: u32 = u32::MAX;

/// The bit of `OfferExtrasV1.flags` that says so.
pub(crate) const REVOCABLE: u32 = 1;

/// The bits that this build understands.
pub(crate) const KNOWN_FLAGS: u32 = REVOCABLE;

/// A part's spare bytes, as they are written.
const SPARE: u32 = 0;

/// What stands once in an offer. Texts by the numbers that the writer gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OfferHead {
    /// Which offer.
    pub offer: OfferId,
    /// Of which agent.
    pub agent: AgentId,
    /// Text: the agent's name for itself.
    pub hostname: u32,
    /// Text: for which role.
    pub role: u32,
    /// Whole free cores.
    pub exclusive_cores: u32,
    /// Their PUs.
    pub exclusive_pus: u32,
    /// Room in shared pools, in thousandths of a PU.
    pub pool_milli: u32,
    /// Ordinary memory, in bytes.
    pub mem_bytes: u64,
    /// Disk, in bytes.
    pub disk_bytes: u64,
    /// Text: the role that all of it is reserved for.
    pub reserved_for: Option<u32>,
    /// Reclaim may take it back.
    pub revocable: bool,
}

impl OfferHead {
    pub(super) fn texts(&self) -> impl Iterator<Item = u32> {
        [self.hostname, self.role].into_iter().chain(self.reserved_for)
    }

    pub(super) fn offer(&self, counts: Counts) -> OfferV1 {
        OfferV1::new(
            self.offer.0,
            self.mem_bytes,
            self.agent.0,
            self.hostname,
            self.role,
            self.exclusive_pus,
            self.pool_milli,
            counts.numa_nodes,
            counts.attributes,
            self.exclusive_cores,
        )
    }

    pub(super) fn extras(&self, counts: Counts) -> OfferExtrasV1 {
        OfferExtrasV1::new(
            self.disk_bytes,
            counts.huge_pages,
            counts.special_memory,
            counts.devices,
            counts.scalars,
            counts.ranges,
            counts.items,
            self.reserved_for.unwrap_or(NONE),
            if self.revocable { REVOCABLE } else { 0 },
        )
    }

    pub(super) const fn has_extras(&self) -> bool {
        self.disk_bytes > 0 || self.reserved_for.is_some() || self.revocable
    }
}

/// The parts of one offer, ready to be copied.
#[derive(Clone, Copy, Debug, Default)]
pub struct OfferParts<'a> {
    /// By [`numa_node`].
    pub numa_nodes: &'a [OfferNumaNodeV1],
    /// By [`attribute`].
    pub attributes: &'a [OfferAttributeV1],
    /// By [`huge_pages`].
    pub huge_pages: &'a [OfferHugePagesV1],
    /// By [`special_memory`].
    pub special_memory: &'a [OfferSpecialMemoryV1],
    /// By [`device`].
    pub devices: &'a [OfferDeviceV1],
    /// By [`scalar`]; names ascending.
    pub scalars: &'a [OfferScalarV1],
    /// By [`range`]; names ascending, and the numbers of each.
    pub ranges: &'a [OfferRangeV1],
    /// By [`item`]; sets ascending, and the items of each.
    pub items: &'a [OfferItemV1],
}

impl OfferParts<'_> {
    pub(super) fn counts(&self) -> Counts {
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
}

/// How many parts of each kind.
#[derive(Clone, Copy)]
pub(super) struct Counts {
    pub(super) numa_nodes: u32,
    pub(super) attributes: u32,
    pub(super) huge_pages: u32,
    pub(super) special_memory: u32,
    pub(super) devices: u32,
    pub(super) scalars: u32,
    pub(super) ranges: u32,
    pub(super) items: u32,
}

impl Counts {
    /// How many more than `before`.
    pub(super) const fn since(self, before: Self) -> Self {
        Self {
            numa_nodes: self.numa_nodes - before.numa_nodes,
            attributes: self.attributes - before.attributes,
            huge_pages: self.huge_pages - before.huge_pages,
            special_memory: self.special_memory - before.special_memory,
            devices: self.devices - before.devices,
            scalars: self.scalars - before.scalars,
            ranges: self.ranges - before.ranges,
            items: self.items - before.items,
        }
    }

    pub(super) const fn has_extras(self) -> bool {
        let pairs = self.huge_pages | self.special_memory | self.devices;
        (pairs | self.scalars | self.ranges | self.items) > 0
    }
}

/// A length as the schema counts. A message of four billion parts is far above any frame limit.
pub(super) fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// What one NUMA node has.
#[must_use]
pub fn numa_node(part: &OfferNumaNode) -> OfferNumaNodeV1 {
    OfferNumaNodeV1::new(part.mem_bytes, part.numa_node, part.exclusive_pus, part.pool_milli, part.exclusive_cores)
}

/// An attribute of the agent; both are texts.
#[must_use]
pub fn attribute(key: u32, value: u32) -> OfferAttributeV1 {
    OfferAttributeV1::new(key, value)
}

/// Free huge pages of one size, a power of two, in the NUMA node with this OS number.
#[must_use]
pub fn huge_pages(numa_node: u32, page_bytes: u64, pages: u64) -> OfferHugePagesV1 {
    OfferHugePagesV1::new(page_bytes, pages, numa_node, SPARE)
}

/// Free memory of the special NUMA node with this OS number; the kind (`hbm`, `cxl`) is a text.
#[must_use]
pub fn special_memory(numa_node: u32, kind: u32, mem_bytes: u64) -> OfferSpecialMemoryV1 {
    OfferSpecialMemoryV1::new(mem_bytes, numa_node, kind)
}

/// A device, as its machine names it: class and name are texts. The NUMA node by OS number; 1 to 1000 thousandths are free.
#[must_use]
pub fn device(class: u32, name: u32, numa_node: Option<u32>, free_milli: u32) -> OfferDeviceV1 {
    OfferDeviceV1::new(name, class, numa_node.unwrap_or(NONE), free_milli)
}

/// A scalar in thousandths; the name is a text.
#[must_use]
pub fn scalar(name: u32, milli: u64) -> OfferScalarV1 {
    OfferScalarV1::new(milli, name, SPARE)
}

/// Free numbers of a range, `begin` and `end` included; the name is a text.
#[must_use]
pub fn range(name: u32, begin: u64, end: u64) -> OfferRangeV1 {
    OfferRangeV1::new(begin, end, name, SPARE)
}

/// A free item of a set; both are texts.
#[must_use]
pub fn item(set: u32, item: u32) -> OfferItemV1 {
    OfferItemV1::new(set, item)
}
