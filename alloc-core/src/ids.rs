//! Ids: a small number with a type of its own, and one letter in print, so that a log line needs no labels.
//!
//! NUMA node and PU ids are dense positions inside one agent's [`Shape`](crate::Shape), never the operating system's
//! numbers: the caller keeps the table between the two.

use core::fmt;

macro_rules! define_id {
    ($(#[$doc:meta])* $name:ident, $raw:ty, $letter:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($raw);

        impl $name {
            /// The id with this number.
            #[must_use]
            pub const fn new(raw: $raw) -> Self {
                Self(raw)
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> $raw {
                self.0
            }

            /// The number as a position in a vector.
            #[must_use]
            #[allow(clippy::cast_possible_truncation, reason = "ids that index vectors are at most 32 bits wide")]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($letter, "{}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

define_id!(
    /// A registered machine. Prints as `a12`. A removed agent's id may come back with a higher incarnation.
    AgentId, u32, "a"
);
define_id!(
    /// A NUMA node: its position among the shape's NUMA nodes. Prints as `n3`.
    NumaNodeId, u16, "n"
);
define_id!(
    /// A PU: its position when the PUs of core 0, then of core 1, … are counted. Prints as `u47`.
    PuId, u16, "u"
);
define_id!(
    /// A device: its position among the shape's devices. Prints as `d7`.
    DeviceId, u16, "d"
);
define_id!(
    /// The name of a scalar, a range or a set: a number that the caller gives each name once. Prints as `#4`.
    NameId, u32, "#"
);
define_id!(
    /// A role: who is charged. Prints as `r5`.
    RoleId, u16, "r"
);
define_id!(
    /// A framework. Prints as `f2`.
    FrameworkId, u32, "f"
);
define_id!(
    /// An offer. Prints as `o9`.
    OfferId, u64, "o"
);
define_id!(
    /// Who may change a claim: a number of the caller's choice (an offer, a pod, a reservation). Prints as `@42`.
    Owner, u64, "@"
);

const GENERATION_BITS: u32 = 20;
const SLOT_BITS: u32 = 24;

/// Largest number of agents: what an id has room for.
pub(crate) const MAX_AGENTS: u32 = 1 << (64 - GENERATION_BITS - SLOT_BITS);
/// Largest number of claim records in one shard.
pub(crate) const MAX_RECORDS: u32 = (1 << SLOT_BITS) - 1;
/// Generations count modulo this plus one.
pub(crate) const GENERATION_MASK: u32 = (1 << GENERATION_BITS) - 1;

/// One claim: `agent:20 | slot:24 | generation:20`. Prints as `a12c7.1`.
///
/// The agent is part of the id, so the record and the agent's words can be fetched side by side. The generation makes
/// the id of a released claim recognisable. It wraps when one record was used a million times; an id that old is caught by
/// its agent and its owner unless these are the same as well.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimId(u64);

impl ClaimId {
    #[inline]
    pub(crate) const fn new(agent: AgentId, slot: u32, generation: u32) -> Self {
        debug_assert!(agent.0 < MAX_AGENTS && slot <= MAX_RECORDS && generation <= GENERATION_MASK);
        Self((agent.0 as u64) << (GENERATION_BITS + SLOT_BITS) | (slot as u64) << GENERATION_BITS | generation as u64)
    }

    /// The id as one number, for a message or a file.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The id from a number. Every number is safe: one that names no live claim is answered with `Gone`.
    #[must_use]
    pub const fn from_u64(raw: u64) -> Self {
        Self(raw)
    }

    /// The agent whose PUs and memory the claim holds.
    #[must_use]
    #[inline]
    pub const fn agent(self) -> AgentId {
        AgentId((self.0 >> (GENERATION_BITS + SLOT_BITS)) as u32)
    }

    /// The record's position in the agent's shard.
    #[must_use]
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "masked to 24 bits")]
    pub const fn slot(self) -> u32 {
        (self.0 >> GENERATION_BITS) as u32 & MAX_RECORDS
    }

    /// How often the record had been used before.
    #[must_use]
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "masked to 20 bits")]
    pub const fn generation(self) -> u32 {
        self.0 as u32 & GENERATION_MASK
    }
}

impl fmt::Display for ClaimId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}c{}.{}", self.agent(), self.slot(), self.generation())
    }
}

impl fmt::Debug for ClaimId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_print_with_their_letter() {
        assert_eq!(AgentId::new(12).to_string(), "a12");
        assert_eq!(NumaNodeId::new(3).to_string(), "n3");
        assert_eq!(PuId::new(47).to_string(), "u47");
        assert_eq!(DeviceId::new(7).to_string(), "d7");
        assert_eq!(NameId::new(4).to_string(), "#4");
        assert_eq!(format!("{:?}", RoleId::new(5)), "r5");
        assert_eq!(FrameworkId::new(2).to_string(), "f2");
        assert_eq!(OfferId::new(9).to_string(), "o9");
        assert_eq!(Owner::new(42).to_string(), "@42");
    }

    #[test]
    fn a_claim_id_keeps_its_three_parts() {
        let id = ClaimId::new(AgentId::new(MAX_AGENTS - 1), MAX_RECORDS, GENERATION_MASK);
        assert_eq!((id.agent().get(), id.slot(), id.generation()), (MAX_AGENTS - 1, MAX_RECORDS, GENERATION_MASK));
        assert_eq!(ClaimId::from_u64(ClaimId::new(AgentId::new(12), 7, 1).as_u64()).to_string(), "a12c7.1");
    }
}
