//! Charging: what a subscription or a role uses, counted there and in all that is above, whose keys follow.

use crate::allocator::amounts::Amounts;
use crate::allocator::order::Order;
use crate::allocator::order::node::{Kind, NEAR, Node, NodeId, ROOT};

impl Order {
    /// A subscription uses so much more.
    pub(crate) fn charge(&mut self, leaf: NodeId, more: &Amounts) {
        self.charge_at(self.index(leaf), more);
    }

    /// A subscription uses so much less.
    pub(crate) fn refund(&mut self, leaf: NodeId, less: &Amounts) {
        self.refund_at(self.index(leaf), less);
    }

    /// A role uses so much more, through no subscription.
    pub(crate) fn charge_role(&mut self, role: NodeId, more: &Amounts) {
        let home = self.home(self.index(role));
        self.charge_at(home, more);
    }

    /// A role uses so much less, through no subscription.
    pub(crate) fn refund_role(&mut self, role: NodeId, less: &Amounts) {
        let home = self.home(self.index(role));
        self.refund_at(home, less);
    }

    /// A subscription had one more allocation.
    pub(crate) fn count(&mut self, leaf: NodeId) {
        self.award(leaf, &Amounts::ZERO);
    }

    /// A subscription uses so much more, by one more allocation: [`Self::charge`] and [`Self::count`] in one way up.
    pub(crate) fn award(&mut self, leaf: NodeId, more: &Amounts) {
        let at = self.index(leaf);
        let parent = self.nodes[at as usize].parent;
        if self.nodes[parent as usize].kind == Kind::Role {
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

    /// Changes a node and all above.
    #[inline]
    fn climb(&mut self, from: u32, by: &Amounts, change: impl Fn(u64, u64) -> u64, allocations: u64) {
        let (near, far) = by.0.split_at(NEAR);
        // Mostly there is one more, or none.
        let any = |amounts: &[u64]| amounts.iter().fold(0, |any, amount| any | amount) != 0;
        let places = if any(&far[1..]) { far.len() } else { usize::from(far[0] != 0) };
        let mut at = from;
        loop {
            let node = self.node(at);
            node.count += allocations;
            for (used, by) in node.near.iter_mut().zip(near) {
                *used = change(*used, *by);
            }
            let Node { parent, seat, count, .. } = *node;
            for (used, by) in self.far[at as usize].iter_mut().zip(&far[..places]) {
                *used = change(*used, *by);
            }
            if at == ROOT {
                return;
            }
            if allocations != 0 {
                self.tournaments.set_count(self.nodes[parent as usize].block, seat, count);
            }
            self.follow_active(at);
            self.rekey(at);
            at = parent;
        }
    }

    /// Counts a node among the active ones of its parent, or no more.
    #[inline]
    pub(super) fn follow_active(&mut self, at: u32) {
        let node = &self.nodes[at as usize];
        let active = node.wants || node.near != [0; NEAR] || self.far[at as usize].iter().any(|amount| *amount != 0);
        if active != node.active && at != ROOT {
            self.set_active(at, active);
        }
    }

    #[cold]
    fn set_active(&mut self, at: u32, active: bool) {
        self.node(at).active = active;
        let (parent, milli) = (self.nodes[at as usize].parent, u64::from(self.asides[at as usize].weight.milli()));
        let sum = &mut self.aside(parent).active_milli;
        *sum = if active { *sum + milli } else { *sum - milli };
    }
}
