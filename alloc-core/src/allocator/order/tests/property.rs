//! Random trees, weights, totals, charges and openings, against exact fractions.

use proptest::collection::vec;
use proptest::prelude::*;

use super::model::{Child, Model};
use super::*;

/// What is done, and numbers for it to choose by.
type Step = (u8, usize, u64, u64);

struct World {
    order: Order,
    model: Model,
    /// Whether all shares are whole numbers of parts: then the pick is exact.
    exact: bool,
}

impl World {
    fn new(exact: bool) -> Self {
        let order = Order::new();
        let model = Model::new(order.root());
        Self { order, model, exact }
    }

    /// One of its kind, whatever the number.
    fn nth(&self, at: usize, is_role: bool) -> Option<BranchId> {
        let of: Vec<_> = self.model.known.iter().filter(|(_, known)| known.is_role == is_role).collect();
        of.get(at.checked_rem(of.len())?).map(|(branch, _)| **branch)
    }

    fn milli(&self, by: u64) -> u32 {
        let plain = u32::try_from(by % 5_000).unwrap() + 1;
        if self.exact { 125 << (by % 7) } else { plain * plain }
    }

    fn amounts(&self, one: u64, other: u64) -> Amounts {
        let mut of =
            if self.exact { Amounts::new(one % 9, other % 9) } else { Amounts::new(one % 5000, other % 99_999) };
        of.0[GPU] = (one >> 32) % 3;
        of
    }

    fn run(&mut self, (what, at, one, other): Step) {
        match what {
            0..4 => self.grow(what, at, one),
            4 => self.remove(at, one % 2 == 0),
            5 => self.set_total(at, one),
            6 => {
                let place = [CPU, MEM, GPU][at % 3];
                self.order.exclude(place, one % 2 == 0);
                self.model.excluded[place] = one % 2 == 0;
            }
            7 => {
                let (Some(branch), milli) = (self.nth(at, one % 4 != 0), self.milli(other)) else { return };
                self.order.set_weight(branch, weight(milli));
                self.model.known.get_mut(&branch).unwrap().milli = milli;
            }
            8..12 => self.charge(at, one, other, what % 2 == 0),
            12..14 => self.refund(at, what == 13),
            14..17 => self.open(at, what),
            _ => {
                self.order.end_skip();
                self.model.known.values_mut().for_each(|known| known.skipped = false);
            }
        }
    }

    fn grow(&mut self, what: u8, at: usize, by: u64) {
        let (Some(role), milli) = (self.nth(at, true), self.milli(by)) else { return };
        if what == 0 {
            let branch = self.order.add_role(role, weight(milli));
            self.model.add(branch, role, milli, true);
        } else {
            let branch = self.order.add_subscription(role);
            self.model.add(branch, role, 1000, false);
            self.order.set_open(branch, !by.is_multiple_of(4));
            self.model.known.get_mut(&branch).unwrap().open = !by.is_multiple_of(4);
        }
    }

    fn remove(&mut self, at: usize, is_role: bool) {
        let Some(branch) = self.nth(at, is_role) else { return };
        if branch != self.model.root && self.model.below(branch).is_empty() {
            self.order.remove(branch);
            self.model.known.remove(&branch);
        }
    }

    fn set_total(&mut self, at: usize, by: u64) {
        let total = if self.exact { 1 << (by % 12) } else { by % 1_000_000 };
        let (place, total) = ([CPU, MEM, GPU][at % 3], if by.is_multiple_of(9) { 0 } else { total });
        self.order.set_total(place, total);
        self.model.totals.0[place] = total;
    }

    fn charge(&mut self, at: usize, one: u64, other: u64, is_leaf: bool) {
        let (Some(branch), more) = (self.nth(at, !is_leaf), self.amounts(one, other)) else { return };
        self.model.known.get_mut(&branch).unwrap().used.add(&more);
        match (is_leaf, other % 3) {
            (false, _) => self.order.charge_role(branch, &more),
            (true, 0) => self.order.charge(branch, &more),
            (true, 1) => {
                self.order.award(branch, &more);
                self.model.count(branch);
            }
            (true, _) => {
                self.order.count(branch);
                self.order.charge(branch, &more);
                self.model.count(branch);
            }
        }
    }

    fn refund(&mut self, at: usize, is_leaf: bool) {
        let Some(branch) = self.nth(at, !is_leaf) else { return };
        let less = core::mem::take(&mut self.model.known.get_mut(&branch).unwrap().used);
        if is_leaf { self.order.refund(branch, &less) } else { self.order.refund_role(branch, &less) }
    }

    fn open(&mut self, at: usize, what: u8) {
        let Some(leaf) = self.nth(at, false) else { return };
        let known = self.model.known.get_mut(&leaf).unwrap();
        if what == 16 {
            self.order.skip(leaf);
            known.skipped = true;
        } else {
            self.order.set_open(leaf, what == 14);
            known.open = what == 14;
        }
    }

    fn check(&mut self) {
        let mut open = self.model.open_leaves();
        let picked = self.order.pick();
        assert_eq!(picked, self.order.pick_among(open.iter().copied()));
        self.check_pick(picked, &open);
        // Of any that are open or not.
        open = (0..self.model.known.len()).step_by(3).filter_map(|at| self.nth(at, false)).collect();
        let among = self.order.pick_among(open.iter().copied());
        self.check_pick(among, &open);
        for (branch, known) in &self.model.known {
            let child = if known.is_role { Child::Role(*branch) } else { Child::Leaf(*branch) };
            assert_eq!(self.order.used(*branch), self.model.used(child), "{child:?}");
        }
    }

    /// Exactly the least, or on each level less than four parts above it.
    fn check_pick(&self, picked: Option<BranchId>, open: &[BranchId]) {
        if self.exact {
            assert_eq!(picked, self.model.pick(open));
            return;
        }
        let Some(leaf) = picked else { return assert!(open.is_empty()) };
        assert!(open.contains(&leaf));
        for (at, siblings) in self.model.way(leaf) {
            for sibling in siblings.into_iter().filter(|of| self.model.open(*of, open)) {
                let [(over, under), (least, than)] = [at, sibling].map(|of| self.model.fraction(of));
                // over / under <= least / than + 4 / 2^46
                let above = (over * than).saturating_sub(least * under);
                assert!(above <= (under * than) >> 44, "{at:?} before {sibling:?}");
            }
        }
    }

    fn check_entitlements(&self) {
        for (branch, known) in &self.model.known {
            if !known.is_role {
                let (told, exact) = (self.order.entitlement(*branch).parts(), self.model.entitlement(*branch));
                // Rounded down on each level.
                assert!(u128::from(told).abs_diff(exact) <= 100, "{told} for {exact}");
            }
        }
    }
}

/// Runs all steps, and checks now and then: several changes are to be keyed at once.
fn run(steps: Vec<Step>, exact: bool) {
    let mut world = World::new(exact);
    for step in steps {
        world.run(step);
        if step.1 % 2 == 0 {
            world.check();
        }
    }
    world.check();
    world.check_entitlements();
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec((0..18_u8, any::<usize>(), any::<u64>(), any::<u64>()), 1..90)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_pick_is_the_least_where_shares_are_whole_parts(steps in steps()) {
        run(steps, true);
    }

    #[test]
    fn the_pick_is_within_the_bound_of_the_least(steps in steps()) {
        run(steps, false);
    }
}
