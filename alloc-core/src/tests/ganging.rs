//! Gangs, by example.

use super::{AGENT, ROLE, granted, holder, table};
use crate::testing::Machine;
use crate::{
    AgentId, AgentState, Cpus, Ganged, Grant, Invalid, Limit, Local, Members, NoGang, Owner, Policy, Quantities,
    Reason, ReasonKind, Released, Request, Resource, Table, Wanted,
};

const MACHINE: Machine = Machine { cores: 4, pus_per_core: 2, l3: 2, numa_nodes: 1, packages: 1, mem_bytes: 1 << 20 };
const OTHER: AgentId = AgentId::new(1);

fn fresh(agents: usize) -> Table {
    table(64, Limit::default(), &vec![MACHINE; agents])
}

fn agents(grants: &[Grant]) -> Vec<u32> {
    grants.iter().map(|grant| grant.claim.agent().get()).collect()
}

/// Nothing is held, and nothing stays behind.
#[track_caller]
fn nothing_held(table: &Table, but_milli: u64) {
    table.validate().unwrap();
    assert_eq!(table.role_used(ROLE), Some(Quantities { cpu_milli: but_milli, mem_bytes: 0 }));
}

#[test]
fn a_gang_is_claimed_in_agent_order_and_told_so() {
    let table = fresh(2);
    let wanted =
        [(OTHER, Request::exclusive(4, 0)), (AGENT, Request::exclusive(2, 0)), (OTHER, Request::shared(500, 0))];
    let mut grants = vec![granted(table.claim(AGENT, holder(1), &Request::exclusive(2, 0)))];
    assert!(matches!(table.release(grants[0].claim, Owner::new(1)), Released::Released { .. }));
    let ganged = table.claim_gang(holder(1), &wanted, &mut grants);
    assert_eq!(ganged, Ganged::Granted { charged: Quantities { cpu_milli: 6500, mem_bytes: 0 } });
    assert_eq!(agents(&grants), [0, 1, 1]);
    assert_eq!(grants.iter().map(|grant| grant.charged.cpu_milli).collect::<Vec<_>>(), [2000, 4000, 500]);
    assert!(!grants[1].pools_changed && grants[2].pools_changed);
    table.validate().unwrap();
    for grant in grants {
        assert!(matches!(table.release(grant.claim, Owner::new(1)), Released::Released { .. }));
    }
    nothing_held(&table, 0);
}

#[test]
fn a_refused_gang_says_which_agent_and_why_and_holds_nothing() {
    let table = fresh(3);
    let mut grants = Vec::new();
    let half = |agent| (AgentId::new(agent), Request::exclusive(4, 0));
    let wanted = [(AGENT, Request::shared(500, 0)), half(1), (AgentId::new(2), Request::exclusive(10, 0))];
    let Ganged::Refused { why: NoGang::Agent(no), pools_changed } = table.claim_gang(holder(1), &wanted, &mut grants)
    else {
        panic!("it has eight PUs")
    };
    assert_eq!((no.agent, no.reason.kind()), (AgentId::new(2), ReasonKind::LargerThanMachine(Wanted::ExclusivePus)));
    // The pool of the first agent grew and shrank: it is in the list.
    assert!(pools_changed);
    assert_eq!(agents(&grants), [0, 1]);
    assert!(grants.iter().all(|grant| table.placement(grant.claim).is_none()));
    nothing_held(&table, 0);

    // What the gang itself took counts.
    let Ganged::Refused { why: NoGang::Agent(no), .. } =
        table.claim_gang(holder(1), &[half(1), half(1), half(1)], &mut grants)
    else {
        panic!("two halves are a whole")
    };
    assert_eq!(no.reason.kind(), ReasonKind::Busy(Wanted::ExclusivePus));
    table.set_state(OTHER, AgentState::Draining).unwrap();
    let refused = table.claim_gang(holder(1), &[half(0), half(1), half(9)], &mut grants);
    assert!(
        matches!(refused, Ganged::Refused { why: NoGang::Agent(no), pools_changed: false } if no.reason == Reason::Draining)
    );
    let refused = table.claim_gang(holder(1), &[half(0), half(9)], &mut grants);
    assert!(matches!(refused, Ganged::Refused { why: NoGang::Agent(no), .. } if no.reason == Reason::Gone));
    nothing_held(&table, 0);
    assert_eq!(table.claim_gang(holder(1), &[], &mut grants), Ganged::Granted { charged: Quantities::default() });
}

#[test]
fn a_limit_holds_for_the_gang_as_a_whole() {
    let table = table(64, Limit { cpu_milli: Some(5000), mem_bytes: None }, &[MACHINE, MACHINE]);
    let mut grants = Vec::new();
    let over = |refused| matches!(refused, ReasonKind::RoleLimit(Resource::CpuMilli));
    let wanted = [(AGENT, Request::exclusive(4, 0)), (OTHER, Request::exclusive(2, 0))];
    let refused = table.claim_gang(holder(1), &wanted, &mut grants);
    assert!(matches!(refused, Ganged::Refused { why: NoGang::Agent(no), .. } if over(no.reason.kind())));
    nothing_held(&table, 0);
    let refused = table.place_gang(holder(1), &Request::exclusive(2, 0), 3, Policy::Pack, 8, &mut grants);
    assert!(matches!(refused, Ganged::Refused { why: NoGang::Role(reason), .. } if over(reason.kind())));
    nothing_held(&table, 0);
}

#[test]
fn a_placed_gang_keeps_to_its_policy_and_its_most_per_agent() {
    let table = fresh(3);
    let request = Request::exclusive(2, 0);
    let mut grants = Vec::new();
    for (count, policy, most, on) in [
        (6, Policy::Pack, 3, vec![0, 0, 0, 1, 1, 1]),
        (6, Policy::Pack, 100, vec![0, 0, 0, 0, 1, 1]),
        (5, Policy::Spread, 100, vec![0, 0, 1, 1, 2]),
        (2, Policy::Spread, 1, vec![0, 1]),
        (12, Policy::Spread, 4, vec![0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]),
        (0, Policy::Pack, 1, vec![]),
    ] {
        let ganged = table.place_gang(holder(1), &request, count, policy, most, &mut grants);
        let charged = Quantities { cpu_milli: u64::from(count) * 2000, mem_bytes: 0 };
        assert_eq!((ganged, agents(&grants)), (Ganged::Granted { charged }, on));
        for grant in &grants {
            assert!(matches!(table.release(grant.claim, Owner::new(1)), Released::Released { .. }));
        }
        nothing_held(&table, 0);
    }
    // What one agent cannot take of its share the others do.
    granted(table.claim(AGENT, holder(1), &Request::exclusive(6, 0)));
    let ganged = table.place_gang(holder(1), &request, 9, Policy::Spread, 100, &mut grants);
    assert!(matches!(ganged, Ganged::Granted { .. }), "{ganged:?}");
    assert_eq!(grants.iter().filter(|grant| grant.claim.agent() == AGENT).count(), 1);
}

#[test]
fn a_gang_without_room_says_how_many_found_some_and_what_came_nearest() {
    let table = fresh(3);
    granted(table.claim(OTHER, holder(1), &Request::exclusive(6, 0)));
    let local = Local::new(&table, 0).unwrap();
    let mut grants = Vec::new();
    let request = Request::exclusive(4, 0);
    let refused = local.place_gang(holder(1), &request, 5, Policy::Spread, 2, &mut grants);
    let Ganged::Refused { why: NoGang::Room { placed: 4, nearest: Some(no) }, .. } = refused else {
        panic!("{refused:?}")
    };
    assert_eq!((no.agent, no.to_string()), (OTHER, "wants 4 exclusive PUs; agent a1 has 2 free".into()));
    nothing_held(&table, 6000);
    let refused = local.place_gang(holder(1), &Request::exclusive(2, 0), 4, Policy::Pack, 1, &mut grants);
    assert!(
        matches!(refused, Ganged::Refused { why: NoGang::Room { placed: 3, nearest: None }, .. }),
        "each has one: {refused:?}"
    );
    let nobody: Members = [Cpus::shared(0)].into_iter().collect();
    let refused = local.place_gang(holder(1), &Request::new(nobody, 0), 1, Policy::Pack, 1, &mut grants);
    assert_eq!(refused, Ganged::Refused { why: NoGang::Invalid(Invalid::NoCpu), pools_changed: false });
    assert!(matches!(
        local.claim_gang(holder(1), &[(AGENT, request)], &mut grants),
        Ganged::Granted { charged: Quantities { cpu_milli: 4000, .. } }
    ));
    nothing_held(&table, 10_000);
}

#[test]
fn a_gang_with_a_claim_that_cannot_be_meant_touches_nothing() {
    let table = fresh(2);
    let epochs = || table.pool_orders(AGENT).iter().map(|order| order.epoch).collect::<Vec<_>>();
    let before = epochs();
    let wanted = [(AGENT, Request::shared(500, 0)), (OTHER, Request::exclusive(0, 0))];
    let ganged = table.claim_gang(holder(1), &wanted, &mut Vec::new());
    assert_eq!(ganged, Ganged::Refused { why: NoGang::Invalid(Invalid::NoCpu), pools_changed: false });
    assert_eq!(epochs(), before);
    nothing_held(&table, 0);
}
