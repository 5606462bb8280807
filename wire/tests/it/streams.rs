//! Scenarios on byte streams: windows, ends, resets, limits.

use meros_wire::{Channel, CloseReason, Event, Limits, Link, LinkError, SendError, StreamId};
use proptest::prelude::*;

use crate::pair::{Pair, drain, events, logs, pump};

fn open_stream(pair: &mut Pair<Channel>) -> StreamId {
    let stream = pair.client.open_stream(&logs()).unwrap();
    pair.settle();
    assert_eq!(events(&mut pair.server), [Event::StreamOpened { stream, purpose: logs() }]);
    stream
}

fn window(bytes: usize) -> Limits {
    Limits { stream_window_bytes: bytes, ..Limits::default() }
}

/// The stream's bytes among `events`, in one.
fn data(events: &[Event]) -> Vec<u8> {
    let bytes = |event: &Event| match event {
        Event::StreamData { bytes, .. } => bytes.clone(),
        _ => Vec::new(),
    };
    events.iter().flat_map(bytes).collect()
}

#[test]
fn the_writer_stops_at_the_readers_window_and_goes_on_when_it_opens() {
    let mut pair = Pair::open(Limits::default(), window(1_000));
    let stream = open_stream(&mut pair);
    assert_eq!(pair.client.write_stream(stream, &[7; 1_500]), Ok(1_000));
    assert_eq!(pair.client.write_stream(stream, &[7; 500]), Ok(0));
    pair.settle();
    assert_eq!(data(&events(&mut pair.server)).len(), 1_000);
    pair.server.consumed(stream, 499);
    pair.settle();
    assert_eq!(events(&mut pair.client), [], "less than half a window is not worth a frame");
    pair.server.consumed(stream, 1);
    pair.settle();
    assert_eq!(events(&mut pair.client), [Event::StreamWritable { stream }]);
    assert_eq!(pair.client.write_stream(stream, &[8; 501]), Ok(500));
}

#[test]
fn a_window_of_one_byte_still_moves() {
    let mut pair = Pair::open(Limits::default(), window(1));
    let stream = open_stream(&mut pair);
    for byte in 0..5 {
        assert_eq!(pair.client.write_stream(stream, &[byte, byte]), Ok(1));
        pair.settle();
        assert_eq!(data(&events(&mut pair.server)), [byte]);
        pair.server.consumed(stream, 1);
        pair.settle();
        assert_eq!(events(&mut pair.client), [Event::StreamWritable { stream }]);
    }
}

#[test]
fn full_output_stops_a_stream_too() {
    let limits = Limits { max_output_bytes: 10_000, ..Limits::default() };
    let mut pair = Pair::open(limits, Limits::default());
    let stream = open_stream(&mut pair);
    let accepted = pair.client.write_stream(stream, &[7; 50_000]).unwrap();
    assert!((5_000..=10_000).contains(&accepted), "{accepted}");
    assert_eq!(pair.client.open_stream(&logs()).unwrap_err(), SendError::Full { bytes: pair.client.output().len() });
    pump(&mut pair.client, &mut pair.server, usize::MAX, 0);
    assert_eq!(events(&mut pair.client), [Event::Writable, Event::StreamWritable { stream }]);
    assert_eq!(data(&events(&mut pair.server)), [7].repeat(accepted));
}

#[test]
fn each_direction_ends_by_itself() {
    let mut pair = Pair::open(Limits::default(), Limits::default());
    let stream = open_stream(&mut pair);
    pair.client.write_stream(stream, b"request").unwrap();
    pair.client.end_stream(stream).unwrap();
    assert_eq!(pair.client.write_stream(stream, b"more"), Err(SendError::StreamEnded(stream)));
    assert_eq!(pair.client.end_stream(stream), Err(SendError::StreamEnded(stream)));
    pair.settle();
    let received = events(&mut pair.server);
    assert_eq!((data(&received), received.last()), (b"request".to_vec(), Some(&Event::StreamEnded { stream })));
    pair.server.write_stream(stream, b"answer").unwrap();
    pair.server.resize_stream(stream, 24, 80).unwrap();
    pair.server.end_stream(stream).unwrap();
    assert_eq!(pair.server.write_stream(stream, b"more"), Err(SendError::UnknownStream(stream)), "gone");
    pair.settle();
    let expected = [
        Event::StreamData { stream, bytes: b"answer".to_vec() },
        Event::StreamResized { stream, rows: 24, columns: 80 },
        Event::StreamEnded { stream },
    ];
    assert_eq!(events(&mut pair.client), expected);
    pair.client.consumed(stream, 6);
    pair.client.reset_stream(stream, "too late");
    assert!(drain(&mut pair.client).is_empty(), "of a stream that is gone nothing is said");
}

#[test]
fn a_reset_drops_what_is_under_way() {
    let mut pair = Pair::open(Limits::default(), Limits::default());
    let stream = open_stream(&mut pair);
    pair.client.write_stream(stream, b"under way").unwrap();
    pair.server.reset_stream(stream, "no such pod");
    pair.settle();
    assert_eq!(events(&mut pair.server), [], "bytes that cross a reset are dropped");
    let reason = "no such pod".to_owned();
    assert_eq!(events(&mut pair.client), [Event::StreamReset { stream, reason }]);
    assert_eq!(pair.client.write_stream(stream, b"more"), Err(SendError::UnknownStream(stream)));
}

#[test]
fn a_thousand_streams_and_not_one_more() {
    let mut pair = Pair::open(Limits::default(), Limits::default());
    let streams: Vec<StreamId> = (0..1_000).map(|_| pair.client.open_stream(&logs()).unwrap()).collect();
    assert_eq!(pair.client.open_stream(&logs()), Err(SendError::TooManyStreams { limit: 1_000 }));
    let own = pair.server.open_stream(&logs()).unwrap();
    assert!(!streams.contains(&own), "each side has numbers of its own");
    pair.settle();
    assert_eq!(events(&mut pair.server).len(), 1_000);
    pair.server.reset_stream(streams[500], "done");
    pair.settle();
    assert!(pair.client.open_stream(&logs()).is_ok(), "room for one");
}

#[test]
fn a_peer_that_opens_too_many_has_the_last_reset() {
    let mut pair = Pair::open(Limits::default(), Limits { max_streams: 2, ..Limits::default() });
    // The client keeps to what the hello said, so take it from one that was told more.
    let mut liar = Pair::open(Limits::default(), Limits::default());
    for _ in 0..3 {
        liar.client.open_stream(&logs()).unwrap();
    }
    pair.server.receive(&drain(&mut liar.client), 0).unwrap();
    assert_eq!(events(&mut pair.server).len(), 2);
    assert!(!pair.server.is_closed());
    pump(&mut pair.server, &mut liar.client, usize::MAX, 0);
    let last = events(&mut liar.client).pop();
    let reason = "no more than 2 streams at once".to_owned();
    assert_eq!(last, Some(Event::StreamReset { stream: StreamId(5), reason }));
}

#[test]
fn a_peer_that_ignores_the_window_is_closed() {
    let mut pair = Pair::open(Limits::default(), window(100));
    let mut liar = Pair::open(Limits::default(), Limits::default());
    let stream = liar.client.open_stream(&logs()).unwrap();
    liar.client.write_stream(stream, &[1; 101]).unwrap();
    let expected = LinkError::WindowExceeded { stream, got: 101, window: 100 };
    assert_eq!(pair.server.receive(&drain(&mut liar.client), 0), Err(expected.clone()));
    let received = events(&mut pair.server);
    assert_eq!(received.last(), Some(&Event::Closed { reason: CloseReason::Broken(expected) }));
}

#[test]
fn a_peer_that_provokes_answers_and_does_not_read_them_is_given_up() {
    let limits = Limits { max_output_bytes: 10_000, max_streams: 0, ..Limits::default() };
    let mut pair = Pair::open(Limits::default(), limits);
    let mut liar = Pair::open(Limits::default(), Limits { max_streams: usize::MAX, ..Limits::default() });
    let mut opened = 0;
    while !pair.server.is_closed() {
        liar.client.open_stream(&logs()).unwrap();
        let _ = pair.server.receive(&drain(&mut liar.client), 0);
        opened += 1;
        assert!(opened < 10_000, "its output grows without end");
    }
    let [Event::Closed { reason: CloseReason::Broken(LinkError::PeerDoesNotRead { bytes }) }] =
        events(&mut pair.server)[..]
    else {
        panic!("another end")
    };
    assert!(bytes < 10_000 + meros_wire::channel::CONTROL_BYTES + 1_000, "{bytes}");
}

/// What a writer and its reader do, in any order.
#[derive(Clone, Debug)]
enum Step {
    Write(usize),
    Read(usize),
    Deliver(usize),
}

/// The byte at a place of the stream, so that a lost or doubled one shows.
fn pattern(at: usize) -> u8 {
    u8::try_from(at % 251).unwrap()
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..400_usize).prop_map(Step::Write),
        (1..400_usize).prop_map(Step::Read),
        (1..2_000_usize).prop_map(Step::Deliver),
    ]
}

proptest! {
    #[test]
    fn what_is_under_way_never_exceeds_the_window(
        window_bytes in 1..500_usize,
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let mut pair = Pair::open(Limits::default(), window(window_bytes));
        let stream = open_stream(&mut pair);
        let (mut written, mut delivered, mut read) = (0_usize, 0_usize, 0_usize);
        for step in steps {
            match step {
                Step::Write(bytes) => {
                    let next: Vec<u8> = (written..written + bytes).map(pattern).collect();
                    written += pair.client.write_stream(stream, &next).unwrap();
                }
                Step::Read(bytes) => {
                    let bytes = bytes.min(delivered - read);
                    pair.server.consumed(stream, bytes);
                    read += bytes;
                }
                Step::Deliver(piece) => {
                    pair.settle_in_pieces(piece);
                    for byte in data(&events(&mut pair.server)) {
                        prop_assert_eq!(byte, pattern(delivered));
                        delivered += 1;
                    }
                }
            }
            prop_assert!(written - read <= window_bytes);
        }
        pair.settle();
        delivered += data(&events(&mut pair.server)).len();
        pair.server.consumed(stream, delivered - read);
        pair.settle();
        let room = pair.client.write_stream(stream, &vec![0; window_bytes + 1]).unwrap();
        prop_assert!(room > 0, "a reader that consumed everything never leaves its writer stuck");
    }
}
