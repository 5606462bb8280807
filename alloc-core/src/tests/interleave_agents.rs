//! The planes of agents under the model checker: whoever searches and whoever gives back, growth is told in the end.

use std::sync::Arc;

use crate::agents::{Family, Sieve, split_parts};
use crate::extras::ExtraWord;
use crate::leaf::PuState;
use crate::memory::Seat;
use crate::sync::{both, model, model_bounded};
use crate::testing::{self, Loose};
use crate::{DeviceSpec, NumaNodeId, PAGE_BYTES, Shape};

const LINE: u32 = 0;
const UNIT_PAGES: u64 = (512 << 20) / PAGE_BYTES;

fn two_cores() -> Loose {
    let machine = testing::Machine { cores: 2, mem_bytes: 512 << 20, ..testing::Machine::default() };
    Loose::new(machine.shape())
}

/// A search that takes what has grown, and then what is shown with two PUs.
fn search(words: &Loose) {
    let machine = words.machine();
    if words.agents().next_grown(LINE) == Some(LINE) {
        words.agents().settle_grown(LINE, &machine);
    }
    if words.agents().next(Family::Whole, 1, LINE, Sieve::default()) == Some(LINE) {
        words.agents().look(Family::Whole, 1, LINE, &machine);
    }
}

fn take_and_put(words: &Loose, pus: u32) {
    if words.machine().shift(0, pus, PuState::Free, PuState::Held) {
        words.machine().put(0, pus, PuState::Free);
    }
}

fn active(words: Loose) -> Arc<Loose> {
    words.agents().set_active(LINE, true);
    Arc::new(words)
}

/// One searches twice, the other claims and releases twice: what it gave back is shown, or told.
#[test]
fn growth_is_never_lost_to_a_search() {
    model(|first| {
        let words = active(two_cores());
        both(first, &words, |words, me| {
            for _ in 0..2 {
                if me == 0 { search(words) } else { take_and_put(words, 0b11) }
            }
        });
        assert!(words.machine().is_indexed());
    });
}

/// Both search and both claim and release, two words each of a class of its own.
#[test]
fn searches_put_right_what_others_put_right() {
    model_bounded(2, |first| {
        let words = active(two_cores());
        both(first, &words, |words, me| {
            let pus = 1 << me;
            assert!(words.machine().shift(0, pus, PuState::Free, PuState::Held));
            search(words);
            words.machine().put(0, pus, PuState::Free);
            search(words);
        });
        assert!(words.machine().is_indexed());
    });
}

/// The sum is over several words: PUs on one, pages on another.
#[test]
fn growth_of_either_word_is_told() {
    model_bounded(2, |first| {
        let words = two_cores();
        let numa_node = NumaNodeId::new(0);
        assert!(words.machine().take_memory(numa_node, Seat::Held, UNIT_PAGES));
        assert!(words.machine().shift(0, 0b11, PuState::Free, PuState::Held));
        let words = active(words);
        both(first, &words, |words, me| {
            if me == 0 {
                search(words);
                words.machine().put(0, 0b11, PuState::Free);
                search(words);
            } else {
                words.machine().give_memory(NumaNodeId::new(0), Seat::Held, UNIT_PAGES);
                search(words);
            }
        });
        assert!(words.machine().is_indexed());
        search(&words);
        assert!(words.agents().is_shown(Family::Whole, 2, LINE) && words.agents().is_shown(Family::Pages, 1, LINE));
    });
}

/// Who takes a part of a device leaves more of a split one than there was: growth, as what is given back.
#[test]
fn a_part_taken_of_a_device_is_told() {
    model_bounded(3, |first| {
        let mut spec = testing::Machine::default().spec();
        spec.devices = vec![DeviceSpec { kind: 1, numa_node: None }];
        let words = active(Loose::new(Shape::new(&spec).unwrap()));
        both(first, &words, |words, me| {
            let machine = words.machine();
            if me == 0 {
                search(words);
                if words.agents().next(Family::Devices, 0, LINE, Sieve::default()) == Some(LINE) {
                    words.agents().look(Family::Devices, 0, LINE, &machine);
                }
            } else {
                assert!(machine.take_extra(ExtraWord::Devices(0), 900));
                machine.give_extra(ExtraWord::Devices(0), 500);
            }
        });
        assert!(words.machine().is_indexed());
        search(&words);
        assert!(words.agents().is_shown(Family::Split, split_parts(600), LINE));
    });
}
