//! The same calls give the same answers, to the letter.

use super::play::{Dice, Play, step};
use crate::allocator::Rules;

fn told(seed: u64) -> Vec<String> {
    let (mut dice, mut play) = (Dice(seed), Play::new(Rules::default()));
    for _ in 0..800 {
        let step = step(&mut dice);
        play.act(step);
        play.cluster.now_ms += dice.roll(300);
        play.cycle();
        play.told.push(format!("{:?}", play.cluster.allocator.next_deadline_ms()));
    }
    play.cluster.check();
    play.told
}

#[test]
fn two_runs_of_the_same_calls_tell_the_same() {
    for seed in [3, 0x5EED, 1 << 40] {
        let (one, other) = (told(seed), told(seed));
        assert_eq!(one.iter().zip(&other).find(|(one, other)| one != other), None, "seed {seed}");
        assert!(one.len() > 900 && one.len() == other.len(), "seed {seed}: {} and {}", one.len(), other.len());
    }
}

#[test]
fn other_calls_tell_something_else() {
    assert_ne!(told(3), told(4), "or the test above would compare nothing");
}
