//! Offers: everything that an agent can offer, by the names of its machine's registration.
//!
//! Lists are in ascending order and name nothing twice: scalars, ranges and sets by the bytes of their names, spans by number,
//! items by their bytes. What is not so is refused by whoever reads it. A range without a span and a set without an item are
//! not told.

use super::id::{AgentId, OfferId};
use super::machine::Label;
use super::resource::InclusiveRange;

/// Quantities of one agent, held for this framework until it answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// Which offer.
    pub offer: OfferId,
    /// Of which agent.
    pub agent: AgentId,
    /// The agent's name for itself.
    pub hostname: String,
    /// For which role.
    pub role: String,
    /// Whole free cores: as many pods of one core each can start.
    pub exclusive_cores: u32,
    /// Their PUs.
    pub exclusive_pus: u32,
    /// Room in shared pools as they are; whole free cores can join them.
    pub pool_milli: u32,
    /// Ordinary memory, in bytes.
    pub mem_bytes: u64,
    /// The same by NUMA node: what one task can use together.
    pub numa_nodes: Vec<OfferNumaNode>,
    /// The agent's attributes.
    pub attributes: Vec<Label>,
    /// Disk, in bytes.
    pub disk_bytes: u64,
    /// Huge pages, each NUMA node and size once.
    pub huge_pages: Vec<OfferHugePages>,
    /// Memory of special NUMA nodes (HBM, CXL), each once.
    pub special_memory: Vec<OfferSpecialMemory>,
    /// Devices with something free, each once.
    pub devices: Vec<OfferDevice>,
    /// Named scalars.
    pub scalars: Vec<OfferScalar>,
    /// Free numbers of named ranges, such as ports.
    pub ranges: Vec<OfferRanges>,
    /// Free items of named sets.
    pub sets: Vec<OfferSet>,
    /// All of it is reserved for this role; `None`: unreserved.
    pub reserved_for: Option<String>,
    /// Reclaim may take it back.
    pub revocable: bool,
}

/// The part of an offer in one NUMA node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OfferNumaNode {
    /// OS number.
    pub numa_node: u32,
    /// Whole free cores.
    pub exclusive_cores: u32,
    /// Their PUs.
    pub exclusive_pus: u32,
    /// Room in its shared pool.
    pub pool_milli: u32,
    /// Ordinary memory, in bytes.
    pub mem_bytes: u64,
}

/// Free huge pages of one size in one NUMA node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OfferHugePages {
    /// OS number.
    pub numa_node: u32,
    /// The size of one page, a power of two.
    pub page_bytes: u64,
    /// How many.
    pub pages: u64,
}

/// Free memory of a NUMA node that serves only those who name its kind; [`Offer::mem_bytes`] does not have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfferSpecialMemory {
    /// OS number.
    pub numa_node: u32,
    /// `hbm`, `cxl`, or another kind in lower case; empty: not known.
    pub kind: String,
    /// In bytes.
    pub mem_bytes: u64,
}

/// A device, or what is free of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfferDevice {
    /// As in [`MachineDevice::class`](super::machine::MachineDevice::class).
    pub class: String,
    /// As in [`MachineDevice::name`](super::machine::MachineDevice::name).
    pub name: String,
    /// OS number of the NUMA node it hangs on; `u32::MAX` is none.
    pub numa_node: Option<u32>,
    /// Thousandths of it that are free, 1 to 1000.
    pub free_milli: u32,
}

/// A named scalar.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfferScalar {
    /// Its name.
    pub name: String,
    /// In thousandths.
    pub milli: u64,
}

/// Free numbers of a named range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfferRanges {
    /// Its name.
    pub name: String,
    /// Ascending, not overlapping, at least one.
    pub spans: Vec<InclusiveRange>,
}

/// Free items of a named set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfferSet {
    /// Its name.
    pub name: String,
    /// Ascending by their bytes, each once, at least one.
    pub items: Vec<String>,
}
