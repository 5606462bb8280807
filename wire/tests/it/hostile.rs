//! What a peer can do to a channel, and the name of each reason for closing it.

use std::borrow::Cow;

use meros_wire::encode::Encoder;
use meros_wire::frame::{Control, Goaway, Hello, LENGTH_BYTES};
use meros_wire::message::{Envelope, Message, Uuid};
use meros_wire::{
    Channel, CloseCode, CloseReason, DecodeError, Event, Identity, Limits, Link, LinkError, Peer, StreamId,
};
use proptest::prelude::*;

use crate::pair::{cluster, drain, events, identity, logs, query};

/// A master's channel, and the frames of a peer that we write ourselves.
struct Attack {
    server: Channel,
    encoder: Encoder,
}

fn hello() -> Hello {
    Hello {
        min_version: 1,
        max_version: 1,
        role: 2,
        name: "mallory".to_owned(),
        max_frame_bytes: 4 << 20,
        max_streams: 10,
        stream_window_bytes: 1_000,
        heartbeat_ms: 2_000,
    }
}

impl Attack {
    fn new() -> Self {
        let server = Channel::server(identity(Peer::Master), Limits::default(), 0);
        Self { server, encoder: Encoder::default() }
    }

    /// After a good hello.
    fn open() -> Self {
        let mut attack = Self::new();
        attack.control(&Control::Hello(hello())).unwrap();
        assert!(matches!(events(&mut attack.server)[..], [Event::Opened { .. }]));
        drain(&mut attack.server);
        attack
    }

    fn control(&mut self, control: &Control<'_>) -> Result<(), LinkError> {
        self.server.receive(self.encoder.control(&Envelope::default(), control), 0)
    }

    fn message(&mut self, envelope: &Envelope, message: &Message) -> Result<(), LinkError> {
        self.server.receive(self.encoder.message(envelope, message), 0)
    }

    fn numbered(&mut self, sequence: u64) -> Result<(), LinkError> {
        self.message(&Envelope { sequence, ..Envelope::default() }, &query(sequence))
    }

    /// The outcome was told in an event too, and the peer is sent away with its code.
    #[track_caller]
    fn closed_by(mut self, outcome: Result<(), LinkError>, expected: LinkError) {
        assert_eq!(outcome, Err(expected.clone()));
        let told = events(&mut self.server);
        let reason = CloseReason::Broken(expected.clone());
        assert_eq!(told.last(), Some(&Event::Closed { reason }));
        let mut peer = Channel::client(identity(Peer::Agent), Limits::default(), 0);
        let _ = peer.receive(&drain(&mut self.server), 0);
        let heard = events(&mut peer);
        let Some(Event::Closed { reason: CloseReason::Peer { code, message } }) = heard.last() else {
            panic!("the peer is not told: {heard:?}")
        };
        assert_eq!((*code, message), (expected.close_code(), &expected.to_string()));
        assert_eq!(self.server.next_deadline_ms(), None);
    }
}

#[test]
fn another_protocol() {
    let mut attack = Attack::new();
    let outcome = attack.server.receive(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", 0);
    attack.closed_by(outcome, LinkError::WrongMagic { magic: *b"TP/1" });
}

#[test]
fn a_frame_above_the_limit_is_refused_by_its_first_bytes() {
    let mut attack = Attack::open();
    let mut prefix = attack.encoder.message(&Envelope::default(), &query(1))[..12].to_vec();
    prefix[..LENGTH_BYTES].copy_from_slice(&(4_u32 << 20 | 1).to_le_bytes());
    let outcome = attack.server.receive(&prefix, 0);
    attack.closed_by(outcome, LinkError::FrameTooLarge { bytes: (4 << 20) + 1, limit: 4 << 20 });
}

#[test]
fn before_the_hello_no_large_frame_is_taken() {
    let mut attack = Attack::new();
    let outcome = attack.control(&Control::Hello(Hello { name: "x".repeat(5_000), ..hello() }));
    let Err(LinkError::FrameTooLarge { bytes, limit: 4_096 }) = outcome else { panic!("{outcome:?}") };
    attack.closed_by(outcome, LinkError::FrameTooLarge { bytes, limit: 4_096 });
}

#[test]
fn a_frame_that_is_no_flatbuffer() {
    let mut attack = Attack::open();
    let mut frame = attack.encoder.message(&Envelope::default(), &query(1)).to_vec();
    frame[LENGTH_BYTES] = 0xff;
    let outcome = attack.server.receive(&frame, 0);
    let Err(LinkError::Malformed(error @ DecodeError::Unsound { .. })) = outcome.clone() else { panic!("{outcome:?}") };
    attack.closed_by(outcome, LinkError::Malformed(error));
}

#[test]
fn no_version_in_common() {
    for (min_version, max_version) in [(2, 3), (0, 0), (9, 1)] {
        let mut attack = Attack::new();
        let outcome = attack.control(&Control::Hello(Hello { min_version, max_version, ..hello() }));
        let (theirs_min, theirs_max) = (min_version, max_version);
        attack.closed_by(outcome, LinkError::NoCommonVersion { ours_min: 1, ours_max: 1, theirs_min, theirs_max });
    }
}

#[test]
fn one_version_ahead_is_spoken_with_when_it_still_speaks_ours() {
    let mut attack = Attack::new();
    attack.control(&Control::Hello(Hello { min_version: 1, max_version: 2, ..hello() })).unwrap();
    let [Event::Opened { peer }] = &events(&mut attack.server)[..] else { panic!("not opened") };
    assert_eq!(peer.version, 1);
}

#[test]
fn a_goodbye_names_the_versions_of_its_writer() {
    let mut attack = Attack::new();
    let goaway = Goaway { code: CloseCode::Version, message: "too old".to_owned(), min_version: 2, max_version: 3 };
    attack.control(&Control::Goaway(goaway)).unwrap();
    let reason = CloseReason::Peer { code: CloseCode::Version, message: "too old".to_owned() };
    assert_eq!(events(&mut attack.server), [Event::Closed { reason }]);
}

#[test]
fn another_cluster_at_the_hello_and_later() {
    let theirs = Uuid::from_random([3; 16]);
    let envelope = Envelope { cluster: theirs, sequence: 1, ..Envelope::default() };
    let mut attack = Attack::new();
    let frame = attack.encoder.control(&envelope, &Control::Hello(hello()));
    let outcome = attack.server.receive(frame, 0);
    attack.closed_by(outcome, LinkError::WrongCluster { ours: cluster(), theirs });
    let mut attack = Attack::open();
    let outcome = attack.message(&envelope, &query(1));
    attack.closed_by(outcome, LinkError::WrongCluster { ours: cluster(), theirs });
}

#[test]
fn frames_out_of_turn() {
    let mut attack = Attack::new();
    let outcome = attack.numbered(1);
    attack.closed_by(outcome, LinkError::OutOfTurn { frame: "Query", when: "before the hello" });
    let mut attack = Attack::new();
    let outcome = attack.control(&Control::Ping);
    attack.closed_by(outcome, LinkError::OutOfTurn { frame: "Ping", when: "before the hello" });
    let mut attack = Attack::open();
    let outcome = attack.control(&Control::Hello(hello()));
    attack.closed_by(outcome, LinkError::OutOfTurn { frame: "Hello", when: "after the hello" });
}

#[test]
fn a_role_that_nobody_knows() {
    let mut attack = Attack::new();
    let outcome = attack.control(&Control::Hello(Hello { role: 9, ..hello() }));
    let (what, version) = ("peer role 9".to_owned(), 1);
    let error = DecodeError::NotUnderstood { field: "hello.role".to_owned(), what, version };
    attack.closed_by(outcome, LinkError::Malformed(error));
}

#[test]
fn a_peer_that_takes_no_frames() {
    let mut attack = Attack::new();
    let outcome = attack.control(&Control::Hello(Hello { max_frame_bytes: 0, ..hello() }));
    let (field, problem) = ("hello.max_frame_bytes".to_owned(), "0 is below 4096".to_owned());
    attack.closed_by(outcome, LinkError::Malformed(DecodeError::Invalid { field, problem }));
}

#[test]
fn replayed_and_lost_messages() {
    let mut attack = Attack::open();
    attack.numbered(1).unwrap();
    let outcome = attack.numbered(1);
    attack.closed_by(outcome, LinkError::SequenceRepeated { expected: 2, got: 1 });
    let mut attack = Attack::open();
    attack.numbered(1).unwrap();
    let outcome = attack.numbered(3);
    attack.closed_by(outcome, LinkError::SequenceGap { expected: 2, got: 3 });
    let mut attack = Attack::open();
    let outcome = attack.numbered(0);
    attack.closed_by(outcome, LinkError::SequenceRepeated { expected: 1, got: 0 });
}

#[test]
fn an_acknowledgement_of_what_was_never_sent() {
    let mut attack = Attack::open();
    let outcome = attack.message(&Envelope { sequence: 1, acknowledgement: 1, ..Envelope::default() }, &query(1));
    attack.closed_by(outcome, LinkError::AcknowledgementOfUnsent { got: 1, sent: 0 });
}

#[test]
fn an_unknown_bit_in_the_envelope_makes_one_message_unreadable() {
    let mut attack = Attack::open();
    let envelope = Envelope { sequence: 1, must_understand: 1 << 40, ..Envelope::default() };
    attack.message(&envelope, &query(1)).unwrap();
    let (field, what) = ("envelope.must_understand".to_owned(), "bit 40".to_owned());
    let error = DecodeError::NotUnderstood { field, what, version: 1 };
    assert_eq!(events(&mut attack.server), [Event::Unreadable { envelope, error }]);
    attack.numbered(2).unwrap();
    assert!(matches!(events(&mut attack.server)[..], [Event::Message { .. }]), "the connection goes on");
}

#[test]
fn streams_that_cannot_be() {
    let open = |number| Control::StreamOpen { stream: StreamId(number), purpose: logs() };
    let end = |number| Control::StreamEnd { stream: StreamId(number) };
    let data = |number| Control::StreamData { stream: StreamId(number), bytes: Cow::Borrowed(b"x") };
    let cases: [(&[Control<'_>], u64, &'static str); 9] = [
        (&[open(2)], 2, "opened with a number of the other side"),
        (&[open(0)], 0, "opened with a number of the other side"),
        (&[open(3), open(3)], 3, "opened twice or out of order"),
        (&[open(3), open(1)], 1, "opened twice or out of order"),
        (&[data(1)], 1, "never opened"),
        (&[end(2)], 2, "never opened"),
        (&[data(0)], 0, "never opened"),
        (&[open(1), end(1), data(1)], 1, "bytes after its end"),
        (&[open(1), end(1), end(1)], 1, "ended twice"),
    ];
    for (frames, stream, problem) in cases {
        let mut attack = Attack::open();
        let (last, before) = frames.split_last().unwrap();
        for frame in before {
            attack.control(frame).unwrap();
        }
        let outcome = attack.control(last);
        attack.closed_by(outcome, LinkError::StreamProtocol { stream: StreamId(stream), problem });
    }
}

#[test]
fn the_highest_stream_number_does_no_harm() {
    let mut attack = Attack::open();
    let stream = StreamId(u64::MAX);
    attack.control(&Control::StreamOpen { stream, purpose: logs() }).unwrap();
    let outcome = attack.control(&Control::StreamOpen { stream, purpose: logs() });
    assert!(outcome.is_err());
}

#[test]
fn window_frames_cannot_overflow() {
    let mut attack = Attack::open();
    let stream = attack.server.open_stream(&logs()).unwrap();
    for _ in 0..3 {
        attack.control(&Control::StreamWindow { stream, bytes: u32::MAX }).unwrap();
    }
    assert_eq!(attack.server.write_stream(stream, &[0; 10_000]), Ok(10_000));
}

#[test]
fn a_window_that_was_opened_again_is_no_wider_than_before() {
    let mut attack = Attack::open();
    let stream = StreamId(1);
    attack.control(&Control::StreamOpen { stream, purpose: logs() }).unwrap();
    let window = Limits::default().stream_window_bytes;
    let quarter = vec![0; window / 4];
    for round in 0..2 {
        for _ in 0..4 {
            attack.control(&Control::StreamData { stream, bytes: Cow::Borrowed(&quarter) }).unwrap();
        }
        if round == 0 {
            attack.server.consumed(stream, window);
            drain(&mut attack.server);
        }
    }
    let outcome = attack.control(&Control::StreamData { stream, bytes: Cow::Borrowed(b"x") });
    attack.closed_by(outcome, LinkError::WindowExceeded { stream, got: 1, window: 0 });
}

#[test]
fn long_names_are_cut_before_they_are_sent() {
    let name = "ä".repeat(5_000);
    let talker = Identity { name: name.clone(), ..identity(Peer::Agent) };
    let mut client = Channel::client(talker, Limits::default(), 0);
    let mut attack = Attack::new();
    attack.server.receive(&drain(&mut client), 0).unwrap();
    let [Event::Opened { peer }] = &events(&mut attack.server)[..] else { panic!("not opened") };
    assert!(name.starts_with(&peer.name) && (1_000..=1_024).contains(&peer.name.len()));
}

proptest! {
    #[test]
    fn garbage_never_panics_and_always_ends(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        piece in 1..64_usize,
        greeted in any::<bool>(),
    ) {
        let mut attack = if greeted { Attack::open() } else { Attack::new() };
        for piece in bytes.chunks(piece) {
            let _ = attack.server.receive(piece, 1);
        }
        attack.server.tick(1_000_000);
        let told = events(&mut attack.server);
        prop_assert!(matches!(told.last(), Some(Event::Closed { .. })), "silence ends it at the latest");
    }

    #[test]
    fn a_damaged_conversation_never_panics(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut attack = Attack::new();
        let mut bytes = attack.encoder.control(&Envelope::default(), &Control::Hello(hello())).to_vec();
        let stream = StreamId(1);
        for control in [
            Control::StreamOpen { stream, purpose: logs() },
            Control::StreamData { stream, bytes: Cow::Borrowed(&[1; 100]) },
            Control::StreamWindow { stream, bytes: 10 },
            Control::StreamEnd { stream },
        ] {
            bytes.extend_from_slice(attack.encoder.control(&Envelope::default(), &control));
        }
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = attack.server.receive(&bytes, 0);
        events(&mut attack.server);
        drain(&mut attack.server);
    }
}
