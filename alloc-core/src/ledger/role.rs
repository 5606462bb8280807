//! Role: its two common counters, their limits, and which role it is under.

use crate::desk::Flight;
use crate::ids::RoleId;
use crate::sync::{Ordering, Word64};

/// The most a refill brings beyond what is asked: 1,000 PUs and 64 GiB.
const REFILL: [u64; 2] = [1_000_000, 1 << 24];

/// One role: given out, and the limits; CPU, then pages. `u64::MAX` is no limit.
#[derive(Debug)]
pub(super) struct Role {
    /// Which way it is charged.
    way: Word64,
    given: [Word64; 2],
    limit: [Word64; 2],
    /// The role it is under, plus one; 0 for a top role. Written once, before the role is known.
    parent: Word64,
}

/// Ways of a role: it is not there; its desks tally; they spend credit.
const NO_ROLE: u64 = 0;
pub(super) const BY_TALLY: u64 = 1;
pub(super) const BY_CREDIT: u64 = 2;
/// Beside a way: the role is under another one, which is charged too.
const NESTED: u64 = 4;

impl Role {
    pub(super) fn new() -> Self {
        let words = |value| core::array::from_fn(|_| Word64::new(value));
        let [way, parent] = [NO_ROLE, 0].map(Word64::new);
        Self { way, given: words(0), limit: words(u64::MAX), parent }
    }

    /// Puts it under a role, before it is known; under the table's lock.
    pub(super) fn put_under(&self, parent: RoleId) {
        // Relaxed: who knows of a role was told by who added it.
        self.parent.store(u64::from(parent.get()) + 1, Ordering::Relaxed);
    }

    /// The role it is under.
    pub(super) fn parent(&self) -> Option<RoleId> {
        // Relaxed: written once, before the role was known.
        let parent = self.parent.load(Ordering::Relaxed).checked_sub(1)?;
        u16::try_from(parent).ok().map(RoleId::new)
    }

    /// Writes a limit, and the way that goes with both; under the table's lock.
    pub(super) fn set_limit(&self, at: usize, limit: Option<u64>) {
        // Relaxed: see `limit`.
        self.limit[at].store(limit.unwrap_or(u64::MAX), Ordering::Relaxed);
        let way = if [0, 1].iter().all(|at| self.limit(*at) == u64::MAX) { BY_TALLY } else { BY_CREDIT };
        let nested = if self.parent().is_some() { NESTED } else { 0 };
        // Relaxed: see `way`.
        self.way.store(way | nested, Ordering::Relaxed);
    }

    /// The way of this role alone, whatever it is under.
    pub(super) fn own_way(&self) -> u64 {
        self.way() & !NESTED
    }

    /// How it is charged; neither of the plain ways when the role is under another one.
    #[inline]
    pub(super) fn way(&self) -> u64 {
        // Relaxed: who knows of a role was told by who added it; a limit that changes meanwhile may be met or missed.
        self.way.load(Ordering::Relaxed)
    }

    pub(super) fn given(&self, at: usize) -> u64 {
        // Relaxed: a figure to report; no decision is made on it but by `raise`.
        self.given[at].load(Ordering::Relaxed)
    }

    #[inline]
    pub(super) fn limit(&self, at: usize) -> u64 {
        // Relaxed: a limit that changes meanwhile may be met or missed.
        self.limit[at].load(Ordering::Relaxed)
    }

    /// Raises a counter by `amount` if it and what is tallied then are within the limit.
    pub(super) fn raise(&self, at: usize, amount: u64, (limit, tallied): (u64, u64)) -> bool {
        // Who asks for none of it is not in the way of a limit that was lowered below what there is.
        if amount == 0 {
            return true;
        }
        // AcqRel: Release publishes to who reads the counter at its limit; Acquire pairs with it, so that this one, looking
        // who is in flight next, sees whoever raised it. Acquire on failure: for the same reason.
        let raised = self.given[at].update(Ordering::AcqRel, Ordering::Acquire, |given| {
            let sum = given.wrapping_add(amount);
            (limit == u64::MAX || within(sum.wrapping_add(tallied), limit)).then_some(sum)
        });
        raised.is_ok()
    }

    pub(super) fn lower(&self, at: usize, amount: u64) {
        // AcqRel, Relaxed on failure: as `raise`; it cannot fail.
        let _always =
            self.given[at].update(Ordering::AcqRel, Ordering::Relaxed, |given| Some(given.wrapping_sub(amount)));
    }

    pub(super) fn lower_both(&self, amounts: [u64; 2]) {
        for (at, amount) in amounts.into_iter().enumerate().filter(|(_, amount)| *amount > 0) {
            self.lower(at, amount);
        }
    }

    /// Raises both counters, or neither. The first that is at its limit.
    pub(super) fn raise_both(&self, flight: &Flight<'_>, amounts: [u64; 2], tallied: [u64; 2]) -> Result<(), usize> {
        if !self.raise(0, amounts[0], (self.limit(0), tallied[0])) {
            return Err(0);
        }
        if !self.raise(1, amounts[1], (self.limit(1), tallied[1])) {
            self.lower(0, amounts[0]);
            flight.count_undone();
            return Err(1);
        }
        Ok(())
    }

    /// What to refill by beyond what is asked: a sixteenth of the headroom at most.
    pub(super) fn refill(&self, tallied: [u64; 2]) -> [u64; 2] {
        core::array::from_fn(|at| {
            let given = at_least_zero(self.given(at).wrapping_add(tallied[at]));
            (self.limit(at).saturating_sub(given) / 16).min(REFILL[at])
        })
    }
}

/// A wrapped sum that may be below zero.
pub(super) const fn at_least_zero(sum: u64) -> u64 {
    if sum.cast_signed() < 0 { 0 } else { sum }
}

const fn within(sum: u64, limit: u64) -> bool {
    at_least_zero(sum) <= limit
}
