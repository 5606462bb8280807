//! Bytes in any pieces to whole frames. Memory grows with what came, never with what a length prefix announces.

use crate::error::LinkError;
use crate::frame::whole_length;

/// Bytes that came and are not yet read.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    /// Everything before was read.
    from: usize,
    /// When the first byte of the unfinished frame came.
    frame_since_ms: Option<u64>,
}

impl Inbox {
    /// Bytes from the transport.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.from);
        self.from = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame, its length prefix included.
    pub(super) fn next_frame(&mut self, max_frame_bytes: usize, now_ms: u64) -> Result<Option<&[u8]>, LinkError> {
        let unread = &self.bytes[self.from..];
        let length = whole_length(unread, max_frame_bytes)?.filter(|length| *length <= unread.len());
        let Some(length) = length else {
            self.frame_since_ms = (!unread.is_empty()).then(|| self.frame_since_ms.unwrap_or(now_ms));
            return Ok(None);
        };
        let start = self.from;
        self.from += length;
        self.frame_since_ms = None;
        Ok(Some(&self.bytes[start..self.from]))
    }

    /// When the unfinished frame began; `None`: the last frame is whole.
    pub(super) const fn frame_since_ms(&self) -> Option<u64> {
        self.frame_since_ms
    }

    /// Drops everything and its memory.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
