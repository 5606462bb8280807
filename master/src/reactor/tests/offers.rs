//! Offers: made, accepted, declined, rescinded.

use super::*;
use meros_wire::message::{Accept, Decline, OfferId, StatusReason};

fn accept(c: &mut Scenario, peer: PeerId, offer: OfferId, pods: Vec<PodSpec>) {
    c.message(peer, Message::Accept(Accept { offers: vec![offer], pods, refuse_ms: 60_000 }));
}

#[test]
fn everything_free_is_offered_once() {
    let mut c = Scenario::new();
    let (_, id) = c.agent(1, 4);
    let (framework, _) = c.framework("first");
    let offer = c.expect_offer(framework);
    assert_eq!((offer.agent, offer.exclusive_cores, offer.exclusive_pus, offer.mem_bytes), (id, 4, 4, 4 << 30));
    assert_eq!(offer.numa_nodes.len(), 1);
    assert_eq!(offer.numa_nodes[0].numa_node, 4);
    let (_second, _) = c.framework("second");
    c.expect_silence();
}

#[test]
fn accepting_launches_on_what_was_held_and_gives_the_rest_back() {
    let mut c = Scenario::new();
    let (agent, _) = c.agent(1, 4);
    let (framework, number) = c.framework("first");
    let offer = c.expect_offer(framework);
    let pods = vec![c.pod(exclusive(1)), c.pod(exclusive(2))];
    accept(&mut c, framework, offer.offer, pods);
    for pus in [1, 2] {
        c.expect_update(framework, TaskState::Staging);
        let (_, launch) = c.expect_launch(agent);
        assert_eq!((launch.placement.exclusive_pus.len(), launch.framework), (pus, number.0));
    }
    c.expect_silence();
    let (other, _) = c.framework("second");
    assert_eq!(c.expect_offer(other).exclusive_pus, 1);
}

#[test]
fn a_shared_pod_can_be_started_from_an_offer() {
    let mut c = Scenario::new();
    let (agent, _) = c.agent(1, 2);
    let (framework, _) = c.framework("first");
    let offer = c.expect_offer(framework);
    let pods = vec![c.pod(shared(250)), c.pod(exclusive(1))];
    accept(&mut c, framework, offer.offer, pods);
    assert_eq!(c.expect_pool(agent).pus.len(), 1);
    c.expect_update(framework, TaskState::Staging);
    assert_eq!(c.expect_launch(agent).1.placement.pools.len(), 1);
    c.expect_update(framework, TaskState::Staging);
    assert_eq!(c.expect_launch(agent).1.placement.exclusive_pus.len(), 1);
}

#[test]
fn more_than_was_offered_is_an_error_for_that_pod_alone() {
    let mut c = Scenario::new();
    let (agent, _) = c.agent(1, 2);
    let (framework, _) = c.framework("first");
    let offer = c.expect_offer(framework);
    let pods = vec![c.pod(exclusive(3)), c.pod(exclusive(1))];
    accept(&mut c, framework, offer.offer, pods);
    let status = c.expect_update(framework, TaskState::Error);
    assert_eq!(status.reason, StatusReason::InvalidOffers);
    c.expect_update(framework, TaskState::Staging);
    c.expect_launch(agent);
}

#[test]
fn an_offer_is_answered_once() {
    let mut c = Scenario::new();
    let (agent, _) = c.agent(1, 2);
    let (framework, _) = c.framework("first");
    let offer = c.expect_offer(framework).offer;
    let first = c.pod(exclusive(1));
    accept(&mut c, framework, offer, vec![first]);
    c.expect_update(framework, TaskState::Staging);
    c.expect_launch(agent);
    let second = c.pod(exclusive(1));
    accept(&mut c, framework, offer, vec![second]);
    assert_eq!(c.expect_update(framework, TaskState::Dropped).reason, StatusReason::InvalidOffers);
}

#[test]
fn another_frameworks_offer_is_not_ones_own() {
    let mut c = Scenario::new();
    let _agent = c.agent(1, 2);
    let (first, _) = c.framework("first");
    let offer = c.expect_offer(first).offer;
    let (second, _) = c.framework("second");
    let stolen = c.pod(exclusive(1));
    accept(&mut c, second, offer, vec![stolen]);
    c.expect_update(second, TaskState::Dropped);
    assert_eq!(c.state.allocation.offers_out(), 1, "the first framework still holds it");
}

#[test]
fn declined_goes_to_the_next_and_comes_back_after_the_filter() {
    let mut c = Scenario::new();
    let _agent = c.agent(1, 2);
    let (first, _) = c.framework("first");
    let offer = c.expect_offer(first).offer;
    let (second, _) = c.framework("second");
    c.message(first, Message::Decline(Decline { offers: vec![offer], refuse_ms: 5_000 }));
    let offer = c.expect_offer(second).offer;
    c.message(second, Message::Decline(Decline { offers: vec![offer], refuse_ms: 60_000 }));
    c.expect_silence();
    c.wait_ms(5_000);
    c.expect_offer(first);
}

#[test]
fn revive_forgets_filters_and_suppress_ends_offers() {
    let mut c = Scenario::new();
    let _agent = c.agent(1, 2);
    let (framework, _) = c.framework("first");
    let offer = c.expect_offer(framework).offer;
    c.message(framework, Message::Decline(Decline { offers: vec![offer], refuse_ms: 60_000 }));
    c.message(framework, Message::Revive);
    let offer = c.expect_offer(framework).offer;
    c.message(framework, Message::Suppress);
    c.message(framework, Message::Decline(Decline { offers: vec![offer], refuse_ms: 0 }));
    c.expect_silence();
}

#[test]
fn a_waiting_pod_takes_what_an_idle_framework_holds() {
    let mut c = Scenario::new();
    let (agent, _) = c.agent(1, 2);
    let (framework, _) = c.framework("idle");
    let offer = c.expect_offer(framework).offer;
    let operator = c.open(Role::Operator);
    let pod = c.pod(exclusive(1));
    c.place(operator, &pod);
    c.wait_ms(1_000);
    assert_eq!(c.status_of(pod.pod).state, TaskState::Waiting, "the hold has its minimum");
    c.wait_ms(1_000);
    c.expect_rescind(framework, &[offer]);
    c.wait_ms(999);
    assert_eq!(c.status_of(pod.pod).state, TaskState::Waiting, "an answer in the grace wins");
    c.wait_ms(1);
    assert_eq!(c.expect_launch(agent).1.spec.pod, pod.pod);
    c.wait_ms(2_000);
    assert_eq!(c.expect_offer(framework).exclusive_pus, 1, "what is left is offered again, after a while");
}

#[test]
fn an_unanswered_offer_lapses() {
    let mut c = Scenario::new();
    let _agent = c.agent(1, 2);
    let (framework, _) = c.framework("asleep");
    c.expect_offer(framework);
    c.wait_ms(60_000);
    assert!(matches!(c.expect(framework), Message::Rescind(_)));
    assert_eq!(c.state.allocation.offers_out(), 1, "an answer in the grace is one");
    c.wait_ms(1_000);
    assert_eq!(c.state.allocation.offers_out(), 0, "not offered again at once");
    c.wait_ms(2_000);
    c.expect_offer(framework);
}

#[test]
fn an_accept_in_the_grace_of_a_rescind_wins_and_a_later_one_does_not() {
    for (waited_ms, state) in [(999, TaskState::Staging), (1_000, TaskState::Dropped)] {
        let mut c = Scenario::new();
        let (agent, _) = c.agent(1, 2);
        let (slow, _) = c.framework("slow");
        let offer = c.expect_offer(slow).offer;
        let (other, _) = c.framework("other");
        c.wait_ms(2_000);
        c.expect_rescind(slow, &[offer]);
        c.wait_ms(waited_ms);
        let pod = c.pod(exclusive(2));
        if state == TaskState::Staging {
            accept(&mut c, slow, offer, vec![pod]);
            c.expect_update(slow, state);
            c.expect_launch(agent);
        } else {
            assert_eq!(c.expect_offer(other).exclusive_pus, 2);
            accept(&mut c, slow, offer, vec![pod]);
            assert_eq!(c.expect_update(slow, state).reason, StatusReason::InvalidOffers);
        }
    }
}

#[test]
fn a_framework_is_offered_what_each_of_its_roles_is_due() {
    let mut c = Scenario::new();
    for name in 1..=4 {
        c.agent(name, 2);
    }
    let roles: Vec<String> = ["ads", "eng/backend"].map(str::to_owned).into();
    let peer = c.open(Role::Framework);
    c.message(peer, Message::Subscribe(Subscribe { roles: roles.clone(), ..subscribe("both") }));
    let framework = c.expect_subscribed(peer);
    let Message::Offers(offers) = c.expect(peer) else { panic!("no offers") };
    let count = |role: &String| offers.iter().filter(|offer| offer.role == *role).count();
    assert_eq!([count(&roles[0]), count(&roles[1])], [2, 2], "all in one message");
    c.message(peer, Message::Suppress);
    // No role of its own is named: it is the offers'.
    let backend = offers.iter().find(|offer| offer.role == roles[1]).unwrap();
    let pod = PodSpec { role: String::new(), ..c.pod(exclusive(1)) };
    accept(&mut c, peer, backend.offer, vec![pod.clone()]);
    c.expect_update(peer, TaskState::Staging);
    assert!(matches!(c.sent.pop_front(), Some((_, _, Message::Launch(launch))) if launch.spec.role == roles[1]));
    // Both are left alone, and both come back.
    let left = offers.iter().filter(|offer| offer.offer != backend.offer).map(|offer| offer.offer).collect();
    c.message(peer, Message::Decline(Decline { offers: left, refuse_ms: 60_000 }));
    c.wait_ms(10_000);
    c.expect_silence();
    c.message(peer, Message::Revive);
    let Message::Offers(offers) = c.expect(peer) else { panic!("no offers") };
    assert_eq!(offers.len(), 4);
    // It leaves one of the two: what it has there stays.
    c.close(peer);
    let back = c.open(Role::Framework);
    let ads = vec![roles[0].clone()];
    c.message(back, Message::Subscribe(Subscribe { framework: Some(framework), roles: ads, ..subscribe("both") }));
    c.expect_subscribed(back);
    let Message::Offers(offers) = c.expect(back) else { panic!("no offers") };
    assert!(offers.len() == 4 && offers.iter().all(|offer| offer.role == roles[0]), "{offers:?}");
    assert_eq!(c.status_of(pod.pod).state, TaskState::Staging);
}

#[test]
fn offers_of_a_lost_agent_are_rescinded_and_its_return_is_offered() {
    let mut c = Scenario::new();
    let (agent, _) = c.agent(1, 2);
    let (framework, _) = c.framework("first");
    let offer = c.expect_offer(framework).offer;
    c.close(agent);
    c.expect_rescind(framework, &[offer]);
    let pod = c.pod(exclusive(1));
    accept(&mut c, framework, offer, vec![pod]);
    c.expect_update(framework, TaskState::Dropped);
    let back = c.open(Role::Agent);
    c.message(back, Message::Register(register(1, machine(2))));
    c.expect_registered(back);
    assert_ne!(c.expect_offer(framework).offer, offer);
}

#[test]
fn a_pod_that_an_accept_names_twice_starts_once() {
    let mut c = Scenario::new();
    let (agent, _) = c.agent(1, 2);
    let (framework, _) = c.framework("first");
    let offer = c.expect_offer(framework).offer;
    let pod = c.pod(exclusive(1));
    accept(&mut c, framework, offer, vec![pod.clone(), pod]);
    c.expect_update(framework, TaskState::Staging);
    c.expect_launch(agent);
}
