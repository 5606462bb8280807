//! Path: a role and those above it, which are all charged for its claims.
//!
//! Levels are charged from the role upwards, each in its own way: by tally where it has no limit, else from credit or by the counter. A
//! level at its limit refuses; then the levels below it are refunded, and an undo is counted.

use super::role::{BY_CREDIT, BY_TALLY, Role};
use super::{ChargeError, Ledger, Who};
use crate::ids::RoleId;
use crate::sync;

impl Ledger {
    fn known(&self, id: RoleId) -> Option<(RoleId, &Role)> {
        self.role(id).map(|role| (id, role))
    }

    /// A role and those above it, upwards; nothing for a role that is unknown.
    pub(super) fn path(&self, id: RoleId) -> impl Iterator<Item = (RoleId, &Role)> {
        core::iter::successors(self.known(id), |(_, role)| self.known(role.parent()?))
    }

    /// The role that a role is under.
    pub(crate) fn parent_of(&self, id: RoleId) -> Option<RoleId> {
        self.role(id)?.parent()
    }

    /// How many roles there are from this one to the top, itself counted.
    pub(crate) fn depth(&self, id: RoleId) -> usize {
        self.path(id).count()
    }

    /// Whether a role is another one or below it.
    fn is_within(&self, role: RoleId, id: RoleId) -> bool {
        self.path(role).any(|(above, _)| above == id)
    }

    /// Whether another desk has a flight on for a role or one below it.
    pub(super) fn is_in_flight(&self, (desks, desk, _): Who<'_>, id: RoleId) -> bool {
        desks.in_flight_for(desk, |role| self.is_within(role, id))
    }

    /// Charges a role and those above it, all or none.
    #[inline(never)]
    pub(crate) fn charge_path(&self, who: Who<'_>, id: RoleId, owed: [u64; 2]) -> Result<(), ChargeError> {
        // What was charged of a path is refunded here: no panic may come between.
        let _calm = sync::calm();
        self.role(id).ok_or(ChargeError::NoSuchRole)?;
        for (below, level) in self.path(id).enumerate() {
            if self.charge_level(who.1, level, owed) {
                continue;
            }
            if let Err(why) = self.charge_counter(who, level, owed) {
                self.path(id).take(below).for_each(|level| self.refund_level(who.1, level, owed));
                if below > 0 {
                    who.2.count_undone();
                }
                return Err(why);
            }
        }
        Ok(())
    }

    /// Charges one level what needs no counter; false: it has to be charged in full.
    pub(super) fn charge_level(&self, desk: usize, (id, role): (RoleId, &Role), owed: [u64; 2]) -> bool {
        if role.own_way() == BY_TALLY {
            self.account(desk, id).count(owed);
            return true;
        }
        self.spend(desk, id, owed)
    }

    pub(super) fn refund_level(&self, desk: usize, (id, role): (RoleId, &Role), owed: [u64; 2]) {
        match role.own_way() {
            BY_TALLY => self.account(desk, id).count(owed.map(u64::wrapping_neg)),
            BY_CREDIT => self.give_credit(desk, (id, role), owed),
            _ => {}
        }
    }

    /// Refunds a role and those above it.
    #[inline(never)]
    pub(super) fn refund_path(&self, desk: usize, id: RoleId, owed: [u64; 2]) {
        let _calm = sync::calm();
        self.path(id).for_each(|level| self.refund_level(desk, level, owed));
    }
}
