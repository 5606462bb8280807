//! The share order as a slow tree of exact fractions, in which every role has a branch for its own subscriptions.

use std::collections::BTreeMap;

use super::*;

/// A child of a role: a role, or what one has beside its child roles; or a child of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Child {
    Role(BranchId),
    Own(BranchId),
    Leaf(BranchId),
}

#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) parent: BranchId,
    pub(super) milli: u32,
    pub(super) is_role: bool,
    /// Of a subscription, or of a role itself without any.
    pub(super) used: Amounts,
    pub(super) open: bool,
    pub(super) skipped: bool,
    pub(super) age: u64,
    count: u64,
    own_count: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) known: BTreeMap<BranchId, Known>,
    pub(super) root: BranchId,
    pub(super) totals: Amounts,
    pub(super) excluded: [bool; 16],
    created: u64,
}

impl Model {
    pub(super) fn new(root: BranchId) -> Self {
        let totals = Amounts::ZERO;
        let mut model = Self { known: BTreeMap::new(), root, totals, excluded: [false; 16], created: 0 };
        model.add(root, root, 1000, true);
        model
    }

    pub(super) fn add(&mut self, branch: BranchId, parent: BranchId, milli: u32, is_role: bool) {
        self.created += 1;
        let (used, age) = (Amounts::ZERO, self.created);
        let known = Known { parent, milli, is_role, used, open: false, skipped: false, age, count: 0, own_count: 0 };
        assert!(self.known.insert(branch, known).is_none(), "a number of its own");
    }

    pub(super) fn below(&self, role: BranchId) -> Vec<BranchId> {
        let below = self.known.iter().filter(|(branch, known)| known.parent == role && **branch != self.root);
        below.map(|(branch, _)| *branch).collect()
    }

    fn children(&self, of: Child) -> Vec<Child> {
        match of {
            Child::Leaf(_) => Vec::new(),
            Child::Role(role) => {
                let roles = self.below(role).into_iter().filter(|branch| self.known[branch].is_role);
                roles.map(Child::Role).chain([Child::Own(role)]).collect()
            }
            Child::Own(role) => {
                let leaves = self.below(role).into_iter().filter(|branch| !self.known[branch].is_role);
                leaves.map(Child::Leaf).collect()
            }
        }
    }

    pub(super) fn used(&self, of: Child) -> Amounts {
        let mut sum = match of {
            Child::Role(_) => Amounts::ZERO,
            Child::Own(branch) | Child::Leaf(branch) => self.known[&branch].used,
        };
        for child in self.children(of) {
            sum.add(&self.used(child));
        }
        sum
    }

    pub(super) fn open(&self, of: Child, leaves: &[BranchId]) -> bool {
        match of {
            Child::Leaf(leaf) => leaves.contains(&leaf),
            _ => self.children(of).into_iter().any(|child| self.open(child, leaves)),
        }
    }

    pub(super) fn open_leaves(&self) -> Vec<BranchId> {
        let open = self.known.iter().filter(|(_, known)| !known.is_role && known.open && !known.skipped);
        open.map(|(branch, _)| *branch).collect()
    }

    pub(super) fn count(&mut self, leaf: BranchId) {
        let mut at = leaf;
        self.known.get_mut(&self.known[&leaf].parent.clone()).unwrap().own_count += 1;
        while at != self.root {
            let known = self.known.get_mut(&at).unwrap();
            known.count += 1;
            at = known.parent;
        }
    }

    fn milli(&self, of: Child) -> u32 {
        match of {
            Child::Role(branch) | Child::Leaf(branch) => self.known[&branch].milli,
            Child::Own(_) => 1000,
        }
    }

    /// Over and under the line. Small enough to be multiplied crosswise.
    pub(super) fn fraction(&self, of: Child) -> (u128, u128) {
        let used = self.used(of);
        let mut most = (0, 1);
        for place in 0..16 {
            if self.totals.0[place] != 0 && !self.excluded[place] {
                let (over, under) = (u128::from(used.0[place]), u128::from(self.totals.0[place]));
                most = if over * most.1 > most.0 * under { (over, under) } else { most };
            }
        }
        (most.0 * 1000, most.1 * u128::from(self.milli(of)))
    }

    fn compare(&self, one: Child, other: Child) -> Ordering {
        let tie = |of| match of {
            Child::Role(branch) | Child::Leaf(branch) => (self.known[&branch].count, self.known[&branch].age),
            Child::Own(branch) => (self.known[&branch].own_count, self.known[&branch].age),
        };
        let [(over, under), (other_over, other_under)] = [one, other].map(|of| self.fraction(of));
        (over * other_under).cmp(&(other_over * under)).then_with(|| tie(one).cmp(&tie(other)))
    }

    /// From the root to the neediest of these.
    pub(super) fn pick(&self, leaves: &[BranchId]) -> Option<BranchId> {
        let mut at = Child::Role(self.root);
        loop {
            if let Child::Leaf(leaf) = at {
                return Some(leaf);
            }
            let open = self.children(at).into_iter().filter(|child| self.open(*child, leaves));
            at = open.min_by(|one, other| self.compare(*one, *other))?;
        }
    }

    /// From the leaf up: each with those it competes with.
    pub(super) fn way(&self, leaf: BranchId) -> Vec<(Child, Vec<Child>)> {
        let (mut way, mut at) = (Vec::new(), Child::Leaf(leaf));
        while at != Child::Role(self.root) {
            let parent = match at {
                Child::Leaf(leaf) => Child::Own(self.known[&leaf].parent),
                Child::Own(role) => Child::Role(role),
                Child::Role(role) => Child::Role(self.known[&role].parent),
            };
            way.push((at, self.children(parent)));
            at = parent;
        }
        way
    }

    fn wants(&self, of: Child) -> bool {
        match of {
            Child::Leaf(leaf) => self.known[&leaf].open,
            _ => self.children(of).into_iter().any(|child| self.wants(child)),
        }
    }

    /// In parts of 2^46.
    pub(super) fn entitlement(&self, leaf: BranchId) -> u128 {
        let mut parts = 1_u128 << 80;
        for (at, siblings) in self.way(leaf).into_iter().rev() {
            let active = |of: &Child| *of == at || self.wants(*of) || !self.used(*of).is_zero();
            let sum: u128 = siblings.into_iter().filter(active).map(|of| u128::from(self.milli(of))).sum();
            parts = parts * u128::from(self.milli(at)) / sum;
        }
        parts >> 34
    }
}
