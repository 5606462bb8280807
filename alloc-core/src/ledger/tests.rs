//! The ledger by example.

use super::*;

const ROLE: RoleId = RoleId::new(0);
const DESK: usize = 0;

fn charge(ledger: &Ledger, desks: &Desks, desk: usize, owed: Amounts) -> Result<(), ChargeError> {
    ledger.charge((desks, desk, &desks.flight(desk, (0, 0), ROLE)), ROLE, &owed)
}

fn ledger(cpu_milli: u64, pages: u64) -> (Ledger, Desks) {
    let ledger = Ledger::new(1, 2);
    ledger.add(None, Limit { cpu_milli: Some(cpu_milli), mem_bytes: Some(pages * PAGE_BYTES) });
    (ledger, Desks::new(2))
}

fn quantities(cpu_milli: u64, pages: u64) -> Amounts {
    Amounts::new(cpu_milli, pages)
}

#[test]
fn what_is_charged_is_refunded() {
    let (ledger, desks) = ledger(3000, 8);
    charge(&ledger, &desks, DESK, quantities(1000, 2)).unwrap();
    charge(&ledger, &desks, DESK, quantities(2000, 6)).unwrap();
    ledger.refund(DESK, ROLE, &quantities(2000, 6));
    assert_eq!(ledger.used(ROLE), Some(quantities(1000, 2)));
    ledger.refund(DESK, ROLE, &quantities(1000, 2));
    assert_eq!(ledger.used(ROLE), Some(Amounts::ZERO));
}

#[test]
fn a_refusal_names_the_figures_and_is_final_only_when_nobody_is_in_flight() {
    let (ledger, desks) = ledger(3000, 8);
    charge(&ledger, &desks, DESK, quantities(2000, 1)).unwrap();
    let over = OverLimit { role: ROLE, resource: Resource::CpuMilli, asked: 2000, used: 2000, limit: 3000 };
    let try_charge = |cpu_milli, pages| charge(&ledger, &desks, DESK, quantities(cpu_milli, pages)).err();
    assert_eq!(try_charge(2000, 1), Some(ChargeError::Over(over)));
    assert!(matches!(try_charge(0, 9), Some(ChargeError::Over(_))));
    let other = desks.flight(1, (0, 0), ROLE);
    assert_eq!(try_charge(2000, 1), Some(ChargeError::Contended));
    drop(other);
    assert!(matches!(try_charge(2000, 1), Some(ChargeError::Over(_))));
    assert_eq!(
        ledger.charge((&desks, DESK, &desks.flight(DESK, (0, 0), ROLE)), RoleId::new(7), &quantities(0, 0)).err(),
        Some(ChargeError::NoSuchRole)
    );
}

#[test]
fn credit_never_strands_what_fits() {
    let (ledger, desks) = ledger(100_000, 1000);
    // A first charge at each desk leaves credit there.
    for desk in [0, 1] {
        charge(&ledger, &desks, desk, quantities(1, 1)).unwrap();
    }
    assert_eq!(ledger.used(ROLE), Some(quantities(2, 2)));
    charge(&ledger, &desks, 0, quantities(99_998, 998)).unwrap();
    assert_eq!(ledger.used(ROLE), Some(quantities(100_000, 1000)));
    assert!(matches!(charge(&ledger, &desks, 1, quantities(1, 0)), Err(ChargeError::Over(_))));
}

#[test]
fn facts_are_charged_past_the_limit() {
    let (ledger, _) = ledger(1000, 0);
    ledger.charge_fact(ROLE, &quantities(5000, 1)).unwrap();
    assert_eq!(ledger.used(ROLE), Some(quantities(5000, 1)));
}

#[test]
fn a_role_may_gain_and_lose_limits_between_charge_and_refund() {
    let (ledger, desks) = ledger(1000, 10);
    let limits = Limit { cpu_milli: Some(1000), mem_bytes: None };
    ledger.set(ROLE, Limit::default());
    charge(&ledger, &desks, 0, quantities(5000, 50)).unwrap();
    ledger.set(ROLE, limits);
    assert!(matches!(charge(&ledger, &desks, 1, quantities(1, 0)), Err(ChargeError::Over(_))));
    ledger.refund(1, ROLE, &quantities(4500, 45));
    assert_eq!(ledger.used(ROLE), Some(quantities(500, 5)));
    charge(&ledger, &desks, 1, quantities(500, 0)).unwrap();
    assert!(matches!(charge(&ledger, &desks, 0, quantities(1, 0)), Err(ChargeError::Over(_))));
    ledger.set(ROLE, Limit::default());
    ledger.refund(0, ROLE, &quantities(1000, 5));
    assert_eq!(ledger.used(ROLE), Some(Amounts::ZERO));
}

#[test]
fn a_limit_below_what_there_is_refuses_only_more_of_it() {
    let (ledger, desks) = ledger(10_000, 10);
    charge(&ledger, &desks, DESK, quantities(1000, 5)).unwrap();
    ledger.set(ROLE, Limit { cpu_milli: Some(10_000), mem_bytes: Some(0) });
    assert_eq!(ledger.refuses(ROLE, &quantities(1000, 0)), Ok(()));
    charge(&ledger, &desks, 1, quantities(1000, 0)).unwrap();
    assert!(matches!(charge(&ledger, &desks, 1, quantities(0, 1)), Err(ChargeError::Over(_))));
}

#[test]
fn who_leaves_a_desk_leaves_no_credit() {
    let (ledger, desks) = ledger(1 << 40, 1 << 40);
    charge(&ledger, &desks, DESK, quantities(1, 1)).unwrap();
    ledger.leave(&desks, DESK);
    assert_eq!(ledger.roles[0].0.given(0), 1);
    assert_eq!(ledger.used(ROLE), Some(quantities(1, 1)));
}

/// Two children of one role with a limit, each at a desk of its own.
fn family(cpu_milli: u64, disk: u64) -> (Ledger, Desks, [RoleId; 3]) {
    let ledger = Ledger::new(3, 2);
    let top = ledger.add(None, Limit { cpu_milli: Some(cpu_milli), mem_bytes: None }).unwrap();
    let child = || ledger.add(Some(top), Limit::default()).unwrap();
    let roles = [top, child(), child()];
    assert!(ledger.resources().number(&[Resource::Disk]));
    assert!(ledger.set_at(top, 2, Some(disk)));
    (ledger, Desks::new(2), roles)
}

fn with_disk(cpu_milli: u64, blocks: u64) -> Amounts {
    let mut owed = Amounts::new(cpu_milli, 0);
    owed.0[2] = blocks;
    owed
}

/// A claim of one child that is in flight makes nobody's no final who is under the same parent, and nobody else's.
#[test]
fn in_flight_for_a_role_is_who_is_in_flight_below_it() {
    for owed in [with_disk(2000, 0), with_disk(0, 2)] {
        let (ledger, desks, [_, one, two]) = family(3000, 3);
        ledger.charge_fact(one, &with_disk(2000, 2)).unwrap();
        let ask = |role| ledger.charge((&desks, 0, &desks.flight(0, (0, 0), role)), role, &owed).err();
        assert!(matches!(ask(two), Some(ChargeError::Over(_))));
        let other = desks.flight(1, (0, 0), one);
        assert_eq!(ask(two), Some(ChargeError::Contended));
        drop(other);
        assert!(matches!(ask(two), Some(ChargeError::Over(_))));
        let unknown = desks.flight(1, (0, 0), RoleId::new(9));
        assert!(matches!(ask(two), Some(ChargeError::Over(_))));
        drop(unknown);
        assert_eq!(ledger.used(two), Some(Amounts::ZERO));
    }
}

/// What a level below was charged before the no is given back, and told as an undo.
#[test]
fn an_undo_across_levels_is_counted() {
    for owed in [with_disk(4000, 0), with_disk(1, 4)] {
        let (ledger, desks, [_, one, _]) = family(3000, 3);
        let watch = Watch::start(&desks);
        assert!(ledger.charge((&desks, 0, &desks.flight(0, (0, 0), one)), one, &owed).is_err());
        assert!(!watch.saw_no_undo(&desks, 0));
        assert_eq!(ledger.used(one), Some(Amounts::ZERO));
        let watch = Watch::start(&desks);
        ledger.charge((&desks, 0, &desks.flight(0, (0, 0), one)), one, &with_disk(3000, 3)).unwrap();
        assert!(watch.saw_no_undo(&desks, 0));
    }
}
