//! Credit, and claims taken back for who arrives later.

use super::{Cluster, GIB};
use crate::allocator::{AllocatorError, Claimant, Disruption, Event, RoleSpec, Rules};
use crate::{
    AgentId, ClaimId, FrameworkId, Outcome, Owner, Placed, Policy, Released, Request, Resource, RoleId, Standing,
};

fn revocable(pus: u32, priority: u8) -> Request {
    Request::exclusive(pus, GIB).with_standing(Standing::new(priority).unwrap().revocable())
}

const OWNER: Owner = Owner::new(900);

fn claimant(role: RoleId) -> Claimant {
    Claimant { owner: OWNER, role, framework: None }
}

fn place(cluster: &mut Cluster, role: RoleId, request: &Request) -> Result<Placed, AllocatorError> {
    cluster.allocator.place(claimant(role), request, Policy::Pack)
}

fn placed(cluster: &mut Cluster, role: RoleId, request: &Request) -> ClaimId {
    match place(cluster, role, request) {
        Ok(Placed::Granted(grant)) => grant.claim,
        other => panic!("{other:?}"),
    }
}

/// The claims that were named since the last look.
fn named(cluster: &mut Cluster) -> Vec<ClaimId> {
    let named = |event| if let Event::Reclaim { claim, .. } = event { Some(claim) } else { None };
    cluster.events().into_iter().filter_map(named).collect()
}

fn end(cluster: &mut Cluster, claims: &[ClaimId]) {
    for claim in claims {
        assert!(matches!(cluster.allocator.release(*claim, OWNER), Released::Released { .. }));
    }
}

/// Time in small steps, as deadlines would have it.
fn pass(cluster: &mut Cluster, ms: u64) {
    for _ in 0..ms / 100 {
        cluster.after(100);
    }
}

#[test]
fn who_arrives_later_comes_to_half_by_reclaim() {
    let mut cluster = Cluster::new();
    cluster.agents(4, 4, 8);
    let [first, second] = [cluster.role(), cluster.role()];
    let mut claims: Vec<ClaimId> = (0..16).map(|_| placed(&mut cluster, first, &revocable(1, 0))).collect();
    let late = cluster.framework(2, second);
    pass(&mut cluster, 29_900);
    assert_eq!(named(&mut cluster), []);
    // From then on it accepts all it is offered.
    let mut ended = Vec::new();
    for _ in 0..600 {
        pass(&mut cluster, 100);
        for claim in named(&mut cluster) {
            end(&mut cluster, &[claim]);
            claims.retain(|other| *other != claim);
            ended.push(claim);
        }
        for offer in cluster.offers_to(late) {
            cluster.accept(offer, &[revocable(1, 0)], 0);
        }
    }
    let used = |cluster: &Cluster, role| cluster.allocator.table().role_used(role).unwrap().cpu_milli;
    assert_eq!((used(&cluster, first), used(&cluster, second)), (8000, 8000));
    assert_eq!(ended.len(), 8, "no more than needed");
    cluster.check();
}

#[test]
fn the_lowest_priority_goes_first_and_then_the_youngest() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let [first, second] = [cluster.role(), cluster.role()];
    let claims =
        [(5, 1), (1, 1), (1, 1), (9, 1)].map(|(priority, pus)| placed(&mut cluster, first, &revocable(pus, priority)));
    cluster.allocator.wait(claimant(second), revocable(1, 0), Policy::Pack, cluster.now_ms).unwrap();
    pass(&mut cluster, 31_000);
    assert_eq!(named(&mut cluster), [claims[2]]);
    end(&mut cluster, &[claims[2]]);
    pass(&mut cluster, 100);
    assert_eq!(cluster.allocator.waiting(), 0);
    cluster.allocator.wait(claimant(second), revocable(1, 0), Policy::Pack, cluster.now_ms).unwrap();
    pass(&mut cluster, 31_000);
    assert_eq!(named(&mut cluster), [claims[1]]);
}

#[test]
fn room_for_a_request_is_made_on_one_agent_and_what_is_not_needed_is_spared() {
    let mut cluster = Cluster::new();
    cluster.agents(2, 4, 8);
    let [first, second] = [cluster.role(), cluster.role()];
    // Agent 0: one of one PU (the least of all), one of three; agent 1: four of one.
    let claims: Vec<ClaimId> =
        [(1, 0), (3, 2)].map(|(pus, priority)| placed(&mut cluster, first, &revocable(pus, priority))).into();
    let others: Vec<ClaimId> = (0..4).map(|_| placed(&mut cluster, first, &revocable(1, 1))).collect();
    assert!(others.iter().all(|claim| claim.agent() != claims[0].agent()));
    cluster.allocator.wait(claimant(second), revocable(3, 0), Policy::Pack, cluster.now_ms).unwrap();
    pass(&mut cluster, 31_000);
    let ended = named(&mut cluster);
    assert_eq!(ended, [others[3], others[2], others[1]], "three of the second agent, and not the least of the first");
    end(&mut cluster, &ended);
    pass(&mut cluster, 100);
    assert_eq!(cluster.allocator.waiting(), 0);
}

#[test]
fn nothing_is_taken_that_is_not_revocable_guaranteed_or_no_more_than_a_share() {
    let mut cluster = Cluster::new();
    cluster.agents(2, 4, 8);
    let [fixed, sure, small, late] = [0; 4].map(|_| cluster.role());
    cluster.allocator.set_guarantee(sure, Resource::CpuMilli, 4_000).unwrap();
    placed(&mut cluster, fixed, &Request::exclusive(2, GIB));
    placed(&mut cluster, sure, &revocable(4, 0));
    placed(&mut cluster, small, &revocable(2, 0));
    cluster.allocator.wait(claimant(late), revocable(1, 0), Policy::Pack, cluster.now_ms).unwrap();
    pass(&mut cluster, 60_000);
    assert_eq!(
        named(&mut cluster),
        [],
        "a quarter each is the share; one has no more, one a guarantee, one is not revocable"
    );
    cluster.allocator.set_guarantee(sure, Resource::CpuMilli, 0).unwrap();
    pass(&mut cluster, 1_000);
    assert_eq!(named(&mut cluster).len(), 1);
}

#[test]
fn a_role_is_disrupted_within_its_limits_only() {
    let mut cluster = Cluster::new();
    cluster.agents(4, 4, 8);
    let disruption = Disruption { at_once: 1, per_window: 2, window_ms: 100_000 };
    let first = cluster.allocator.add_role(RoleSpec { disruption, ..RoleSpec::default() }).unwrap();
    let never = cluster
        .allocator
        .add_role(RoleSpec { disruption: Disruption::NEVER, weight_milli: 100, ..RoleSpec::default() })
        .unwrap();
    for _ in 0..12 {
        let _claim = placed(&mut cluster, first, &revocable(1, 0));
    }
    for _ in 0..4 {
        let _claim = placed(&mut cluster, never, &revocable(1, 0));
    }
    let second = cluster.role();
    for _ in 0..4 {
        cluster.allocator.wait(claimant(second), revocable(1, 0), Policy::Pack, cluster.now_ms).unwrap();
    }
    pass(&mut cluster, 31_000);
    let one = named(&mut cluster);
    assert_eq!(one.len(), 1, "one at once");
    pass(&mut cluster, 5_000);
    assert_eq!(named(&mut cluster), []);
    end(&mut cluster, &one);
    pass(&mut cluster, 5_000);
    let two = named(&mut cluster);
    assert_eq!(two.len(), 1);
    end(&mut cluster, &two);
    pass(&mut cluster, 50_000);
    assert_eq!(named(&mut cluster), [], "two in a hundred seconds");
    pass(&mut cluster, 50_000);
    assert_eq!(named(&mut cluster).len(), 1);
}

#[test]
fn a_claim_that_does_not_end_in_its_grace_is_told_once_more() {
    let mut cluster = Cluster::with_rules(Rules { reclaim_grace_ms: 10_000, ..Rules::default() });
    cluster.agent(4, 8);
    let [first, second] = [cluster.role(), cluster.role()];
    let claim = placed(&mut cluster, first, &revocable(4, 0));
    cluster.allocator.wait(claimant(second), revocable(2, 0), Policy::Pack, cluster.now_ms).unwrap();
    pass(&mut cluster, 30_200);
    assert_eq!(named(&mut cluster), [claim]);
    pass(&mut cluster, 9_800);
    assert_eq!(cluster.events(), []);
    pass(&mut cluster, 1_000);
    assert_eq!(cluster.events(), [Event::Overdue { claim }]);
    pass(&mut cluster, 60_000);
    assert_eq!(cluster.events(), []);
}

#[test]
fn above_its_share_a_role_places_by_its_credit_while_a_poorer_one_waits() {
    let mut cluster = Cluster::with_rules(Rules { credit_milli: 100, ..Rules::default() });
    cluster.agents(10, 4, 8);
    let [greedy, poor] = [cluster.role(), cluster.role()];
    // 24 of 40 PUs: more than half. Nobody waits, so quota alone would limit it.
    for _ in 0..24 {
        let _claim = placed(&mut cluster, greedy, &Request::exclusive(1, 0));
    }
    // Five PUs fit nowhere.
    let wait = cluster.allocator.wait(claimant(poor), Request::exclusive(5, 0), Policy::Pack, cluster.now_ms).unwrap();
    cluster.after(100);
    let more = (0..20)
        .take_while(|_| matches!(place(&mut cluster, greedy, &Request::exclusive(1, 0)), Ok(Placed::Granted(_))));
    assert_eq!(more.count(), 4, "a tenth of the cluster");
    let no = place(&mut cluster, greedy, &Request::exclusive(1, 0)).unwrap_err();
    assert_eq!(no, AllocatorError::Credit { role: greedy, poorer: poor });
    assert!(no.to_string().contains("its credit is spent"));
    // The poorer one itself places as it likes, and so does everybody once it does not wait any more.
    placed(&mut cluster, poor, &Request::exclusive(1, 0));
    assert!(cluster.allocator.stop_waiting(wait));
    cluster.after(200);
    placed(&mut cluster, greedy, &Request::exclusive(1, 0));
}

#[test]
fn what_is_guaranteed_to_others_cannot_be_placed() {
    let mut cluster = Cluster::new();
    cluster.agents(2, 4, 8);
    let [sure, other] = [cluster.role(), cluster.role()];
    cluster.allocator.set_guarantee(sure, Resource::CpuMilli, 6_000).unwrap();
    cluster.cycle();
    placed(&mut cluster, other, &Request::exclusive(2, 0));
    cluster.cycle();
    let no = place(&mut cluster, other, &Request::exclusive(1, 0)).unwrap_err();
    assert_eq!(no, AllocatorError::Guaranteed(other));
    placed(&mut cluster, sure, &Request::exclusive(4, 0));
    let claim = cluster.allocator.claim(AgentId::new(0), claimant(other), &Request::exclusive(1, 0));
    assert!(matches!(claim, Err(AllocatorError::Guaranteed(_)) | Ok(Outcome::Refused(_))), "{claim:?}");
    let _ = FrameworkId::new(0);
}
