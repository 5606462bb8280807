//! What a master wants done. Drivers carry effects out in order; none of them answers back except by an event.

use crate::event::{PeerId, StreamKey};
use meros_wire::message::{Envelope, Message, StreamPurpose};

/// Something to do.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Send a message. The channel fills in sequence and acknowledgement.
    Send {
        /// To whom.
        peer: PeerId,
        /// Around it; boxed because effects travel through queues by value.
        envelope: Box<Envelope>,
        /// What.
        message: Box<Message>,
    },
    /// Open a stream; the peer sees it by the channel's number, the reactor by its own.
    StreamOpen {
        /// To whom.
        peer: PeerId,
        /// [`StreamKey::Ours`].
        stream: StreamKey,
        /// For what.
        purpose: StreamPurpose,
    },
    /// Write bytes when the peer's window has room; answered by `StreamWritten`.
    StreamWrite {
        /// To whom.
        peer: PeerId,
        /// On which stream.
        stream: StreamKey,
        /// What.
        bytes: Vec<u8>,
    },
    /// Bytes received on it were dealt with: let the peer send as many again.
    StreamConsumed {
        /// Whose.
        peer: PeerId,
        /// Which.
        stream: StreamKey,
        /// How many.
        count: usize,
    },
    /// No more bytes from this side once all written ones are out.
    StreamEnd {
        /// To whom.
        peer: PeerId,
        /// Which.
        stream: StreamKey,
    },
    /// Make the stream void.
    StreamReset {
        /// To whom.
        peer: PeerId,
        /// Which.
        stream: StreamKey,
        /// Why. One line.
        reason: String,
    },
    /// End a connection once what was sent is out.
    Close {
        /// Which.
        peer: PeerId,
        /// Why. One line.
        reason: String,
    },
}

impl Effect {
    /// Whose connection it is about.
    #[must_use]
    pub const fn peer(&self) -> PeerId {
        match self {
            Self::Send { peer, .. }
            | Self::StreamOpen { peer, .. }
            | Self::StreamWrite { peer, .. }
            | Self::StreamConsumed { peer, .. }
            | Self::StreamEnd { peer, .. }
            | Self::StreamReset { peer, .. }
            | Self::Close { peer, .. } => *peer,
        }
    }
}
