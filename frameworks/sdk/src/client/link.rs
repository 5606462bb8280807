//! One connection of a client: socket, wire, and the names of streams on both sides.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::time::Duration;

use meros_wire::event::{CloseCode, Identity, Peer, StreamId};
use meros_wire::message::{Envelope, Message, StreamPurpose};
use meros_wire::{Connection, Event as WireEvent, Limits, Link as _, SendError};

use super::socket::{self, Ready, Socket, Waiter};
use super::{ClientError, Target, system};
use crate::event::{Event, StreamKey};

/// Bytes taken from the socket at a time.
const READ_BYTES: usize = 32 * 1024;
/// A master that takes no bytes for so long is given up.
const ROOM_TIMEOUT: Duration = Duration::from_secs(10);

/// An open socket with the wire's state for it.
pub(super) struct Link {
    socket: Socket,
    connection: Connection,
    /// The kernel has told that there is something to read, and not yet that there is no more.
    readable: bool,
    /// The same for room to write.
    writable: bool,
    streams: BTreeMap<StreamKey, StreamId>,
    keys: BTreeMap<StreamId, StreamKey>,
    buffer: Vec<u8>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("connection", &self.connection)
            .field("streams", &self.streams)
            .finish_non_exhaustive()
    }
}

impl Link {
    /// Connects the socket and begins the handshake; the error is one line for people.
    pub(super) fn connect(target: &Target, role: Peer, waiter: &Waiter, now_ms: u64) -> Result<Self, String> {
        let identity = Identity { cluster: target.cluster(), role, name: target.name().to_owned() };
        let mut socket = socket::connect(target.endpoint()).map_err(|error| error.to_string())?;
        let connection = Connection::client(target.tls(), identity, Limits::default(), now_ms);
        let connection = connection.map_err(|error| error.to_string())?;
        waiter.add(&mut socket).map_err(|error| error.to_string())?;
        Ok(Self {
            socket,
            connection,
            readable: false,
            writable: true,
            streams: BTreeMap::new(),
            keys: BTreeMap::new(),
            buffer: vec![0; READ_BYTES],
        })
    }

    /// The next event in the session's words.
    pub(super) fn next_event(&mut self) -> Option<Event> {
        while let Some(event) = self.connection.next_event() {
            if let Some(event) = self.translate(event) {
                return Some(event);
            }
        }
        None
    }

    fn translate(&mut self, event: WireEvent) -> Option<Event> {
        Some(match event {
            WireEvent::Opened { peer } if peer.role != Peer::Master => {
                self.connection.close(CloseCode::NotAllowed, "a client talks to masters only");
                return None;
            }
            WireEvent::Opened { .. } => Event::Opened,
            WireEvent::Message { envelope, message } => {
                Event::Message { envelope: Box::new(envelope), message: Box::new(message) }
            }
            WireEvent::Unreadable { error, .. } => Event::Unreadable { refusal: error.refusal() },
            WireEvent::Acknowledged { sequence } => Event::Acknowledged { sequence },
            WireEvent::StreamData { stream, bytes } => Event::StreamData { stream: self.key(stream)?, bytes },
            WireEvent::StreamEnded { stream } => Event::StreamEnded { stream: self.key(stream)? },
            WireEvent::StreamReset { stream, reason } => Event::StreamReset { stream: self.forget(stream)?, reason },
            WireEvent::StreamOpened { stream, .. } => {
                self.connection.reset_stream(stream, "a client takes no streams");
                return None;
            }
            WireEvent::Closed { reason } => Event::Closed { reason: reason.to_string() },
            WireEvent::Writable | WireEvent::StreamWritable { .. } | WireEvent::StreamResized { .. } => return None,
        })
    }

    fn key(&self, stream: StreamId) -> Option<StreamKey> {
        self.keys.get(&stream).copied()
    }

    fn forget(&mut self, stream: StreamId) -> Option<StreamKey> {
        let key = self.keys.remove(&stream)?;
        self.streams.remove(&key);
        Some(key)
    }

    pub(super) fn send(&mut self, envelope: &Envelope, message: &Message) -> Result<(), SendError> {
        self.connection.send(envelope, message).map(drop)
    }

    /// Opens a stream under the session's name. On a connection that has ended, nothing: its end is told in due order.
    pub(super) fn open_stream(&mut self, key: StreamKey, purpose: &StreamPurpose) -> Result<(), SendError> {
        match self.connection.open_stream(purpose) {
            Ok(stream) => {
                self.streams.insert(key, stream);
                self.keys.insert(stream, key);
                Ok(())
            }
            Err(SendError::NotOpen | SendError::Closed) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn consumed(&mut self, key: StreamKey, count: usize) {
        if let Some(stream) = self.streams.get(&key) {
            self.connection.consumed(*stream, count);
        }
    }

    /// Ends this side's half of a stream whose other half has ended: it is gone then.
    pub(super) fn end_stream(&mut self, key: StreamKey) {
        if let Some(stream) = self.streams.remove(&key) {
            self.keys.remove(&stream);
            // A stream or connection that is gone already has nothing left to end.
            let _ = self.connection.end_stream(stream);
        }
    }

    pub(super) fn reset_stream(&mut self, key: StreamKey, reason: &str) {
        if let Some(stream) = self.streams.remove(&key) {
            self.keys.remove(&stream);
            self.connection.reset_stream(stream, reason);
        }
    }

    pub(super) fn close(&mut self, reason: &str) {
        self.connection.close(CloseCode::Normal, reason);
    }

    /// Writes what there is to write. Tells the deadline of the wait that follows: the present when there is more to read.
    pub(super) fn before_wait(&mut self) -> Option<u64> {
        self.write();
        if self.readable { Some(0) } else { self.connection.next_deadline_ms() }
    }

    /// Takes what came; when nothing did, lets time pass.
    pub(super) fn after_wait(&mut self, ready: Ready, now_ms: u64) {
        self.readable |= ready.readable;
        self.writable |= ready.writable;
        let took = self.readable && self.read(now_ms);
        if !took && self.connection.next_deadline_ms().is_some_and(|at_ms| at_ms <= now_ms) {
            self.connection.tick(now_ms);
        }
        self.write();
    }

    /// Reads once; true when bytes came.
    fn read(&mut self, now_ms: u64) -> bool {
        match self.socket.read(&mut self.buffer) {
            Ok(0) => self.connection.disconnected(),
            Ok(count) => {
                // What is wrong with them is told by the closing event as well.
                let _ = self.connection.receive(&self.buffer[..count], now_ms);
                return true;
            }
            Err(error) => self.on_error(&error, |link| link.readable = false),
        }
        false
    }

    /// Writes until all is written or the kernel takes no more; true when all is written, or never will be.
    pub(super) fn write(&mut self) -> bool {
        while self.writable {
            let output = self.connection.output();
            if output.is_empty() {
                return true;
            }
            match self.socket.write(output) {
                Ok(count) => self.connection.consume(count),
                Err(error) => self.on_error(&error, |link| link.writable = false),
            }
            if self.connection.is_closed() && !self.writable {
                return true;
            }
        }
        self.connection.output().is_empty()
    }

    fn on_error(&mut self, error: &io::Error, not_now: impl FnOnce(&mut Self)) {
        match error.kind() {
            ErrorKind::WouldBlock => not_now(self),
            ErrorKind::Interrupted => {}
            _ => {
                tracing::debug!(%error, "the socket failed");
                self.readable = false;
                self.writable = false;
                self.connection.disconnected();
            }
        }
    }

    /// Waits until the kernel takes more output; false when it does not, and the connection is given up.
    pub(super) fn wait_for_room(&mut self, waiter: &mut Waiter) -> Result<bool, ClientError> {
        if self.write() {
            return Ok(!self.connection.is_closed());
        }
        let ready = waiter.wait(Some(ROOM_TIMEOUT)).map_err(system("epoll"))?;
        self.readable |= ready.readable;
        self.writable |= ready.writable;
        if !ready.writable && !ready.readable {
            self.connection.close(CloseCode::Timeout, "the master takes no more bytes");
            return Ok(false);
        }
        Ok(!self.connection.is_closed())
    }
}
