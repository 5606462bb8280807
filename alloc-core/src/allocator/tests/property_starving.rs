//! Nobody starves: whoever is open and may have something that is there is offered something within a time that can be told.
//!
//! Those who answer decline, and filter for five seconds; those who do not never do. All hold nothing else: who holds more than
//! others has to wait for them, which is fair, and has no bound.

use proptest::collection::vec;
use proptest::prelude::*;

use super::Cluster;
use crate::allocator::Rules;
use crate::{FrameworkId, OfferId};

/// How often everybody looks.
const STEP_MS: u64 = 50;
const FILTER_MS: u64 = 5_000;
const UNTIL_MS: u64 = 90_000;

/// When each framework answers after an offer; `None`: never.
fn longest_wait(answers: &[Option<u64>], agents: usize) -> u64 {
    let mut cluster = Cluster::with_rules(Rules { offer_timeout_ms: Some(10_000), ..Rules::default() });
    cluster.agents(agents, 2, 2);
    let role = cluster.role();
    let all: Vec<FrameworkId> = (0..).zip(answers).map(|(id, _)| cluster.framework(id, role)).collect();
    let mut since = vec![cluster.now_ms; all.len()];
    let (mut longest, end_ms) = (0, cluster.now_ms + UNTIL_MS);
    while cluster.now_ms < end_ms {
        cluster.after(STEP_MS);
        answer(&mut cluster, answers);
        for (at, framework) in all.iter().enumerate() {
            let sub = cluster.allocator.find(*framework, role).unwrap();
            let is_open = cluster.allocator.subscriptions.get(sub).unwrap().is_open(cluster.now_ms);
            let wants_any = (0..u32::try_from(agents).unwrap()).any(|at| !cluster.allocator.filters.has(sub, at));
            let has_one = !cluster.offers_to(*framework).is_empty();
            if has_one || !is_open || !wants_any {
                since[at] = cluster.now_ms;
            }
            longest = longest.max(cluster.now_ms - since[at]);
        }
    }
    longest
}

fn answer(cluster: &mut Cluster, answers: &[Option<u64>]) {
    let is_due = |offer: &OfferId, of: FrameworkId| {
        let since_ms = cluster.allocator.offer_view(*offer).unwrap().since_ms;
        answers[of.get() as usize].is_some_and(|after_ms| since_ms + after_ms <= cluster.now_ms)
    };
    let due: Vec<OfferId> =
        cluster.out.iter().filter(|(offer, (of, ..))| is_due(offer, *of)).map(|(offer, _)| *offer).collect();
    for offer in due {
        cluster.decline(offer, FILTER_MS);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn with_all_answering_everybody_is_served_in_turn(answers in vec(1..1_500_u64, 1..8), agents in 1..5_usize) {
        // Each of the others has it once: for as long as it takes it to answer, and a step.
        let bound = answers.iter().map(|answer| answer + 2 * STEP_MS).sum::<u64>();
        let answers: Vec<_> = answers.into_iter().map(Some).collect();
        let longest = longest_wait(&answers, agents);
        prop_assert!(longest <= bound, "{longest} ms of {bound}");
    }

    #[test]
    fn with_some_that_never_answer_as_well(
        answers in vec(prop_oneof![Just(None), (1..1_500_u64).prop_map(Some)], 1..8),
        agents in 1..5_usize,
    ) {
        // Each of the others has it once: until it is asked for it, and for the grace, or for as long as it takes it to answer.
        let rules = Rules::default();
        let each = rules.min_hold_ms + rules.rescind_grace_ms + 100 + 2 * STEP_MS;
        let bound = each * answers.len() as u64;
        let longest = longest_wait(&answers, agents);
        prop_assert!(longest <= bound, "{longest} ms of {bound}");
    }
}
