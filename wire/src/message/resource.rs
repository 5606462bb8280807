//! Named resources beyond cores and memory: scalars, ranges, sets and devices, with the right by which they are held.

use super::machine::Label;

/// A named amount, with who it is reserved for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// `disk`, `ports`, or a name of the operator's.
    pub name: String,
    /// How much.
    pub value: ResourceValue,
    /// The reservation refined down the role tree, outermost first; empty: unreserved.
    pub reservations: Vec<Reservation>,
    /// Reclaim may take it back.
    pub revocable: bool,
    /// Several holders may hold it at once (a shared volume).
    pub shared: bool,
}

/// The four kinds of amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResourceValue {
    /// A number in thousandths, so that three decimals are exact.
    ScalarMilli(u64),
    /// Inclusive, ascending, not overlapping.
    Ranges(Vec<InclusiveRange>),
    /// Names, ascending, each once.
    Set(Vec<String>),
    /// Devices by name, each in thousandths of itself (1000: whole).
    Devices(Vec<DeviceShare>),
}

impl Default for ResourceValue {
    fn default() -> Self {
        Self::ScalarMilli(0)
    }
}

/// `begin ..= end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InclusiveRange {
    /// The first.
    pub begin: u64,
    /// The last, not below `begin`.
    pub end: u64,
}

/// A part of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceShare {
    /// As in [`MachineDevice::name`](super::machine::MachineDevice::name).
    pub device: String,
    /// Thousandths, 1 to 1000.
    pub share_milli: u32,
}

/// One frame of a reservation stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reservation {
    /// The role it is for.
    pub role: String,
    /// Who reserved it; empty: the operator, statically.
    pub principal: String,
    /// The reserver's notes.
    pub labels: Vec<Label>,
}
