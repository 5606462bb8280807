//! How fast the order is: `cargo test --release -p meros-alloc-core --lib order::tests::timing -- --ignored --nocapture`.

use core::hint::black_box;
use std::time::Duration;

use super::*;

const STEPS: usize = 20_000;
const ROUNDS: usize = 15;

struct Setting {
    name: &'static str,
    order: Order,
    leaves: Vec<NodeId>,
    random: u64,
    samples: [Vec<Duration>; 5],
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
    let mut setting = Setting { name, order, leaves, random: 1, samples: Default::default() };
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
        let size = self.next();
        amounts(1000 + size % 4000, (1 << 17) + (size >> 8) % 100_000)
    }

    fn sample(&mut self) {
        let mut tasks: Vec<_> = (0..STEPS).map(|_| (self.next(), self.task())).collect();
        tasks.iter_mut().for_each(|(at, _)| *at %= self.leaves.len() as u64);
        let leaf = |at: u64| self.leaves[usize::try_from(at).unwrap()];
        let order = &mut self.order;
        let took = [
            timed(|| tasks.iter().for_each(|(at, task)| order.charge(leaf(*at), task)), STEPS),
            timed(|| (0..STEPS).for_each(|_| _ = black_box(order.pick())), STEPS),
            timed(|| tasks.iter().for_each(|(at, task)| order.refund(leaf(*at), task)), STEPS),
            timed(|| award_and_give_back(order, &tasks), STEPS),
            timed(|| (0..20).for_each(|by| rekey(order, by)), 20),
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
        let [charge, pick, refund, cycle, rekey] = self.samples.each_mut().map(median);
        let nodes = self.order.nodes.len();
        println!(
            "{:>26} {nodes:>6} nodes: charge {charge:>4}, refund {refund:>4}, pick {pick:>3}, pick + award {cycle:>4} ns; rekey {:>4} us",
            self.name,
            rekey / 1000
        );
    }
}

/// As a cycle does: to the neediest each. Given back after that, not timed apart.
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

#[test]
#[ignore = "figures for who looks at them"]
fn update_and_pick() {
    let mut settings = vec![
        setting("10x10x10, 1,000 fw", &[10, 10, 10], 1000),
        setting("10x10x10, 5,000 fw", &[10, 10, 10], 5000),
        setting("10x10x10, 20,000 fw", &[10, 10, 10], 20_000),
        setting("10x10x10, 60,000 fw", &[10, 10, 10], 60_000),
        setting("1,000 flat, 5,000 fw", &[1000], 5000),
        setting("1 role, 5,000 fw", &[1], 5000),
    ];
    for _ in 0..ROUNDS {
        settings.iter_mut().for_each(Setting::sample);
    }
    settings.iter_mut().for_each(Setting::print);
}
