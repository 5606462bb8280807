//! Ends that were asked for, in every state of a pod.

use super::*;
use crate::pod::FORCE_PATIENCE_MS;
use meros_wire::message::StatusReason;

#[test]
fn a_running_pod_is_asked_and_ends_within_its_grace() {
    let mut scene = Scene::running(1);
    scene.kill(1, None);
    scene.expect(&["signal p1 15", "tell p1 killing"]);
    scene.exited(1, Exit::Signal(15));
    scene.removed(1);
    scene.expect(&["remove p1", "keep ending p1 killed", "tell p1 killed KillRequested"]);
    assert_eq!(scene.told[&pod(1)].exit, Some(Exit::Signal(15)));
    assert!(scene.told[&pod(1)].message.contains("within its grace"));
}

#[test]
fn a_stubborn_pod_is_ended_by_force_when_its_grace_is_over() {
    let mut scene = Scene::running(1);
    scene.kill(1, None);
    scene.skip();
    scene.after(u64::from(GRACE_MS) - 1);
    scene.expect(&[]);
    scene.after(1);
    scene.expect(&["force p1"]);
    scene.exited(1, Exit::Signal(9));
    scene.removed(1);
    scene.expect(&["remove p1", "keep ending p1 killed", "tell p1 killed KillRequested"]);
    assert!(scene.told[&pod(1)].message.contains("by force"));
}

#[test]
fn a_second_kill_shortens_the_grace_and_never_lengthens_it() {
    let mut scene = Scene::running(1);
    scene.kill(1, Some(1_000));
    scene.skip();
    scene.kill(1, Some(60_000));
    scene.after(999);
    scene.expect(&[]);
    scene.kill(1, Some(0));
    scene.expect(&["force p1"]);
    scene.kill(1, Some(0));
    scene.expect(&[]);
}

#[test]
fn no_grace_is_force_at_once() {
    let mut scene = Scene::running(1);
    scene.kill(1, Some(0));
    scene.expect(&["signal p1 15", "force p1", "tell p1 killing"]);
}

#[test]
fn a_pod_killed_while_it_starts_is_asked_as_soon_as_it_runs() {
    let mut scene = Scene::registered();
    scene.order(Message::Launch(exclusive(1, &[0, 1])));
    scene.skip();
    scene.kill(1, None);
    scene.expect(&["tell p1 killing"]);
    scene.started(1, pinned("0-1", "0"));
    scene.expect(&["signal p1 15"]);
    scene.exited(1, Exit::Code(0));
    scene.removed(1);
    scene.expect(&["remove p1", "keep ending p1 killed", "tell p1 killed KillRequested"]);
}

#[test]
fn a_pod_killed_while_it_starts_for_longer_than_its_grace_is_ended_by_force() {
    let mut scene = Scene::registered();
    scene.order(Message::Launch(exclusive(1, &[0, 1])));
    scene.kill(1, Some(10));
    scene.skip();
    scene.after(10);
    scene.expect(&["force p1"]);
    scene.started(1, pinned("0-1", "0"));
    scene.expect(&["force p1"]);
}

#[test]
fn a_pod_killed_while_it_starts_may_still_fail_to_start() {
    let mut scene = Scene::registered();
    scene.order(Message::Launch(exclusive(1, &[0, 1])));
    scene.kill(1, None);
    scene.skip();
    let message = "no such file".to_owned();
    scene.event(Event::StartFailed { pod: pod(1), reason: StatusReason::RootUnusable, message });
    scene.removed(1);
    scene.expect(&["remove p1", "keep ending p1 failed", "tell p1 failed RootUnusable"]);
}

#[test]
fn a_kill_of_a_pod_that_has_ended_is_answered_with_its_end() {
    let mut scene = Scene::running(1);
    scene.exited(1, Exit::Code(0));
    scene.skip();
    scene.kill(1, None);
    scene.expect(&[]);
    scene.removed(1);
    scene.skip();
    scene.kill(1, None);
    scene.expect(&["tell p1 finished Exited"]);
    scene.acknowledge(1);
    scene.kill(1, None);
    scene.expect(&["forget p1", "tell p1 finished Exited"]);
}

#[test]
fn a_kill_of_an_unknown_pod_is_answered_with_unknown() {
    let mut scene = Scene::registered();
    scene.kill(1, None);
    scene.expect(&["tell p1 unknown"]);
    assert!(scene.told[&pod(1)].update.is_nil());
}

#[test]
fn a_kill_counts_for_a_machine_that_has_changed() {
    let mut scene = Scene::running(1);
    let kill = Message::KillPod(KillPod { pod: pod(1), grace_ms: None });
    scene.order_as(|envelope| envelope.incarnation += 1, kill);
    scene.expect(&["signal p1 15", "tell p1 killing"]);
}

#[test]
fn a_supervisor_that_does_not_answer_force_is_taken_over() {
    let mut scene = Scene::running(1);
    scene.kill(1, Some(0));
    scene.skip();
    scene.after(FORCE_PATIENCE_MS);
    scene.expect(&["remove p1"]);
    scene.exited(1, Exit::Signal(9));
    scene.removed(1);
    scene.expect(&["keep ending p1 killed", "tell p1 killed KillRequested"]);
}
