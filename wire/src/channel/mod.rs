//! Frames, messages, streams, acknowledgements and heartbeats over any bytes in order: a connection without TLS.
//!
//! Daemons never use it alone: see [`Connection`](crate::connection::Connection). The simulator and the fuzzers do.
//!
//! 1. **Hello.** Each side sends its hello at once and takes nothing else before the other's (but a goodbye). The hellos agree
//!    on a version ([`version`](crate::version)), on the cluster, and tell each side's limits to the other.
//! 2. **Messages** are numbered 1, 2, 3 … each way; a gap or a repetition ends the connection. A message is acknowledged when its
//!    reader took it with [`next_event`](Link::next_event). Acknowledgements are cumulative and stand in every
//!    frame's envelope; a frame of their own
//!    carries them after [`Limits::acknowledge_ms`] or [`ACKNOWLEDGE_EVERY`] messages.
//! 3. **Streams**: see `streams`.
//! 4. **Heartbeats.** Who has sent nothing for the heartbeat sends a ping; pings are not answered, for the other side sends its
//!    own. Nothing heard for [`Limits::silence_ms`], or a frame not finished in [`Limits::frame_timeout_ms`]: the connection is over.
//! 5. **Output** is bounded: messages and stream bytes stop at [`Limits::max_output_bytes`], answers that the peer provokes (resets,
//!    windows) [`CONTROL_BYTES`] above it, where a peer that does not read is given up. One message may overshoot by its own size.
//! 6. **Goodbye.** Whoever ends the connection says why in its last frame. After it, nothing is read.

mod inbox;
mod outbox;
mod read;
mod streams;
mod write;

use std::collections::VecDeque;

use self::inbox::Inbox;
use self::outbox::Outbox;
use self::streams::Streams;
use crate::error::{LinkError, SendError};
use crate::event::{CloseCode, CloseReason, Event, Identity, Peer, StreamId};
use crate::frame::{Control, Goaway};
use crate::limits::Limits;
use crate::link::Link;
use crate::message::{Envelope, Message, StreamPurpose, Uuid};
use crate::offers::OffersWriter;
use crate::version::{OLDEST_WIRE_VERSION, WIRE_VERSION};

/// So many messages taken are acknowledged at once.
pub const ACKNOWLEDGE_EVERY: u64 = 32;

/// Output above [`Limits::max_output_bytes`] that answers may take.
pub const CONTROL_BYTES: usize = 256 << 10;

/// Before the hello no frame is larger.
const HELLO_BYTES: usize = 4 << 10;

/// Names, reasons and goodbyes are cut to so many bytes.
const TEXT_BYTES: usize = 1 << 10;

/// No peer makes us ping more often.
const MIN_HEARTBEAT_MS: u64 = 10;

/// A connection without TLS.
#[derive(Debug)]
pub struct Channel {
    identity: Identity,
    limits: Limits,
    phase: Phase,
    /// What the peer's certificate says, where there is one.
    certified: Option<Principal>,
    inbox: Inbox,
    outbox: Outbox,
    streams: Streams,
    events: VecDeque<Event>,
    sequences: Sequences,
    clock: Clock,
    /// A send was refused for lack of room; its sender waits.
    blocked: bool,
}

/// Where the conversation stands.
#[derive(Debug)]
enum Phase {
    /// The peer's hello has not come.
    Greeting,
    Open(PeerLimits),
    Closed,
}

/// What the peer's hello settled.
#[derive(Clone, Copy, Debug)]
struct PeerLimits {
    cluster: Uuid,
    max_frame_bytes: usize,
    max_streams: usize,
    heartbeat_ms: u64,
}

/// Whom a certificate names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Principal {
    pub(crate) role: Peer,
    pub(crate) name: String,
}

/// Message numbers, both ways.
#[derive(Debug, Default)]
struct Sequences {
    /// Last message sent.
    sent: u64,
    /// Last message that the peer acknowledged.
    acknowledged: u64,
    /// Last message received.
    received: u64,
    /// Last message that our reader took.
    taken: u64,
    /// Last message that we acknowledged.
    told: u64,
}

/// Times of one monotonic clock, in milliseconds.
#[derive(Debug)]
struct Clock {
    now_ms: u64,
    started_ms: u64,
    /// The last whole frame of the peer.
    heard_ms: u64,
    /// Our last frame.
    said_ms: u64,
    /// When the oldest message taken and not yet acknowledged was taken.
    taken_ms: Option<u64>,
}

impl Channel {
    /// The side that connected.
    #[must_use]
    pub fn client(identity: Identity, limits: Limits, now_ms: u64) -> Self {
        Self::new(identity, limits, now_ms, true)
    }

    /// The side that accepted.
    #[must_use]
    pub fn server(identity: Identity, limits: Limits, now_ms: u64) -> Self {
        Self::new(identity, limits, now_ms, false)
    }

    fn new(identity: Identity, limits: Limits, now_ms: u64, connected: bool) -> Self {
        let streams = Streams::new(connected, limits.stream_window_bytes);
        let clock = Clock { now_ms, started_ms: now_ms, heard_ms: now_ms, said_ms: now_ms, taken_ms: None };
        let mut channel = Self {
            identity,
            limits,
            phase: Phase::Greeting,
            certified: None,
            inbox: Inbox::default(),
            outbox: Outbox::default(),
            streams,
            events: VecDeque::new(),
            sequences: Sequences::default(),
            clock,
            blocked: false,
        };
        channel.say_hello();
        channel
    }

    /// Whom the peer's certificate names; said before the first byte is received.
    pub(crate) fn certify(&mut self, principal: Principal) {
        self.certified = Some(principal);
    }

    /// Ends the connection because of the peer, telling it why.
    pub(crate) fn break_off(&mut self, error: LinkError) {
        self.say_goodbye(error.close_code(), &error.to_string());
        self.end(CloseReason::Broken(error));
    }

    /// Ends the connection without a word.
    fn end(&mut self, reason: CloseReason) {
        if self.is_closed() {
            return;
        }
        self.phase = Phase::Closed;
        self.inbox.clear();
        self.streams.clear();
        self.events.push_back(Event::Closed { reason });
    }

    fn say_goodbye(&mut self, code: CloseCode, message: &str) {
        if self.is_closed() {
            return;
        }
        let message = cut(message).to_owned();
        let (min_version, max_version) = (OLDEST_WIRE_VERSION, WIRE_VERSION);
        self.push_frame(&Control::Goaway(Goaway { code, message, min_version, max_version }));
    }

    /// The clock never goes back.
    fn set_now(&mut self, now_ms: u64) {
        self.clock.now_ms = self.clock.now_ms.max(now_ms);
    }

    /// Why the connection is over by now.
    fn overdue(&self) -> Option<LinkError> {
        let now_ms = self.clock.now_ms;
        let passed = |deadline_ms: Option<u64>| deadline_ms.is_some_and(|deadline_ms| deadline_ms <= now_ms);
        let limits = &self.limits;
        if passed(self.handshake_deadline_ms()) {
            Some(LinkError::HandshakeTimeout { timeout_ms: limits.handshake_timeout_ms })
        } else if passed(self.frame_deadline_ms()) {
            Some(LinkError::FrameTimeout { timeout_ms: limits.frame_timeout_ms })
        } else if passed(self.silence_deadline_ms()) {
            Some(LinkError::Silence { silence_ms: limits.silence_ms })
        } else {
            None
        }
    }

    fn handshake_deadline_ms(&self) -> Option<u64> {
        matches!(self.phase, Phase::Greeting)
            .then(|| self.clock.started_ms.saturating_add(self.limits.handshake_timeout_ms))
    }

    fn frame_deadline_ms(&self) -> Option<u64> {
        Some(self.inbox.frame_since_ms()?.saturating_add(self.limits.frame_timeout_ms))
    }

    fn silence_deadline_ms(&self) -> Option<u64> {
        matches!(self.phase, Phase::Open(_)).then(|| self.clock.heard_ms.saturating_add(self.limits.silence_ms))
    }

    /// While output waits there is no need to ping: the transport has something to send.
    fn ping_deadline_ms(&self) -> Option<u64> {
        match &self.phase {
            Phase::Open(peer) if self.outbox.is_empty() => Some(self.clock.said_ms.saturating_add(peer.heartbeat_ms)),
            Phase::Open(_) | Phase::Greeting | Phase::Closed => None,
        }
    }

    fn acknowledge_deadline_ms(&self) -> Option<u64> {
        Some(self.clock.taken_ms?.saturating_add(self.limits.acknowledge_ms))
    }
}

impl Link for Channel {
    fn receive(&mut self, bytes: &[u8], now_ms: u64) -> Result<(), LinkError> {
        self.set_now(now_ms);
        let outcome = self.read(bytes);
        if let Err(error) = &outcome {
            self.break_off(error.clone());
        }
        outcome
    }

    fn disconnected(&mut self) {
        match self.inbox.frame_since_ms() {
            Some(_) => self.end(CloseReason::Broken(LinkError::Truncated)),
            None => self.end(CloseReason::Disconnected),
        }
    }

    fn next_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        if matches!(event, Event::Message { .. } | Event::Unreadable { .. }) {
            self.message_taken();
        }
        Some(event)
    }

    fn output(&mut self) -> &[u8] {
        self.outbox.output()
    }

    fn consume(&mut self, bytes: usize) {
        self.outbox.consume(bytes);
        self.wake_writers();
    }

    fn tick(&mut self, now_ms: u64) {
        self.set_now(now_ms);
        if self.is_closed() {
            return;
        }
        if let Some(error) = self.overdue() {
            self.break_off(error);
            return;
        }
        let now_ms = self.clock.now_ms;
        let passed = |deadline_ms: Option<u64>| deadline_ms.is_some_and(|deadline_ms| deadline_ms <= now_ms);
        if passed(self.acknowledge_deadline_ms()) {
            self.push_frame(&Control::Acknowledge);
        }
        if passed(self.ping_deadline_ms()) {
            self.push_frame(&Control::Ping);
        }
    }

    fn next_deadline_ms(&self) -> Option<u64> {
        if self.is_closed() {
            return None;
        }
        let deadlines = [
            self.handshake_deadline_ms(),
            self.frame_deadline_ms(),
            self.silence_deadline_ms(),
            self.ping_deadline_ms(),
            self.acknowledge_deadline_ms(),
        ];
        deadlines.into_iter().flatten().min()
    }

    fn send(&mut self, envelope: &Envelope, message: &Message) -> Result<u64, SendError> {
        self.send_numbered(envelope, |outbox, envelope, limit| outbox.message(envelope, message, limit))
    }

    fn send_offers(&mut self, envelope: &Envelope, offers: &OffersWriter) -> Result<u64, SendError> {
        self.send_numbered(envelope, |outbox, envelope, limit| outbox.offers(envelope, offers, limit))
    }

    fn open_stream(&mut self, purpose: &StreamPurpose) -> Result<StreamId, SendError> {
        let peer = self.with_room()?;
        let stream = self.streams.open(peer.max_streams)?;
        self.push_frame(&Control::StreamOpen { stream, purpose: purpose.clone() });
        Ok(stream)
    }

    fn write_stream(&mut self, stream: StreamId, bytes: &[u8]) -> Result<usize, SendError> {
        self.write_bytes(stream, bytes)
    }

    fn consumed(&mut self, stream: StreamId, bytes: usize) {
        if let Some(bytes) = self.streams.consumed(stream, bytes) {
            self.answer(&Control::StreamWindow { stream, bytes });
        }
    }

    fn end_stream(&mut self, stream: StreamId) -> Result<(), SendError> {
        self.open()?;
        self.streams.end_here(stream)?;
        self.answer(&Control::StreamEnd { stream });
        Ok(())
    }

    fn reset_stream(&mut self, stream: StreamId, reason: &str) {
        if self.streams.remove(stream) {
            self.events.retain(|event| event.stream() != Some(stream));
            self.answer(&Control::StreamReset { stream, reason: cut(reason).to_owned() });
        }
    }

    fn resize_stream(&mut self, stream: StreamId, rows: u16, columns: u16) -> Result<(), SendError> {
        self.open()?;
        self.streams.check_writable(stream)?;
        self.answer(&Control::StreamResize { stream, rows, columns });
        Ok(())
    }

    fn close(&mut self, code: CloseCode, message: &str) {
        self.say_goodbye(code, message);
        self.end(CloseReason::Local { code, message: message.to_owned() });
    }

    fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }
}

/// The longest beginning of a text that is at most [`TEXT_BYTES`] long.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_BYTES)]
}
