//! Charging: what a subscription or a role uses, counted there and in all that is above, whose keys follow.

use crate::allocator::order::Order;
use crate::allocator::order::branch::{BranchId, Kind, NEAR, ROOT};
use crate::amounts::Amounts;

impl Order {
    /// A subscription uses so much more.
    pub(crate) fn charge(&mut self, leaf: BranchId, more: &Amounts) {
        self.charge_at(self.index(leaf), more);
    }

    /// A subscription uses so much less.
    pub(crate) fn refund(&mut self, leaf: BranchId, less: &Amounts) {
        self.refund_at(self.index(leaf), less);
    }

    /// A role uses so much more, through no subscription.
    pub(crate) fn charge_role(&mut self, role: BranchId, more: &Amounts) {
        let home = self.home(self.index(role));
        self.charge_at(home, more);
    }

    /// A role uses so much less, through no subscription.
    pub(crate) fn refund_role(&mut self, role: BranchId, less: &Amounts) {
        let home = self.home(self.index(role));
        self.refund_at(home, less);
    }

    /// A subscription had one more allocation.
    #[cfg(test)]
    pub(crate) fn count(&mut self, leaf: BranchId) {
        self.award(leaf, &Amounts::ZERO);
    }

    /// A subscription uses so much more, by one more allocation, in one way up.
    pub(crate) fn award(&mut self, leaf: BranchId, more: &Amounts) {
        let at = self.index(leaf);
        let parent = self.branches[at as usize].parent;
        if self.branches[parent as usize].kind == Kind::Role {
            self.aside(parent).own_count += 1;
        }
        self.climb(at, more, u64::saturating_add, 1);
    }

    fn charge_at(&mut self, at: u32, more: &Amounts) {
        self.climb(at, more, u64::saturating_add, 0);
    }

    pub(super) fn refund_at(&mut self, at: u32, less: &Amounts) {
        debug_assert!(self.used_at(at).covers(less), "more is refunded than was charged");
        self.climb(at, less, u64::saturating_sub, 0);
    }

    /// Changes a branch and all above.
    #[inline]
    fn climb(&mut self, from: u32, by: &Amounts, change: impl Fn(u64, u64) -> u64, allocations: u64) {
        let (near, far) = by.0.split_at(NEAR);
        let is_far = far.iter().any(|amount| *amount != 0);
        let mut at = from;
        loop {
            let branch = self.branch(at);
            branch.count += allocations;
            for (used, by) in branch.near.iter_mut().zip(near) {
                *used = change(*used, *by);
            }
            let parent = branch.parent;
            if is_far {
                for (used, by) in self.far[at as usize].iter_mut().zip(far) {
                    *used = change(*used, *by);
                }
            }
            if at == ROOT {
                return;
            }
            self.follow_active(at);
            self.rekey(at);
            at = parent;
        }
    }

    /// Counts a branch among the active ones of its parent, or no more.
    #[inline]
    pub(super) fn follow_active(&mut self, at: u32) {
        let branch = &self.branches[at as usize];
        let active =
            branch.wants || branch.near != [0; NEAR] || self.far[at as usize].iter().any(|amount| *amount != 0);
        if active != branch.active && at != ROOT {
            self.set_active(at, active);
        }
    }

    #[cold]
    fn set_active(&mut self, at: u32, active: bool) {
        self.branch(at).active = active;
        let (parent, milli) = (self.branches[at as usize].parent, u64::from(self.asides[at as usize].weight.milli()));
        let sum = &mut self.aside(parent).active_milli;
        *sum = if active { *sum + milli } else { *sum - milli };
    }
}
