//! Told at least once, until acknowledged.

use super::*;
use crate::outbox::RESEND_MIN_MS;
use crate::reactor::register::BACKOFF_MIN_MS;
use crate::state::{ENDED_PODS_MAX, LeftLogs, LeftPod};
use meros_wire::message::{ReportStatus, TaskState};

#[test]
fn a_status_is_told_again_until_it_is_acknowledged() {
    let mut scene = Scene::running(1);
    scene.after(RESEND_MIN_MS);
    scene.expect(&["tell p1 starting", "tell p1 running"]);
    scene.acknowledge(1);
    scene.after(RESEND_MIN_MS);
    scene.expect(&["tell p1 starting"]);
    scene.after(2 * RESEND_MIN_MS - 1);
    scene.expect(&[]);
    scene.after(1);
    scene.expect(&["tell p1 starting"]);
}

#[test]
fn nothing_is_told_to_nobody() {
    let mut scene = Scene::running(1);
    scene.disconnect();
    scene.after(BACKOFF_MIN_MS);
    scene.skip();
    scene.after(10 * RESEND_MIN_MS);
    scene.exited(1, Exit::Code(0));
    scene.removed(1);
    scene.expect(&["remove p1", "keep ending p1 finished"]);
    scene.event(Event::Opened);
    scene.admit();
    scene.expect(&[
        "register pods [p1 finished] pools []",
        "tell p1 starting",
        "tell p1 running",
        "tell p1 finished Exited",
    ]);
}

#[test]
fn with_its_last_status_acknowledged_a_pod_is_forgotten() {
    let mut scene = Scene::running(1);
    scene.exited(1, Exit::Code(0));
    scene.removed(1);
    scene.skip();
    scene.acknowledge(1);
    scene.expect(&["forget p1"]);
    scene.acknowledge(1);
    scene.expect(&[]);
    scene.disconnect();
    scene.after(BACKOFF_MIN_MS);
    scene.event(Event::Opened);
    scene.expect(&["connect", "register pods [] pools []"]);
}

#[test]
fn an_acknowledgement_of_another_update_changes_nothing() {
    let mut scene = Scene::running(1);
    let stray = AcknowledgeStatus { pod: pod(1), update: Uuid([77; 16]) };
    scene.order(Message::AcknowledgeStatus(stray));
    scene.order(Message::AcknowledgeStatus(AcknowledgeStatus { pod: pod(2), update: Uuid::NIL }));
    scene.expect(&[]);
}

#[test]
fn the_logs_of_the_oldest_ended_pods_go_first() {
    let logs = (0..ENDED_PODS_MAX).map(|at| LeftLogs {
        pod: PodId(Uuid([200, u8::try_from(at).unwrap(), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])),
        member: "main".to_owned(),
    });
    let mut scene = Scene::new(Recovered { logs: logs.collect(), ..Recovered::default() });
    scene.event(Event::Opened);
    scene.admit();
    scene.order(Message::Launch(exclusive(1, &[0, 1])));
    scene.started(1, pinned("0-1", "0"));
    scene.exited(1, Exit::Code(0));
    scene.removed(1);
    scene.skip();
    scene.acknowledge(1);
    scene.expect(&["forget p1", "drop logs p200"]);
}

#[test]
fn what_a_killed_predecessor_had_begun_is_told_lost_and_its_last_words_are_kept() {
    let left = |number, ending, ended| LeftPod {
        launch: exclusive(number, &[0, 1]),
        claim: meros_wire::message::ClaimTag(5),
        ending,
        ended,
    };
    let finished = StatusUpdate {
        update: Uuid([33; 16]),
        pod: pod(2),
        state: TaskState::Finished,
        reason: meros_wire::message::StatusReason::Exited,
        ..StatusUpdate::default()
    };
    let by_itself = Ended { exit: Exit::Code(3), out_of_memory: false };
    let finished = ReportStatus { framework: 4, status: finished };
    let pods = vec![left(1, None, None), left(2, Some(finished), None), left(4, None, Some(by_itself))];
    let mut scene = Scene::new(Recovered { pods, ..Recovered::default() });
    assert_eq!(scene.state.live_pods().count(), 0);
    scene.event(Event::Opened);
    scene.admit();
    scene.expect(&[
        "connect",
        "register pods [p1 lost, p2 finished, p4 failed] pools []",
        "save term 3",
        "ready a7",
        "tell p1 lost AgentRestarted",
        "tell p2 finished Exited",
        "tell p4 failed Exited",
    ]);
    assert_eq!(scene.told[&pod(2)].update, Uuid([33; 16]));
    scene.acknowledge(1);
    scene.acknowledge(2);
    scene.order(Message::Launch(exclusive(3, &[0, 1])));
    scene.expect(&["forget p1", "forget p2", "keep launch p3", "tell p3 starting", "launch p3 on 0-1 / 0"]);
}
