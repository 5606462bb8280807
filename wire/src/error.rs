//! Everything that can go wrong on a connection, each with its own name.

use crate::event::{CloseCode, Peer, StreamId};
use crate::message::{Refusal, RefusalCode, Uuid};

/// The peer broke the protocol or a limit, or is not who it should be: the connection is over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The bytes are not ours.
    #[error("not a Meros frame (wrong magic {magic:02x?}): is another protocol talking to this port?")]
    WrongMagic {
        /// What stood in its place.
        magic: [u8; 4],
    },
    /// A length prefix above [`Limits::max_frame_bytes`](crate::limits::Limits::max_frame_bytes).
    #[error("a frame of {bytes} bytes, above this side's limit of {limit}: send less in one message")]
    FrameTooLarge {
        /// As announced.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A frame that is not a sound flatbuffer, or whose fixed parts make no sense.
    #[error("a malformed frame: {0}")]
    Malformed(DecodeError),
    /// The transport ended inside a frame.
    #[error("the transport ended inside a frame")]
    Truncated,
    /// No version in common.
    #[error(
        "no wire version in common: this side speaks {ours_min} to {ours_max}, the peer {theirs_min} to {theirs_max}; \
         upgrade the older one"
    )]
    NoCommonVersion {
        /// Lowest of this side.
        ours_min: u16,
        /// Highest of this side.
        ours_max: u16,
        /// Lowest of the peer.
        theirs_min: u16,
        /// Highest of the peer.
        theirs_max: u16,
    },
    /// Two clusters met.
    #[error(
        "the peer belongs to cluster {theirs}, this side to {ours}: check the master's address and the credentials"
    )]
    WrongCluster {
        /// Of this side.
        ours: Uuid,
        /// Of the peer.
        theirs: Uuid,
    },
    /// A frame at a point of the conversation where it may not come.
    #[error("a {frame} frame {when}")]
    OutOfTurn {
        /// Which frame.
        frame: &'static str,
        /// When it came.
        when: &'static str,
    },
    /// A message was lost on the way.
    #[error("message {got} came where {expected} was due: one is missing")]
    SequenceGap {
        /// The next number due.
        expected: u64,
        /// The number it carried.
        got: u64,
    },
    /// A message came twice.
    #[error("message {got} came again where {expected} was due")]
    SequenceRepeated {
        /// The next number due.
        expected: u64,
        /// The number it carried.
        got: u64,
    },
    /// The peer acknowledges what was never sent.
    #[error("the peer acknowledges message {got}, and only {sent} were sent")]
    AcknowledgementOfUnsent {
        /// The number it names.
        got: u64,
        /// The last number sent.
        sent: u64,
    },
    /// More stream bytes than the window allows.
    #[error("{got} bytes on stream {stream}, whose window has {window} left")]
    WindowExceeded {
        /// Which.
        stream: StreamId,
        /// How many came.
        got: usize,
        /// How many were allowed.
        window: u64,
    },
    /// A stream frame that no stream can have.
    #[error("stream {stream}: {problem}")]
    StreamProtocol {
        /// Which.
        stream: StreamId,
        /// What is wrong.
        problem: &'static str,
    },
    /// The hello did not come in time.
    #[error("no hello within {timeout_ms} ms")]
    HandshakeTimeout {
        /// The limit.
        timeout_ms: u64,
    },
    /// A frame was begun and not finished in time.
    #[error("a frame was begun and not finished within {timeout_ms} ms")]
    FrameTimeout {
        /// The limit.
        timeout_ms: u64,
    },
    /// Nothing was heard.
    #[error("nothing heard from the peer for {silence_ms} ms")]
    Silence {
        /// The limit.
        silence_ms: u64,
    },
    /// The peer makes this side answer and does not read the answers.
    #[error("the peer does not read: {bytes} bytes of answers wait for it")]
    PeerDoesNotRead {
        /// How many.
        bytes: usize,
    },
    /// TLS refused the peer, or the peer refused us.
    #[error("TLS: {0}")]
    Tls(String),
    /// The peer's certificate is genuine and says nothing that Meros understands.
    #[error("the peer's certificate names no Meros principal: issue one with this cluster's authority")]
    NoPrincipal,
    /// The certificate says one thing, the hello another.
    #[error("the peer says it is {hello}, its certificate says {certificate}: use the credentials issued for its role")]
    RoleMismatch {
        /// As said in the hello.
        hello: Peer,
        /// As certified.
        certificate: Peer,
    },
}

impl LinkError {
    /// What the peer is told as it is sent away.
    #[must_use]
    pub const fn close_code(&self) -> CloseCode {
        match self {
            Self::NoCommonVersion { .. } => CloseCode::Version,
            Self::WrongCluster { .. } => CloseCode::Cluster,
            Self::NoPrincipal | Self::RoleMismatch { .. } | Self::Tls(_) => CloseCode::NotAllowed,
            Self::HandshakeTimeout { .. } | Self::FrameTimeout { .. } | Self::Silence { .. } => CloseCode::Timeout,
            Self::FrameTooLarge { .. } | Self::WindowExceeded { .. } | Self::PeerDoesNotRead { .. } => {
                CloseCode::Limits
            }
            Self::WrongMagic { .. }
            | Self::Malformed(_)
            | Self::Truncated
            | Self::OutOfTurn { .. }
            | Self::SequenceGap { .. }
            | Self::SequenceRepeated { .. }
            | Self::AcknowledgementOfUnsent { .. }
            | Self::StreamProtocol { .. } => CloseCode::Protocol,
        }
    }
}

/// A call that this connection does not take now. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Before [`Event::Opened`](crate::event::Event::Opened).
    #[error("the connection is not open yet: wait for its opened event")]
    NotOpen,
    /// After the end.
    #[error("the connection is closed")]
    Closed,
    /// The peer reads too slowly.
    #[error("{bytes} bytes already wait to be sent: try again after the writable event")]
    Full {
        /// How many wait.
        bytes: usize,
    },
    /// Above what the peer takes.
    #[error("a message of {bytes} bytes, above the peer's limit of {limit}: split it")]
    TooLarge {
        /// Encoded.
        bytes: usize,
        /// The peer's limit.
        limit: usize,
    },
    /// The peer's limit of open streams is reached.
    #[error("the peer takes no more than {limit} streams at once")]
    TooManyStreams {
        /// The peer's limit.
        limit: usize,
    },
    /// Never opened, ended both ways, or reset.
    #[error("no stream {0}")]
    UnknownStream(StreamId),
    /// This side has ended it.
    #[error("stream {0} was already ended by this side")]
    StreamEnded(StreamId),
}

/// Why a frame or a message in it cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not a sound flatbuffer: offsets out of range, texts that are not UTF-8, too deep, too many tables.
    #[error("{field}: {problem}")]
    Unsound {
        /// Path of the field, as far as it is known.
        field: String,
        /// What is wrong.
        problem: String,
    },
    /// A field that must be there is not.
    #[error("{field} is missing")]
    Missing {
        /// Path of the field.
        field: String,
    },
    /// A value that the field cannot have.
    #[error("{field}: {problem}")]
    Invalid {
        /// Path of the field.
        field: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// A kind, enum value or must-understand bit that this build does not know.
    #[error("{field}: {what} is not known to this build (wire version {version}); upgrade it")]
    NotUnderstood {
        /// Path of the field.
        field: String,
        /// What is not known.
        what: String,
        /// The highest version this build speaks.
        version: u16,
    },
}

impl DecodeError {
    /// Path of the field that is wrong.
    #[must_use]
    pub fn field(&self) -> &str {
        match self {
            Self::Unsound { field, .. }
            | Self::Missing { field }
            | Self::Invalid { field, .. }
            | Self::NotUnderstood { field, .. } => field,
        }
    }

    /// The answer to whoever sent it.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        let code = match self {
            Self::NotUnderstood { .. } => RefusalCode::NotUnderstood,
            Self::Unsound { .. } | Self::Missing { .. } | Self::Invalid { .. } => RefusalCode::Invalid,
        };
        Refusal { request: 0, code, field: self.field().to_owned(), message: self.to_string() }
    }
}
