//! Status updates: at least once to the framework, acknowledged to the agent only after it.

use super::*;

/// A framework with one pod launched.
fn launched() -> (Scenario, PeerId, PeerId, Launch) {
    let mut c = Scenario::new();
    let (agent, _) = c.agent(1, 1);
    let (framework, _) = c.framework("first");
    let offer = c.expect_offer(framework).offer;
    let pods = vec![c.pod(exclusive(1))];
    let accept = meros_wire::message::Accept { offers: vec![offer], pods, refuse_ms: 60_000 };
    c.message(framework, Message::Accept(accept));
    c.expect_update(framework, TaskState::Staging);
    let (_, launch) = c.expect_launch(agent);
    (c, agent, framework, launch)
}

#[test]
fn the_agent_is_acknowledged_after_the_framework() {
    let (mut c, agent, framework, launch) = launched();
    let update = c.report(agent, &launch, TaskState::Running);
    let status = c.expect_update(framework, TaskState::Running);
    c.expect_silence();
    c.acknowledge(framework, &status);
    c.expect_acknowledged(agent, update);
    c.acknowledge(framework, &status);
    c.expect_silence();
}

#[test]
fn a_repeated_report_is_told_once_and_acknowledged_once_more() {
    let (mut c, agent, framework, launch) = launched();
    c.report(agent, &launch, TaskState::Running);
    let status = c.expect_update(framework, TaskState::Running);
    let again = ReportStatus { framework: launch.framework, status: status.clone() };
    c.message(agent, Message::ReportStatus(again.clone()));
    c.expect_silence();
    c.acknowledge(framework, &status);
    c.expect_acknowledged(agent, status.update);
    c.message(agent, Message::ReportStatus(again));
    c.expect_acknowledged(agent, status.update);
}

#[test]
fn a_report_of_a_forgotten_pod_is_acknowledged() {
    let (mut c, agent, _framework, mut launch) = launched();
    launch.spec.pod = PodId(Uuid::from_random([55; 16]));
    let update = c.report(agent, &launch, TaskState::Finished);
    c.expect_acknowledged(agent, update);
}

#[test]
fn a_terminal_status_frees_the_core_before_it_is_acknowledged() {
    let (mut c, agent, framework, launch) = launched();
    c.report(agent, &launch, TaskState::Finished);
    let status = c.expect_update(framework, TaskState::Finished);
    let operator = c.open(Role::Operator);
    let next = c.pod(exclusive(1));
    c.place(operator, &next);
    c.expect_launch(agent);
    c.acknowledge(framework, &status);
    c.expect_acknowledged(agent, status.update);
}

#[test]
fn the_status_carries_agent_and_placement() {
    let (mut c, agent, framework, launch) = launched();
    c.report(agent, &launch, TaskState::Running);
    let status = c.expect_update(framework, TaskState::Running);
    assert_eq!(placed_pus(&status.placement), placed_pus(&launch.placement));
    assert!(status.agent.is_some());
}

#[test]
fn a_pod_that_its_agent_does_not_know_is_lost_and_its_core_free() {
    let (mut c, agent, framework, launch) = launched();
    c.report(agent, &launch, TaskState::Unknown);
    let status = c.expect_update(framework, TaskState::Lost);
    c.acknowledge(framework, &status);
    let operator = c.open(Role::Operator);
    let next = c.pod(exclusive(1));
    c.place(operator, &next);
    c.expect_launch(agent);
}
