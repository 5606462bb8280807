//! How fast the order is: `cargo test --release -p meros-alloc-core --lib order::tests::timing -- --ignored --nocapture`.

use core::hint::black_box;
use std::time::Duration;

use super::*;

const STEPS: usize = 4000;
const ROUNDS: usize = 51;

struct Setting {
    name: &'static str,
    order: Order,
    leaves: Vec<BranchId>,
    random: u64,
    /// Whether all tasks are of one size, so that shares tie all the time.
    alike: bool,
    samples: [Vec<Duration>; 7],
}

/// Roles side by side, on each of some levels; subscriptions in those of the last.
fn setting(name: &'static str, levels: &[usize], frameworks: usize) -> Setting {
    let mut order = cluster(100_000_000, 1 << 40);
    let mut roles = vec![order.root()];
    for width in levels {
        let below = |order: &mut Order, parent| -> Vec<_> {
            (0..*width).map(|_| order.add_role(parent, Weight::ONE)).collect()
        };
        roles = roles.into_iter().flat_map(|parent| below(&mut order, parent)).collect();
    }
    let leaves: Vec<_> = (0..frameworks).map(|at| open(&mut order, roles[at % roles.len()])).collect();
    let mut setting =
        Setting { name, order, leaves, random: 1, alike: name.ends_with("alike"), samples: Default::default() };
    for at in 0..frameworks {
        let more = setting.task();
        setting.order.charge(setting.leaves[at], &more);
    }
    setting
}

impl Setting {
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.random >> 33
    }

    fn task(&mut self) -> Amounts {
        let size = if self.alike { 0 } else { self.next() };
        amounts(1000 + size % 4000, (1 << 17) + (size >> 8) % 100_000)
    }

    fn sample(&mut self) {
        let mut tasks: Vec<_> = (0..STEPS).map(|_| (self.next(), self.task())).collect();
        tasks.iter_mut().for_each(|(at, _)| *at %= self.leaves.len() as u64);
        let leaf = |at: u64| self.leaves[usize::try_from(at).unwrap()];
        let order = &mut self.order;
        // What others left in the caches is not measured.
        tasks.iter().for_each(|(at, task)| order.charge(leaf(*at), task));
        tasks.iter().for_each(|(at, task)| order.refund(leaf(*at), task));
        let took = [
            timed(|| tasks.iter().for_each(|(at, task)| order.charge(leaf(*at), task)), STEPS),
            timed(|| (0..STEPS).for_each(|_| _ = black_box(order.pick())), STEPS),
            timed(|| tasks.iter().for_each(|(at, task)| order.refund(leaf(*at), task)), STEPS),
            timed(|| award_and_give_back(order, &tasks), STEPS),
            timed(|| among(order, &self.leaves, &tasks), STEPS),
            timed(|| skip(order, &self.leaves, &tasks), STEPS),
            timed(|| (0..2).for_each(|by| rekey(order, by)), 2),
        ];
        for (samples, took) in self.samples.iter_mut().zip(took) {
            samples.push(took);
        }
    }

    fn print(&mut self) {
        let median = |samples: &mut Vec<Duration>| {
            samples.sort();
            samples[samples.len() / 2].as_nanos()
        };
        let [charge, pick, refund, cycle, among, skip, rekey] = self.samples.each_mut().map(median);
        let branches = self.order.branches.len();
        println!(
            "{:>20} {branches:>6} branches: charge {charge:>4}, refund {refund:>4}, pick {pick:>3}, pick + award + refund {cycle:>4}, \
             among {among:>3} per leaf, skip {skip:>3} ns; all anew {:>4} us",
            self.name,
            rekey / 1000
        );
    }
}

/// One of 64 each.
fn among(order: &Order, leaves: &[BranchId], tasks: &[(u64, Amounts)]) {
    for few in tasks.chunks(64) {
        black_box(order.pick_among(few.iter().map(|(at, _)| leaves[usize::try_from(*at).unwrap()])));
    }
}

/// Any, and all back.
fn skip(order: &mut Order, leaves: &[BranchId], tasks: &[(u64, Amounts)]) {
    for (at, _) in tasks {
        order.skip(leaves[usize::try_from(*at).unwrap()]);
    }
    order.end_skip();
}

/// As a cycle does: to the neediest each, and given back after that.
fn award_and_give_back(order: &mut Order, tasks: &[(u64, Amounts)]) {
    let given: Vec<_> = tasks
        .iter()
        .map(|(_, task)| {
            let leaf = order.pick().unwrap();
            order.award(leaf, task);
            leaf
        })
        .collect();
    for (leaf, (_, task)) in given.into_iter().zip(tasks) {
        order.refund(leaf, task);
    }
}

fn rekey(order: &mut Order, by: u64) {
    order.set_total(CPU, 100_000_000 + by);
    black_box(order.pick());
}

#[expect(clippy::disallowed_methods, reason = "it is what is measured")]
fn timed(work: impl FnOnce(), times: usize) -> Duration {
    let start = std::time::Instant::now();
    work();
    start.elapsed() / u32::try_from(times).unwrap()
}

/// Without optimisation the first setting once, so that it works; with it, figures for who looks at them.
#[test]
fn update_and_pick() {
    if cfg!(debug_assertions) {
        return setting("10x10x10, 1,000 fw", &[10, 10, 10], 1000).sample();
    }
    let mut settings = [
        setting("10x10x10, 1,000 fw", &[10, 10, 10], 1000),
        setting("10x10x10, 5,000 fw", &[10, 10, 10], 5000),
        setting("10x10x10, 20,000 fw", &[10, 10, 10], 20_000),
        setting("10x10x10, 60,000 fw", &[10, 10, 10], 60_000),
        setting("1,000 flat, 5,000 fw", &[1000], 5000),
        setting("5,000 fw all alike", &[10, 10, 10], 5000),
        setting("1 role, 5,000 fw", &[1], 5000),
    ];
    for _ in 0..ROUNDS {
        settings.iter_mut().for_each(Setting::sample);
    }
    settings.iter_mut().for_each(Setting::print);
}
