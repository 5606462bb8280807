//! The words of the extras with threads in each other's way: once on plain threads, in every interleaving under loom.
//!
//! In the first three models a second word stands for what is held: each thread takes so much that only one can have it, and
//! whoever does must find that word as its last user left it.

use std::sync::Arc;

use super::interleave::take_and_give_back;
use super::{AGENT, granted, holder, table_of};
use crate::extras::{ExtraWord, Millis};
use crate::part::Part;
use crate::sync::{First, Ordering, Word64, both, model, model_bounded};
use crate::testing::{Loose, spec};
use crate::{
    DeviceAmount, DeviceLocality, DeviceSpec, Limit, NameId, Outcome, Owner, Pick, RangesSpec, Released, Request,
    Shape, Span, Table,
};

const NAME: NameId = NameId::new(0);

/// Two cores, five devices, 12 KiB of disk and three ports.
fn machine() -> Shape {
    let mut spec = spec(2, 1, 1, 4096);
    spec.devices = vec![DeviceSpec { kind: 1, numa_node: None }; 5];
    spec.disk_bytes = 3 * 4096;
    spec.ranges = vec![RangesSpec { name: NAME, spans: vec![Span { first: 80, last: 82 }] }];
    Shape::new(&spec).unwrap()
}

fn table() -> Table {
    table_of(3, Limit::default(), vec![machine()])
}

fn extra(word: ExtraWord, amount: u64) -> Part {
    Part::Extra { word, amount }
}

/// A PU of its own for each thread, more than half of a device, and all ports.
fn wanted(me: u64) -> [Part; 3] {
    [
        Part::Cores { leaf: 0, member: 0, pus: 1 << me },
        extra(ExtraWord::Devices(0), Millis::default().with(2, 600).bits()),
        extra(ExtraWord::Bits(0), 0b111),
    ]
}

/// Uses what a thread has to itself.
fn use_alone(thing: &Word64) {
    // Relaxed, all: the order is what the other word is tested for.
    let before = thing.load(Ordering::Relaxed);
    thing.store(before + 1, Ordering::Relaxed);
    assert_eq!(thing.load(Ordering::Relaxed), before + 1, "two have it at once");
    thing.store(before, Ordering::Relaxed);
}

/// Two threads, two rounds each, of taking from a word what only one can have.
fn taken_by_one_at_a_time(first: First, word: ExtraWord, wanted: [u64; 2]) {
    let shared = Arc::new((Loose::new(machine()), Word64::new(0), word, wanted));
    both(first, &shared, |(loose, thing, word, wanted), me| {
        let wanted = wanted[usize::from(me != 0)];
        for _ in 0..2 {
            if loose.machine().take_extra(*word, wanted) {
                use_alone(thing);
                loose.machine().give_extra(*word, wanted);
            }
        }
    });
    assert!(shared.0.machine().is_fresh());
    // Relaxed: the threads are joined.
    assert_eq!(shared.1.load(Ordering::Relaxed), 0);
}

#[test]
fn a_counter_gives_no_more_than_it_has() {
    model(|first| taken_by_one_at_a_time(first, ExtraWord::Counter(0), [2, 2]));
}

/// Both want more than half of the same device, and each another device besides: of the five all or none.
#[test]
fn a_device_is_not_given_twice() {
    model(|first| {
        let both = Millis::default().with(2, 600);
        let wanted = [both.with(0, 1000), both.with(1, 300)].map(Millis::bits);
        taken_by_one_at_a_time(first, ExtraWord::Devices(0), wanted);
    });
}

#[test]
fn a_number_has_one_holder() {
    model(|first| taken_by_one_at_a_time(first, ExtraWord::Bits(0), [0b011, 0b110]));
}

/// Devices and ports that are enough for one of two claims, each with a core of its own: whoever is late undoes what it has.
#[test]
fn a_claim_of_core_device_and_ports_is_all_or_nothing() {
    model_bounded(2, |first| {
        let table = Arc::new(table());
        let taken = both(first, &table, |table, me| take_and_give_back(table, &wanted(me)));
        assert!(taken[0] || taken[1], "one of them was first");
        table.validate().unwrap();
        assert_eq!(table.usage(AGENT), self::table().usage(AGENT));
    });
}

/// One thread takes a device, then the ports, and gives the device back where it finds no ports, twice; the other releases the
/// claim that has them, then claims and releases them once more. Nothing is lost, and nothing is held twice.
#[test]
fn an_undo_and_a_release_leave_what_was_there() {
    model_bounded(2, |first| {
        let ports = || Request::exclusive(1, 0).with_range(NAME, Pick::Any(3));
        let table = table();
        let held = granted(table.claim(AGENT, holder(1), &ports()));
        let shared = Arc::new((table, held.claim, ports()));
        both(first, &shared, |(table, claim, ports), me| {
            if me == 0 {
                for _ in 0..2 {
                    let _taken_or_undone = take_and_give_back(table, &wanted(1)[1..]);
                }
                return;
            }
            let is_released = |claim| matches!(table.release(claim, Owner::new(1)), Released::Released { .. });
            assert!(is_released(*claim));
            if let Outcome::Granted(grant) = table.claim(AGENT, holder(1), ports) {
                assert!(is_released(grant.claim));
            }
        });
        shared.0.validate().unwrap();
        assert_eq!(shared.0.usage(AGENT), self::table().usage(AGENT));
    });
}

/// A claim that cannot fit takes the device that one that fits needs, for a moment; the one that fits may be told `Contended`,
/// never no.
#[test]
fn a_doomed_claim_of_a_device_makes_nobody_refused() {
    model_bounded(2, |first| {
        let table = Arc::new(table());
        let outcomes = both(first, &table, |table, me| {
            if me == 1 {
                let five = Request::exclusive(1, 0).with_devices(1, DeviceAmount::Whole(5), DeviceLocality::Any);
                return Some(table.claim(AGENT, holder(1), &five));
            }
            let parts = [wanted(0)[1], extra(ExtraWord::Counter(0), 4)];
            assert!(!take_and_give_back(table, &parts));
            None
        });
        match outcomes[1] {
            Some(Outcome::Granted(grant)) => {
                assert_eq!(table.placement(grant.claim).unwrap().extras.devices.len(), 5, "of five");
            }
            Some(Outcome::Contended(_)) => {}
            no => panic!("{no:?}"),
        }
        table.validate().unwrap();
    });
}
