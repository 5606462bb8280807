//! One peer's connection in the reactor's words: link events become [`Event`]s, [`Effect`]s become link calls.
//!
//! Sans-IO, over any [`Link`]: the I/O threads put TLS and a socket under it, the simulator a bare channel and a virtual wire.

use std::collections::{BTreeMap, VecDeque};

use meros_wire::message::{Message, StreamPurpose};
use meros_wire::{self as wire, CloseCode, Link, Peer, SendError, StreamId};

use crate::effect::Effect;
use crate::event::{Event, PeerId, Role, StreamKey};

/// A link, and what the reactor calls its streams.
pub struct PeerLink {
    peer: PeerId,
    link: Box<dyn Link + Send>,
    /// Streams the reactor opened, by its number.
    ours: BTreeMap<u64, StreamId>,
    streams: BTreeMap<StreamId, Stream>,
    events: VecDeque<Event>,
}

/// One open stream, with what its peer's window has not yet taken. The other end of a relay bounds it to one window.
#[derive(Debug)]
struct Stream {
    key: StreamKey,
    unsent: VecDeque<u8>,
    ending: bool,
}

impl core::fmt::Debug for PeerLink {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PeerLink").field("peer", &self.peer).field("streams", &self.streams).finish_non_exhaustive()
    }
}

impl PeerLink {
    /// Takes a fresh link.
    #[must_use]
    pub fn new(peer: PeerId, link: Box<dyn Link + Send>) -> Self {
        Self { peer, link, ours: BTreeMap::new(), streams: BTreeMap::new(), events: VecDeque::new() }
    }

    /// The link below, for its driver: bytes, time, and the end of the transport.
    pub fn link(&mut self) -> &mut (dyn Link + Send) {
        self.link.as_mut()
    }

    /// When the link wants to be told the time.
    #[must_use]
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.link.next_deadline_ms()
    }

    /// The oldest event for the reactor. Call it until `None` after bytes came in, time passed, bytes went out or an effect was
    /// applied.
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            let event = self.link.next_event()?;
            if let Some(event) = self.translate(event) {
                return Some(event);
            }
        }
    }

    fn translate(&mut self, event: wire::Event) -> Option<Event> {
        let peer = self.peer;
        match event {
            wire::Event::Opened { peer: hello } => self.opened(hello),
            wire::Event::Message { envelope, message } => {
                Some(Event::Message { peer, envelope: Box::new(envelope), message: Box::new(message) })
            }
            wire::Event::Unreadable { error, .. } => {
                self.send(&wire::message::Envelope::default(), &Message::Refusal(error.refusal()));
                None
            }
            wire::Event::StreamOpened { stream, purpose } => Some(self.stream_opened(stream, purpose)),
            wire::Event::StreamData { stream, bytes } => {
                Some(Event::StreamData { peer, stream: self.streams.get(&stream)?.key, bytes })
            }
            wire::Event::StreamEnded { stream } => {
                Some(Event::StreamEnded { peer, stream: self.streams.get(&stream)?.key })
            }
            wire::Event::StreamReset { stream, reason } => {
                Some(Event::StreamReset { peer, stream: self.forget(stream)?, reason })
            }
            wire::Event::StreamWritable { stream } => {
                self.flush(stream);
                None
            }
            wire::Event::Closed { reason } => Some(Event::Closed { peer, reason: reason.to_string() }),
            wire::Event::Acknowledged { .. } | wire::Event::Writable | wire::Event::StreamResized { .. } => None,
        }
    }

    fn opened(&mut self, hello: wire::PeerHello) -> Option<Event> {
        let role = match hello.role {
            Peer::Agent => Role::Agent,
            Peer::Framework => Role::Framework,
            Peer::Operator => Role::Operator,
            Peer::Master => {
                self.link.close(CloseCode::NotAllowed, "a master does not connect to a master");
                return None;
            }
        };
        Some(Event::Opened { peer: self.peer, role, principal: hello.principal.unwrap_or(hello.name) })
    }

    fn stream_opened(&mut self, stream: StreamId, purpose: StreamPurpose) -> Event {
        let key = StreamKey::Theirs(stream.0);
        self.streams.insert(stream, Stream { key, unsent: VecDeque::new(), ending: false });
        Event::StreamOpened { peer: self.peer, stream: key, purpose }
    }

    /// Carries one effect out. What comes of it comes as events.
    pub fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Send { envelope, message, .. } => self.send(&envelope, &message),
            Effect::StreamOpen { stream, purpose, .. } => self.open_stream(stream, &purpose),
            Effect::StreamWrite { stream, bytes, .. } => {
                if let Some(id) = self.id(stream) {
                    if let Some(open) = self.streams.get_mut(&id) {
                        open.unsent.extend(bytes);
                    }
                    self.flush(id);
                }
            }
            Effect::StreamConsumed { stream, count, .. } => {
                if let Some(id) = self.id(stream) {
                    self.link.consumed(id, count);
                }
            }
            Effect::StreamEnd { stream, .. } => {
                if let Some(id) = self.id(stream) {
                    if let Some(open) = self.streams.get_mut(&id) {
                        open.ending = true;
                    }
                    self.flush(id);
                }
            }
            Effect::StreamReset { stream, reason, .. } => {
                if let Some(id) = self.id(stream) {
                    self.link.reset_stream(id, &reason);
                    self.forget(id);
                }
            }
            Effect::Close { reason, .. } => self.link.close(CloseCode::Normal, &reason),
        }
    }

    fn send(&mut self, envelope: &wire::message::Envelope, message: &Message) {
        match self.link.send(envelope, message) {
            Ok(_) | Err(SendError::NotOpen | SendError::Closed) => {}
            Err(error) => {
                // A peer that does not read loses its connection, not its updates: they are sent again when it is back.
                tracing::warn!(peer = ?self.peer, message = message.name(), %error, "closing");
                self.link.close(CloseCode::Limits, &error.to_string());
            }
        }
    }

    fn open_stream(&mut self, key: StreamKey, purpose: &StreamPurpose) {
        let StreamKey::Ours(number) = key else { return };
        match self.link.open_stream(purpose) {
            Ok(id) => {
                self.ours.insert(number, id);
                self.streams.insert(id, Stream { key, unsent: VecDeque::new(), ending: false });
            }
            Err(error) => {
                let reason = error.to_string();
                self.events.push_back(Event::StreamReset { peer: self.peer, stream: key, reason });
            }
        }
    }

    /// Writes what the peer's window takes, and reports it.
    fn flush(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let mut count = 0;
        loop {
            let (front, _) = stream.unsent.as_slices();
            let accepted = if front.is_empty() { 0 } else { self.link.write_stream(id, front).unwrap_or(0) };
            if accepted == 0 {
                break;
            }
            stream.unsent.drain(..accepted);
            count += accepted;
        }
        if count > 0 {
            self.events.push_back(Event::StreamWritten { peer: self.peer, stream: stream.key, count });
        }
        if stream.ending && stream.unsent.is_empty() {
            // Already ended, or reset by the peer: then there is nobody left to tell.
            let _ = self.link.end_stream(id);
            self.forget(id);
        }
    }

    fn id(&self, key: StreamKey) -> Option<StreamId> {
        let id = match key {
            StreamKey::Theirs(number) => StreamId(number),
            StreamKey::Ours(number) => *self.ours.get(&number)?,
        };
        self.streams.contains_key(&id).then_some(id)
    }

    fn forget(&mut self, id: StreamId) -> Option<StreamKey> {
        let key = self.streams.remove(&id)?.key;
        if let StreamKey::Ours(number) = key {
            self.ours.remove(&number);
        }
        Some(key)
    }
}
