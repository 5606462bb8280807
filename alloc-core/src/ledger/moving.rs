//! Moving: a charge goes from a role to one below it, or back up. The levels that both have in common stay as they are: a limit above
//! them both is not asked for twice as much in between.

use super::role::Role;
use super::{ChargeError, Ledger, PLACES, Who};
use crate::amounts::Amounts;
use crate::ids::RoleId;
use crate::sync;

impl Ledger {
    /// A role and those above it, up to another one, which is not among them.
    fn between(&self, low: RoleId, high: RoleId) -> impl Iterator<Item = (RoleId, &Role)> {
        self.path(low).take_while(move |(id, _)| *id != high)
    }

    /// Whether a role is below another one.
    pub(crate) fn is_below(&self, low: RoleId, high: RoleId) -> bool {
        low != high && self.path(low).any(|(above, _)| above == high)
    }

    /// Charges the levels from `low` up to below `high`, all or none, in a flight for `low`.
    pub(crate) fn charge_between(
        &self,
        who: Who<'_>,
        (low, high): (RoleId, RoleId),
        owed: &Amounts,
    ) -> Result<(), ChargeError> {
        // What was charged is refunded here: no panic may come between.
        let _calm = sync::calm();
        for (done, level) in self.between(low, high).enumerate() {
            if let Err(why) = self.charge_one(who, level, owed) {
                self.between(low, high).take(done).for_each(|level| self.refund_one(who.1, level, owed));
                who.2.count_undone();
                return Err(why);
            }
        }
        Ok(())
    }

    /// Refunds the levels from `low` up to below `high`.
    pub(crate) fn refund_between(&self, desk: usize, (low, high): (RoleId, RoleId), owed: &Amounts) {
        let _calm = sync::calm();
        self.between(low, high).for_each(|level| self.refund_one(desk, level, owed));
    }

    fn charge_one(&self, who: Who<'_>, level: (RoleId, &Role), owed: &Amounts) -> Result<(), ChargeError> {
        let extras = || (2..PLACES).filter(|place| owed.0[*place] > 0);
        let lower = |count: usize| {
            extras().take(count).for_each(|place| self.extras.lower(level.0, place, owed.0[place]));
        };
        for (done, place) in extras().enumerate() {
            self.raise_extra(who, (level.0, place, owed.0[place])).inspect_err(|_| lower(done))?;
        }
        if self.charge_level(who.1, level, owed.cpu_and_pages()) {
            return Ok(());
        }
        self.charge_counter(who, level, owed.cpu_and_pages()).inspect_err(|_| lower(PLACES))
    }

    fn refund_one(&self, desk: usize, level: (RoleId, &Role), owed: &Amounts) {
        (2..PLACES).filter(|place| owed.0[*place] > 0).for_each(|place| {
            self.extras.lower(level.0, place, owed.0[place]);
        });
        self.refund_level(desk, level, owed.cpu_and_pages());
    }
}
