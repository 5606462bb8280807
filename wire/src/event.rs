//! What a connection tells its reader, in the order in which it happened.
//!
//! The first event is [`Event::Opened`] (or [`Event::Closed`], when there never was a connection); the last is
//! [`Event::Closed`], exactly once, however the connection ends. Nothing follows it.

use core::fmt;

use crate::error::{DecodeError, LinkError};
use crate::message::{Envelope, Message, StreamPurpose, Uuid};

/// Who speaks at an end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Peer {
    /// The cluster's master.
    Master,
    /// An agent.
    Agent,
    /// A framework.
    Framework,
    /// An operator's command.
    Operator,
}

impl Peer {
    const ALL: [Self; 4] = [Self::Master, Self::Agent, Self::Framework, Self::Operator];

    /// In lower case: as in certificates and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::Agent => "agent",
            Self::Framework => "framework",
            Self::Operator => "operator",
        }
    }

    /// As in the schema's `PeerRole`.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Master => 1,
            Self::Agent => 2,
            Self::Framework => 3,
            Self::Operator => 4,
        }
    }

    /// The inverse of [`Peer::number`].
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|peer| peer.number() == number)
    }

    /// The inverse of [`Peer::name`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Master, Self::Agent, Self::Framework, Self::Operator].into_iter().find(|peer| peer.name() == name)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What this side says of itself in its hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The cluster; nil when it is not known yet (the peer's is then taken as it is).
    pub cluster: Uuid,
    /// What this side is.
    pub role: Peer,
    /// A name for people and logs; rights come from the certificate alone.
    pub name: String,
}

/// What the peer said of itself, and what its certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerHello {
    /// The peer's cluster; nil when it does not know one yet.
    pub cluster: Uuid,
    /// What the peer is; on a [`Connection`](crate::connection::Connection) its certificate says the same.
    pub role: Peer,
    /// A name for people and logs.
    pub name: String,
    /// The version both will speak: the highest they have in common.
    pub version: u16,
    /// The name in the peer's certificate; absent on a bare [`Channel`](crate::channel::Channel).
    pub principal: Option<String>,
}

/// One byte stream of a connection, named alike by both sides and never used twice in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}", self.0)
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What happened on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "most events are messages, the large variant")]
pub enum Event {
    /// Both hellos are exchanged and agree: messages and streams may be sent from now on.
    Opened {
        /// Who is there.
        peer: PeerHello,
    },
    /// A message. Taking it is what acknowledges it to the peer's channel.
    Message {
        /// As the peer sent it; `principal` is the one of its certificate, unless a master speaks for another.
        envelope: Envelope,
        /// What it says.
        message: Message,
    },
    /// A frame that is sound, holding a message that cannot be acted on: an unknown kind or enum value, a must-understand
    /// bit that this build does not know, a missing or impossible field. The connection goes on; answer with a refusal
    /// ([`DecodeError::refusal`]).
    Unreadable {
        /// As the peer sent it.
        envelope: Envelope,
        /// What is wrong, naming the field.
        error: DecodeError,
    },
    /// The peer's reader took every message up to this one.
    Acknowledged {
        /// As `send` returned it.
        sequence: u64,
    },
    /// Room again after a [`SendError::Full`](crate::error::SendError::Full).
    Writable,
    /// The peer opened a stream.
    StreamOpened {
        /// Which.
        stream: StreamId,
        /// What for.
        purpose: StreamPurpose,
    },
    /// Bytes of a stream. Call [`Link::consumed`](crate::link::Link::consumed) when they are dealt with: that lets the peer
    /// send more.
    StreamData {
        /// Which.
        stream: StreamId,
        /// Never empty.
        bytes: Vec<u8>,
    },
    /// The peer will write no more on this stream; this side still may.
    StreamEnded {
        /// Which.
        stream: StreamId,
    },
    /// The peer gave the stream up, both directions at once.
    StreamReset {
        /// Which.
        stream: StreamId,
        /// Why.
        reason: String,
    },
    /// A stream whose `write_stream` accepted less than it was given takes bytes again.
    StreamWritable {
        /// Which.
        stream: StreamId,
    },
    /// The peer's terminal has another size.
    StreamResized {
        /// Which.
        stream: StreamId,
        /// Height in characters.
        rows: u16,
        /// Width in characters.
        columns: u16,
    },
    /// The connection is over, and with it all its streams. What is left of `output` should still be sent (it tells the
    /// peer why), then the transport closed.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}

impl Event {
    /// The stream it is about.
    #[must_use]
    pub const fn stream(&self) -> Option<StreamId> {
        match self {
            Self::StreamOpened { stream, .. }
            | Self::StreamData { stream, .. }
            | Self::StreamEnded { stream }
            | Self::StreamReset { stream, .. }
            | Self::StreamWritable { stream }
            | Self::StreamResized { stream, .. } => Some(*stream),
            Self::Opened { .. }
            | Self::Message { .. }
            | Self::Unreadable { .. }
            | Self::Acknowledged { .. }
            | Self::Writable
            | Self::Closed { .. } => None,
        }
    }
}

/// Why a connection is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// This side called `close`.
    Local {
        /// For machines.
        code: CloseCode,
        /// For people.
        message: String,
    },
    /// The peer said goodbye.
    Peer {
        /// For machines.
        code: CloseCode,
        /// For people.
        message: String,
    },
    /// The transport ended between two frames, without a goodbye.
    Disconnected,
    /// The peer broke the protocol or a limit, or was not who it should be.
    Broken(LinkError),
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local { code, message } => write!(f, "closed here ({}): {message}", code.name()),
            Self::Peer { code, message } => {
                write!(f, "closed by the peer ({}): {message}", code.name())
            }
            Self::Disconnected => f.write_str("the peer disconnected"),
            Self::Broken(error) => error.fmt(f),
        }
    }
}

/// Why one side says goodbye, for machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CloseCode {
    /// Nothing is wrong: done, or shutting down.
    #[default]
    Normal,
    /// No version in common.
    Version,
    /// The other belongs to another cluster.
    Cluster,
    /// The other is not who it says, or not allowed here.
    NotAllowed,
    /// The other broke the protocol.
    Protocol,
    /// The other was too slow or too silent.
    Timeout,
    /// The other used more than its limits.
    Limits,
    /// A newer connection of the same peer takes this one's place.
    Replaced,
}

impl CloseCode {
    /// In lower case, with hyphens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Version => "version",
            Self::Cluster => "cluster",
            Self::NotAllowed => "not-allowed",
            Self::Protocol => "protocol",
            Self::Timeout => "timeout",
            Self::Limits => "limits",
            Self::Replaced => "replaced",
        }
    }
}
