//! When an allocator wants to be called.

use super::play::{Dice, Play, Step, step};
use super::{Cluster, GIB};
use crate::Request;
use crate::allocator::Rules;

/// What happens, and when.
fn script(seed: u64) -> Vec<(u64, Step)> {
    let mut dice = Dice(seed);
    let mut at_ms = 1_000;
    let mut next = |most_ms: u64| {
        at_ms += 1 + dice.roll(most_ms);
        (at_ms, step(&mut dice))
    };
    // Busy, then quiet, in turns.
    (0..600).map(|at| next(if at / 30 % 2 == 0 { 20 } else { 400 })).collect()
}

/// Plays a script; called every millisecond, or only when the allocator wants it or something happened.
fn play(script: &[(u64, Step)], is_called_always: bool) -> (Vec<String>, usize) {
    let rules = Rules { offer_timeout_ms: Some(6_000), offer_window_ms: 7, ..Rules::default() };
    let (mut play, mut calls) = (Play::new(rules), 0);
    let end_ms = script.last().unwrap().0 + 10_000;
    let mut steps = script.iter().peekable();
    while play.cluster.now_ms < end_ms {
        play.cycle();
        calls += 1;
        while let Some((_, step)) = steps.next_if(|(at_ms, _)| *at_ms <= play.cluster.now_ms) {
            play.act(*step);
            play.cycle();
        }
        let now_ms = play.cluster.now_ms;
        let deadline_ms = play.cluster.allocator.next_deadline_ms().unwrap_or(end_ms);
        assert!(deadline_ms > now_ms, "{deadline_ms} is over at {now_ms}");
        let next_ms = steps.peek().map_or(end_ms, |(at_ms, _)| *at_ms).min(deadline_ms);
        play.cluster.now_ms = if is_called_always { now_ms + 1 } else { next_ms };
    }
    play.cluster.check();
    (play.told, calls)
}

#[test]
fn called_only_when_it_wants_it_does_what_it_does_when_called_always() {
    for seed in 1..=6 {
        let script = script(seed * 0x9E37_79B9);
        let ((always, often), (wanted, seldom)) = (play(&script, true), play(&script, false));
        let differs = always.iter().zip(&wanted).find(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(always.len(), wanted.len(), "seed {seed}");
        assert!(always.len() > 100 && seldom * 4 < often, "{} told, {seldom} calls of {often}", always.len());
    }
}

#[test]
fn nothing_is_due_where_nothing_happens() {
    let mut cluster = Cluster::new();
    assert_eq!(cluster.allocator.next_deadline_ms(), None);
    cluster.agent(4, 8);
    let role = cluster.role();
    cluster.cycle();
    assert_eq!(cluster.allocator.next_deadline_ms(), None, "an agent that nobody wants");
    let framework = cluster.framework(1, role);
    cluster.cycle();
    assert_eq!(cluster.allocator.next_deadline_ms(), Some(cluster.now_ms + 60_000), "the offer's time is over");
    let offer = cluster.offers_to(framework)[0];
    cluster.accept(offer, &[Request::exclusive(4, GIB)], 0);
    cluster.cycle();
    assert_eq!(cluster.allocator.next_deadline_ms(), None, "all is taken");
}

#[test]
fn time_does_not_go_back() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    cluster.decline_all(1_000);
    cluster.now_ms -= 900;
    assert_eq!(cluster.after(1_800), []);
    assert_eq!(cluster.after(1_000).first().map(|(to, _)| *to), Some(framework));
}
