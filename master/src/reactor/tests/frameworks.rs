//! Frameworks: subscribed, gone, back again.

use super::*;
use meros_wire::message::{Kill, Reconcile, RefusalCode};

#[test]
fn a_subscription_without_a_role_is_refused() {
    let mut c = Scenario::new();
    let peer = c.open(Role::Framework);
    c.message(peer, Message::Subscribe(Subscribe { roles: Vec::new(), ..subscribe("first") }));
    assert_eq!(c.expect_refusal(peer).field, "roles");
    c.expect_closed(peer);
}

#[test]
fn calls_before_the_subscription_are_out_of_turn() {
    let mut c = Scenario::new();
    let peer = c.open(Role::Framework);
    c.message(peer, Message::Revive);
    assert_eq!(c.expect_refusal(peer).code, RefusalCode::OutOfTurn);
}

#[test]
fn a_framework_that_comes_back_keeps_its_pods_and_hears_what_it_missed() {
    let mut c = Scenario::new();
    let (agent, _) = c.agent(1, 1);
    let (framework, number) = c.framework("first");
    let offer = c.expect_offer(framework).offer;
    let pod = c.pod(exclusive(1));
    let accept = meros_wire::message::Accept { offers: vec![offer], pods: vec![pod.clone()], refuse_ms: 0 };
    c.message(framework, Message::Accept(accept));
    c.expect_update(framework, TaskState::Staging);
    let (_, launch) = c.expect_launch(agent);
    c.close(framework);
    let update = c.report(agent, &launch, TaskState::Running);
    let back = c.open(Role::Framework);
    c.message(back, Message::Subscribe(Subscribe { framework: Some(number), ..subscribe("first") }));
    assert_eq!(c.expect_subscribed(back), number);
    let status = c.expect_update(back, TaskState::Running);
    assert_eq!(status.update, update);
    c.acknowledge(back, &status);
    c.expect_acknowledged(agent, update);
}

#[test]
fn a_framework_that_stays_away_is_removed_with_its_pods() {
    let mut c = Scenario::new();
    let (agent, _) = c.agent(1, 1);
    let (framework, number) = c.framework("first");
    c.expect_offer(framework);
    c.close(framework);
    let back = c.open(Role::Framework);
    c.message(back, Message::Subscribe(Subscribe { framework: Some(number), ..subscribe("first") }));
    c.expect_subscribed(back);
    let offer = c.expect_offer(back).offer;
    let pod = c.pod(exclusive(1));
    let accept = meros_wire::message::Accept { offers: vec![offer], pods: vec![pod], refuse_ms: 0 };
    c.message(back, Message::Accept(accept));
    c.expect_update(back, TaskState::Staging);
    let (_, launch) = c.expect_launch(agent);
    c.close(back);
    c.wait_ms(60_000);
    assert!(matches!(c.expect(agent), Message::KillPod(kill) if kill.pod == launch.spec.pod));
    let update = c.report(agent, &launch, TaskState::Killed);
    c.expect_acknowledged(agent, update);
    let late = c.open(Role::Framework);
    c.message(late, Message::Subscribe(Subscribe { framework: Some(number), ..subscribe("first") }));
    assert_eq!(c.expect_refusal(late).code, RefusalCode::NotFound);
    c.expect_closed(late);
}

#[test]
fn reconciliation_answers_for_known_and_unknown_pods() {
    let mut c = Scenario::new();
    let (framework, _) = c.framework("first");
    let (known, unknown) = (c.pod(exclusive(1)), c.pod(exclusive(1)));
    c.place(framework, &known);
    c.expect_update(framework, TaskState::Waiting);
    c.expect_update(framework, TaskState::Waiting);
    c.message(framework, Message::Reconcile(Reconcile { pods: vec![known.pod, unknown.pod] }));
    c.expect_update(framework, TaskState::Waiting);
    let status = c.expect_update(framework, TaskState::Unknown);
    assert!(status.update.is_nil());
}

#[test]
fn a_framework_places_only_under_its_roles_and_kills_only_its_own() {
    let mut c = Scenario::new();
    let (first, _) = c.framework("first");
    let (second, _) = c.framework("second");
    let mut pod = c.pod(exclusive(1));
    "other".clone_into(&mut pod.role);
    c.place(first, &pod);
    assert_eq!(c.expect_refusal(first).field, "pods[0].role");
    "default".clone_into(&mut pod.role);
    c.place(first, &pod);
    c.expect_update(first, TaskState::Waiting);
    c.expect_update(first, TaskState::Waiting);
    c.message(second, Message::Kill(Kill { pod: pod.pod, grace_ms: None }));
    assert_eq!(c.expect_refusal(second).code, RefusalCode::NotFound);
}

#[test]
fn the_built_in_framework_cannot_be_taken() {
    let mut c = Scenario::new();
    let peer = c.open(Role::Framework);
    c.message(peer, Message::Subscribe(Subscribe { framework: Some(FrameworkId(0)), ..subscribe("thief") }));
    assert_eq!(c.expect_refusal(peer).code, RefusalCode::NotAllowed);
    c.expect_closed(peer);
}
