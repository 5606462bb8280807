//! Standing: a claim's priority and whether it is revocable, kept in its record for who has to choose which claims to end.
//!
//! A claim gets it from its request, a piece that is split off has its claim's unless it asks for another, and its owner may change
//! it. Nothing in placing or charging a claim depends on it.

use core::fmt;

use crate::ids::{ClaimId, Owner};
use crate::local::Caller;
use crate::record::Unlocked;
use crate::site::{Hands, Unopened};
use crate::table::Table;

/// How a claim stands against others. The default is of the lowest priority, and not revocable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Standing {
    priority: u8,
    revocable: bool,
}

/// A priority is at most [`Standing::MAX_PRIORITY`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriorityTooHigh {
    /// What was asked.
    pub priority: u8,
}

impl fmt::Display for PriorityTooHigh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "priority {} is too high: give at most {}", self.priority, Standing::MAX_PRIORITY)
    }
}

impl core::error::Error for PriorityTooHigh {}

impl Standing {
    pub(crate) const DEFAULT: Self = Self { priority: 0, revocable: false };
    /// The highest priority.
    pub const MAX_PRIORITY: u8 = 127;

    /// Of this priority, not revocable; more is more important.
    ///
    /// # Errors
    /// [`PriorityTooHigh`].
    pub const fn new(priority: u8) -> Result<Self, PriorityTooHigh> {
        if priority > Self::MAX_PRIORITY {
            return Err(PriorityTooHigh { priority });
        }
        Ok(Self { priority, revocable: false })
    }

    /// The same, revocable.
    #[must_use]
    pub const fn revocable(self) -> Self {
        Self { revocable: true, ..self }
    }

    /// From 0 to [`Standing::MAX_PRIORITY`].
    #[must_use]
    pub const fn priority(self) -> u8 {
        self.priority
    }

    /// Whether it may be ended for the sake of others.
    #[must_use]
    pub const fn is_revocable(self) -> bool {
        self.revocable
    }

    /// `revocable:1 | priority:7`.
    #[inline]
    pub(crate) const fn pack(self) -> u8 {
        (self.revocable as u8) << 7 | self.priority
    }

    #[inline]
    pub(crate) const fn unpack(byte: u8) -> Self {
        Self { priority: byte & Self::MAX_PRIORITY, revocable: byte >> 7 == 1 }
    }
}

/// The answer to set_standing.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandingSet {
    /// It stands so from now on.
    Set,
    /// The id names no live claim.
    Gone,
    /// The claim is somebody else's.
    NotOwner {
        /// Whose.
        owner: Owner,
    },
    /// Another call is changing the claim; ask again.
    Contended,
}

fn set(hands: Hands<'_>, claim: ClaimId, owner: Owner, standing: Standing) -> StandingSet {
    match hands.open(claim, owner) {
        Ok(mut record) => {
            record.set_standing(standing);
            StandingSet::Set
        }
        Err(Unopened::NotOwner(owner)) => StandingSet::NotOwner { owner },
        Err(Unopened::Unlocked(Unlocked::Gone)) => StandingSet::Gone,
        Err(Unopened::Unlocked(Unlocked::Contended)) => StandingSet::Contended,
    }
}

impl Caller<'_> {
    pub(crate) fn set_standing(&self, claim: ClaimId, owner: Owner, standing: Standing) -> StandingSet {
        self.at(claim.agent(), |hands, _| set(hands, claim, owner, standing)).unwrap_or(StandingSet::Gone)
    }
}

/// How claims stand.
impl Table {
    /// How a claim stands; `None` when it is gone, or being changed at this moment.
    #[must_use]
    pub fn standing(&self, claim: ClaimId) -> Option<Standing> {
        self.read(claim, |_| {}).map(|seen| seen.place.standing())
    }

    /// Changes how a claim stands.
    pub fn set_standing(&self, claim: ClaimId, owner: Owner, standing: Standing) -> StandingSet {
        self.with_guest(|guest| guest.set_standing(claim, owner, standing)).unwrap_or(StandingSet::Contended)
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    #[test]
    fn a_standing_fits_a_byte() {
        for byte in 0..=u8::MAX {
            assert_eq!(Standing::unpack(byte).pack(), byte);
        }
        assert_eq!(Standing::default().pack(), 0);
        assert_eq!(Standing::new(128), Err(PriorityTooHigh { priority: 128 }));
    }
}
