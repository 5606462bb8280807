//! What can happen to a session, and what a session wants done: connection events in, effects out, never bytes.
//!
//! [`Client`](crate::Client) drives a session over a socket, the simulator over a virtual network; both in the same words.

use meros_wire::event::Peer;
use meros_wire::message::{Envelope, Message, Refusal, StreamPurpose};

/// Both clocks, read once by the driver for each event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// Monotonic: for deadlines.
    pub mono_ms: u64,
    /// Wall clock: for people.
    pub unix_ms: u64,
}

/// A session: rules without socket and clock.
pub trait Reactor {
    /// What its user is told.
    type Notice;

    /// What it is to the master.
    const ROLE: Peer;

    /// Asks for the connection; nothing when it has asked already.
    fn start(&mut self, effects: &mut Vec<Effect<Self::Notice>>);

    /// One event.
    fn handle(&mut self, event: Event, now: Now, effects: &mut Vec<Effect<Self::Notice>>);

    /// The next moment, on the monotonic clock, at which [`Event::Tick`] is wanted.
    fn next_deadline_ms(&self) -> Option<u64>;

    /// Ends the connection for good.
    fn close(&mut self, reason: &str, effects: &mut Vec<Effect<Self::Notice>>);

    /// What a notice says of the connection.
    fn standing(notice: &Self::Notice) -> Standing<'_>;
}

/// What a notice says of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    /// Calls reach the master from now on.
    Up,
    /// They do not; one line says why.
    Down(&'a str),
    /// The master refused something.
    Refused(&'a Refusal),
    /// Nothing.
    Unchanged,
}

/// A byte stream as the session numbers it, from 1 upwards over all its connections.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StreamKey(pub u64);

/// Something happened on the connection, or its time has come.
#[derive(Clone, Debug)]
pub enum Event {
    /// The connection asked for by [`Effect::Connect`] is authenticated and its versions agree.
    Opened,
    /// A verified message.
    Message {
        /// Around it.
        envelope: Box<Envelope>,
        /// What.
        message: Box<Message>,
    },
    /// A message that this build cannot read, as the refusal that says why.
    Unreadable {
        /// What is not known, and where.
        refusal: Refusal,
    },
    /// The master has taken every message of this connection up to this one.
    Acknowledged {
        /// As the channel counts them: 1 for the first.
        sequence: u64,
    },
    /// Bytes arrived.
    StreamData {
        /// On which stream.
        stream: StreamKey,
        /// At most a window.
        bytes: Vec<u8>,
    },
    /// The master will send no more on it.
    StreamEnded {
        /// Which.
        stream: StreamKey,
    },
    /// The stream is void.
    StreamReset {
        /// Which.
        stream: StreamKey,
        /// Why. One line.
        reason: String,
    },
    /// The connection is gone, or could not be made.
    Closed {
        /// Why. One line.
        reason: String,
    },
    /// The deadline that the session named has passed.
    Tick,
}

/// Something to do, in this order. `N` is the session's own kind of notice.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect<N> {
    /// Connect to the master; answered by [`Event::Opened`] or [`Event::Closed`].
    Connect,
    /// Send a message. The channel fills in sequence and acknowledgement.
    Send {
        /// Around it; boxed because effects are moved by value.
        envelope: Box<Envelope>,
        /// What.
        message: Box<Message>,
    },
    /// Open a stream.
    StreamOpen {
        /// Its name from now on.
        stream: StreamKey,
        /// For what.
        purpose: StreamPurpose,
    },
    /// Bytes received on it were dealt with: let the master send as many again.
    StreamConsumed {
        /// Which.
        stream: StreamKey,
        /// How many.
        count: usize,
    },
    /// No more bytes from this side.
    StreamEnd {
        /// Which.
        stream: StreamKey,
    },
    /// Make the stream void.
    StreamReset {
        /// Which.
        stream: StreamKey,
        /// Why. One line.
        reason: String,
    },
    /// End the connection once what was sent is out.
    Close {
        /// Why. One line.
        reason: String,
    },
    /// Tell whoever uses the session.
    Notify(N),
}
