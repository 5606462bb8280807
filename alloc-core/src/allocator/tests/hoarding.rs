//! Who holds offers without an answer, and who waits for what they hold.

use super::{Cluster, GIB};
use crate::allocator::{Claimant, Event, Rules};
use crate::{AgentId, AgentState, FrameworkId, Outcome, Owner, Placed, Policy, Request, RoleId, Standing};

const A0: AgentId = AgentId::new(0);

fn rescinds(cluster: &mut Cluster) -> Vec<FrameworkId> {
    let rescinded = |event| if let Event::Rescinded { framework, .. } = event { Some(framework) } else { None };
    cluster.events().into_iter().filter_map(rescinded).collect()
}

#[test]
fn a_framework_that_comes_later_gets_half_of_what_another_sits_on() {
    let mut cluster = Cluster::new();
    cluster.agents(8, 4, 8);
    let role = cluster.role();
    let hoarder = cluster.framework(1, role);
    assert_eq!(cluster.cycle().len(), 8);
    let late = cluster.framework(2, role);
    assert_eq!(cluster.after(1_999), [], "an offer is its framework's for two seconds");
    assert_eq!(rescinds(&mut cluster), []);
    assert_eq!(cluster.allocator.next_deadline_ms(), Some(cluster.now_ms + 1));
    assert_eq!(cluster.after(1), [], "the hoarder may still answer");
    assert_eq!(rescinds(&mut cluster), [hoarder; 4]);
    let given = cluster.after(1_000);
    assert_eq!(given.len(), 4);
    assert!(given.iter().all(|(to, _)| *to == late));
    assert_eq!((cluster.agents_of(hoarder).len(), cluster.agents_of(late).len()), (4, 4));
    // Both sit on as much: nothing moves but by the back-off of who let lapse.
    assert_eq!((cluster.after(1_000), rescinds(&mut cluster)), (vec![], vec![]));
}

#[test]
fn an_accept_within_the_grace_wins_over_the_rescind() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let slow = cluster.framework(1, role);
    cluster.cycle();
    let offer = cluster.offers_to(slow)[0];
    let other = cluster.framework(2, role);
    cluster.after(2_000);
    assert_eq!(rescinds(&mut cluster), [slow]);
    cluster.now_ms += 999;
    let outcomes = cluster.accept(offer, &[Request::exclusive(3, GIB)], 60_000);
    assert!(outcomes[0].granted().is_some());
    assert_eq!(cluster.after(10), [(other, A0)], "what is left goes to the other");
}

#[test]
fn after_the_grace_an_accept_is_told_that_the_offer_is_over() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let slow = cluster.framework(1, role);
    cluster.cycle();
    let offer = cluster.offers_to(slow)[0];
    let other = cluster.framework(2, role);
    cluster.after(2_000);
    assert_eq!(cluster.after(1_000), [(other, A0)]);
    let late = cluster.allocator.accept(slow, &[offer], &[], None, cluster.now_ms);
    assert_eq!(late.unwrap_err(), crate::InvalidOffers::Gone(offer));
}

#[test]
fn two_slow_frameworks_do_not_take_one_agent_from_each_other_for_ever() {
    let mut cluster = Cluster::with_rules(Rules { offer_timeout_ms: None, ..Rules::default() });
    cluster.agent(4, 8);
    let role = cluster.role();
    let both = [1, 2].map(|id| cluster.framework(id, role));
    let mut held_since: Option<(FrameworkId, u64)> = None;
    let mut longest = 0;
    // Each would need twenty seconds to answer.
    for _ in 0..3_000 {
        cluster.after(100);
        let now = both.into_iter().find(|framework| !cluster.offers_to(*framework).is_empty());
        held_since = match (now, held_since) {
            (Some(who), Some((before, since_ms))) if who == before => Some((who, since_ms)),
            (Some(who), _) => Some((who, cluster.now_ms)),
            (None, _) => None,
        };
        longest = longest.max(held_since.map_or(0, |(_, since_ms)| cluster.now_ms - since_ms));
    }
    assert!(longest >= 20_000, "the longest hold was {longest} ms");
}

fn claimant(cluster: &mut Cluster, role: RoleId) -> Claimant {
    let owner = Owner::new(1_000 + cluster.now_ms);
    cluster.now_ms += 1;
    Claimant { owner, role, framework: None }
}

#[test]
fn a_request_that_waits_takes_an_old_offer_in_which_it_fits() {
    let mut cluster = Cluster::new();
    cluster.agent(2, 8);
    cluster.agent(4, 8);
    let [role, other] = [cluster.role(), cluster.role()];
    let holder = cluster.framework(1, role);
    cluster.cycle();
    let who = claimant(&mut cluster, other);
    let request = Request::exclusive(3, GIB);
    let placed = cluster.allocator.place(who, &request, Policy::Pack).unwrap();
    assert!(matches!(placed, Placed::Refused(_)), "{placed:?}");
    let wait = cluster.allocator.wait(who, request, Policy::Pack, cluster.now_ms).unwrap();
    assert_eq!(cluster.after(2_000), []);
    assert_eq!(rescinds(&mut cluster), [holder], "one offer, that of four cores");
    cluster.after(1_000);
    let events = cluster.events();
    let [Event::Placed { wait: placed, grant }] = events[..] else { panic!("{events:?}") };
    assert_eq!((placed, grant.claim.agent()), (wait, AgentId::new(1)));
    assert_eq!(cluster.allocator.waiting(), 0);
}

#[test]
fn an_answer_places_nothing_and_an_agent_that_closes_first_gets_nothing() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let holder = cluster.framework(1, role);
    cluster.cycle();
    let who = claimant(&mut cluster, role);
    cluster.allocator.wait(who, Request::exclusive(4, GIB), Policy::Pack, cluster.now_ms).unwrap();
    cluster.after(2_000);
    assert_eq!(rescinds(&mut cluster), [holder]);
    let offer = cluster.offers_to(holder)[0];
    cluster.decline(offer, 60_000);
    assert_eq!((cluster.events(), cluster.allocator.waiting()), (vec![], 1));
    cluster.allocator.set_agent_state(A0, AgentState::Inactive).unwrap();
    assert_eq!((cluster.after(1), cluster.events()), (vec![], vec![]));
    cluster.allocator.set_agent_state(A0, AgentState::Active).unwrap();
    cluster.after(1);
    assert!(matches!(cluster.events()[..], [Event::Placed { .. }]));
}

#[test]
fn what_waits_for_a_framework_that_left_its_role_waits_for_the_role() {
    let mut cluster = Cluster::new();
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    let who = Claimant { framework: Some(framework), ..claimant(&mut cluster, role) };
    let wait = cluster.allocator.wait(who, Request::exclusive(1, 0), Policy::Pack, cluster.now_ms).unwrap();
    cluster.allocator.unsubscribe(framework, role).unwrap();
    cluster.agent(1, 1);
    cluster.cycle();
    let events = cluster.events();
    let [Event::Placed { wait: placed, grant }] = events[..] else { panic!("{events:?}") };
    assert_eq!(placed, wait);
    assert_eq!(cluster.allocator.claims().collect::<Vec<_>>(), [grant.claim]);
}

#[test]
fn what_is_larger_than_an_agent_that_is_offered_will_never_fit_there() {
    let mut cluster = Cluster::new();
    cluster.agent(2, 8);
    let role = cluster.role();
    cluster.framework(1, role);
    cluster.cycle();
    let why = |pus| cluster.allocator.table().explain(role, &Request::exclusive(pus, 0));
    assert!(why(3).never_fits() && !why(2).never_fits());
}

#[test]
fn what_waits_comes_before_the_next_offer_of_an_agent_that_was_declined() {
    let mut cluster = Cluster::new();
    cluster.agent(2, 8);
    let role = cluster.role();
    let holder = cluster.framework(1, role);
    cluster.cycle();
    let who = claimant(&mut cluster, role);
    cluster.allocator.wait(who, Request::exclusive(2, GIB), Policy::Pack, cluster.now_ms).unwrap();
    assert_eq!(cluster.after(1_000), [], "it is offered");
    let offer = cluster.offers_to(holder)[0];
    cluster.decline(offer, 0);
    assert_eq!(cluster.after(10), []);
    assert!(matches!(cluster.events()[..], [Event::Placed { .. }]));
}

#[test]
fn waits_are_served_by_priority_and_then_by_age_before_anything_is_offered() {
    let mut cluster = Cluster::new();
    cluster.agent(2, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    let offer = cluster.offers_to(framework)[0];
    cluster.accept(offer, &[Request::exclusive(1, GIB), Request::exclusive(1, GIB)], 0);
    let request = |priority| Request::exclusive(1, GIB).with_standing(Standing::new(priority).unwrap());
    let waits = [0, 3, 3].map(|priority| {
        let who = claimant(&mut cluster, role);
        cluster.allocator.wait(who, request(priority), Policy::Pack, cluster.now_ms).unwrap()
    });
    let mut placed = |cluster: &mut Cluster| {
        cluster.end_last();
        assert_eq!(cluster.after(1_000), []);
        match cluster.events()[..] {
            [Event::Placed { wait, .. }] => wait,
            ref events => panic!("{events:?}"),
        }
    };
    assert_eq!(placed(&mut cluster), waits[1]);
    assert_eq!(placed(&mut cluster), waits[2]);
    assert!(cluster.allocator.stop_waiting(waits[0]) && !cluster.allocator.stop_waiting(waits[0]));
}

#[test]
fn a_wait_that_fits_at_once_is_placed_in_the_next_cycle() {
    let mut cluster = Cluster::new();
    cluster.agent(2, 8);
    let role = cluster.role();
    let who = claimant(&mut cluster, role);
    let wait = cluster.allocator.wait(who, Request::exclusive(2, 0), Policy::Pack, cluster.now_ms).unwrap();
    cluster.cycle();
    assert!(matches!(cluster.events()[..], [Event::Placed { wait: placed, .. }] if placed == wait));
    let again = cluster.allocator.claim(A0, who, &Request::exclusive(1, 0)).unwrap();
    assert!(matches!(again, Outcome::Refused(_)));
}
