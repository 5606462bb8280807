//! Frames on their way to the transport.

use crate::encode::Encoder;
use crate::frame::{Control, LENGTH_BYTES};
use crate::message::{Envelope, Message};
use crate::offers::OffersWriter;

/// Memory kept when everything is sent.
const KEEP_BYTES: usize = 64 << 10;

/// Encoded frames that the transport has not taken.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    encoder: Encoder,
    bytes: Vec<u8>,
    /// Everything before was taken.
    from: usize,
}

impl Outbox {
    /// Adds a message's frame, unless it is larger than the peer takes: then its size comes back.
    pub(super) fn message(
        &mut self,
        envelope: &Envelope,
        message: &Message,
        max_frame_bytes: usize,
    ) -> Result<(), usize> {
        let frame = self.encoder.message(envelope, message);
        append(&mut self.bytes, frame, max_frame_bytes)
    }

    /// The same for the offers of a writer.
    pub(super) fn offers(
        &mut self,
        envelope: &Envelope,
        offers: &OffersWriter,
        max_frame_bytes: usize,
    ) -> Result<(), usize> {
        let frame = self.encoder.offers(envelope, offers);
        append(&mut self.bytes, frame, max_frame_bytes)
    }

    /// Adds a frame of the channel's own.
    pub(super) fn control(&mut self, envelope: &Envelope, control: &Control<'_>) {
        self.bytes.extend_from_slice(self.encoder.control(envelope, control));
    }

    /// Bytes that wait.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.from
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn output(&self) -> &[u8] {
        &self.bytes[self.from..]
    }

    /// The transport took the first `bytes`.
    pub(super) fn consume(&mut self, bytes: usize) {
        assert!(bytes <= self.len(), "the transport cannot have taken more than there was");
        self.from += bytes;
        if self.is_empty() {
            self.bytes.clear();
            self.bytes.shrink_to(KEEP_BYTES);
            self.from = 0;
        } else if self.from > self.bytes.len() / 2 {
            self.bytes.drain(..self.from);
            self.from = 0;
        }
    }
}

fn append(bytes: &mut Vec<u8>, frame: &[u8], max_frame_bytes: usize) -> Result<(), usize> {
    let size = frame.len() - LENGTH_BYTES;
    if size > max_frame_bytes {
        return Err(size);
    }
    bytes.extend_from_slice(frame);
    Ok(())
}
