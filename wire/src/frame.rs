//! One frame as plain Rust: an envelope, and a message or one of the channel's own payloads.
//!
//! On the wire: a little-endian `u32` with the length of what follows, then a flatbuffer whose file identifier is [`MAGIC`].
//! The first [`PREFIX_BYTES`] tell whether it is ours and how long it is.

use std::borrow::Cow;

use crate::error::{DecodeError, LinkError};
use crate::event::{CloseCode, StreamId};
use crate::message::{Envelope, Message, StreamPurpose};

/// The flatbuffers file identifier of every frame.
pub const MAGIC: [u8; 4] = *b"MROS";

/// Bytes of the length prefix.
pub const LENGTH_BYTES: usize = 4;

/// Length prefix, root offset and magic: no frame is shorter.
pub const PREFIX_BYTES: usize = 12;

/// A frame as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Beside the payload.
    pub envelope: Envelope,
    /// What it carries.
    pub payload: Payload<'a>,
}

/// What a frame carries.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "made once for each frame and taken apart at once")]
pub enum Payload<'a> {
    /// The channel's own.
    Control(Control<'a>),
    /// For the reader.
    Message(Message),
    /// A message that cannot be acted on.
    Unreadable(DecodeError),
    /// A stream whose purpose cannot be acted on.
    UnreadablePurpose {
        /// Which.
        stream: StreamId,
        /// Why not.
        error: DecodeError,
    },
}

/// The channel's own payloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control<'a> {
    /// The first frame each way.
    Hello(Hello),
    /// The last frame.
    Goaway(Goaway),
    /// Still here.
    Ping,
    /// Nothing but the envelope's acknowledgement.
    Acknowledge,
    /// A new stream.
    StreamOpen {
        /// Which.
        stream: StreamId,
        /// What for.
        purpose: StreamPurpose,
    },
    /// Bytes on a stream.
    StreamData {
        /// Which.
        stream: StreamId,
        /// At least one.
        bytes: Cow<'a, [u8]>,
    },
    /// The window of a stream grows.
    StreamWindow {
        /// Which.
        stream: StreamId,
        /// By how much.
        bytes: u32,
    },
    /// No more bytes from this side.
    StreamEnd {
        /// Which.
        stream: StreamId,
    },
    /// Given up.
    StreamReset {
        /// Which.
        stream: StreamId,
        /// Why.
        reason: String,
    },
    /// The terminal's size.
    StreamResize {
        /// Which.
        stream: StreamId,
        /// In characters.
        rows: u16,
        /// In characters.
        columns: u16,
    },
}

impl Control<'_> {
    /// The payload's name, for errors.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "Hello",
            Self::Goaway(_) => "Goaway",
            Self::Ping => "Ping",
            Self::Acknowledge => "Acknowledge",
            Self::StreamOpen { .. } => "StreamOpen",
            Self::StreamData { .. } => "StreamData",
            Self::StreamWindow { .. } => "StreamWindow",
            Self::StreamEnd { .. } => "StreamEnd",
            Self::StreamReset { .. } => "StreamReset",
            Self::StreamResize { .. } => "StreamResize",
        }
    }
}

/// What a side says of itself first. The role is a raw number: it may be one of a version that we do not speak.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// Lowest version spoken.
    pub min_version: u16,
    /// Highest version spoken.
    pub max_version: u16,
    /// As in the schema's `PeerRole`.
    pub role: u8,
    /// For people.
    pub name: String,
    /// The largest frame it takes.
    pub max_frame_bytes: u32,
    /// Streams the other may have open at once.
    pub max_streams: u32,
    /// The window of every stream at its start.
    pub stream_window_bytes: u32,
    /// How often it wants to hear something.
    pub heartbeat_ms: u32,
}

/// Why a side says goodbye.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Goaway {
    /// For machines.
    pub code: CloseCode,
    /// For people.
    pub message: String,
    /// Lowest version spoken.
    pub min_version: u16,
    /// Highest version spoken.
    pub max_version: u16,
}

/// How many bytes the frame at the front of `inbox` has, its length prefix included; `None`: too early to tell.
///
/// # Errors
/// [`LinkError::WrongMagic`] or [`LinkError::FrameTooLarge`]: before anything is kept for the frame.
pub fn whole_length(inbox: &[u8], max_frame_bytes: usize) -> Result<Option<usize>, LinkError> {
    let Some(prefix) = inbox.first_chunk::<PREFIX_BYTES>() else {
        return Ok(None);
    };
    let [a, b, c, d, _, _, _, _, magic @ ..] = *prefix;
    if magic != MAGIC {
        return Err(LinkError::WrongMagic { magic });
    }
    let bytes = usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    if bytes > max_frame_bytes {
        return Err(LinkError::FrameTooLarge { bytes, limit: max_frame_bytes });
    }
    Ok(Some(bytes.max(PREFIX_BYTES - LENGTH_BYTES) + LENGTH_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_told_once_the_magic_is_seen() {
        let mut bytes = vec![20, 0, 0, 0, 8, 0, 0, 0, b'M', b'R', b'O'];
        assert_eq!(whole_length(&bytes, 100), Ok(None));
        bytes.push(b'S');
        assert_eq!(whole_length(&bytes, 100), Ok(Some(24)));
        assert_eq!(whole_length(&bytes, 19), Err(LinkError::FrameTooLarge { bytes: 20, limit: 19 }));
    }

    #[test]
    fn another_protocol_is_named_before_its_length_is_believed() {
        assert_eq!(whole_length(b"GET / HTTP/1.1\r\n", 100), Err(LinkError::WrongMagic { magic: *b"TP/1" }));
    }
}
