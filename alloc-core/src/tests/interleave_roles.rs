//! The ledger's tree with threads in each other's way: once on plain threads, in every interleaving under loom.
//!
//! Limits are so small that there is no credit but what a refund leaves. A doomed charge takes something on its way that one that fits
//! needs: the one that fits may be told `Contended`, never no.

use std::sync::Arc;

use super::ROLE;
use crate::amounts::Amounts;
use crate::desk::Desks;
use crate::ids::RoleId;
use crate::ledger::{ChargeError, Ledger};
use crate::sync::{First, both, model_bounded};
use crate::{Limit, PAGE_BYTES, Resource};

/// The place of disk.
const DISK: usize = 2;

/// More of it than is kept as credit.
const MUCH: u64 = 1 << 31;

/// A top role that may have so much CPU, a page and 3 blocks; below it two others, of which the first may have so much CPU.
fn family([top, first]: [u64; 2]) -> Ledger {
    let ledger = Ledger::new(3, 2);
    ledger.add(None, Limit { cpu_milli: Some(top), mem_bytes: Some(PAGE_BYTES) });
    ledger.add(Some(ROLE), Limit { cpu_milli: Some(first), mem_bytes: None });
    ledger.add(Some(ROLE), Limit::default());
    assert!(ledger.resources().number(&[Resource::Disk]) && ledger.set_at(ROLE, DISK, Some(3)));
    ledger
}

fn owed(cpu_milli: u64, pages: u64, blocks: u64) -> Amounts {
    let mut owed = Amounts::new(cpu_milli, pages);
    owed.0[DISK] = blocks;
    owed
}

/// Each thread charges a role below the top; how that ended, and the ledger after it.
fn charge_both(first: First, limits: [u64; 2], wanted: [(u16, Amounts); 2]) -> ([Option<ChargeError>; 2], Ledger) {
    let shared = Arc::new((family(limits), Desks::new(2), wanted));
    let ends = both(first, &shared, |(ledger, desks, wanted), me| {
        let desk = usize::from(me != 0);
        let (role, owed) = (RoleId::new(wanted[desk].0), wanted[desk].1);
        let flight = desks.flight(desk, (0, 0), role);
        ledger.charge((desks, desk, &flight), role, &owed).err()
    });
    let (ledger, ..) = Arc::into_inner(shared).unwrap();
    let granted = |at: usize| if ends[at].is_none() { wanted[at].1 } else { Amounts::ZERO };
    let mut sum = granted(0);
    sum.add(&granted(1));
    assert_eq!(ledger.used(ROLE), Some(sum), "the top has what those below it have");
    (ends, ledger)
}

/// The first can never have what it wants and the second can.
fn a_doomed_charge_makes_nobody_refused(first: First, limits: [u64; 2], wanted: [(u16, Amounts); 2]) {
    let (ends, ledger) = charge_both(first, limits, wanted);
    assert!(ends[0].is_some(), "{ends:?}");
    assert!(matches!(ends[1], None | Some(ChargeError::Contended)), "{ends:?}");
    if wanted[0].0 != wanted[1].0 {
        assert_eq!(ledger.used(RoleId::new(wanted[0].0)), Some(Amounts::ZERO));
    }
}

/// Both want more than half of what the role above may have: one gets it, and who is told no is told so for the other's sake.
#[test]
fn two_children_pass_no_limit_of_their_parent() {
    for wanted in [owed(2, 0, 0), owed(0, 0, 2)] {
        model_bounded(2, move |first| {
            let (ends, ledger) = charge_both(first, [3, 3], [(1, wanted), (2, wanted)]);
            assert!(ends.iter().any(Option::is_some), "{ends:?}");
            let is_no = |end: &Option<ChargeError>| matches!(end, Some(ChargeError::Over(_)));
            assert!(!ends.iter().any(is_no) || ends.iter().any(Option::is_none), "{ends:?}");
            let used = ledger.used(ROLE).unwrap();
            assert!(used.0[0] <= 3 && used.0[DISK] <= 3, "{used:?}");
        });
    }
}

/// The doomed one has the top role's CPU until it finds too little memory there.
#[test]
fn a_doomed_child_does_not_refuse_its_sibling() {
    model_bounded(2, |first| {
        a_doomed_charge_makes_nobody_refused(first, [3, 3], [(1, owed(2, 2, 0)), (2, owed(2, 1, 0))])
    });
}

/// The doomed one has its own role's CPU until the role above refuses. So much of it goes back to the counter and not to credit, where
/// it would be found.
#[test]
fn an_undo_across_levels_is_contended() {
    let wanted = [(1, owed(2 * MUCH, 0, 0)), (1, owed(MUCH, 0, 0))];
    model_bounded(2, move |first| a_doomed_charge_makes_nobody_refused(first, [MUCH, 2 * MUCH], wanted));
}

/// The doomed one has disk of the role above until it finds too little CPU.
#[test]
fn a_doomed_charge_of_disk_makes_nobody_refused() {
    model_bounded(2, |first| {
        a_doomed_charge_makes_nobody_refused(first, [3, 3], [(1, owed(4, 0, 2)), (2, owed(1, 0, 2))])
    });
}
