//! Picking: who takes part, and who of them is neediest.

use core::cmp::Ordering;

use crate::allocator::order::branch::{BranchId, Kind, NONE, ROOT};
use crate::allocator::order::tournament::CLOSED;
use crate::allocator::order::{Order, tie};

impl Order {
    /// Whether a subscription takes part.
    pub(crate) fn set_open(&mut self, leaf: BranchId, open: bool) {
        self.set_open_at(self.index(leaf), open);
    }

    pub(super) fn set_open_at(&mut self, at: u32, open: bool) {
        debug_assert_eq!(self.branches[at as usize].kind, Kind::Subscription, "who takes part");
        let branch = &self.branches[at as usize];
        let (was_open, skipped) = (branch.wants, branch.skipped);
        if open != was_open {
            self.want(at, open);
            if !skipped {
                self.show(at, open);
            }
        }
    }

    /// Whether a role wants something besides what its subscriptions do: it counts among those who share.
    pub(crate) fn set_waiting(&mut self, role: BranchId, waits: bool) {
        let at = self.index(role);
        let wanting = &mut self.aside(at).wanting;
        *wanting = if waits { *wanting + 1 } else { *wanting - 1 };
        if waits || *wanting == 0 {
            self.want(at, waits);
        }
    }

    /// Takes a subscription out of the order until [`Self::end_skip`].
    pub(crate) fn skip(&mut self, leaf: BranchId) {
        let at = self.index(leaf);
        let branch = self.branch(at);
        if !core::mem::replace(&mut branch.skipped, true) {
            self.skipped.push(at);
            self.show(at, false);
        }
    }

    /// Those that were skipped take part again.
    pub(crate) fn end_skip(&mut self) {
        let mut skipped = core::mem::take(&mut self.skipped);
        for at in skipped.drain(..) {
            let branch = self.branch(at);
            // Or else it was removed meanwhile, and its number perhaps used again.
            if core::mem::take(&mut branch.skipped) && branch.wants && branch.kind == Kind::Subscription {
                self.show(at, true);
            }
        }
        self.skipped = skipped;
    }

    /// The neediest subscription of those that take part.
    pub(crate) fn pick(&mut self) -> Option<BranchId> {
        self.pick_from(ROOT)
    }

    /// The neediest of those that take part below a role.
    pub(crate) fn pick_below(&mut self, role: BranchId) -> Option<BranchId> {
        self.pick_from(self.index(role))
    }

    fn pick_from(&mut self, from: u32) -> Option<BranchId> {
        self.settle();
        let mut at = from;
        while self.branches[at as usize].kind != Kind::Subscription {
            at = self.branches[at as usize].neediest;
            if at == NONE {
                return None;
            }
        }
        Some(self.id(at))
    }

    /// The one of these subscriptions that would be picked if they alone took part.
    pub(crate) fn pick_among(&self, leaves: impl IntoIterator<Item = BranchId>) -> Option<BranchId> {
        leaves.into_iter().min_by(|one, other| self.compare(*one, *other))
    }

    /// Who of two subscriptions is needier: the lesser one. Where their ways to the root meet, the keys decide.
    pub(crate) fn compare(&self, one: BranchId, other: BranchId) -> Ordering {
        let [mut one, mut other] = [one, other].map(|leaf| self.index(leaf));
        if one == other {
            return Ordering::Equal;
        }
        let depth = |at: u32| self.asides[at as usize].depth;
        let parent = |at: u32| self.branches[at as usize].parent;
        while depth(one) > depth(other) {
            one = parent(one);
        }
        while depth(other) > depth(one) {
            other = parent(other);
        }
        while parent(one) != parent(other) {
            (one, other) = (parent(one), parent(other));
        }
        let shares = self.share_at(one).cmp(&self.share_at(other));
        shares.then_with(|| tie(&self.branches, &self.asides, one, other))
    }

    /// Counts a subscription among those that want something, or no more, and all above.
    fn want(&mut self, leaf: u32, wants: bool) {
        let mut at = leaf;
        while self.branches[at as usize].wants != wants {
            self.branch(at).wants = wants;
            self.follow_active(at);
            if at == ROOT {
                return;
            }
            at = self.branches[at as usize].parent;
            let wanting = &mut self.aside(at).wanting;
            *wanting = if wants { *wanting + 1 } else { *wanting - 1 };
            if !wants && *wanting > 0 {
                return;
            }
        }
    }

    /// Lets a subscription take part, or no more, and whatever is above with it.
    fn show(&mut self, leaf: u32, shown: bool) {
        let mut at = leaf;
        loop {
            let key = if shown { self.share_at(at).parts() } else { CLOSED };
            let least = self.enter(at, key);
            at = self.branches[at as usize].parent;
            if at == ROOT || (self.key(at) == CLOSED) == (least == CLOSED) {
                return;
            }
        }
    }
}
