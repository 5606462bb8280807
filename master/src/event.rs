//! What can happen to a master. I/O threads, timers and the simulator make these; nothing else moves the state.

use meros_wire::message::{Envelope, Message, StreamPurpose};

/// One connection, numbered by the driver; never used twice by one process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PeerId(pub u64);

/// One byte stream as the reactor names it: streams the peer opened and streams the reactor opened never collide.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum StreamKey {
    /// Opened by the peer; the channel's number.
    Theirs(u64),
    /// Opened by the reactor; its own number.
    Ours(u64),
}

/// Both clocks, read once by the driver for each event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// Monotonic: for deadlines.
    pub mono_ms: u64,
    /// Wall clock: for people.
    pub unix_ms: u64,
}

/// What a peer is, from its certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// One machine.
    Agent,
    /// A scheduler.
    Framework,
    /// A person, or a person's script.
    Operator,
}

/// Something happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A connection is authenticated and its versions agree.
    Opened {
        /// Which.
        peer: PeerId,
        /// What it is.
        role: Role,
        /// Who it is.
        principal: String,
    },
    /// A verified message.
    Message {
        /// From whom.
        peer: PeerId,
        /// Around it; boxed because events travel through queues by value.
        envelope: Box<Envelope>,
        /// What.
        message: Box<Message>,
    },
    /// A peer opened a stream.
    StreamOpened {
        /// Who.
        peer: PeerId,
        /// Its name from now on.
        stream: StreamKey,
        /// For what.
        purpose: StreamPurpose,
    },
    /// Bytes arrived.
    StreamData {
        /// From whom.
        peer: PeerId,
        /// On which stream.
        stream: StreamKey,
        /// At most a window.
        bytes: Vec<u8>,
    },
    /// Bytes of an earlier [`StreamWrite`](crate::effect::Effect::StreamWrite) went out.
    StreamWritten {
        /// To whom.
        peer: PeerId,
        /// On which stream.
        stream: StreamKey,
        /// How many.
        count: usize,
    },
    /// The peer will send no more on it.
    StreamEnded {
        /// Who.
        peer: PeerId,
        /// Which.
        stream: StreamKey,
    },
    /// The stream is void.
    StreamReset {
        /// Who.
        peer: PeerId,
        /// Which.
        stream: StreamKey,
        /// Why. One line.
        reason: String,
    },
    /// A connection is gone.
    Closed {
        /// Which.
        peer: PeerId,
        /// Why. One line.
        reason: String,
    },
    /// The deadline the reactor named has passed.
    Tick,
}
