//! The words of the extras with threads in each other's way: once on plain threads, in every interleaving under loom.
//!
//! In the first three models a second word stands for what is held: each thread takes so much that only one can have it, and
//! whoever does must find that word as its last user left it.

use std::sync::Arc;

use super::ROLE;
use crate::agent::Machine;
use crate::bits::Bits;
use crate::counter::Counter;
use crate::device_word::{Devices, Millis};
use crate::part::Part;
use crate::record::Records;
use crate::sync::{First, Ordering, Word64, both, model};
use crate::taking::Taking;
use crate::testing::spec;
use crate::{DeviceSpec, NameId, Owner, RangesSpec, Shape, Span};

/// Uses what a thread has to itself.
fn use_alone(thing: &Word64) {
    // Relaxed, all: the order is what the other word is tested for.
    let before = thing.load(Ordering::Relaxed);
    thing.store(before + 1, Ordering::Relaxed);
    assert_eq!(thing.load(Ordering::Relaxed), before + 1, "two have it at once");
    thing.store(before, Ordering::Relaxed);
}

/// Two threads, two rounds each, of taking from a word what only one can have.
fn taken_by_one_at_a_time<W: Send + Sync + 'static>(
    first: First,
    word: W,
    body: fn(&W, &Word64, u64),
    at_rest: impl Fn(&W) -> bool,
) {
    let shared = Arc::new((word, Word64::new(0), body));
    both(first, &shared, |(word, thing, body), me| {
        for _ in 0..2 {
            body(word, thing, me);
        }
    });
    assert!(at_rest(&shared.0));
    // Relaxed: the threads are joined.
    assert_eq!(shared.1.load(Ordering::Relaxed), 0);
}

#[test]
fn a_counter_gives_no_more_than_it_has() {
    model(|first| {
        let body = |counter: &Counter, thing: &Word64, _| {
            if counter.take(2) {
                use_alone(thing);
                counter.give(2);
            }
        };
        taken_by_one_at_a_time(first, Counter::new(3), body, |counter| counter.free() == 3);
    });
}

/// Both want more than half of the same device, and each another device besides: of the five all or none.
#[test]
fn a_device_is_not_given_twice() {
    model(|first| {
        let body = |devices: &Devices, thing: &Word64, me| {
            let wanted = if me == 0 { Millis::whole(1) } else { Millis::default().with(1, 300) }.with(2, 600);
            if devices.take(wanted) {
                use_alone(thing);
                devices.give(wanted);
            }
        };
        let all = Millis::whole(5);
        taken_by_one_at_a_time(first, Devices::new(all), body, |devices| devices.free() == Millis::whole(5));
    });
}

#[test]
fn a_number_has_one_holder() {
    model(|first| {
        let body = |bits: &Bits, thing: &Word64, me| {
            let wanted = 0b010 | if me == 0 { 0b001 } else { 0b100 };
            if bits.take(wanted) {
                use_alone(thing);
                bits.give(wanted);
            }
        };
        taken_by_one_at_a_time(first, Bits::new(0b111), body, |bits| bits.free() == 0b111);
    });
}

/// A device and ports that are enough for one of two claims, each with a core of its own: whoever is late undoes what it has.
#[test]
fn a_claim_of_core_device_and_port_is_all_or_nothing() {
    model(|first| {
        let mut spec = spec(2, 1, 1, 4096);
        spec.devices = vec![DeviceSpec { kind: 1, numa_node: None }];
        spec.ranges = vec![RangesSpec { name: NameId::new(0), spans: vec![Span { first: 80, last: 81 }] }];
        let shared = Arc::new((Machine::new(Shape::new(&spec).unwrap()), Records::new(2)));
        let taken = both(first, &shared, |(machine, records), me| {
            let mut record = records.begin(Owner::new(me), ROLE).unwrap();
            for part in [
                Part::Cores { leaf: 0, member: 0, pus: 1 << me },
                Part::Devices { word: 0, millis: Millis::default().with(0, 500) },
                Part::Bits { word: 0, bits: 0b11 },
            ] {
                record.push(part).unwrap();
            }
            let mut taking = Taking::start(machine, record);
            let taken = taking.take_all();
            taking.undo();
            taken
        });
        assert!(taken[0] || taken[1], "one of them was first");
        let (machine, records) = &*shared;
        assert_eq!((machine.devices(0).free(), machine.bits(0).free()), (Millis::whole(1), 0b11));
        assert_eq!(machine.pus_in(0, crate::leaf::PuState::Free), 0b11);
        assert!(!records.any_busy());
    });
}
