//! Invalid: what is wrong with a request or a placement, with the field and the fix.

use core::fmt;

use crate::ids::{DeviceId, NameId, NumaNodeId, PuId};
use crate::member::MAX_MEMBERS;
use crate::reason::Wanted;
use crate::request::Level;

/// What is wrong with a request or a placement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// A member asks for neither a PU nor a thousandth of one, or there is no member.
    NoCpu,
    /// More members than [`MAX_MEMBERS`](crate::MAX_MEMBERS).
    TooManyMembers {
        /// How many.
        members: u32,
    },
    /// PUs on a core each ([`Smt::Split`](crate::Smt::Split)) are required in one core.
    SplitInOneCore,
    /// A rule of the selection spreads with a skew of none ([`Rule::Spread`](crate::Rule::Spread)).
    NoSkew,
    /// A rule of the selection admits nobody, or more than can be counted to ([`Rule::AtMost`](crate::Rule::AtMost)).
    MostMembers {
        /// What it says.
        members: u16,
    },
    /// An exact claim names groups.
    JoinsNoGroup,
    /// A shared claim cannot be held to this level.
    SharedTooClose(Level),
    /// The machine has no such PU.
    UnknownPu(PuId),
    /// A PU of a pool is named, but not all of its core.
    PartOfCore(PuId),
    /// The machine has no such NUMA node.
    UnknownNumaNode(NumaNodeId),
    /// The machine has no such pool.
    UnknownPool(Option<NumaNodeId>),
    /// A share larger than any pool.
    ShareTooLarge(Option<NumaNodeId>),
    /// Something is named twice, or the list is not sorted.
    NotSorted,
    /// Strict memory of NUMA nodes that are not a group of this machine.
    NoSuchGroup,
    /// More memory than a NUMA node can have, or not whole pages.
    Memory(NumaNodeId),
    /// A list of the extras names something twice, or is not sorted.
    Unsorted {
        /// Which.
        field: &'static str,
    },
    /// An amount is 0, not whole pages, or more than one claim can have.
    Amount(Wanted),
    /// Special memory of kind 0, which is ordinary.
    OrdinaryKind,
    /// Memory of a special NUMA node among the ordinary, or the reverse.
    SpecialMemory(NumaNodeId),
    /// The machine has no such device.
    UnknownDevice(DeviceId),
    /// The machine has no such scalar, range or set, or not this much of it.
    UnknownName(Wanted),
    /// A range or set does not have this number.
    UnknownNumber {
        /// Its name.
        name: NameId,
        /// The number.
        number: u64,
    },
    /// The claim to split does not hold this.
    NotHeld,
    /// Something is free, but no core and no page of it is within the limits of the hold.
    HoldTooSmall,
    /// A resize that names more or fewer members than the claim has.
    OtherMembers {
        /// How many the claim has.
        has: u32,
        /// How many the request has.
        asked: u32,
    },
    /// A resize to CPU of another sort than a member has: shared instead of exclusive, other pieces, another kind of core.
    OtherCpus {
        /// Which member, from 0.
        member: u32,
    },
    /// A resize that requires memory on the same NUMA nodes for a claim that was not promised it, or does not for one that was.
    OtherMemoryTerms,
    /// The request for a resize names extras.
    ExtrasStay,
    /// The claim to resize has huge pages or special memory.
    SpecialMemoryHeld,
    /// A resize that requires locality which what the claim keeps does not have.
    HeldElsewhere,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCpu => write!(f, "asks for no CPU: ask for at least 1 PU or 1 cpu_milli"),
            Self::TooManyMembers { members } => write!(f, "has {members} members: give at most {MAX_MEMBERS}"),
            Self::SplitInOneCore => {
                write!(
                    f,
                    "PUs on a core each cannot be in one core: ask for locality in an L3 domain, or keep siblings"
                )
            }
            Self::JoinsNoGroup => {
                f.write_str("groups: an exact claim joins none: leave them out, or place by a selection")
            }
            Self::MostMembers { members } => {
                write!(f, "a rule admits at most {members} members per value: give 1 to 65534, or no such rule")
            }
            Self::NoSkew => f.write_str("a rule spreads with a max_skew of 0: give at least 1, or none for no limit"),
            Self::SharedTooClose(level) => {
                write!(f, "a shared claim runs in a whole NUMA node: it cannot be held to one {level}")
            }
            Self::UnknownPu(pu) => write!(f, "the machine has no PU {pu}"),
            Self::PartOfCore(pu) => write!(f, "names PU {pu} without its siblings: name whole cores"),
            Self::UnknownNumaNode(numa_node) => write!(f, "the machine has no NUMA node {numa_node}"),
            Self::UnknownPool(Some(numa_node)) => write!(f, "NUMA node {numa_node} has no cores, so it has no pool"),
            Self::UnknownPool(None) => write!(f, "every core is in a NUMA node, so there is no pool outside of them"),
            Self::ShareTooLarge(Some(numa_node)) => {
                write!(f, "the share of {numa_node}'s pool is of more cpu_milli than any pool can have")
            }
            Self::ShareTooLarge(None) => write!(f, "the share outside of NUMA nodes is more than any pool can have"),
            Self::NotSorted => write!(f, "a list is not sorted, or names something twice"),
            Self::NoSuchGroup => write!(f, "strict memory of NUMA nodes that are no group of this machine"),
            Self::Memory(numa_node) => write!(f, "memory of {numa_node} is not whole pages of 4096 bytes, or too much"),
            Self::Unsorted { field } => write!(f, "{field} is not sorted, or names something twice: sort it"),
            Self::Amount(what) => {
                write!(f, "nobody can have this amount of {}: give 1 or more, ", what.noun())?;
                f.write_str("whole pages where it is bytes, at most 1000 of one device")
            }
            Self::OrdinaryKind => write!(f, "special memory of kind 0: that is ordinary memory, ask for mem_bytes"),
            Self::SpecialMemory(numa_node) => {
                write!(
                    f,
                    "memory of {numa_node} is in the wrong list: special memory goes into extras.special_memory, other into memory"
                )
            }
            Self::UnknownDevice(device) => write!(f, "the machine has no device {device}"),
            Self::UnknownName(what) => write!(f, "the machine has no {}, or not this much", what.noun()),
            Self::UnknownNumber { name, number } => {
                write!(f, "{name} does not have number {number} and what follows it")
            }
            Self::NotHeld => write!(f, "the claim to split does not hold what is named"),
            Self::HoldTooSmall => write!(f, "the hold's limits are below one free core or page: raise them"),
            Self::OtherMembers { .. }
            | Self::OtherCpus { .. }
            | Self::OtherMemoryTerms
            | Self::ExtrasStay
            | Self::SpecialMemoryHeld
            | Self::HeldElsewhere => self.fmt_resize(f),
        }
    }
}

impl Invalid {
    /// What is wrong with a resize.
    fn fmt_resize(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherMembers { has, asked } => {
                write!(
                    f,
                    "names {asked} members and the claim has {has}: name each; one joins by merge and leaves by split"
                )
            }
            Self::OtherCpus { member } => {
                write!(
                    f,
                    "member {member} holds CPU of another sort or kind, or in other pieces: ask for the same, of another size"
                )
            }
            Self::ExtrasStay => {
                f.write_str("extras: a resize leaves devices, disk, ports and the like as they are: ask for none")
            }
            Self::SpecialMemoryHeld => f.write_str(
                "the claim holds huge pages or special memory, which a resize cannot move along: claim anew",
            ),
            Self::OtherMemoryTerms => f.write_str(
                "the claim's memory is in use on other terms: require its locality if and only if the claim did",
            ),
            Self::HeldElsewhere => f.write_str(
                "what the claim keeps does not have the locality required: resize moves nothing, ask without",
            ),
            _ => unreachable!("said by fmt"),
        }
    }
}
