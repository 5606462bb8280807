//! One peer: its socket, and its link.

use std::io::{ErrorKind, Read as _, Write as _};

use mio::{Interest, Registry, Token};

use crate::event::Event;
use crate::io::socket::Socket;
use crate::peer_link::PeerLink;

/// Read from one socket before the others have their turn, at most.
const READ_BYTES_MAX: usize = 256 << 10;

/// A connection that an I/O thread owns.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: Socket,
    link: PeerLink,
    /// The kernel has not said "would block" since it said "readable".
    readable: bool,
    writable: bool,
    /// What the thread's timetable says of it.
    pub(crate) watched_deadline_ms: Option<u64>,
    /// The reactor has been told that it is over.
    told_closed: bool,
}

impl Connection {
    pub(crate) const fn new(socket: Socket, link: PeerLink) -> Self {
        Self { socket, link, readable: true, writable: true, watched_deadline_ms: None, told_closed: false }
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> std::io::Result<()> {
        registry.register(&mut self.socket, token, Interest::READABLE | Interest::WRITABLE)
    }

    pub(crate) fn deregister(&mut self, registry: &Registry) {
        if let Err(error) = registry.deregister(&mut self.socket) {
            tracing::debug!(%error, "deregistering a socket");
        }
        self.socket.shutdown();
    }

    pub(crate) const fn mark(&mut self, readable: bool, writable: bool) {
        self.readable |= readable;
        self.writable |= writable;
    }

    pub(crate) const fn is_readable(&self) -> bool {
        self.readable
    }

    pub(crate) fn link(&mut self) -> &mut PeerLink {
        &mut self.link
    }

    pub(crate) fn next_deadline_ms(&mut self) -> Option<u64> {
        self.link.link().next_deadline_ms()
    }

    /// Reads what there is, up to a turn's worth.
    pub(crate) fn read(&mut self, buffer: &mut [u8], now_ms: u64) {
        let mut total = 0;
        while self.readable && total < READ_BYTES_MAX && !self.link.link().is_closed() {
            match self.socket.read(buffer) {
                Ok(0) => {
                    self.readable = false;
                    self.link.link().disconnected();
                }
                Ok(count) => {
                    total += count;
                    // An error ends the connection, and is told by its last event.
                    let _ = self.link.link().receive(&buffer[..count], now_ms);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.readable = false;
                    self.link.link().disconnected();
                }
            }
        }
    }

    /// Writes what the kernel takes.
    pub(crate) fn write(&mut self) {
        while self.writable {
            let output = self.link.link().output();
            if output.is_empty() {
                return;
            }
            match self.socket.write(output) {
                Ok(count) => self.link.link().consume(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.writable = false;
                    self.link.link().disconnected();
                }
            }
        }
    }

    /// The next event for the reactor.
    pub(crate) fn next_event(&mut self) -> Option<Event> {
        let event = self.link.next_event();
        self.told_closed |= matches!(event, Some(Event::Closed { .. }));
        event
    }

    /// True when the reactor knows that it is over, and the peer was told as far as it listens.
    pub(crate) fn is_done(&mut self) -> bool {
        self.told_closed && (self.link.link().output().is_empty() || !self.writable)
    }
}
