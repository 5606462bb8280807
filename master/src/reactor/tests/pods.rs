//! Pods: placed, waiting, killed.

use super::*;
use meros_wire::message::{Kill, Locality, RefusalCode, StatusReason};

#[test]
fn an_exclusive_pod_is_launched_on_its_own_core() {
    let mut c = Scenario::new();
    let (agent, id) = c.agent(1, 2);
    let operator = c.open(Role::Operator);
    let pod = c.pod(exclusive(1));
    c.place(operator, &pod);
    let (envelope, launch) = c.expect_launch(agent);
    assert_eq!(launch.placement.exclusive_pus, [10]);
    assert_eq!(launch.placement.memory.len(), 1);
    assert_eq!(launch.placement.memory[0].numa_node, 4);
    assert_eq!((envelope.term, envelope.incarnation, envelope.topology_hash), (3, 1, 2));
    assert!(!envelope.idempotency_key.is_nil());
    let status = c.status_of(pod.pod);
    assert_eq!((status.state, status.agent), (TaskState::Staging, Some(id)));
}

#[test]
fn two_exclusive_pods_never_share_a_core() {
    let mut c = Scenario::new();
    let (agent, _) = c.agent(1, 2);
    let operator = c.open(Role::Operator);
    let (first, second) = (c.pod(exclusive(1)), c.pod(exclusive(1)));
    c.place(operator, &first);
    c.place(operator, &second);
    let (_, one) = c.expect_launch(agent);
    let (_, two) = c.expect_launch(agent);
    assert_ne!(one.placement.exclusive_pus, two.placement.exclusive_pus);
}

#[test]
fn a_pod_larger_than_any_machine_waits_and_says_so() {
    let mut c = Scenario::new();
    let _agent = c.agent(1, 2);
    let operator = c.open(Role::Operator);
    let pod = c.pod(exclusive(3));
    c.place(operator, &pod);
    let status = c.status_of(pod.pod);
    assert_eq!((status.state, status.reason), (TaskState::Waiting, StatusReason::NeverFits));
    assert!(status.message.contains('3'), "{}", status.message);
}

#[test]
fn a_waiting_pod_starts_when_a_core_frees() {
    let mut c = Scenario::new();
    let (agent, _) = c.agent(1, 1);
    let operator = c.open(Role::Operator);
    let (first, second) = (c.pod(exclusive(1)), c.pod(exclusive(1)));
    c.place(operator, &first);
    let (_, launch) = c.expect_launch(agent);
    c.place(operator, &second);
    let status = c.status_of(second.pod);
    assert_eq!((status.state, status.reason), (TaskState::Waiting, StatusReason::InsufficientResources));
    let update = c.report(agent, &launch, TaskState::Finished);
    c.expect_acknowledged(agent, update);
    let (_, next) = c.expect_launch(agent);
    assert_eq!(next.spec.pod, second.pod);
}

#[test]
fn higher_priority_waits_less() {
    let mut c = Scenario::new();
    let (agent, _) = c.agent(1, 1);
    let operator = c.open(Role::Operator);
    let first = c.pod(exclusive(1));
    c.place(operator, &first);
    let (_, launch) = c.expect_launch(agent);
    let (mut idle, ordinary, mut urgent) = (c.pod(exclusive(1)), c.pod(exclusive(1)), c.pod(exclusive(1)));
    (idle.priority, urgent.priority) = (-5, 5);
    c.place(operator, &idle);
    c.place(operator, &ordinary);
    c.place(operator, &urgent);
    let update = c.report(agent, &launch, TaskState::Finished);
    c.expect_acknowledged(agent, update);
    let (_, launch) = c.expect_launch(agent);
    assert_eq!(launch.spec.pod, urgent.pod);
    let update = c.report(agent, &launch, TaskState::Finished);
    c.expect_acknowledged(agent, update);
    assert_eq!(c.expect_launch(agent).1.spec.pod, ordinary.pod);
}

#[test]
fn a_shared_pod_is_launched_after_its_pool_is_told() {
    let mut c = Scenario::new();
    let (agent, _) = c.agent(1, 2);
    let operator = c.open(Role::Operator);
    let pod = c.pod(shared(500));
    c.place(operator, &pod);
    let order = c.expect_pool(agent);
    assert_eq!((order.pool, order.pus.len()), (4, 1));
    let (_, launch) = c.expect_launch(agent);
    assert!(launch.placement.exclusive_pus.is_empty());
    assert_eq!(launch.placement.pools[0].pool, 4);
    assert_eq!(launch.placement.pools[0].cpu_milli, 500);
}

#[test]
fn an_exclusive_pod_waits_until_the_agent_confirmed_the_smaller_pool() {
    let mut c = Scenario::new();
    let (agent, _) = c.agent(1, 1);
    let operator = c.open(Role::Operator);
    let (sharing, owning) = (c.pod(shared(500)), c.pod(exclusive(1)));
    c.place(operator, &sharing);
    c.expect_pool(agent);
    let (_, launch) = c.expect_launch(agent);
    c.place(operator, &owning);
    let update = c.report(agent, &launch, TaskState::Finished);
    let smaller = c.expect_pool(agent);
    assert!(smaller.pus.is_empty());
    c.expect_acknowledged(agent, update);
    let status = c.status_of(owning.pod);
    assert_eq!(status.state, TaskState::Waiting, "the core has not left the pool yet: {}", status.message);
    c.confirm(agent, &smaller);
    assert_eq!(c.expect_launch(agent).1.spec.pod, owning.pod);
}

#[test]
fn asking_twice_is_asking_once() {
    let mut c = Scenario::new();
    let (agent, _) = c.agent(1, 2);
    let operator = c.open(Role::Operator);
    let pod = c.pod(exclusive(1));
    c.place(operator, &pod);
    c.expect_launch(agent);
    c.place(operator, &pod);
    c.expect_silence();
    let other = PodSpec { priority: 1, ..pod };
    c.place(operator, &other);
    assert_eq!(c.expect_refusal(operator).field, "pods[0].pod");
}

#[test]
fn what_is_not_acted_on_is_refused_by_field() {
    let mut c = Scenario::new();
    let operator = c.open(Role::Operator);
    let fields: [Spoil<PodSpec>; 6] = [
        ("pods[0].members", |pod| pod.members.push(pod.members[0].clone())),
        ("pods[0].members[0].command.argv", |pod| pod.members[0].command.argv.clear()),
        ("pods[0].members[0].command.user", |pod| "nobody".clone_into(&mut pod.members[0].command.user)),
        ("pods[0].members[0].resources.cpus", |pod| pod.members[0].resources.cpus = exclusive(0)),
        ("pods[0].role", |pod| "no role".clone_into(&mut pod.role)),
        ("pods[0].must_understand", |pod| pod.must_understand = 1 << 60),
    ];
    for (field, spoil) in fields {
        let mut pod = c.pod(exclusive(1));
        spoil(&mut pod);
        c.place(operator, &pod);
        assert_eq!(c.expect_refusal(operator).field, field);
    }
}

#[test]
fn a_shared_pod_cannot_ask_for_one_cache() {
    let mut c = Scenario::new();
    let operator = c.open(Role::Operator);
    let mut pod = c.pod(shared(100));
    pod.wish.locality = Locality::L3Domain;
    c.place(operator, &pod);
    assert_eq!(c.expect_refusal(operator).field, "pods[0].wish.locality");
}

#[test]
fn killing_a_waiting_pod_ends_it_here() {
    let mut c = Scenario::new();
    let operator = c.open(Role::Operator);
    let pod = c.pod(exclusive(1));
    c.place(operator, &pod);
    c.message(operator, Message::Kill(Kill { pod: pod.pod, grace_ms: None }));
    let status = c.status_of(pod.pod);
    assert_eq!((status.state, status.reason), (TaskState::Killed, StatusReason::KillRequested));
}

#[test]
fn killing_a_running_pod_goes_through_its_agent() {
    let mut c = Scenario::new();
    let (agent, _) = c.agent(1, 1);
    let operator = c.open(Role::Operator);
    let pod = c.pod(exclusive(1));
    c.place(operator, &pod);
    let (_, launch) = c.expect_launch(agent);
    let update = c.report(agent, &launch, TaskState::Running);
    c.expect_acknowledged(agent, update);
    c.message(operator, Message::Kill(Kill { pod: pod.pod, grace_ms: Some(10) }));
    match c.expect(agent) {
        Message::KillPod(kill) => assert_eq!((kill.pod, kill.grace_ms), (pod.pod, Some(10))),
        other => panic!("{other:?}"),
    }
    let update = c.report(agent, &launch, TaskState::Killed);
    c.expect_acknowledged(agent, update);
    assert_eq!(c.status_of(pod.pod).state, TaskState::Killed);
}

#[test]
fn killing_an_unknown_pod_is_refused() {
    let mut c = Scenario::new();
    let operator = c.open(Role::Operator);
    let pod = c.pod(exclusive(1)).pod;
    c.message(operator, Message::Kill(Kill { pod, grace_ms: None }));
    assert_eq!(c.expect_refusal(operator).code, RefusalCode::NotFound);
}

#[test]
fn ended_pods_are_listed_for_a_while_and_forgotten_in_order() {
    let mut c = Scenario::new();
    c.state.policy.ended_pods_max = 2;
    let operator = c.open(Role::Operator);
    let pods: Vec<PodSpec> = (0..4).map(|_| c.pod(exclusive(1))).collect();
    for pod in &pods {
        c.place(operator, pod);
        c.message(operator, Message::Kill(Kill { pod: pod.pod, grace_ms: None }));
    }
    let known: Vec<bool> = pods.iter().map(|pod| c.state.pods.contains_key(&pod.pod)).collect();
    assert_eq!(known, [false, false, true, true]);
}

#[test]
fn a_watcher_hears_of_every_change() {
    let mut c = Scenario::new();
    let operator = c.open(Role::Operator);
    let pod = c.pod(exclusive(1));
    c.message(operator, Message::Query(Query { request: 5, pod: Some(pod.pod), watch: true }));
    let Message::Listing(first) = c.expect(operator) else { panic!("no listing") };
    assert!(first.pods.is_empty());
    c.place(operator, &pod);
    let Message::Listing(second) = c.expect(operator) else { panic!("no listing") };
    assert_eq!((second.request, second.pods.len()), (5, 1));
}
