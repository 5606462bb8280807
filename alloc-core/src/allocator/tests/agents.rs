//! Agents that flap, come, go, and are emptied, while they are offered and in use; and the window in which what comes back is gathered.

use super::{Cluster, GIB};
use crate::allocator::{AllocatorError, Claimant, Event, InvalidOffers, Rules};
use crate::{AgentId, AgentState, Attributes, Outcome, Owner, Policy, Reason, Request};

const A0: AgentId = AgentId::new(0);
const A1: AgentId = AgentId::new(1);

#[test]
fn an_agent_that_was_removed_and_is_back_is_offered_again() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    assert_eq!(cluster.cycle(), [(framework, A0)]);
    let offer = cluster.offers_to(framework)[0];
    cluster.allocator.remove_agent(A0).unwrap();
    assert_eq!(cluster.after(1_000), []);
    assert_eq!(cluster.events(), [Event::Withdrawn { framework, offer }]);
    cluster.allocator.return_agent(A0, Cluster::shape(4, 8), Attributes::default()).unwrap();
    assert_eq!(cluster.after(0), [(framework, A0)], "it has what it had");
    let view = cluster.allocator.offer_view(cluster.offers_to(framework)[0]).unwrap();
    assert_eq!((view.quantities.cpu_milli, view.quantities.mem_bytes), (4_000, 8 * GIB));
}

#[test]
fn an_agent_that_is_back_larger_is_offered_as_it_is() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    cluster.allocator.remove_agent(A0).unwrap();
    cluster.allocator.return_agent(A0, Cluster::shape(16, 32), Attributes::default()).unwrap();
    assert_eq!(cluster.cycle(), [(framework, A0)]);
    assert_eq!(cluster.allocator.offer_view(cluster.offers_to(framework)[0]).unwrap().quantities.cpu_milli, 16_000);
}

#[test]
fn the_claims_of_a_removed_agent_count_for_nobody() {
    let mut cluster = Cluster::new();
    cluster.agents(2, 4, 8);
    let role = cluster.role();
    let [one, two] = [1, 2].map(|id| cluster.framework(id, role));
    assert_eq!(cluster.cycle(), [(one, A0), (two, A1)]);
    let (offer, other) = (cluster.offers_to(one)[0], cluster.offers_to(two)[0]);
    cluster.accept(offer, &[Request::exclusive(4, 8 * GIB)], 0);
    cluster.accept(other, &[Request::exclusive(1, GIB)], 0);
    cluster.allocator.remove_agent(A0).unwrap();
    assert_eq!(cluster.allocator.claims_counted(), 1);
    assert_eq!(cluster.after(1_000), [(one, A1)], "who lost everything is the neediest");
    let (claim, owner) = cluster.launched[0];
    assert_eq!(cluster.allocator.release(claim, owner), crate::Released::Gone);
    cluster.check();
}

#[test]
fn a_flapping_agent_withdraws_its_offer_each_time_and_keeps_its_claims() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    let first = cluster.offers_to(framework)[0];
    cluster.accept(first, &[Request::exclusive(1, GIB)], 0);
    for _ in 0..10 {
        assert_eq!(cluster.after(1_000), [(framework, A0)]);
        let offer = cluster.offers_to(framework)[0];
        cluster.allocator.set_agent_state(A0, AgentState::Inactive).unwrap();
        assert_eq!(cluster.events(), [Event::Withdrawn { framework, offer }]);
        assert_eq!(cluster.after(1_000), []);
        let late = cluster.allocator.accept(framework, &[offer], &[], None, cluster.now_ms);
        assert_eq!(late.unwrap_err(), InvalidOffers::Gone(offer));
        cluster.allocator.set_agent_state(A0, AgentState::Active).unwrap();
    }
    cluster.cycle();
    assert_eq!(cluster.allocator.claims_counted(), 1);
    let offer = cluster.offers_to(framework)[0];
    assert!(cluster.accept(offer, &[Request::exclusive(3, 7 * GIB)], 0)[0].granted().is_some());
}

#[test]
fn what_ends_on_an_agent_that_is_away_is_offered_when_it_is_back() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    let offer = cluster.offers_to(framework)[0];
    cluster.accept(offer, &[Request::exclusive(4, GIB)], 0);
    cluster.allocator.set_agent_state(A0, AgentState::Inactive).unwrap();
    cluster.end_last();
    assert_eq!(cluster.after(1_000), []);
    cluster.allocator.set_agent_state(A0, AgentState::Active).unwrap();
    assert_eq!(cluster.after(0), [(framework, A0)]);
}

#[test]
fn parts_of_an_agent_are_withdrawn_with_it() {
    let mut cluster = Cluster::new();
    cluster.agent(4, 8);
    let role = cluster.role();
    let [one, two] = [1, 2].map(|id| cluster.framework(id, role));
    cluster.cycle();
    let offer = cluster.offers_to(one)[0];
    cluster.accept(offer, &[Request::exclusive(3, GIB)], 0);
    assert_eq!(cluster.after(1_000), [(two, A0)]);
    cluster.end_last();
    assert_eq!(cluster.after(1_000), [(one, A0)], "two offers of one agent");
    let offers = [cluster.offers_to(two)[0], cluster.offers_to(one)[0]];
    cluster.events();
    cluster.allocator.set_agent_state(A0, AgentState::Inactive).unwrap();
    let mut withdrawn: Vec<_> = cluster
        .events()
        .into_iter()
        .map(|event| match event {
            Event::Withdrawn { offer, .. } => offer,
            other => panic!("{other:?}"),
        })
        .collect();
    withdrawn.sort_unstable();
    let mut all = offers.to_vec();
    all.sort_unstable();
    assert_eq!(withdrawn, all);
    assert_eq!(cluster.after(1_000), []);
    cluster.allocator.set_agent_state(A0, AgentState::Active).unwrap();
    assert_eq!(cluster.after(0).len(), 1, "all of it in one");
    assert_eq!(cluster.allocator.table().claims().count(), 0, "nothing is held for offers that are over");
}

#[test]
fn a_draining_agent_is_not_offered_and_empties() {
    let mut cluster = Cluster::new();
    cluster.agents(2, 4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    let offer = cluster.offers_to(framework)[0];
    cluster.accept(offer, &[Request::exclusive(2, GIB)], 0);
    cluster.after(1_000);
    cluster.events();
    cluster.allocator.set_agent_state(A0, AgentState::Draining).unwrap();
    assert_eq!(cluster.events().len(), 1, "what was left of it was offered");
    let claimant = Claimant { owner: Owner::new(77), role, framework: Some(framework) };
    let Outcome::Refused(refusal) = cluster.allocator.claim(A0, claimant, &Request::exclusive(1, 0)).unwrap() else {
        panic!("it is to be emptied");
    };
    assert_eq!(refusal.reason, Reason::Draining);
    cluster.end_last();
    assert_eq!(cluster.after(1_000), [], "what ended there is not offered");
    assert_eq!(cluster.agents_of(framework), [A1]);
    cluster.allocator.set_agent_state(A0, AgentState::Active).unwrap();
    assert_eq!(cluster.after(0), [(framework, A0)]);
}

#[test]
fn agents_that_nobody_knows_have_no_state_and_cannot_go() {
    let mut cluster = Cluster::new();
    let role = cluster.role();
    cluster.framework(1, role);
    assert_eq!(cluster.allocator.set_agent_state(A1, AgentState::Active), Err(AllocatorError::NoSuchAgent(A1)));
    assert_eq!(cluster.allocator.know(A1), Err(AllocatorError::NoSuchAgent(A1)));
    cluster.allocator.remove_agent(A1).unwrap_err();
    assert_eq!(cluster.cycle(), []);
}

#[test]
fn an_agent_that_was_added_to_the_table_itself_is_offered_once_it_is_known() {
    let mut cluster = Cluster::new();
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    let agent = cluster.allocator.table().add_agent(Cluster::shape(4, 8)).unwrap();
    assert_eq!(cluster.cycle(), []);
    cluster.allocator.know(agent).unwrap();
    assert_eq!(cluster.cycle(), [(framework, agent)]);
    cluster.allocator.know(agent).unwrap();
    assert_eq!(cluster.cycle(), [(framework, agent)], "known anew: the offer of old is over");
    assert_eq!(cluster.allocator.offers_out(), 1);
}

#[test]
fn windows_end_one_by_one_however_they_began() {
    let mut cluster = Cluster::with_rules(Rules { offer_window_ms: 10, ..Rules::default() });
    cluster.agents(2, 4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    for offer in cluster.offers_to(framework) {
        cluster.accept(offer, &vec![Request::exclusive(1, 0); 4], 0);
    }
    cluster.after(1_000);
    // On the second agent something ends first, and a moment later on the first.
    cluster.end(7);
    assert_eq!(cluster.after(0), [(framework, A1)]);
    let begun_ms = cluster.now_ms;
    cluster.decline_all(0);
    cluster.after(4);
    let offers = cluster.offers_to(framework);
    assert_eq!(offers.len(), 0, "within its window");
    cluster.end(3);
    assert_eq!(cluster.after(0), [(framework, A0)]);
    cluster.decline_all(0);
    // The first agent's window ends 14 ms after the second's began, the second's 10.
    assert_eq!(cluster.allocator.next_deadline_ms(), Some(begun_ms + 10));
    assert_eq!(cluster.after(6), [(framework, A1)]);
    assert_eq!(cluster.after(4), [(framework, A0)]);
}

#[test]
fn the_shorter_window_is_not_kept_waiting_by_the_longer() {
    let mut cluster = Cluster::with_rules(Rules { offer_window_ms: 10, ..Rules::default() });
    cluster.agents(2, 4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    for offer in cluster.offers_to(framework) {
        cluster.accept(offer, &vec![Request::exclusive(1, 0); 4], 0);
    }
    cluster.after(1_000);
    cluster.end(7);
    assert_eq!(cluster.after(0), [(framework, A1)]);
    let second_ends_ms = cluster.now_ms + 10;
    assert_eq!(cluster.after(4), []);
    cluster.end(3);
    assert_eq!(cluster.after(0), [(framework, A0)]);
    // Both come back, that of the later window first.
    let [of_second, of_first] = cluster.offers_to(framework)[..] else { panic!("two offers") };
    cluster.now_ms += 1;
    let (first, second) = if cluster.out[&of_first].2 == A0 { (of_first, of_second) } else { (of_second, of_first) };
    cluster.decline(first, 0);
    cluster.decline(second, 0);
    assert_eq!(cluster.cycle(), []);
    assert_eq!(cluster.allocator.next_deadline_ms(), Some(second_ends_ms));
    cluster.now_ms = second_ends_ms;
    assert_eq!(cluster.cycle(), [(framework, A1)]);
    assert_eq!(cluster.after(4), [(framework, A0)]);
}

#[test]
fn an_agent_that_went_within_its_window_is_offered_at_once_when_it_is_back() {
    let mut cluster = Cluster::with_rules(Rules { offer_window_ms: 100, ..Rules::default() });
    cluster.agent(4, 8);
    let role = cluster.role();
    let framework = cluster.framework(1, role);
    cluster.cycle();
    cluster.decline_all(0);
    cluster.after(0);
    cluster.decline_all(0);
    assert_eq!(cluster.after(0), [], "gathered");
    cluster.allocator.remove_agent(A0).unwrap();
    cluster.allocator.return_agent(A0, Cluster::shape(4, 8), Attributes::default()).unwrap();
    assert_eq!(cluster.after(0), [(framework, A0)]);
}

#[test]
fn a_wait_is_not_placed_on_an_agent_that_goes_away() {
    for gone in [None, Some(AgentState::Inactive), Some(AgentState::Draining)] {
        let mut cluster = Cluster::new();
        cluster.agent(4, 8);
        let role = cluster.role();
        cluster.framework(1, role);
        cluster.cycle();
        let claimant = Claimant { owner: Owner::new(77), role, framework: None };
        cluster.allocator.wait(claimant, Request::exclusive(2, GIB), Policy::Pack, cluster.now_ms).unwrap();
        cluster.after(2_000);
        assert!(matches!(cluster.events()[..], [Event::Rescinded { .. }]), "the offer is promised to it");
        match gone {
            None => cluster.allocator.remove_agent(A0).unwrap(),
            Some(state) => cluster.allocator.set_agent_state(A0, state).unwrap(),
        }
        cluster.after(10);
        assert!(matches!(cluster.events()[..], [Event::Withdrawn { .. }]), "{gone:?}: and not placed");
        assert_eq!(cluster.allocator.waiting(), 1);
        let next = cluster.agent(4, 8);
        cluster.after(10);
        let [Event::Placed { grant, .. }] = cluster.events()[..] else { panic!("placed on the next agent") };
        assert_eq!(grant.claim.agent(), next);
    }
}
