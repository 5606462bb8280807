//! Others use the table while an allocator works on it.

use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::Arc;

use super::{Cluster, GIB};
use crate::allocator::{Allocator, Event, InvalidOffers, Operation, RoleSpec, Rules, Subscription};
use crate::{
    AgentId, Attributes, Capacity, Claimant, FrameworkId, Grant, Holder, OfferId, Outcome, Owner, Placed, Policy,
    Quantities, Reason, Released, Request, RoleId, Table,
};

const A0: AgentId = AgentId::new(0);
const A1: AgentId = AgentId::new(1);

fn holder(role: RoleId) -> Holder {
    Holder { owner: Owner::new(99), role }
}

fn claim(cluster: &Cluster, role: RoleId, request: &Request) -> Grant {
    cluster.allocator.table().claim(A0, holder(role), request).granted().expect("it is free")
}

fn release(cluster: &Cluster, grant: Grant) {
    let released = cluster.allocator.table().release(grant.claim, Owner::new(99));
    assert!(matches!(released, Released::Released { .. }));
}

#[test]
fn what_others_claimed_between_cycles_is_not_offered() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    cluster.cycle();
    claim(&cluster, role, &Request::exclusive(3, GIB));
    let framework = cluster.framework(1, role);
    assert_eq!(cluster.cycle(), [(framework, A0)], "nobody told, and it is seen");
    let offer = cluster.offers_to(framework)[0];
    let view = cluster.allocator.offer_view(offer).unwrap();
    assert_eq!((view.quantities.cpu_milli, view.quantities.mem_bytes), (1_000, 7 * GIB));
    assert!(cluster.accept(offer, &[Request::exclusive(1, 7 * GIB)], 0)[0].granted().is_some());
}

#[test]
fn an_agent_that_others_filled_goes_to_nobody() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    cluster.cycle();
    let grant = claim(&cluster, role, &Request::exclusive(4, GIB));
    let framework = cluster.framework(1, role);
    assert_eq!(cluster.cycle(), []);
    release(&cluster, grant);
    assert_eq!(cluster.after(1_000), [], "nobody told");
    cluster.allocator.changed(A0);
    assert_eq!(cluster.after(0), [(framework, A0)]);
}

#[test]
fn what_others_release_beside_an_offer_is_offered_beside_it() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let grant = claim(&cluster, role, &Request::exclusive(3, GIB));
    let framework = cluster.framework(1, role);
    assert_eq!(cluster.cycle(), [(framework, A0)]);
    release(&cluster, grant);
    cluster.allocator.changed(A0);
    assert_eq!(cluster.after(1_000), [(framework, A0)]);
    let both = cluster.offers_to(framework);
    let accepted = cluster.accept_all(&both, &[Request::exclusive(4, 8 * GIB)], 0).unwrap();
    assert!(accepted.outcomes[0].granted().is_some());
}

#[test]
fn an_accept_takes_what_it_was_shown_though_others_released_meanwhile() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let grant = claim(&cluster, role, &Request::exclusive(3, GIB));
    let framework = cluster.framework(1, role);
    cluster.cycle();
    release(&cluster, grant);
    let offer = cluster.offers_to(framework)[0];
    let outcomes = cluster.accept(offer, &[Request::exclusive(2, GIB), Request::exclusive(1, GIB)], 0);
    assert!(outcomes[0].granted().is_none() && outcomes[1].granted().is_some(), "one core was offered: {outcomes:?}");
}

#[test]
fn nobody_claims_or_grows_on_an_agent_that_is_offered() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let grant = claim(&cluster, role, &Request::exclusive(1, GIB));
    let framework = cluster.framework(1, role);
    cluster.cycle();
    let table = cluster.allocator.table();
    let is_offered = |outcome: Outcome| matches!(outcome, Outcome::Refused(no) if no.reason == Reason::Offered);
    assert!(is_offered(table.claim(A0, holder(role), &Request::exclusive(1, 0))));
    assert!(is_offered(table.resize(grant.claim, Owner::new(99), &Request::exclusive(2, GIB))));
    assert!(matches!(table.place(holder(role), &Request::exclusive(1, 0), Policy::Pack), Placed::Refused(_)));
    let claimant = Claimant { owner: Owner::new(5), role, framework: Some(framework) };
    assert!(is_offered(cluster.allocator.claim(A0, claimant, &Request::exclusive(1, 0)).unwrap()));
    let next = cluster.allocator.table().add_agent(Cluster::shape(4, 8)).unwrap();
    let placed = cluster.allocator.table().place(holder(role), &Request::exclusive(1, 0), Policy::Pack);
    assert!(matches!(placed, Placed::Granted(grant) if grant.claim.agent() == next), "another agent serves");
    assert_eq!((cluster.events(), cluster.offers_to(framework).len()), (vec![], 1));
}

#[test]
fn an_agent_that_others_removed_from_the_table_is_no_trouble() {
    let mut cluster = Cluster::new();
    cluster.agents(2, 4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    cluster.allocator.table().remove_agent(A0).unwrap();
    let gone = cluster.offers_to(framework).into_iter().find(|offer| cluster.out[offer].2 == A0).unwrap();
    let accepted = cluster.accept_all(&[gone], &[Request::exclusive(1, 0)], 0);
    assert_eq!(accepted.unwrap_err(), InvalidOffers::Gone(gone));
    cluster.allocator.remove_agent(A0).unwrap_err();
    cluster.after(1_000);
    assert_eq!(cluster.agents_of(framework), [A1]);
    assert!(!cluster.events().iter().any(|event| matches!(event, Event::Placed { .. })));
}

const CYCLES: u64 = 400;

/// Places and releases without a pause until it is told to stop; it has nothing then. Counts what it was granted.
fn hammer(table: &Table, role: RoleId, stop: &AtomicBool, granted: &AtomicU8) {
    let (holder, mut held) = (Holder { owner: Owner::new(7), role }, Vec::new());
    while !stop.load(Ordering::Relaxed) {
        if let Placed::Granted(grant) = table.place(holder, &Request::exclusive(1, GIB), Policy::Spread) {
            held.push(grant.claim);
            granted.fetch_add(1, Ordering::Relaxed);
        }
        if held.len() > 4 {
            let _ = table.release(held.swap_remove(0), holder.owner);
        }
    }
    for claim in held {
        while table.release(claim, holder.owner) == Released::Contended {}
    }
}

/// Answers all offers, one way or another.
fn answer(
    allocator: &mut Allocator,
    out: &[(FrameworkId, OfferId)],
    now_ms: u64,
    claims: &mut Vec<(crate::ClaimId, Owner)>,
) {
    for (at, (framework, offer)) in out.iter().enumerate() {
        if at % 2 == 0 {
            allocator.decline(*framework, &[*offer], Some(10), now_ms);
            continue;
        }
        let owner = Owner::new(1_000 + now_ms + at as u64);
        let launch = Operation::Launch { owner, request: Request::exclusive(1, GIB) };
        if let Ok(accepted) = allocator.accept(*framework, &[*offer], &[launch], Some(0), now_ms) {
            claims.extend(accepted.outcomes[0].granted().map(|grant| (grant.claim, owner)));
        }
    }
    while claims.len() > 6 {
        let (claim, owner) = claims.remove(0);
        assert!(matches!(allocator.release(claim, owner), Released::Released { .. }));
    }
}

#[test]
fn cycles_go_on_while_a_thread_hammers_the_table() {
    let shape = Cluster::shape(8, 16);
    let table = Arc::new(Table::new(Capacity::for_agents(8, &shape)).unwrap());
    let mut allocator = Allocator::new(Arc::clone(&table), Rules::default()).unwrap();
    let agents: Vec<_> = (0..6).map(|_| allocator.add_agent(shape.clone(), Attributes::default()).unwrap()).collect();
    let role = allocator.add_role(RoleSpec::default()).unwrap();
    for id in 0..3 {
        allocator.subscribe(FrameworkId::new(id), role, Subscription::default()).unwrap();
    }
    let (stop, granted) = (AtomicBool::new(false), AtomicU8::new(0));
    let (mut claims, mut offered) = (Vec::new(), 0);
    std::thread::scope(|scope| {
        scope.spawn(|| hammer(&table, role, &stop, &granted));
        for now_ms in (0..CYCLES).map(|at| 1_000 + 20 * at) {
            let mut out = Vec::new();
            agents.iter().for_each(|agent| allocator.changed(*agent));
            allocator.offer(now_ms, |offer| out.push((offer.framework, offer.id)));
            offered += out.len();
            answer(&mut allocator, &out, now_ms, &mut claims);
            // All is open now, and the other gets some of it: also where there is one processor.
            let before = granted.load(Ordering::Relaxed);
            while granted.load(Ordering::Relaxed) == before {
                std::thread::yield_now();
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(offered > 0);
    agents.iter().for_each(|agent| allocator.changed(*agent));
    let mut shown = Quantities::default();
    allocator.offer(1_000_000, |offer| shown = shown.checked_add(offer.quantities).unwrap());
    allocator.validate().unwrap();
    let launched = claims.len() as u64;
    let all = Quantities { cpu_milli: (6 * 8 - launched) * 1_000, mem_bytes: (6 * 16 - launched) * GIB };
    assert_eq!(shown, all, "what is not claimed is offered, and nothing is lost");
}
