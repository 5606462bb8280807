//! Scenarios on two bare channels: hello, messages, acknowledgements, time.

use meros_wire::message::{Envelope, Uuid};
use meros_wire::version::WIRE_VERSION;
use meros_wire::{Channel, CloseCode, CloseReason, Event, Limits, Link, LinkError, Peer, SendError};

use crate::pair::{Pair, drain, events, identity, query};

fn requests(events: &[Event]) -> Vec<u64> {
    let request = |event: &Event| match event {
        Event::Message { message: meros_wire::message::Message::Query(query), .. } => Some(query.request),
        _ => None,
    };
    events.iter().filter_map(request).collect()
}

#[test]
fn hellos_tell_each_side_who_the_other_is() {
    let mut pair = Pair::strangers(Limits::default(), Limits::default());
    assert_eq!(pair.client.send(&Envelope::default(), &query(1)), Err(SendError::NotOpen));
    pair.settle();
    let [Event::Opened { peer }] = &events(&mut pair.client)[..] else { panic!("not opened") };
    assert_eq!((peer.role, peer.name.as_str(), peer.version), (Peer::Master, "a master", WIRE_VERSION));
    assert_eq!(peer.principal, None, "there is no certificate on a bare channel");
}

#[test]
fn who_does_not_know_its_cluster_learns_it() {
    let mut pair = Pair::strangers(Limits::default(), Limits::default());
    let nobody = meros_wire::Identity { cluster: Uuid::NIL, ..identity(Peer::Framework) };
    pair.client = Channel::client(nobody, Limits::default(), 0);
    pair.settle();
    let [Event::Opened { peer }] = &events(&mut pair.client)[..] else { panic!("not opened") };
    assert_eq!(peer.cluster, crate::pair::cluster());
    pair.send(1);
    pair.settle();
    let received = events(&mut pair.server);
    let Some(Event::Message { envelope, .. }) = received.last() else { panic!("no message") };
    assert_eq!(envelope.cluster, crate::pair::cluster(), "and says it from then on");
}

#[test]
fn messages_arrive_once_in_order_however_they_are_cut() {
    for piece in [1, 2, 7, 64, 1_000] {
        let mut pair = Pair::open(Limits::default(), Limits::default());
        for request in 0..20 {
            assert_eq!(pair.send(request), request + 1);
        }
        pair.settle_in_pieces(piece);
        assert_eq!(requests(&events(&mut pair.server)), Vec::from_iter(0..20));
    }
}

#[test]
fn taking_a_message_acknowledges_it() {
    let mut pair = Pair::open(Limits::default(), Limits::default());
    pair.send(1);
    pair.send(2);
    pair.pass(1_000);
    assert_eq!(events(&mut pair.client), [], "delivered is not taken");
    assert!(pair.server.next_event().is_some());
    pair.pass(Limits::default().acknowledge_ms);
    assert_eq!(events(&mut pair.client), [Event::Acknowledged { sequence: 1 }]);
    assert!(pair.server.next_event().is_some());
    pair.server.send(&Envelope::default(), &query(9)).unwrap();
    pair.settle();
    assert_eq!(events(&mut pair.client)[0], Event::Acknowledged { sequence: 2 }, "a message carries it along");
}

#[test]
fn many_messages_taken_are_acknowledged_at_once() {
    let mut pair = Pair::open(Limits::default(), Limits::default());
    for request in 0..32 {
        pair.send(request);
    }
    pair.settle();
    assert_eq!(events(&mut pair.server).len(), 32);
    pair.settle();
    assert_eq!(events(&mut pair.client), [Event::Acknowledged { sequence: 32 }]);
}

#[test]
fn idle_connections_live_by_their_heartbeats_and_die_of_silence() {
    let mut pair = Pair::open(Limits::default(), Limits::default());
    pair.pass(60_000);
    assert!(!pair.client.is_closed() && !pair.server.is_closed());
    let silence_ms = Limits::default().silence_ms;
    let heard_ms = pair.now_ms;
    while let Some(deadline_ms) = pair.client.next_deadline_ms() {
        pair.client.tick(deadline_ms);
        drain(&mut pair.client);
        assert!(deadline_ms <= heard_ms + silence_ms);
    }
    let expected = CloseReason::Broken(LinkError::Silence { silence_ms });
    assert_eq!(events(&mut pair.client), [Event::Closed { reason: expected }]);
}

#[test]
fn the_more_impatient_side_sets_the_heartbeat() {
    let impatient = Limits { heartbeat_ms: 100, silence_ms: 300, ..Limits::default() };
    let mut pair = Pair::open(Limits::default(), impatient);
    pair.pass(5_000);
    assert!(!pair.client.is_closed() && !pair.server.is_closed());
}

#[test]
fn a_process_that_slept_reads_before_it_judges() {
    let mut pair = Pair::open(Limits::default(), Limits::default());
    pair.send(1);
    let waiting = drain(&mut pair.client);
    pair.server.receive(&waiting, 100_000).unwrap();
    pair.server.tick(100_000);
    assert!(!pair.server.is_closed(), "what came during the sleep counts as heard");
}

#[test]
fn no_hello_in_time_is_the_end() {
    let mut pair = Pair::strangers(Limits::default(), Limits::default());
    let timeout_ms = Limits::default().handshake_timeout_ms;
    assert_eq!(pair.server.next_deadline_ms(), Some(timeout_ms));
    pair.server.tick(timeout_ms - 1);
    assert!(!pair.server.is_closed());
    pair.server.tick(timeout_ms);
    let expected = CloseReason::Broken(LinkError::HandshakeTimeout { timeout_ms });
    assert_eq!(events(&mut pair.server), [Event::Closed { reason: expected }]);
    assert_eq!(pair.server.next_deadline_ms(), None);
}

#[test]
fn a_peer_that_stalls_inside_a_frame_is_dropped() {
    let mut pair = Pair::open(Limits::default(), Limits::default());
    pair.send(1);
    let frame = drain(&mut pair.client);
    pair.server.receive(&frame[..frame.len() - 1], 50).unwrap();
    let timeout_ms = Limits::default().frame_timeout_ms;
    pair.server.tick(50 + timeout_ms);
    let expected = CloseReason::Broken(LinkError::FrameTimeout { timeout_ms });
    assert_eq!(events(&mut pair.server), [Event::Closed { reason: expected }]);
}

#[test]
fn a_slow_reader_makes_the_sender_wait_and_not_grow() {
    let limits = Limits { max_output_bytes: 10_000, ..Limits::default() };
    let mut pair = Pair::open(limits.clone(), Limits::default());
    let mut sent = 0;
    let refused = loop {
        match pair.client.send(&Envelope::default(), &query(sent)) {
            Ok(_) => sent += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, SendError::Full { bytes } if bytes >= limits.max_output_bytes), "{refused:?}");
    assert!(pair.client.output().len() < 11_000);
    pair.settle();
    assert_eq!(events(&mut pair.client), [Event::Writable]);
    assert_eq!(requests(&events(&mut pair.server)), Vec::from_iter(0..sent), "the refused one was not sent");
    assert_eq!(pair.send(sent), sent + 1, "nor counted");
}

#[test]
fn a_message_that_the_peer_does_not_take_is_refused_here() {
    let small = Limits { max_frame_bytes: 5_000, ..Limits::default() };
    let mut pair = Pair::open(Limits::default(), small);
    let envelope = Envelope { principal: "x".repeat(5_000), ..Envelope::default() };
    let refused = pair.client.send(&envelope, &query(1)).unwrap_err();
    assert!(matches!(refused, SendError::TooLarge { limit: 5_000, .. }), "{refused:?}");
    assert_eq!(pair.send(2), 1);
    pair.settle();
    assert_eq!(requests(&events(&mut pair.server)), [2]);
}

#[test]
fn goodbye_comes_after_what_was_sent_and_nothing_after_it() {
    let mut pair = Pair::open(Limits::default(), Limits::default());
    pair.send(1);
    pair.client.close(CloseCode::Replaced, "a newer connection");
    pair.client.close(CloseCode::Normal, "again");
    assert_eq!(pair.client.send(&Envelope::default(), &query(2)), Err(SendError::Closed));
    pair.settle();
    let received = events(&mut pair.server);
    assert_eq!(requests(&received), [1]);
    let message = "a newer connection".to_owned();
    let code = CloseCode::Replaced;
    assert_eq!(received.last(), Some(&Event::Closed { reason: CloseReason::Peer { code, message: message.clone() } }));
    assert_eq!(events(&mut pair.client), [Event::Closed { reason: CloseReason::Local { code, message } }]);
    assert!(pair.server.output().is_empty());
    pair.server.receive(b"anything", 1).unwrap();
    pair.server.disconnected();
    assert_eq!(events(&mut pair.server), [], "closed once");
}

#[test]
fn the_transports_end_is_told_apart_from_a_cut_frame() {
    let mut pair = Pair::open(Limits::default(), Limits::default());
    pair.client.disconnected();
    assert_eq!(events(&mut pair.client), [Event::Closed { reason: CloseReason::Disconnected }]);
    pair.server.receive(&[9], 1).unwrap();
    pair.server.disconnected();
    assert_eq!(events(&mut pair.server), [Event::Closed { reason: CloseReason::Broken(LinkError::Truncated) }]);
}
