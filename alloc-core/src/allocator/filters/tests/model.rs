//! Filters against what a simple mind would keep: a list of all.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::*;
use super::much;
use crate::amounts::Amounts;

const SUBS: u32 = 4;
const AGENTS: u32 = 3;

#[derive(Clone, Copy, Debug)]
enum Step {
    Refuse { sub: u32, agent: u32, size: (u64, u64, u64), for_ms: u64 },
    Grew { agent: u32, now: (u64, u64, u64) },
    Revive(u32),
    RemoveSub(u32),
    RemoveAgent(u32),
    Pass(u64),
}

/// Mostly one that stays, so that filters are made again in a column that others keep there.
fn size() -> impl Strategy<Value = (u64, u64, u64)> {
    prop_oneof![1 => Just((2, 2, 3)), 1 => (0..3_u64, 0..3_u64, prop_oneof![3 => Just(0), 1 => 0..4_u64])]
}

/// Positions are spread over several words.
fn sub() -> impl Strategy<Value = u32> {
    (0..SUBS).prop_map(|sub| sub * 37)
}

fn agent() -> impl Strategy<Value = u32> {
    (0..AGENTS).prop_map(|agent| agent * 53)
}

fn step() -> impl Strategy<Value = Step> {
    let for_ms = prop_oneof![4 => 0..900_u64, 2 => 1000..9000_u64, 1 => 10_000..40_000_000_000_u64];
    prop_oneof![
        12 => (sub(), agent(), size(), for_ms).prop_map(|(sub, agent, size, for_ms)| Step::Refuse { sub, agent, size, for_ms }),
        3 => (agent(), size()).prop_map(|(agent, now)| Step::Grew { agent, now }),
        2 => sub().prop_map(Step::Revive),
        1 => sub().prop_map(Step::RemoveSub),
        1 => agent().prop_map(Step::RemoveAgent),
        5 => prop_oneof![6 => 0..500_u64, 1 => 0..20_000_u64].prop_map(Step::Pass),
    ]
}

#[derive(Clone, Debug)]
struct Known {
    pair: (u32, u32),
    amounts: Amounts,
    bits: [u64; 1],
    tick: u64,
}

#[derive(Default)]
struct World {
    filters: Filters,
    known: Vec<Known>,
    now_ms: u64,
}

impl World {
    fn run(&mut self, step: Step) {
        match step {
            Step::Refuse { sub, agent, size, for_ms } => self.refuse((sub, agent), size, for_ms),
            Step::Grew { agent, now } => self.grew(agent, now),
            Step::Revive(sub) => {
                self.filters.revive(sub);
                self.known.retain(|known| known.pair.0 != sub);
            }
            Step::RemoveSub(sub) => {
                self.filters.remove_sub(sub);
                self.known.retain(|known| known.pair.0 != sub);
            }
            Step::RemoveAgent(agent) => {
                self.filters.remove_agent(agent);
                self.known.retain(|known| known.pair.1 != agent);
            }
            Step::Pass(ms) => self.pass(ms),
        }
    }

    fn refuse(&mut self, pair: (u32, u32), (cpus, pages, bits): (u64, u64, u64), for_ms: u64) {
        let (amounts, bits, until_ms) = (much(cpus, pages), [bits], self.now_ms + for_ms);
        let made = self.filters.refuse(pair.0, pair.1, &Shown::new(&amounts, &bits), self.now_ms, until_ms);
        assert_eq!(made, for_ms > 0);
        if made {
            let tick = wheel::tick(self.now_ms, until_ms);
            assert!((until_ms..until_ms + 100.max(for_ms / 32 + 1)).contains(&tick), "{until_ms} {tick}");
            self.known.push(Known { pair, amounts, bits, tick });
        }
    }

    fn grew(&mut self, agent: u32, (cpus, pages, bits): (u64, u64, u64)) {
        let (now, bits) = (much(cpus, pages), [bits]);
        let before = self.pairs();
        let stays = |known: &Known| known.amounts.covers(&now) && known.bits[0] & bits[0] == bits[0];
        self.known.retain(|known| known.pair.1 != agent || stays(known));
        let mut opened = Vec::new();
        self.filters.grew(agent, &Shown::new(&now, &bits), |sub| opened.push((sub, agent)));
        self.check_opened(before, opened);
    }

    fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
        let (before, now_ms) = (self.pairs(), self.now_ms);
        self.known.retain(|known| known.tick > now_ms);
        let mut opened = Vec::new();
        self.filters.expire(now_ms, |sub, agent| opened.push((sub, agent)));
        self.check_opened(before, opened);
    }

    /// The pairs with filters, in order.
    fn pairs(&self) -> Vec<(u32, u32)> {
        let mut pairs: Vec<_> = self.known.iter().map(|known| known.pair).collect();
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    }

    fn check_opened(&self, before: Vec<(u32, u32)>, mut opened: Vec<(u32, u32)>) {
        let now = self.pairs();
        opened.sort_unstable();
        assert!(
            before.into_iter().filter(|pair| !now.contains(pair)).eq(opened),
            "each pair that opened is told of once"
        );
    }

    fn check(&self) {
        let pairs = self.pairs();
        for sub in 0..SUBS * 37 {
            let agents = pairs.iter().filter(|pair| pair.0 == sub).map(|pair| pair.1);
            assert!(bits::all(self.filters.row(sub)).eq(agents), "the row of {sub}");
        }
        for pair in &pairs {
            let until = self.known.iter().filter(|known| known.pair == *pair).map(|known| known.tick).max();
            assert_eq!((self.filters.until(pair.0, pair.1), self.filters.has(pair.0, pair.1)), (until, true));
        }
        for agent in 0..AGENTS * 53 {
            let subs: Vec<u32> = pairs.iter().filter(|pair| pair.1 == agent).map(|pair| pair.0).collect();
            assert_eq!(self.filters.filtered_by(agent) as usize, subs.len());
            assert!(bits::all(&self.filters.column(agent).collect::<Vec<_>>()).eq(subs), "the column of {agent}");
        }
        assert_eq!(self.filters.len(), self.known.len());
        let (first, told) = (self.known.iter().map(|known| known.tick).min(), self.filters.next_deadline_ms());
        assert!(told.is_some() == first.is_some() && told <= first, "{told:?} {first:?}");
        assert!(told.is_none_or(|told| told > self.now_ms) || self.known.iter().all(|known| known.tick > self.now_ms));
        self.filters.validate();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn filters_are_what_a_simple_mind_would_keep(steps in vec(step(), 1..80)) {
        let mut world = World::default();
        for step in steps {
            world.run(step);
            world.check();
        }
    }
}
