//! Every word protocol with threads in each other's way: once on plain threads, in every interleaving under loom.
//!
//! Each model is as small as shows its mistake: two threads, one or two words, and two rounds where a value can come back
//! (a leaf word holds the same bits again after a claim and a release).

use std::sync::Arc;

use super::{AGENT, ROLE, holder, table};
use crate::amounts::Amounts;
use crate::desk::Desks;
use crate::index::{Index, Span};
use crate::leaf::{self, PuState};
use crate::ledger::{ChargeError, Ledger};
use crate::memory::{self, MemoryWord, Seat};
use crate::part::Part;
use crate::pooling;
use crate::record::{OpenRecord, Place, Records};
use crate::slots::Magazine;
use crate::sync::{Ordering, Word64, both, model, model_bounded};
use crate::taking::Taking;
use crate::testing::{self, Loose};
use crate::{Confirmed, Limit, NumaNodeId, Outcome, Owner, PAGE_BYTES, Quantities, Released, Request, Standing, Table};

const CORE: testing::Machine =
    testing::Machine { cores: 1, pus_per_core: 1, l3: 0, numa_nodes: 1, packages: 1, mem_bytes: PAGE_BYTES };

fn loose(cores: usize) -> Loose {
    Loose::new(testing::Machine { cores, ..CORE }.shape())
}

fn begin<'a>(records: &'a Records, magazine: &'a Magazine, owner: u64) -> Option<OpenRecord<'a>> {
    let place = Place::new(Standing::default(), 0, 0, ROLE);
    records.begin(magazine, Owner::new(owner), AGENT, place).ok()
}

fn small(machine: testing::Machine) -> Table {
    table(3, Limit::default(), &[machine])
}

#[test]
fn a_leaf_core_is_never_in_two_hands() {
    model(|first| {
        // The second word stands for the core itself: whoever uses it must find it as its last user left it.
        let shared = Arc::new((Word64::new(leaf::fresh(0b11)), Word64::new(0)));
        both(first, &shared, |(word, core), _| {
            for _ in 0..2 {
                if leaf::shift(word, 0b01, PuState::Free, PuState::Held).is_some() {
                    // Relaxed, all: the order is what the leaf's word is tested for.
                    let before = core.load(Ordering::Relaxed);
                    core.store(before + 1, Ordering::Relaxed);
                    assert_eq!(core.load(Ordering::Relaxed), before + 1);
                    core.store(before, Ordering::Relaxed);
                    assert!(leaf::shift(word, 0b01, PuState::Held, PuState::Free).is_some());
                }
            }
        });
        assert_eq!(leaf::read(&shared.0).mask(PuState::Free), 0b11);
        // Relaxed: the threads are joined.
        assert_eq!(shared.1.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn pages_and_seats_are_conserved() {
    model(|first| {
        let word = Arc::new(Word64::new(MemoryWord::fresh(3).pack()));
        both(first, &word, |word, me| {
            let seat = if me == 0 { Seat::SingleStrict } else { Seat::MultiLoose };
            for _ in 0..2 {
                if memory::change(word, |word| word.take(seat, 2)).is_some() {
                    let seats = memory::read(word).seats();
                    assert!(seats.strict == 0 || seats.multi == 0, "both are on the NUMA node: {seats:?}");
                    assert!(memory::change(word, |word| word.give(seat, 2)).is_some());
                }
            }
        });
        assert!(memory::read(&word).is_fresh(3));
    });
}

#[test]
fn a_record_is_one_calls_at_a_time_and_read_untorn() {
    model(|first| {
        let records = Arc::new(Records::new(1));
        let magazine = Magazine::single();
        let mut record = begin(&records, &magazine, 1).unwrap();
        let part = |cpu_milli| Part::Share { pool: 0, member: 0, cpu_milli };
        record.push(part(1)).unwrap();
        record.push(part(1)).unwrap();
        record.publish();
        drop(record);
        let ends = both(first, &records, move |records, me| {
            let magazine = Magazine::single();
            let mut seen = Vec::new();
            if me == 0 {
                // Changes both parts, then frees the record; the id is stale from then on.
                if let Ok(mut record) = records.lock(&magazine, 0, 0) {
                    record.set(0, Part::Share { pool: 0, member: 0, cpu_milli: 2 });
                    record.set(1, Part::Share { pool: 0, member: 0, cpu_milli: 2 });
                }
                records.lock(&magazine, 0, 0).is_ok_and(|mut record| {
                    record.discard();
                    true
                })
            } else {
                let live = records.read(0, 0, |part| seen.push(part)).is_some();
                assert!(!live || seen[0] == seen[1], "torn: {seen:?}");
                records.lock(&magazine, 0, 0).is_ok()
            }
        });
        let stale = records.read(0, 0, |_| {});
        assert_eq!(stale.is_none(), ends[0]);
    });
}

/// The id of a claim that is gone never tells of the next claim of its slot.
#[test]
fn a_slot_that_serves_again_is_not_read_by_its_last_id() {
    model(|first| {
        let records = Arc::new(Records::new(1));
        let magazine = Magazine::single();
        let mut record = begin(&records, &magazine, 1).unwrap();
        record.publish();
        drop(record);
        both(first, &records, |records, me| {
            if me == 0 {
                let magazine = Magazine::single();
                records.lock(&magazine, 0, 0).unwrap().discard();
                drop(begin(records, &magazine, 2).unwrap());
            } else if let Some(seen) = records.read(0, 0, |_| {}) {
                assert_eq!(seen.owner, Owner::new(1));
            }
        });
    });
}

#[test]
fn a_slot_is_given_to_one_claim() {
    model(|first| {
        let records = Arc::new(Records::new(2));
        let slots = both(first, &records, |records, me| {
            let magazine = Magazine::single();
            let mut live = 0;
            for round in 0..2 {
                let mut record = begin(records, &magazine, me).unwrap();
                record.push(Part::Share { pool: 0, member: 0, cpu_milli: 1 }).unwrap();
                live = record.slot();
                if round == 1 {
                    record.publish();
                }
            }
            magazine.unload(0, records.map());
            live
        });
        assert_ne!(slots[0], slots[1]);
        for (owner, slot) in (0..).zip(slots) {
            let generation = records.headers().find(|(at, _)| *at == slot).unwrap().1.generation;
            assert_eq!(records.read(slot, generation, |_| {}).unwrap().owner, Owner::new(owner));
        }
    });
}

/// Takes the words of these parts, as a claim does, and gives them back if it got them all; tells whether it did.
pub(super) fn take_and_give_back(table: &Table, parts: &[Part]) -> bool {
    let taken = table.with_guest(|guest| {
        guest.at(AGENT, |hands, at| {
            let site = hands.site(at).unwrap();
            let mut record = site.begin(Owner::new(1), ROLE).unwrap();
            for part in parts {
                record.push(*part).unwrap();
            }
            let mut taking = Taking::start(&hands, &site.machine, &mut record);
            let taken = taking.take_all();
            taking.undo();
            taken
        })
    });
    taken.flatten().expect("there are desks, and the agent")
}

fn pages(numa_node: u16, seat: Seat, pages: u64) -> Part {
    Part::Memory { numa_node: NumaNodeId::new(numa_node), seat, pages }
}

/// Two claims, each of a core of its own and of memory that is enough for one: whoever is late undoes its core.
#[test]
fn a_claim_of_two_words_is_all_or_nothing() {
    model(|first| {
        let table = Arc::new(small(testing::Machine { cores: 2, mem_bytes: 3 * PAGE_BYTES, ..CORE }));
        let taken = both(first, &table, |table, me| {
            let parts = [Part::Cores { leaf: 0, member: 0, pus: 1 << me }, pages(0, Seat::SingleLoose, 2)];
            take_and_give_back(table, &parts)
        });
        assert!(taken[0] || taken[1], "one of them was first");
        table.validate().unwrap();
    });
}

/// A claim that cannot fit takes what one that fits needs, for a moment; the one that fits may be told `Contended`, never no.
#[test]
fn a_doomed_claim_makes_nobody_refused() {
    model_bounded(2, |first| {
        let table = Arc::new(small(testing::Machine { mem_bytes: PAGE_BYTES, ..CORE }));
        let outcomes = both(first, &table, |table, me| {
            if me == 1 {
                return Some(table.claim(AGENT, holder(1), &Request::exclusive(1, 0)));
            }
            // As a claim whose memory was taken between plan and word: it holds the core, fails, and undoes.
            let parts = [Part::Cores { leaf: 0, member: 0, pus: 1 }, pages(0, Seat::SingleLoose, 2)];
            assert!(!take_and_give_back(table, &parts));
            None
        });
        assert!(!matches!(outcomes[1], Some(Outcome::Refused(_))), "{outcomes:?}");
        table.validate().unwrap();
    });
}

#[test]
fn two_shared_claims_commit_no_more_than_the_pool_has() {
    model(|first| {
        let words = Arc::new(loose(1));
        let promised = both(first, &words, |words, _| {
            let mut changed = false;
            pooling::commit(&words.machine(), 0, 600, &mut changed)
        });
        let word = words.machine().pool(0);
        assert_eq!(promised.iter().filter(|promised| **promised).count(), 1, "600 of 1000, and 400 for the other");
        assert_eq!((word.committed_milli(), word.capacity_milli()), (600, 1000));
        assert_eq!(words.machine().count_in(PuState::Pool), 1);
    });
}

/// The promise of the pool: what the agent runs shared claims on is never given out exclusively.
///
/// Thread 0 is the agent: it reads an order, runs it, confirms it, twice. Thread 1 ends the last shared claim and then wants
/// the core for itself.
#[test]
fn an_exclusive_claim_never_meets_the_pool() {
    model(|first| {
        let words = loose(1);
        let mut changed = false;
        assert!(pooling::commit(&words.machine(), 0, 500, &mut changed));
        // What the agent runs the pool on; at first as ordered.
        let shared = Arc::new((words, Word64::new(1)));
        let confirmed = both(first, &shared, |(words, runs), me| {
            if me == 0 {
                let mut confirmed = None;
                for _ in 0..2 {
                    let order = pooling::order(&words.machine(), 0);
                    // Relaxed: the order is what the confirmation is tested for.
                    runs.store(order.pus.len() as u64, Ordering::Relaxed);
                    if matches!(pooling::confirm(&words.machine(), 0, order.epoch), Confirmed::Freed { .. }) {
                        confirmed = Some(order.epoch);
                    }
                }
                return confirmed;
            }
            words.machine().uncommit(0, 500);
            pooling::trim(&words.machine(), 0);
            if words.machine().shift(0, 1, PuState::Free, PuState::Held) {
                // Relaxed: as above.
                assert_eq!(runs.load(Ordering::Relaxed), 0, "the agent still runs the pool here");
                words.machine().put(0, 1, PuState::Free);
            }
            None
        });
        // Nothing is stuck: either the core is free, or there is an order the agent has not confirmed, and it frees it.
        let (words, _) = &*shared;
        let order = pooling::order(&words.machine(), 0);
        if confirmed[0] != Some(order.epoch) {
            let _freed = pooling::confirm(&words.machine(), 0, order.epoch);
        }
        assert_eq!(words.machine().count_in(PuState::Free), 1, "{confirmed:?}, newest {order:?}");
    });
}

/// A pool that shrinks and grows again while an old order is confirmed: the old confirmation must free nothing of it.
#[test]
fn an_old_confirmation_frees_no_core_that_came_back() {
    model(|first| {
        let words = loose(1);
        let mut changed = false;
        assert!(pooling::commit(&words.machine(), 0, 500, &mut changed));
        words.machine().uncommit(0, 500);
        pooling::trim(&words.machine(), 0);
        let order = pooling::order(&words.machine(), 0);
        assert!(order.pus.is_empty());
        let shared = Arc::new((words, order.epoch));
        both(first, &shared, |(words, epoch), me| {
            if me == 1 {
                let _freed = pooling::confirm(&words.machine(), 0, *epoch);
                return;
            }
            let mut changed = false;
            if pooling::commit(&words.machine(), 0, 500, &mut changed) {
                assert_eq!(words.machine().pus_in(0, PuState::Pool), 1, "promised, so it must be in the pool");
                words.machine().uncommit(0, 500);
                pooling::trim(&words.machine(), 0);
            }
        });
        let (words, _) = &*shared;
        assert_eq!(words.machine().pool(0).capacity_milli(), 0);
        // Wherever the core is, the newest order gets it back: nothing is stuck.
        let order = pooling::order(&words.machine(), 0);
        let _freed = pooling::confirm(&words.machine(), 0, order.epoch);
        assert_eq!(words.machine().count_in(PuState::Free), 1);
    });
}

/// A surplus core may be needed again at the moment at which it is to leave.
#[test]
fn a_promise_and_a_shrinking_pool_agree() {
    model(|first| {
        let words = loose(2);
        let mut changed = false;
        assert!(pooling::commit(&words.machine(), 0, 1500, &mut changed));
        let shared = Arc::new(words);
        let kept = both(first, &shared, |words, me| {
            if me == 1 {
                let mut changed = false;
                return pooling::commit(&words.machine(), 0, 900, &mut changed);
            }
            words.machine().uncommit(0, 1000);
            pooling::trim(&words.machine(), 0);
            false
        });
        let word = shared.machine().pool(0);
        assert_eq!(word.committed_milli(), if kept[1] { 1400 } else { 500 });
        assert_eq!(word.capacity_milli(), 1000 * shared.machine().count_in(PuState::Pool));
        assert_eq!(shared.machine().count_in(PuState::Held), 0);
    });
}

#[test]
fn split_and_release_of_one_claim_are_one_after_the_other() {
    model(|first| {
        let table = Arc::new(small(testing::Machine { cores: 2, mem_bytes: 2 * PAGE_BYTES, ..CORE }));
        let whole = super::granted(table.hold(AGENT, holder(7), crate::HoldLimit::ALL));
        let owner = Owner::new(7);
        let shared = Arc::new((table, whole.claim));
        let ends = both(first, &shared, |(table, claim), me| {
            let owner = Owner::new(7);
            match me {
                0 => (Some(table.split(*claim, owner, &Request::exclusive(1, PAGE_BYTES))), None),
                _ => (None, Some(table.release(*claim, owner))),
            }
        });
        let (Some(split), Some(released)) = (ends[0].0, ends[1].1) else { panic!("{ends:?}") };
        let (table, claim) = &*shared;
        table.validate().unwrap();
        if let Outcome::Granted(child) = split {
            assert!(matches!(table.release(child.claim, owner), Released::Released { .. }));
        }
        if released == Released::Contended {
            assert!(matches!(table.release(*claim, owner), Released::Released { .. }));
        }
        assert_eq!(table.role_used(ROLE), Some(Quantities::default()));
        assert_eq!(table.usage(AGENT).unwrap().pus_free, 2);
        table.validate().unwrap();
    });
}

#[test]
fn a_claim_is_released_once() {
    model(|first| {
        let table = Arc::new(small(CORE));
        let claim = super::granted(table.claim(AGENT, holder(7), &Request::exclusive(1, PAGE_BYTES))).claim;
        let shared = Arc::new((table, claim));
        let ends = both(first, &shared, |(table, claim), _| table.release(*claim, Owner::new(7)));
        assert_eq!(ends.iter().filter(|end| matches!(end, Released::Released { .. })).count(), 1, "{ends:?}");
        shared.0.validate().unwrap();
    });
}

/// A charge that is undone may make another contended, never refused; and a limit is never passed.
#[test]
fn a_limit_holds_and_refuses_only_what_does_not_fit() {
    model_bounded(2, |first| {
        let ledger = Ledger::new(1, 2);
        ledger.add(None, Limit { cpu_milli: Some(3), mem_bytes: Some(PAGE_BYTES) });
        let shared = Arc::new((ledger, Desks::new(2)));
        let ends = both(first, &shared, |(ledger, desks), me| {
            let desk = usize::try_from(me).unwrap();
            let flight = desks.flight(desk, (0, 0), ROLE);
            // The first can never have its memory; the second fits.
            let pages = if me == 0 { 2 } else { 1 };
            ledger.charge((desks, desk, &flight), ROLE, &Amounts::new(2, pages)).err()
        });
        assert!(ends[0].is_some(), "{ends:?}");
        assert!(matches!(ends[1], None | Some(ChargeError::Contended)), "{ends:?}");
        let [cpu_milli, _] = shared.0.used(ROLE).unwrap().cpu_and_pages();
        assert_eq!(cpu_milli, if ends[1].is_none() { 2 } else { 0 });
    });
}

/// Strict memory: two claims that may not share a NUMA node never do, also when both try at once.
#[test]
fn strict_and_spilling_claims_never_share_a_numa_node() {
    model(|first| {
        let shape = testing::Machine { cores: 2, numa_nodes: 2, mem_bytes: 2 * PAGE_BYTES, ..CORE };
        let table = Arc::new(small(shape));
        both(first, &table, |table, me| {
            let parts = [
                &[pages(1, Seat::SingleStrict, 1)][..],
                &[pages(0, Seat::MultiLoose, 2), pages(1, Seat::MultiLoose, 1)][..],
            ];
            take_and_give_back(table, parts[usize::from(me == 1)]);
        });
        table.validate().unwrap();
    });
}

/// The index at rest tells what is free, whoever was in between truth and hint, twice each.
#[test]
fn the_index_tells_what_is_free_at_rest() {
    model(|first| {
        let words = Arc::new(loose(2));
        both(first, &words, |words, me| {
            let machine = words.machine();
            for _ in 0..2 {
                // One takes both PUs, the other one of them: three classes meet.
                let pus = if me == 0 { 0b11 } else { 0b01 };
                if machine.shift(0, pus, PuState::Free, PuState::Held) {
                    machine.put(0, pus, PuState::Free);
                }
            }
        });
        assert!(words.machine().is_indexed());
    });
}

/// One ends with its PU given back, the other with its own taken: the clear for what was taken last must not hide what came back.
#[test]
fn the_index_tells_what_came_back_last() {
    model(|first| {
        let words = Arc::new(loose(2));
        assert!(words.machine().shift(0, 0b01, PuState::Free, PuState::Held));
        both(first, &words, |words, me| {
            let (machine, pu) = (words.machine(), 1 << me);
            for round in 0..2 {
                if me == 0 {
                    machine.put(0, pu, PuState::Free);
                }
                if (me, round) != (0, 1) {
                    assert!(machine.shift(0, pu, PuState::Free, PuState::Held), "nobody else wants it");
                }
                if (me, round) == (1, 0) {
                    machine.put(0, pu, PuState::Free);
                }
            }
        });
        assert_eq!(words.machine().pus_in(0, PuState::Free), 0b01);
        assert!(words.machine().is_indexed());
    });
}

/// A search that hides a NUMA node short of memory, while memory is given back.
#[test]
fn memory_given_back_is_shown_again() {
    model(|first| {
        let pages = crate::index::pages_of(1);
        let machine = testing::Machine { mem_bytes: pages * PAGE_BYTES, ..CORE };
        let words = Arc::new(Loose::new(machine.shape()));
        assert!(words.machine().take_memory(NumaNodeId::new(0), Seat::SingleLoose, pages));
        both(first, &words, |words, me| {
            let (machine, numa_node, pages) = (words.machine(), NumaNodeId::new(0), crate::index::pages_of(1));
            for _ in 0..2 {
                if me == 0 {
                    machine.memory_lacks(numa_node);
                } else {
                    machine.give_memory(numa_node, Seat::SingleLoose, pages);
                    assert!(machine.take_memory(numa_node, Seat::SingleLoose, pages));
                }
            }
            if me == 1 {
                machine.give_memory(numa_node, Seat::SingleLoose, pages);
            }
        });
        assert!(words.machine().is_indexed());
    });
}

/// A leaf's free PUs as the index knows of them, without all else that a machine tells.
struct OneLeaf {
    index: Index,
    free: Word64,
}

impl OneLeaf {
    fn new() -> Self {
        let leaf = Self { index: Index::new(1), free: Word64::new(0) };
        leaf.index.set_active(Span::one(0), true);
        leaf
    }

    fn free(&self) -> u32 {
        // Acquire: pairs with the Release half in `put`.
        u32::try_from(self.free.load(Ordering::Acquire)).unwrap()
    }

    fn put(&self, free: u32) {
        // AcqRel, Relaxed on failure: as a leaf's own changes.
        let before = self.free.update(Ordering::AcqRel, Ordering::Relaxed, |_| Some(u64::from(free))).unwrap();
        self.index.leaf_changed(0, (u32::try_from(before).unwrap(), free), || self.free());
    }

    fn search(&self) -> bool {
        self.index.next(self.index.query(0, None), 0, self.index.rows()).is_some()
    }
}

/// A row that a search finds empty, and clears above, while a leaf of it is given back.
#[test]
fn an_empty_row_is_found_again_once_it_is_not() {
    model_bounded(2, |first| {
        let leaf = Arc::new(OneLeaf::new());
        both(first, &leaf, |leaf, me| {
            if me == 0 {
                let _found = (leaf.search(), leaf.search());
            } else {
                [1, 0, 1].into_iter().for_each(|free| leaf.put(free));
            }
        });
        assert!(leaf.index.has_leaf(0, 1) && leaf.search());
    });
}

/// An agent that goes while it is claimed: the claim is ended with it, undone, or its owner's to release; nothing is lost.
#[test]
fn an_agent_that_goes_leaves_nothing_behind() {
    model_bounded(2, |first| {
        let table = Arc::new(small(CORE));
        let ends = both(first, &table, |table, me| {
            if me == 0 {
                return (Some(table.remove_agent(AGENT)), None);
            }
            (None, Some(table.claim(AGENT, holder(1), &Request::exclusive(1, PAGE_BYTES))))
        });
        assert!(matches!(ends[0].0, Some(Ok(_))), "{ends:?}");
        if let Some(Outcome::Granted(grant)) = ends[1].1 {
            let _ended_or_not = table.release(grant.claim, Owner::new(1));
        }
        assert_eq!(table.role_used(ROLE), Some(Quantities::default()));
        assert_eq!(table.claims().count(), 0);
        // The block is fresh again: it serves the next one.
        assert_eq!(table.add_agent(CORE.shape()), Ok(AGENT));
        assert_eq!((table.incarnation(AGENT), table.usage(AGENT).unwrap().pus_free), (Some(2), 1));
        table.validate().unwrap();
    });
}

/// An agent is closed for an offer while it is claimed: what the offer then sees as free is nobody's.
fn close_beside(claim: fn(&Table, u64) -> (u32, bool)) {
    model_bounded(3, move |first| {
        let table = Arc::new(small(CORE));
        let ends = both(first, &table, claim);
        assert!(!(ends[1].1 && ends[0].0 == 1), "{ends:?}");
        assert!(table.open_after_offer(AGENT) && !table.open_after_offer(AGENT));
    });
}

fn close_or_claim(table: &Table, me: u64, request: &Request) -> (u32, bool) {
    if me == 1 {
        return (0, matches!(table.claim(AGENT, holder(1), request), Outcome::Granted(_)));
    }
    assert_eq!(table.close_for_offers(core::iter::once(AGENT)), 1);
    (table.usage(AGENT).unwrap().pus_free, false)
}

#[test]
fn what_an_offer_sees_free_is_nobodys() {
    close_beside(|table, me| close_or_claim(table, me, &Request::exclusive(1, PAGE_BYTES)));
    close_beside(|table, me| close_or_claim(table, me, &Request::shared(1000, PAGE_BYTES)));
}
