//! A connection between daemons: a [`Channel`] inside mutual TLS ([`Secure`]), behind the same [`Link`].
//!
//! 1. Nothing of the channel goes out before both certificates are checked, and its [`Event::Opened`] names the principal of the
//!    peer's; a hello of another role than the certificate's is refused.
//! 2. At most [`CHUNK_BYTES`] of the channel's output are encrypted at a time, and the next when the transport took them: what waits
//!    for a slow peer waits in the channel, where its limits count it.
//! 3. A peer that stalls inside a TLS record delivers no frame, and is dropped by the handshake's timeout or for its silence.
//! 4. The end: the channel's goodbye, then TLS's own, then [`output`](Link::output) stays empty.

use crate::channel::Channel;
use crate::error::{LinkError, SendError};
use crate::event::{CloseCode, Event, Identity, StreamId};
use crate::limits::Limits;
use crate::link::Link;
use crate::message::{Envelope, Message, StreamPurpose};
use crate::offers::OffersWriter;
use crate::secure::{ClientTls, Secure, ServerTls};

/// Plaintext encrypted at a time.
pub const CHUNK_BYTES: usize = 64 << 10;

/// A connection with mutual TLS.
#[derive(Debug)]
pub struct Connection {
    secure: Secure,
    channel: Channel,
    /// The channel knows whom the peer's certificate names.
    certified: bool,
    /// TLS was told that nothing more will be written.
    closing: bool,
}

impl Connection {
    /// The side that connected.
    ///
    /// # Errors
    /// [`LinkError::Tls`].
    pub fn client(tls: &ClientTls, identity: Identity, limits: Limits, now_ms: u64) -> Result<Self, LinkError> {
        Ok(Self::new(Secure::client(tls)?, Channel::client(identity, limits, now_ms)))
    }

    /// The side that accepted.
    ///
    /// # Errors
    /// [`LinkError::Tls`].
    pub fn server(tls: &ServerTls, identity: Identity, limits: Limits, now_ms: u64) -> Result<Self, LinkError> {
        Ok(Self::new(Secure::server(tls)?, Channel::server(identity, limits, now_ms)))
    }

    const fn new(secure: Secure, channel: Channel) -> Self {
        Self { secure, channel, certified: false, closing: false }
    }

    fn read(&mut self, bytes: &[u8], now_ms: u64) -> Result<(), LinkError> {
        let mut plaintext = Vec::new();
        let outcome = self.secure.receive(bytes, &mut plaintext);
        if self.secure.is_established() && !self.certified {
            self.channel.certify(self.secure.principal()?);
            self.certified = true;
        }
        // What TLS delivered before it failed was sound.
        self.channel.receive(&plaintext, now_ms)?;
        outcome
    }

    /// Encrypts what the channel has, if none of it waits any more.
    fn encrypt(&mut self) -> Result<(), LinkError> {
        if !self.secure.is_established() || !self.secure.output().is_empty() {
            return Ok(());
        }
        let plaintext = self.channel.output();
        let chunk = &plaintext[..plaintext.len().min(CHUNK_BYTES)];
        let bytes = chunk.len();
        self.secure.write(chunk)?;
        self.channel.consume(bytes);
        if self.channel.is_closed() && self.channel.output().is_empty() && !self.closing {
            self.closing = true;
            self.secure.close();
        }
        Ok(())
    }
}

impl Link for Connection {
    fn receive(&mut self, bytes: &[u8], now_ms: u64) -> Result<(), LinkError> {
        if self.is_closed() {
            return Ok(());
        }
        let outcome = self.read(bytes, now_ms);
        match &outcome {
            Ok(()) if self.secure.peer_closed() => self.channel.disconnected(),
            Ok(()) => {}
            Err(error) => self.channel.break_off(error.clone()),
        }
        outcome
    }

    fn disconnected(&mut self) {
        self.channel.disconnected();
    }

    fn next_event(&mut self) -> Option<Event> {
        self.channel.next_event()
    }

    fn output(&mut self) -> &[u8] {
        if let Err(error) = self.encrypt() {
            self.channel.break_off(error);
        }
        self.secure.output()
    }

    fn consume(&mut self, bytes: usize) {
        self.secure.consume(bytes);
    }

    fn tick(&mut self, now_ms: u64) {
        self.channel.tick(now_ms);
    }

    fn next_deadline_ms(&self) -> Option<u64> {
        self.channel.next_deadline_ms()
    }

    fn send(&mut self, envelope: &Envelope, message: &Message) -> Result<u64, SendError> {
        self.channel.send(envelope, message)
    }

    fn send_offers(&mut self, envelope: &Envelope, offers: &OffersWriter) -> Result<u64, SendError> {
        self.channel.send_offers(envelope, offers)
    }

    fn open_stream(&mut self, purpose: &StreamPurpose) -> Result<StreamId, SendError> {
        self.channel.open_stream(purpose)
    }

    fn write_stream(&mut self, stream: StreamId, bytes: &[u8]) -> Result<usize, SendError> {
        self.channel.write_stream(stream, bytes)
    }

    fn consumed(&mut self, stream: StreamId, bytes: usize) {
        self.channel.consumed(stream, bytes);
    }

    fn end_stream(&mut self, stream: StreamId) -> Result<(), SendError> {
        self.channel.end_stream(stream)
    }

    fn reset_stream(&mut self, stream: StreamId, reason: &str) {
        self.channel.reset_stream(stream, reason);
    }

    fn resize_stream(&mut self, stream: StreamId, rows: u16, columns: u16) -> Result<(), SendError> {
        self.channel.resize_stream(stream, rows, columns)
    }

    fn close(&mut self, code: CloseCode, message: &str) {
        self.channel.close(code, message);
    }

    fn is_closed(&self) -> bool {
        self.channel.is_closed()
    }
}
