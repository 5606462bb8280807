//! What this side sends.

use std::borrow::Cow;

use super::outbox::Outbox;
use super::streams::window;
use super::{ACKNOWLEDGE_EVERY, CONTROL_BYTES, Channel, PeerLimits, Phase, cut};
use crate::error::{LinkError, SendError};
use crate::event::{Event, StreamId};
use crate::frame::{Control, Hello};
use crate::link::Link;
use crate::message::Envelope;
use crate::version::{OLDEST_WIRE_VERSION, WIRE_VERSION};

/// Stream bytes go in frames of so many at most, so that messages pass between them.
const CHUNK_BYTES: usize = 32 << 10;

/// What a frame of stream bytes takes beside them, generously.
const CHUNK_FRAME_BYTES: usize = 512;

impl Channel {
    pub(super) fn say_hello(&mut self) {
        let limits = &self.limits;
        let hello = Hello {
            min_version: OLDEST_WIRE_VERSION,
            max_version: WIRE_VERSION,
            role: self.identity.role.number(),
            name: cut(&self.identity.name).to_owned(),
            max_frame_bytes: u32::try_from(limits.max_frame_bytes).unwrap_or(u32::MAX),
            max_streams: u32::try_from(limits.max_streams).unwrap_or(u32::MAX),
            stream_window_bytes: window(limits.stream_window_bytes),
            heartbeat_ms: u32::try_from(limits.heartbeat_ms).unwrap_or(u32::MAX),
        };
        self.push_frame(&Control::Hello(hello));
    }

    /// What the peer takes, if messages and streams may be sent at all.
    pub(super) const fn open(&self) -> Result<PeerLimits, SendError> {
        match self.phase {
            Phase::Greeting => Err(SendError::NotOpen),
            Phase::Open(peer) => Ok(peer),
            Phase::Closed => Err(SendError::Closed),
        }
    }

    /// The same, if there is also room for more output.
    pub(super) fn with_room(&mut self) -> Result<PeerLimits, SendError> {
        let peer = self.open()?;
        let bytes = self.outbox.len();
        if bytes >= self.limits.max_output_bytes {
            self.blocked = true;
            return Err(SendError::Full { bytes });
        }
        Ok(peer)
    }

    /// Numbers a message and lets `write` put its frame into the output, unless it says that it is too large.
    pub(super) fn send_numbered(
        &mut self,
        envelope: &Envelope,
        write: impl FnOnce(&mut Outbox, &Envelope, usize) -> Result<(), usize>,
    ) -> Result<u64, SendError> {
        let limit = self.with_room()?.max_frame_bytes;
        let sequence = self.sequences.sent + 1;
        let stamped = self.stamp(Envelope { sequence, ..envelope.clone() });
        write(&mut self.outbox, &stamped, limit).map_err(|bytes| SendError::TooLarge { bytes, limit })?;
        self.sequences.sent = sequence;
        self.said();
        Ok(sequence)
    }

    pub(super) fn write_bytes(&mut self, stream: StreamId, bytes: &[u8]) -> Result<usize, SendError> {
        let peer = self.open()?;
        let room = self.limits.max_output_bytes.saturating_sub(self.outbox.len());
        let accepted = self.streams.reserve(stream, bytes.len(), room)?;
        let chunk_bytes = CHUNK_BYTES.min(peer.max_frame_bytes.saturating_sub(CHUNK_FRAME_BYTES));
        for chunk in bytes[..accepted].chunks(chunk_bytes) {
            self.push_frame(&Control::StreamData { stream, bytes: Cow::Borrowed(chunk) });
        }
        Ok(accepted)
    }

    /// A frame that an event or a call makes due whatever the output holds; a peer that reads none of them is given up.
    pub(super) fn answer(&mut self, control: &Control<'_>) {
        let bytes = self.outbox.len();
        if bytes > self.limits.max_output_bytes.saturating_add(CONTROL_BYTES) {
            self.break_off(LinkError::PeerDoesNotRead { bytes });
        } else {
            self.push_frame(control);
        }
    }

    /// Adds a frame of the channel's own to the output.
    pub(super) fn push_frame(&mut self, control: &Control<'_>) {
        let envelope = self.stamp(Envelope::default());
        self.outbox.control(&envelope, control);
        self.said();
    }

    fn stamp(&self, mut envelope: Envelope) -> Envelope {
        envelope.acknowledgement = self.sequences.taken;
        if envelope.cluster.is_nil() {
            envelope.cluster = match &self.phase {
                Phase::Open(peer) => peer.cluster,
                Phase::Greeting | Phase::Closed => self.identity.cluster,
            };
        }
        envelope
    }

    /// A frame is on its way, and with it the acknowledgement.
    const fn said(&mut self) {
        self.clock.said_ms = self.clock.now_ms;
        self.sequences.told = self.sequences.taken;
        self.clock.taken_ms = None;
    }

    /// The reader took a message.
    pub(super) fn message_taken(&mut self) {
        self.sequences.taken += 1;
        if self.is_closed() {
            return;
        }
        self.clock.taken_ms.get_or_insert(self.clock.now_ms);
        if self.sequences.taken - self.sequences.told >= ACKNOWLEDGE_EVERY {
            self.answer(&Control::Acknowledge);
        }
    }

    /// Tells those who wait for room, once half of the output is.
    pub(super) fn wake_writers(&mut self) {
        if self.is_closed() || self.outbox.len() > self.limits.max_output_bytes / 2 {
            return;
        }
        if core::mem::take(&mut self.blocked) {
            self.events.push_back(Event::Writable);
        }
        let unblocked = self.streams.take_unblocked();
        self.events.extend(unblocked.into_iter().map(|stream| Event::StreamWritable { stream }));
    }
}
