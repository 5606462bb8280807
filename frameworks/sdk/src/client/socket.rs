//! One socket to a master, TCP or Unix, under one poll.

use std::io::{self, Read, Write};
use std::net::{TcpStream as StdTcpStream, ToSocketAddrs};
use std::os::fd::RawFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;
use std::time::Duration;

use mio::net::{TcpStream, UnixStream};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use crate::endpoint::Endpoint;

/// A master that does not take a connection in this time is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const SOCKET: Token = Token(0);
const WAKE: Token = Token(1);

/// Connects and makes the socket non-blocking.
pub(super) fn connect(endpoint: &Endpoint) -> io::Result<Socket> {
    match endpoint {
        Endpoint::Tcp(address) => connect_tcp(address).map(Socket::Tcp),
        Endpoint::Unix(path) => connect_unix(path).map(Socket::Unix),
    }
}

/// Tries every address that the name stands for; the error is the last one's.
fn connect_tcp(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name stands for no address");
    for address in address.to_socket_addrs()? {
        match StdTcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                return Ok(TcpStream::from_std(stream));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn connect_unix(path: &Path) -> io::Result<UnixStream> {
    let stream = StdUnixStream::connect(path)?;
    stream.set_nonblocking(true)?;
    Ok(UnixStream::from_std(stream))
}

/// A connected, non-blocking socket.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }
}

/// What a wait found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ready {
    pub(super) readable: bool,
    pub(super) writable: bool,
    pub(super) woken: bool,
}

/// Waits for the socket and for one descriptor of the user's.
#[derive(Debug)]
pub(super) struct Waiter {
    poll: Poll,
    events: Events,
}

impl Waiter {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { poll: Poll::new()?, events: Events::with_capacity(8) })
    }

    /// From now on [`Waiter::wait`] tells about the socket, once for each time it becomes ready.
    pub(super) fn add(&self, socket: &mut Socket) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        match socket {
            Socket::Tcp(stream) => self.poll.registry().register(stream, SOCKET, interest),
            Socket::Unix(stream) => self.poll.registry().register(stream, SOCKET, interest),
        }
    }

    /// From now on [`Waiter::wait`] tells when the descriptor becomes readable.
    pub(super) fn wake_on(&self, descriptor: RawFd) -> io::Result<()> {
        self.poll.registry().register(&mut SourceFd(&descriptor), WAKE, Interest::READABLE)
    }

    /// Waits; nothing ready means that the time is over, or that a signal came between.
    pub(super) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<Ready> {
        match self.poll.poll(&mut self.events, timeout) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(Ready::default()),
            Err(error) => return Err(error),
        }
        let mut ready = Ready::default();
        for event in &self.events {
            if event.token() == WAKE {
                ready.woken = true;
            } else {
                ready.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
                ready.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
            }
        }
        Ok(ready)
    }
}
