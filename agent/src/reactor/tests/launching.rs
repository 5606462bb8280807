//! From an order to a running program, or to the reason why not.

use super::*;
use meros_wire::message::{Label, MemberKind, NumaMemory, Root, StatusReason, TaskState};

#[test]
fn a_pod_on_its_own_cores_runs_and_says_how_it_is_pinned() {
    let mut scene = Scene::running(1);
    let told = &scene.told[&pod(1)];
    assert_eq!(told.pinning, pinned("0-1", "0"));
    assert_eq!(told.placement.exclusive_pus, [0, 1]);
    assert_eq!(told.agent, Some(AgentId(7)));
    scene.expect(&[]);
}

#[test]
fn memory_named_by_the_placement_decides_the_numa_nodes() {
    let mut scene = Scene::registered();
    let mut order = exclusive(1, &[0, 1]);
    order.placement.memory = vec![NumaMemory { numa_node: 1, mem_bytes: 1 << 20 }];
    scene.order(Message::Launch(order));
    scene.order(Message::Launch(exclusive(2, &[2, 4])));
    scene.expect(&[
        "keep launch p1",
        "tell p1 starting",
        "launch p1 on 0-1 / 1",
        "keep launch p2",
        "tell p2 starting",
        "launch p2 on 2,4 / 0-1",
    ]);
}

#[test]
fn a_launch_ordered_twice_is_started_once_and_answered_twice() {
    let mut scene = Scene::running(1);
    let update = scene.told[&pod(1)].update;
    scene.order(Message::Launch(exclusive(1, &[0, 1])));
    scene.expect(&["tell p1 running"]);
    assert_eq!(scene.told[&pod(1)].update, update);
}

#[test]
fn a_launch_ordered_again_after_its_end_is_answered_with_its_end() {
    let mut scene = Scene::running(1);
    scene.exited(1, Exit::Code(0));
    scene.removed(1);
    scene.acknowledge(1);
    scene.skip();
    scene.order(Message::Launch(exclusive(1, &[0, 1])));
    scene.expect(&["tell p1 finished Exited"]);
}

#[test]
fn an_order_for_another_machine_is_refused() {
    let mut scene = Scene::registered();
    let launch = || Message::Launch(exclusive(1, &[0]));
    scene.order_as(|envelope| envelope.topology_hash ^= 1, launch());
    scene.order_as(|envelope| envelope.incarnation += 1, launch());
    scene.order_as(|envelope| envelope.topology_hash ^= 1, pool(0, &[0], 1));
    scene.expect(&["refuse Invalid topology_hash", "refuse Invalid incarnation", "refuse Invalid topology_hash"]);
}

#[test]
fn a_wrong_pinning_is_a_failed_launch() {
    for wrong in [pinned("0-7", "0"), pinned("0-1", "0-1"), None] {
        let mut scene = Scene::registered();
        scene.order(Message::Launch(exclusive(1, &[0, 1])));
        scene.skip();
        scene.started(1, wrong);
        scene.expect(&["force p1"]);
        scene.exited(1, Exit::Signal(9));
        scene.removed(1);
        scene.expect(&["remove p1", "keep ending p1 failed", "tell p1 failed LaunchFailed"]);
    }
}

#[test]
fn on_a_pretended_machine_no_pinning_is_expected() {
    let mut pretended = identity();
    pretended.machine.pretended = true;
    let mut scene = Scene::registered();
    scene.state.identity = pretended;
    scene.order(Message::Launch(exclusive(1, &[0, 1])));
    scene.started(1, None);
    scene.expect(&["keep launch p1", "tell p1 starting", "launch p1 on 0-1 / 0", "tell p1 running"]);
}

#[test]
fn a_program_that_cannot_be_started_says_why() {
    let mut scene = Scene::registered();
    scene.order(Message::Launch(exclusive(1, &[0, 1])));
    scene.skip();
    let message = "exec /bin/nope: No such file or directory".to_owned();
    scene.event(Event::StartFailed { pod: pod(1), reason: StatusReason::ExecFailed, message: message.clone() });
    scene.expect(&["remove p1"]);
    scene.removed(1);
    scene.expect(&["keep ending p1 failed", "tell p1 failed ExecFailed"]);
    assert_eq!(scene.told[&pod(1)].message, message);
}

#[test]
fn an_end_is_told_with_its_code_its_signal_or_its_lack_of_memory() {
    let ends = [
        (Exit::Code(0), false, TaskState::Finished, StatusReason::Exited, "exited with code 0"),
        (Exit::Code(3), false, TaskState::Failed, StatusReason::Exited, "exited with code 3"),
        (Exit::Signal(9), false, TaskState::Failed, StatusReason::Signaled, "signal 9 (SIGKILL)"),
        (Exit::Signal(9), true, TaskState::Failed, StatusReason::MemoryLimit, "1048576 bytes"),
    ];
    for (exit, out_of_memory, state, reason, text) in ends {
        let mut scene = Scene::running(1);
        scene.event(Event::Exited { pod: pod(1), ended: Ended { exit, out_of_memory } });
        scene.removed(1);
        scene.skip();
        let told = &scene.told[&pod(1)];
        assert_eq!((told.state, told.reason, told.exit), (state, reason, Some(exit)));
        assert!(told.message.contains(text), "{}", told.message);
    }
}

#[test]
fn the_end_is_not_told_while_something_is_left() {
    let mut scene = Scene::running(1);
    scene.exited(1, Exit::Code(0));
    scene.event(Event::Removed { pod: pod(1), result: Err("busy".to_owned()) });
    scene.expect(&["remove p1"]);
    scene.after(crate::pod::REMOVE_RETRY_MS);
    scene.expect(&["remove p1"]);
    scene.removed(1);
    scene.expect(&["keep ending p1 finished", "tell p1 finished Exited"]);
}

#[test]
fn a_lost_supervisor_is_a_lost_pod() {
    let mut scene = Scene::running(1);
    scene.event(Event::SupervisorLost { pod: pod(1), message: "its supervisor died".to_owned() });
    scene.removed(1);
    scene.expect(&["remove p1", "keep ending p1 lost", "tell p1 lost SupervisorLost"]);
}

#[test]
fn cores_of_another_pod_or_of_a_pool_are_not_given_twice() {
    let mut scene = Scene::running(1);
    scene.order(pool(0, &[2], 1));
    scene.skip();
    scene.order(Message::Launch(exclusive(2, &[1])));
    scene.order(Message::Launch(exclusive(3, &[2])));
    scene.order(Message::Launch(exclusive(4, &[8])));
    scene.order(Message::Launch(exclusive(5, &[5, 4])));
    scene.expect(&[
        "refuse Invalid placement.exclusive_pus[0]",
        "refuse Invalid placement.exclusive_pus[0]",
        "refuse Invalid placement.exclusive_pus[0]",
        "refuse Invalid placement.exclusive_pus[1]",
    ]);
}

/// A refusal, and what an order must be changed by to earn it.
type Case<'a> = (&'static str, &'a dyn Fn(&mut Launch));

#[test]
fn what_is_not_acted_on_or_wrong_is_refused_by_the_name_of_its_field() {
    let member = |order: &mut Launch, change: fn(&mut MemberSpec)| change(&mut order.spec.members[0]);
    let cases: [Case; 17] = [
        ("NotSupported spec.members", &|order| order.spec.members.push(MemberSpec::default())),
        ("NotSupported spec.members", &|order| order.spec.members.clear()),
        ("NotSupported spec.members[0].kind", &|order| member(order, |m| m.kind = MemberKind::Init)),
        ("Invalid spec.members[0].name", &|order| member(order, |m| m.name = "../x".to_owned())),
        ("Invalid spec.members[0].name", &|order| member(order, |m| m.name = "x".repeat(65))),
        ("Invalid spec.members[0].command.argv", &|order| member(order, |m| m.command.argv.clear())),
        ("Invalid spec.members[0].command.argv[1]", &|order| {
            member(order, |m| m.command.argv.push("a\0b".to_owned()));
        }),
        ("Invalid spec.members[0].command.env[0]", &|order| {
            member(order, |m| m.command.env = vec![Label { key: "A=B".to_owned(), value: String::new() }]);
        }),
        ("NotSupported spec.members[0].command.user", &|order| member(order, |m| m.command.user = "0".to_owned())),
        ("Invalid spec.members[0].command.working_dir", &|order| {
            member(order, |m| m.command.working_dir = "tmp".to_owned());
        }),
        ("Invalid spec.members[0].root", &|order| member(order, |m| m.root = Root::Folder("x".to_owned()))),
        ("NotUnderstood spec.must_understand", &|order| order.spec.must_understand = 1 << 50),
        ("NotUnderstood spec.members[0].must_understand", &|order| member(order, |m| m.must_understand = 1 << 50)),
        ("Invalid spec.pod", &|order| order.spec.pod = PodId::default()),
        ("Invalid placement.exclusive_pus", &|order| order.placement.exclusive_pus.clear()),
        ("Invalid placement.pools", &|order| order.placement.pools = vec![PoolShare::default()]),
        ("Invalid placement.memory[0].numa_node", &|order| {
            order.placement.memory = vec![NumaMemory { numa_node: 5, mem_bytes: 0 }];
        }),
    ];
    for (refusal, change) in cases {
        let mut scene = Scene::registered();
        let mut order = exclusive(1, &[0, 1]);
        change(&mut order);
        scene.order(Message::Launch(order));
        scene.expect(&[&format!("refuse {refusal}")]);
    }
}

#[test]
fn a_launch_goes_on_while_the_master_is_away() {
    let mut scene = Scene::registered();
    scene.order(Message::Launch(exclusive(1, &[0, 1])));
    scene.disconnect();
    scene.skip();
    scene.started(1, pinned("0-1", "0"));
    scene.expect(&[]);
    scene.after(crate::reactor::register::BACKOFF_MIN_MS);
    scene.event(Event::Opened);
    scene.admit();
    scene.expect(&["connect", "register pods [p1 running] pools []", "tell p1 starting", "tell p1 running"]);
}
