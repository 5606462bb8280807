//! Counters of the other resources: one per role and resource, exact, changed in one step each.
//!
//! Few claims have extras, and what they cost is not in the counters; so there is no credit and no tally here. The rules are the
//! ledger's: raised by a compare-and-swap that refuses beforehand, up the path; a no is final only when nobody in flight can have
//! caused it; what was raised before a no is lowered again, and an undo is counted.

use super::{ChargeError, Ledger, PLACES, ROUNDS, Who, over};
use crate::amounts::Amounts;
use crate::desk::Watch;
use crate::ids::RoleId;
use crate::sync::{Ordering, Word64, Words, Zeroed, zeroed};

/// What a role is charged of each resource, by place, and its limits. The first two places are not used: they are in
/// [`Role`](super::role::Role).
#[derive(Debug)]
pub(super) struct Extras(Zeroed<Words<{ 2 * PLACES }>>);

impl Extras {
    pub(super) fn new(roles: u16) -> Self {
        Self(zeroed(usize::from(roles)))
    }

    fn word(&self, id: RoleId, place: usize) -> &Word64 {
        &self.0[id.index()].0[place]
    }

    /// The limit, turned round: 0 is none, so that fresh memory has none.
    fn limit_word(&self, id: RoleId, place: usize) -> &Word64 {
        &self.0[id.index()].0[PLACES + place]
    }

    pub(super) fn used(&self, id: RoleId, place: usize) -> u64 {
        // Relaxed: a figure to report; no decision is made on it but by `raise_extra`.
        self.word(id, place).load(Ordering::Relaxed)
    }

    /// `u64::MAX` is no limit.
    pub(super) fn limit(&self, id: RoleId, place: usize) -> u64 {
        // Relaxed: a limit that changes meanwhile may be met or missed.
        !self.limit_word(id, place).load(Ordering::Relaxed)
    }

    pub(super) fn set_limit(&self, id: RoleId, place: usize, limit: Option<u64>) {
        // Relaxed: see `limit`.
        self.limit_word(id, place).store(!limit.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Raises a counter by `amount` if it then is within the limit; else what it is.
    fn raise(&self, id: RoleId, place: usize, amount: u64, limit: u64) -> Result<(), u64> {
        // AcqRel: Release publishes to who reads the counter at its limit; Acquire pairs with it, so that this one, looking who is in
        // flight next, sees whoever raised it. Acquire on failure: for the same reason.
        let raised = self.word(id, place).update(Ordering::AcqRel, Ordering::Acquire, |used| {
            if limit == u64::MAX {
                return Some(used.wrapping_add(amount));
            }
            used.checked_add(amount).filter(|sum| *sum <= limit)
        });
        raised.map(|_| ())
    }

    pub(super) fn lower(&self, id: RoleId, place: usize, amount: u64) {
        // AcqRel, Relaxed on failure: as `raise`; it cannot fail.
        let _always =
            self.word(id, place).update(Ordering::AcqRel, Ordering::Relaxed, |used| Some(used.wrapping_sub(amount)));
    }
}

impl Ledger {
    /// What is to be raised, level by level.
    fn steps<'a>(&'a self, id: RoleId, owed: &'a Amounts) -> impl Iterator<Item = (RoleId, usize, u64)> + 'a {
        let places = || (2..PLACES).map(|place| (place, owed.0[place])).filter(|(_, amount)| *amount > 0);
        self.path(id).flat_map(move |(id, _)| places().map(move |(place, amount)| (id, place, amount)))
    }

    /// Charges the extras of `owed` to a role and those above it, all or none.
    #[inline(never)]
    pub(super) fn charge_extras(&self, who: Who<'_>, id: RoleId, owed: &Amounts) -> Result<(), ChargeError> {
        for (before, step) in self.steps(id, owed).enumerate() {
            if let Err(why) = self.raise_extra(who, step) {
                for (id, place, amount) in self.steps(id, owed).take(before) {
                    self.extras.lower(id, place, amount);
                }
                if before > 0 {
                    who.2.count_undone();
                }
                return Err(why);
            }
        }
        Ok(())
    }

    pub(super) fn raise_extra(
        &self,
        who: Who<'_>,
        (id, place, amount): (RoleId, usize, u64),
    ) -> Result<(), ChargeError> {
        for round in 0..=ROUNDS {
            // To watch costs a look at every desk: only once the first try has failed.
            let watch = (round > 0).then(|| Watch::start(who.0));
            let limit = self.extras.limit(id, place);
            let Err(used) = self.extras.raise(id, place, amount, limit) else { return Ok(()) };
            let Some(watch) = watch else { continue };
            // Rule 4: first who is in flight, then the undos; there is no credit.
            if !self.is_in_flight(who, id) && watch.saw_no_undo(who.0, 0) {
                return Err(ChargeError::Over(over(self.resources(), id, (place, limit), amount, used)));
            }
        }
        Err(ChargeError::Contended)
    }

    /// Charges the extras of `owed` past any limit.
    pub(super) fn charge_extras_in_fact(&self, id: RoleId, owed: &Amounts) {
        for (id, place, amount) in self.steps(id, owed) {
            let _always = self.extras.raise(id, place, amount, u64::MAX);
        }
    }

    /// Takes back the extras of a charge made earlier.
    #[inline(never)]
    pub(super) fn refund_extras(&self, id: RoleId, owed: &Amounts) {
        for (id, place, amount) in self.steps(id, owed) {
            self.extras.lower(id, place, amount);
        }
    }
}
