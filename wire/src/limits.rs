//! What one connection may use, so that no peer makes another's memory or patience grow without bound.
//!
//! Units: bytes and milliseconds. Each side has its own limits; those that concern the peer (frame size, streams, window,
//! heartbeat) are told in the hello, and the peer keeps to them.

/// Limits of one connection, on this side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest frame taken from the peer, without its length prefix.
    pub max_frame_bytes: usize,
    /// Streams that the peer may have open at once; one more is reset, the connection goes on.
    pub max_streams: usize,
    /// Bytes a peer may send on a stream beyond what [`Link::consumed`](crate::link::Link::consumed) has told.
    pub stream_window_bytes: usize,
    /// Unsent output at which `send` and `open_stream` answer [`SendError::Full`](crate::error::SendError::Full), and
    /// `write_stream` accepts nothing.
    pub max_output_bytes: usize,
    /// From the start to the peer's valid hello (TLS included).
    pub handshake_timeout_ms: u64,
    /// From a frame's first byte to its last.
    pub frame_timeout_ms: u64,
    /// How often the peer is asked to be heard at least; a side pings at the smaller of both sides' values.
    pub heartbeat_ms: u64,
    /// Without a whole frame from the peer for so long, the connection is closed. Several times `heartbeat_ms`.
    pub silence_ms: u64,
    /// How long an acknowledgement may wait for a frame that carries it along.
    pub acknowledge_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_frame_bytes: 4 << 20,
            max_streams: 1_000,
            stream_window_bytes: 256 << 10,
            max_output_bytes: 8 << 20,
            handshake_timeout_ms: 5_000,
            frame_timeout_ms: 5_000,
            heartbeat_ms: 2_000,
            silence_ms: 10_000,
            acknowledge_ms: 20,
        }
    }
}
