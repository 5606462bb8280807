//! A panic at each change of a word that a call makes: nothing stays taken, nothing is given back twice.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::machines::{GPU, HBM, LABELS, NIC, PORTS, TOKENS, with_extras};
use super::{AGENT, granted, holder, table_of};
use crate::sync::fault;
use crate::{
    Confirmed, DeviceAmount, DeviceLocality, GroupId, GroupKey, GroupSpec, HoldLimit, HugePages, Level, Limit,
    Locality, MemoryLocality, Outcome, Owner, Pick, Placed, Placement, Policy, Request, Rule, Shape, Span, Table,
    Usage,
};

pub(super) fn fresh() -> Table {
    let limit = Limit { cpu_milli: Some(1_000_000), mem_bytes: Some(1 << 30) };
    let mut spec = with_extras();
    spec.numa_nodes[..2].iter_mut().for_each(|numa_node| numa_node.mem_bytes = 1 << 20);
    table_of(16, limit, vec![Shape::new(&spec).unwrap()])
}

/// With some of everything.
fn with_all_extras(request: Request) -> Request {
    request
        .with_huge_pages(HugePages { mib2: 5, gib1: 2 })
        .with_special_memory(HBM, 9 * 4096)
        .with_devices(GPU, DeviceAmount::Whole(3), DeviceLocality::Required)
        .with_devices(NIC, DeviceAmount::Milli(200), DeviceLocality::Preferred)
        .with_disk(4096)
        .with_scalar(TOKENS, 1)
        .with_range(PORTS, Pick::Any(60))
        .with_set(LABELS, Pick::Exact(vec![Span::one(2)]))
}

/// Lets what is leaving leave, so that what is left can be compared.
fn settle(table: &Table) -> Usage {
    table.trim_pools(AGENT);
    for order in table.pool_orders(AGENT) {
        assert!(matches!(table.confirm_pool(AGENT, order.numa_node, order.epoch), Confirmed::Freed { .. }));
    }
    let mut usage = table.usage(AGENT).unwrap();
    for pool in &mut usage.pools {
        pool.epoch = 0;
    }
    usage
}

/// Runs `call` with a panic at its first, second, … change of a word, until it comes through; after each panic the table
/// must be as `prepare` left it.
pub(super) fn at_every_step(prepare: impl Fn(&Table), call: impl Fn(&Table)) {
    let before = {
        let table = fresh();
        prepare(&table);
        (settle(&table), table.role_used(super::ROLE), table.claims_on(AGENT).collect::<Vec<_>>())
    };
    for step in 0.. {
        let table = fresh();
        prepare(&table);
        fault::arm(step);
        let end = catch_unwind(AssertUnwindSafe(|| call(&table)));
        if fault::disarm() {
            assert!(end.is_ok() && step > 0, "the call never changed a word, or panicked by itself");
            table.validate().unwrap();
            return;
        }
        assert!(end.is_err());
        table.validate().unwrap_or_else(|fault| panic!("after a panic at step {step}: {fault}"));
        let after = (settle(&table), table.role_used(super::ROLE), table.claims_on(AGENT).collect::<Vec<_>>());
        assert_eq!(after.0, before.0, "step {step}");
        assert_eq!(after.1, before.1, "step {step}");
        // Generations move on, so only the number of claims is compared.
        assert_eq!(after.2.len(), before.2.len(), "step {step}");
    }
}

#[track_caller]
fn claim(table: &Table, request: &Request) {
    granted(table.claim(AGENT, holder(1), request));
}

#[test]
fn an_exclusive_claim_of_several_leaves_and_a_strict_group() {
    let request = Request::exclusive(10, 3 << 19).with_memory(MemoryLocality::Required);
    at_every_step(|_| {}, |table| claim(table, &request));
}

#[test]
fn a_claim_of_some_of_everything() {
    let request = with_all_extras(Request::exclusive(5, 4096)).with_memory(MemoryLocality::Required);
    at_every_step(|_| {}, |table| claim(table, &request));
    at_every_step(|_| {}, |table| claim(table, &with_all_extras(Request::shared(500, 0))));
}

/// Charged to a role that spends credit, and to the one above.
#[test]
fn a_claim_that_is_charged_to_two_levels() {
    let limit = Limit { cpu_milli: Some(100_000), mem_bytes: None };
    let below = |table: &Table| table.add_role_under(super::ROLE, limit).unwrap();
    let request = with_all_extras(Request::exclusive(5, 4096));
    for request in [request, Request::exclusive(4, 4096), Request::shared(3500, 4096)] {
        at_every_step(
            |table| assert_eq!(below(table).get(), 1),
            |table| {
                granted(table.claim(AGENT, crate::Holder { role: crate::RoleId::new(1), ..holder(1) }, &request));
            },
        );
    }
}

#[test]
fn a_shared_claim_that_makes_its_pool_grow() {
    at_every_step(|_| {}, |table| claim(table, &Request::shared(3500, 4096)));
}

#[test]
fn a_shared_claim_over_two_pools() {
    at_every_step(|_| {}, |table| claim(table, &Request::shared(12_000, 3 << 19)));
}

#[test]
fn a_hold_of_everything() {
    at_every_step(
        |table| claim(table, &Request::shared(500, 0)),
        |table| {
            granted(table.hold(AGENT, holder(1), HoldLimit::ALL));
        },
    );
}

#[test]
fn a_placement_over_agents() {
    let request = Request::exclusive(2, 4096).with_locality(Locality::Required(Level::Core));
    at_every_step(
        |_| {},
        |table| assert!(matches!(table.place(holder(1), &request, Policy::Spread), crate::Placed::Granted(_))),
    );
}

#[test]
fn a_placement_of_a_member() {
    let spec = GroupSpec { key: GroupKey::Agent };
    for request in [Request::exclusive(2, 4096), Request::shared(2500, 4096)] {
        at_every_step(
            |table| assert!(table.add_group(spec).is_ok()),
            |table| {
                let group = GroupId::from_u32(0);
                let rules = [Rule::AtMost { group, members: 1 }, Rule::Near { group, or_first: true }];
                let selection = table.select([]).unwrap().joining(group);
                let mut selection = rules.into_iter().fold(selection, crate::Selection::with_rule);
                let placed = table.place_where(holder(1), &request, Policy::Pack, &mut selection);
                let Placed::Granted(grant) = placed else { panic!("{placed:?}") };
                assert_eq!(table.members(group).map(|members| members.len()), Some(1));
                assert_eq!(table.placement(grant.claim).unwrap().groups, [group]);
            },
        );
    }
}

#[test]
fn a_restored_claim() {
    let placement = {
        let table = fresh();
        let request = with_all_extras(Request::exclusive(10, 3 << 19));
        let grant = granted(table.claim(AGENT, holder(1), &request));
        table.placement(grant.claim).unwrap()
    };
    at_every_step(
        |_| {},
        |table| {
            table.restore(AGENT, holder(1), &placement).unwrap();
        },
    );
}

#[test]
fn an_exact_claim_of_cores_a_share_and_a_strict_group() {
    let request = Request::exclusive(5, 3 << 19).with_member(crate::Cpus::shared(2500));
    let placement = {
        let table = fresh();
        let mut snapshot = crate::Snapshot::new(&table);
        assert_eq!(snapshot.refresh(), crate::Refreshed::Whole);
        snapshot.plan(AGENT, &request.with_memory(MemoryLocality::Required)).unwrap()
    };
    at_every_step(
        |_| {},
        |table| {
            let claimed = table.claim_exact(AGENT, 1, holder(1), &placement);
            assert!(matches!(claimed, crate::ClaimedExact::Granted(_)), "{claimed:?}");
        },
    );
}

/// A split is not undone by itself: what it changed is the claim it split, so the whole of both is compared.
#[test]
fn a_split_that_takes_seats_and_makes_a_pool_grow() {
    for request in [
        Request::exclusive(4, 4096).with_memory(MemoryLocality::Required),
        Request::shared(2500, 4096).with_memory(MemoryLocality::Required),
        with_all_extras(Request::exclusive(4, 4096)).with_memory(MemoryLocality::Required),
    ] {
        for step in 0.. {
            let table = fresh();
            let whole = granted(table.hold(AGENT, holder(1), HoldLimit::ALL));
            let before = table.placement(whole.claim).unwrap().quantities();
            fault::arm(step);
            let end = catch_unwind(AssertUnwindSafe(|| table.split(whole.claim, Owner::new(1), &request)));
            let came_through = fault::disarm();
            table.validate().unwrap_or_else(|fault| panic!("after a panic at step {step}: {fault}"));
            let rest = table.placement(whole.claim).unwrap().quantities();
            if came_through {
                let Ok(Outcome::Granted(child)) = end else { panic!("{end:?}") };
                assert_eq!(before.checked_sub(child.charged), Some(rest));
                break;
            }
            assert_eq!((end.is_err(), rest), (true, before), "step {step}");
            assert_eq!(table.claims_on(AGENT).count(), 1);
        }
    }
}

#[test]
fn an_unknown_piece_is_refused_before_anything_is_changed() {
    let table = fresh();
    let whole = granted(table.hold(
        AGENT,
        holder(1),
        HoldLimit { exclusive_pus: 2, pool_milli: 0, mem_bytes: 0, extras: false },
    ));
    let piece = Placement { pus: vec![crate::PuId::new(14), crate::PuId::new(15)], ..Placement::default() };
    assert!(matches!(table.split_exact(whole.claim, Owner::new(1), &piece), Outcome::Refused(_)));
    table.validate().unwrap();
}
