//! Agents: admitted, refused, silent, back again.

use super::*;
use meros_wire::message::{RefusalCode, RunningPod, StatusReason};

fn running(launch: &Launch, envelope: &Envelope, state: TaskState) -> RunningPod {
    RunningPod {
        spec: launch.spec.clone(),
        placement: launch.placement.clone(),
        claim: envelope.claim,
        framework: launch.framework,
        state,
    }
}

#[test]
fn a_machine_that_cannot_be_is_refused_by_field() {
    let mut c = Scenario::new();
    let spoils: [Spoil<Machine>; 3] = [
        ("machine.cores", |machine| machine.cores[1].pus = vec![10]),
        ("machine.cores[0]", |machine| machine.cores[0].numa_node = Some(77)),
        ("machine.numa_nodes", |machine| machine.numa_nodes.push(machine.numa_nodes[0].clone())),
    ];
    for (field, spoil) in spoils {
        let mut bad = machine(2);
        spoil(&mut bad);
        let peer = c.open(Role::Agent);
        c.message(peer, Message::Register(register(1, bad)));
        assert_eq!(c.expect_refusal(peer).field, field);
        c.expect_closed(peer);
    }
}

#[test]
fn an_agent_that_obeyed_a_later_leader_is_not_led() {
    let mut c = Scenario::new();
    let peer = c.open(Role::Agent);
    c.message(peer, Message::Register(Register { highest_term: 4, ..register(1, machine(1)) }));
    assert_eq!(c.expect_refusal(peer).code, RefusalCode::StaleTerm);
    c.expect_closed(peer);
}

#[test]
fn messages_before_registration_are_out_of_turn() {
    let mut c = Scenario::new();
    let peer = c.open(Role::Agent);
    c.message(peer, Message::PoolConfirmed(PoolConfirmed::default()));
    assert_eq!(c.expect_refusal(peer).code, RefusalCode::OutOfTurn);
}

#[test]
fn an_agent_keeps_its_number_and_the_newest_connection_wins() {
    let mut c = Scenario::new();
    let (old, id) = c.agent(1, 2);
    let new = c.open(Role::Agent);
    c.message(new, Message::Register(register(1, machine(2))));
    assert_eq!(c.expect_registered(new), id);
    c.expect_closed(old);
    c.close(old);
    let operator = c.open(Role::Operator);
    let pod = c.pod(exclusive(1));
    c.place(operator, &pod);
    c.expect_launch(new);
}

#[test]
fn a_launch_that_never_arrived_is_sent_again_with_its_key() {
    let mut c = Scenario::new();
    let (agent, _) = c.agent(1, 1);
    let operator = c.open(Role::Operator);
    let pod = c.pod(exclusive(1));
    c.place(operator, &pod);
    let (first, _) = c.expect_launch(agent);
    c.close(agent);
    let back = c.open(Role::Agent);
    c.message(back, Message::Register(register(1, machine(1))));
    c.expect_registered(back);
    let (second, launch) = c.expect_launch(back);
    assert_eq!((launch.spec.pod, second.idempotency_key), (pod.pod, first.idempotency_key));
}

#[test]
fn a_pod_that_ran_and_is_not_reported_is_lost_and_its_core_free() {
    let mut c = Scenario::new();
    let (agent, _) = c.agent(1, 1);
    let operator = c.open(Role::Operator);
    let (first, second) = (c.pod(exclusive(1)), c.pod(exclusive(1)));
    c.place(operator, &first);
    let (_, launch) = c.expect_launch(agent);
    let update = c.report(agent, &launch, TaskState::Running);
    c.expect_acknowledged(agent, update);
    c.close(agent);
    let back = c.open(Role::Agent);
    c.message(back, Message::Register(register(1, machine(1))));
    c.expect_registered(back);
    let status = c.status_of(first.pod);
    assert_eq!((status.state, status.reason), (TaskState::Lost, StatusReason::AgentRestarted));
    c.place(operator, &second);
    c.expect_launch(back);
}

/// An agent refuses whatever comes before it is admitted, and what was told once is not told again (seed 3637 of the simulator).
#[test]
fn what_taking_stock_does_to_a_pool_is_told_after_admission() {
    let mut c = Scenario::new();
    let (agent, _) = c.agent(1, 1);
    let operator = c.open(Role::Operator);
    let (sharing, owning) = (c.pod(shared(300)), c.pod(exclusive(1)));
    c.place(operator, &sharing);
    assert_eq!(c.expect_pool(agent).pus, [10]);
    let (_, launch) = c.expect_launch(agent);
    let update = c.report(agent, &launch, TaskState::Running);
    c.expect_acknowledged(agent, update);
    c.place(operator, &owning);
    c.close(agent);
    let back = c.open(Role::Agent);
    c.message(back, Message::Register(register(1, machine(1))));
    c.expect_registered(back);
    let emptied = c.expect_pool(back);
    assert!(emptied.pus.is_empty(), "its only pod was lost: {emptied:?}");
    c.confirm(back, &emptied);
    assert_eq!(c.expect_launch(back).1.placement.exclusive_pus, [10]);
}

#[test]
fn a_silent_agents_pods_become_unreachable_and_keep_their_cores() {
    let mut c = Scenario::new();
    let (agent, _) = c.agent(1, 1);
    let operator = c.open(Role::Operator);
    let (first, second) = (c.pod(exclusive(1)), c.pod(exclusive(1)));
    c.place(operator, &first);
    let (envelope, launch) = c.expect_launch(agent);
    let update = c.report(agent, &launch, TaskState::Running);
    c.expect_acknowledged(agent, update);
    c.close(agent);
    c.wait_ms(20_000);
    assert_eq!(c.status_of(first.pod).state, TaskState::Unreachable);
    c.place(operator, &second);
    assert_eq!(c.status_of(second.pod).state, TaskState::Waiting);
    let back = c.open(Role::Agent);
    let pods = vec![running(&launch, &envelope, TaskState::Running)];
    c.message(back, Message::Register(Register { pods, ..register(1, machine(1)) }));
    c.expect_registered(back);
    assert_eq!(c.status_of(first.pod).state, TaskState::Running);
    assert_eq!(c.status_of(second.pod).state, TaskState::Waiting);
}

#[test]
fn a_new_leader_learns_what_runs_and_places_around_it() {
    let mut before = Scenario::new();
    let (agent, _) = before.agent(1, 2);
    let operator = before.open(Role::Operator);
    let (owning, sharing) = (before.pod(exclusive(1)), before.pod(shared(300)));
    before.place(operator, &owning);
    let (envelope, launch) = before.expect_launch(agent);
    before.place(operator, &sharing);
    let pool = before.expect_pool(agent);
    let (shared_envelope, shared_launch) = before.expect_launch(agent);

    let mut c = Scenario::new();
    let peer = c.open(Role::Agent);
    let pods = vec![
        running(&shared_launch, &shared_envelope, TaskState::Running),
        running(&launch, &envelope, TaskState::Running),
    ];
    let pools = vec![PoolOrder { epoch: 1 << 32 | pool.epoch, ..pool.clone() }];
    c.message(peer, Message::Register(Register { pods, pools, ..register(1, machine(2)) }));
    c.expect_registered(peer);
    assert_eq!(c.expect_pool(peer).pus, pool.pus);
    assert_eq!(c.status_of(owning.pod).state, TaskState::Running);
    let operator = c.open(Role::Operator);
    let more = pod(PodId(Uuid::from_random([77; 16])), exclusive(1));
    c.place(operator, &more);
    assert_eq!(c.status_of(more.pod).state, TaskState::Waiting, "both cores are taken");
}

#[test]
fn a_new_leader_takes_over_a_pool_that_nobody_runs_on() {
    let mut c = Scenario::new();
    let operator = c.open(Role::Operator);
    let owning = c.pod(exclusive(1));
    c.place(operator, &owning);
    let peer = c.open(Role::Agent);
    let pools = vec![PoolOrder { pool: 4, pus: vec![10], epoch: 1 << 32 | 1 }];
    c.message(peer, Message::Register(Register { pools, ..register(1, machine(1)) }));
    c.expect_registered(peer);
    let emptied = c.expect_pool(peer);
    assert!(emptied.pus.is_empty(), "{emptied:?}");
    c.expect_silence();
    c.confirm(peer, &emptied);
    assert_eq!(c.expect_launch(peer).1.placement.exclusive_pus, [10]);
}

#[test]
fn a_pod_that_ended_here_is_unwanted_there() {
    let mut c = Scenario::new();
    let (agent, _) = c.agent(1, 1);
    let operator = c.open(Role::Operator);
    let pod = c.pod(exclusive(1));
    c.place(operator, &pod);
    let (envelope, launch) = c.expect_launch(agent);
    let update = c.report(agent, &launch, TaskState::Failed);
    c.expect_acknowledged(agent, update);
    c.close(agent);
    let back = c.open(Role::Agent);
    let pods = vec![running(&launch, &envelope, TaskState::Running)];
    c.message(back, Message::Register(Register { pods, ..register(1, machine(1)) }));
    match c.expect(back) {
        Message::Registered(answer) => assert_eq!(answer.unwanted, [pod.pod]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_changed_machine_starts_empty_under_its_number() {
    let mut c = Scenario::new();
    let (agent, id) = c.agent(1, 1);
    let operator = c.open(Role::Operator);
    let pod = c.pod(exclusive(1));
    c.place(operator, &pod);
    c.expect_launch(agent);
    c.close(agent);
    let back = c.open(Role::Agent);
    let changed = Register { incarnation: 2, ..register(1, machine(4)) };
    c.message(back, Message::Register(changed));
    assert_eq!(c.expect_registered(back), id);
    assert_eq!(c.status_of(pod.pod).state, TaskState::Lost);
    let larger = c.pod(exclusive(4));
    c.place(operator, &larger);
    assert_eq!(c.expect_launch(back).1.placement.exclusive_pus.len(), 4);
}

#[test]
fn a_pod_that_a_changed_machine_has_no_room_for_is_lost() {
    let mut c = Scenario::new();
    let (agent, _) = c.agent(1, 2);
    let operator = c.open(Role::Operator);
    let pod = c.pod(exclusive(2));
    c.place(operator, &pod);
    let (envelope, launch) = c.expect_launch(agent);
    let update = c.report(agent, &launch, TaskState::Running);
    c.expect_acknowledged(agent, update);
    c.close(agent);
    let back = c.open(Role::Agent);
    let pods = vec![running(&launch, &envelope, TaskState::Lost)];
    c.message(back, Message::Register(Register { pods, incarnation: 2, ..register(1, machine(1)) }));
    c.expect_registered(back);
    let status = c.status_of(pod.pod);
    assert_eq!((status.state, status.reason), (TaskState::Lost, StatusReason::AgentRestarted));
    let update = c.report(back, &launch, TaskState::Lost);
    c.expect_acknowledged(back, update);
}

#[test]
fn an_order_that_an_agent_refuses_ends_the_pod_with_its_words() {
    let mut c = Scenario::new();
    let (agent, _) = c.agent(1, 1);
    let operator = c.open(Role::Operator);
    let pod = c.pod(exclusive(1));
    c.place(operator, &pod);
    let (envelope, _) = c.expect_launch(agent);
    let refusal = meros_wire::message::Refusal {
        code: RefusalCode::NotSupported,
        field: "spec.members[0].root".to_owned(),
        message: "no such thing here".to_owned(),
        ..Default::default()
    };
    let envelope = Box::new(Envelope { idempotency_key: envelope.idempotency_key, ..Envelope::default() });
    c.event(Event::Message { peer: agent, envelope, message: Box::new(Message::Refusal(refusal)) });
    let status = c.status_of(pod.pod);
    assert_eq!((status.state, status.reason), (TaskState::Error, StatusReason::Refused));
    assert!(status.message.contains("no such thing here"), "{}", status.message);
}
