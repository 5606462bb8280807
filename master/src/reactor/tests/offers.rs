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
    assert_eq!(c.state.offers.len(), 1, "the first framework still holds it");
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
    match c.expect(framework) {
        Message::Rescind(rescind) => assert_eq!(rescind.offers, [offer]),
        other => panic!("{other:?}"),
    }
    assert_eq!(c.expect_launch(agent).1.spec.pod, pod.pod);
    assert_eq!(c.expect_offer(framework).exclusive_pus, 1, "what is left is offered again");
}

#[test]
fn an_unanswered_offer_lapses() {
    let mut c = Scenario::new();
    let _agent = c.agent(1, 2);
    let (framework, _) = c.framework("asleep");
    c.expect_offer(framework);
    c.wait_ms(60_000);
    assert!(matches!(c.expect(framework), Message::Rescind(_)));
    assert!(c.state.offers.is_empty(), "not offered again at once");
    c.wait_ms(60_000);
    c.expect_offer(framework);
}

#[test]
fn offers_of_a_lost_agent_are_rescinded() {
    let mut c = Scenario::new();
    let (agent, _) = c.agent(1, 2);
    let (framework, _) = c.framework("first");
    c.expect_offer(framework);
    c.close(agent);
    assert!(matches!(c.expect(framework), Message::Rescind(_)));
}
