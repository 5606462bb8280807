//! Charging: what a subscription or a role uses, counted there and in all that is above, whose keys follow.

use crate::allocator::amounts::{Amounts, MAX_RESOURCES};
use crate::allocator::order::node::{Kind, NodeId, ROOT};
use crate::allocator::order::{Node, Order};

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
        let at = self.counted_at(leaf);
        self.climb(at, |node| node.count += 1);
    }

    /// A subscription uses so much more, by one more allocation: [`Self::charge`] and [`Self::count`] in one way up.
    pub(crate) fn award(&mut self, leaf: NodeId, more: &Amounts) {
        let (at, width) = (self.counted_at(leaf), width(more));
        self.climb(at, |node| {
            node.count += 1;
            add(&mut node.used, more, width);
        });
    }

    fn counted_at(&mut self, leaf: NodeId) -> u32 {
        let at = self.index(leaf);
        let parent = self.nodes[at as usize].parent;
        if self.nodes[parent as usize].kind == Kind::Role {
            self.asides[parent as usize].own_count += 1;
        }
        at
    }

    fn charge_at(&mut self, at: u32, more: &Amounts) {
        let width = width(more);
        self.climb(at, |node| add(&mut node.used, more, width));
    }

    pub(super) fn refund_at(&mut self, at: u32, less: &Amounts) {
        debug_assert!(self.nodes[at as usize].used.covers(less), "more is refunded than was charged");
        let width = width(less);
        self.climb(at, |node| sub(&mut node.used, less, width));
    }

    /// Changes a node and all above.
    #[inline]
    fn climb(&mut self, from: u32, change: impl Fn(&mut Node)) {
        let mut at = from;
        loop {
            let node = self.node(at);
            change(node);
            if at == ROOT {
                return;
            }
            let parent = node.parent;
            self.follow_active(at);
            self.rekey(at);
            at = parent;
        }
    }

    /// Counts a node among the active ones of its parent, or no more.
    #[inline]
    pub(super) fn follow_active(&mut self, at: u32) {
        let node = self.node(at);
        let active = node.is_active();
        if active != node.active && at != ROOT {
            node.active = active;
            let parent = node.parent;
            let milli = u64::from(self.asides[at as usize].weight.milli());
            let sum = &mut self.node(parent).active_milli;
            *sum = if active { *sum + milli } else { *sum - milli };
        }
    }
}

/// Up to which place there is something: most amounts are of CPU and memory alone.
fn width(amounts: &Amounts) -> usize {
    amounts.0.iter().rposition(|amount| *amount != 0).map_or(0, |last| last + 1).min(MAX_RESOURCES)
}

fn add(used: &mut Amounts, more: &Amounts, width: usize) {
    for (used, more) in used.0.iter_mut().zip(&more.0[..width]) {
        *used = used.saturating_add(*more);
    }
}

fn sub(used: &mut Amounts, less: &Amounts, width: usize) {
    for (used, less) in used.0.iter_mut().zip(&less.0[..width]) {
        *used = used.saturating_sub(*less);
    }
}
