//! Log streams through the master.

use super::*;
use meros_wire::message::{LogsRequest, StreamPurpose};

/// An operator's log stream of a launched pod, open to the agent.
fn streaming() -> (Scenario, PeerId, PeerId, StreamKey) {
    let mut c = Scenario::new();
    let (agent, _) = c.agent(1, 1);
    let operator = c.open(Role::Operator);
    let pod = c.pod(exclusive(1));
    c.place(operator, &pod);
    c.expect_launch(agent);
    c.event(open(operator, pod.pod));
    match c.expect_stream_effect() {
        Effect::StreamOpen { peer, stream, .. } => {
            assert_eq!(peer, agent);
            (c, agent, operator, stream)
        }
        other => panic!("{other:?}"),
    }
}

fn open(peer: PeerId, pod: PodId) -> Event {
    let purpose = StreamPurpose::Logs(LogsRequest { pod, ..LogsRequest::default() });
    Event::StreamOpened { peer, stream: THEIR_STREAM, purpose }
}

#[test]
fn bytes_pass_and_only_what_went_out_is_asked_for_again() {
    let (mut c, agent, operator, stream) = streaming();
    c.event(Event::StreamData { peer: agent, stream, bytes: b"hello".to_vec() });
    let Effect::StreamWrite { peer, stream: onto, bytes } = c.expect_stream_effect() else { panic!("no write") };
    assert_eq!((peer, onto, bytes.as_slice()), (operator, THEIR_STREAM, &b"hello"[..]));
    c.expect_silence();
    c.event(Event::StreamWritten { peer: operator, stream: THEIR_STREAM, count: 5 });
    let Effect::StreamConsumed { peer, count, .. } = c.expect_stream_effect() else { panic!("no credit") };
    assert_eq!((peer, count), (agent, 5));
}

#[test]
fn the_end_passes_and_both_are_forgotten() {
    let (mut c, agent, operator, stream) = streaming();
    c.event(Event::StreamEnded { peer: agent, stream });
    assert!(matches!(c.expect_stream_effect(), Effect::StreamEnd { peer, .. } if peer == operator));
    assert!(matches!(c.expect_stream_effect(), Effect::StreamEnd { peer, .. } if peer == agent));
    assert!(c.state.relays.is_empty());
}

#[test]
fn a_lost_end_resets_the_other() {
    let (mut c, agent, _operator, _) = streaming();
    c.close(agent);
    assert!(matches!(c.expect_stream_effect(), Effect::StreamReset { .. }));
    assert!(c.state.relays.is_empty());
}

#[test]
fn logs_of_a_pod_that_has_none_are_refused_with_the_reason() {
    let mut c = Scenario::new();
    let operator = c.open(Role::Operator);
    let pod = c.pod(exclusive(1));
    c.event(open(operator, pod.pod));
    assert!(matches!(c.expect_stream_effect(), Effect::StreamReset { reason, .. } if reason.starts_with("no pod")));
    c.place(operator, &pod);
    c.event(open(operator, pod.pod));
    assert!(
        matches!(c.expect_stream_effect(), Effect::StreamReset { reason, .. } if reason.contains("not been placed"))
    );
}

#[test]
fn streams_are_for_operators() {
    let mut c = Scenario::new();
    let (framework, _) = c.framework("first");
    c.event(open(framework, PodId::default()));
    assert!(matches!(c.expect_stream_effect(), Effect::StreamReset { .. }));
}
