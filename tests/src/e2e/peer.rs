//! Peers at the master's port: those that speak as they should, and those that must not be let in.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use meros_wire::authority::Credentials;
use meros_wire::channel::Channel;
use meros_wire::frame::{Control, Payload};
use meros_wire::secure::{ClientTls, Secure};
use meros_wire::{CloseReason, Event, Identity, Limits, Link, Peer, decode};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::deadline::{Deadline, Stopwatch, unix_s};

/// Reads a folder of credentials.
#[must_use]
pub fn credentials(folder: &Path) -> Credentials {
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    Credentials {
        certificate_pem: read("certificate.pem"),
        key_pem: read("key.pem"),
        authority_pem: read("authority.pem"),
    }
}

/// TLS made of credentials.
#[must_use]
pub fn tls(credentials: &Credentials) -> ClientTls {
    ClientTls::new(credentials, Arc::new(unix_s)).unwrap_or_else(|error| panic!("{error}"))
}

/// A bare TCP connection.
#[derive(Debug)]
pub struct Raw {
    stream: TcpStream,
}

/// How the other side took it.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// It closed the connection.
    Closed,
    /// It is still there at the deadline.
    Open,
}

impl Raw {
    /// Connects.
    #[must_use]
    pub fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap_or_else(|error| panic!("connect to {address}: {error}"));
        Self { stream }
    }

    /// Sends bytes. A peer that has closed already does not matter: its end is looked at later.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Ends its own half.
    pub fn shut(&self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
    }

    /// Bytes that come before the deadline; `None`: closed.
    fn receive(&mut self, deadline: Deadline) -> Result<Option<Vec<u8>>, End> {
        let mut buffer = vec![0; 16 << 10];
        let left = deadline.left().ok_or(End::Open)?;
        self.stream.set_read_timeout(Some(left)).unwrap_or_else(|error| panic!("timeout: {error}"));
        match self.stream.read(&mut buffer) {
            Ok(0) => Ok(None),
            Ok(count) => Ok(Some(buffer[..count].to_vec())),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Err(End::Open),
            Err(_) => Ok(None),
        }
    }

    /// Reads until the other side closes.
    #[must_use]
    pub fn end(&mut self, deadline: Deadline) -> End {
        loop {
            match self.receive(deadline) {
                Ok(Some(_)) => {}
                Ok(None) => return End::Closed,
                Err(end) => return end,
            }
        }
    }
}

/// A TLS connection on which anything can be written.
#[derive(Debug)]
pub struct Tls {
    raw: Raw,
    secure: Secure,
    read: Vec<u8>,
}

impl Tls {
    /// Connects and shakes hands.
    #[must_use]
    pub fn connect(address: &str, tls: &ClientTls) -> Self {
        let secure = Secure::client(tls).unwrap_or_else(|error| panic!("{error}"));
        let mut this = Self { raw: Raw::connect(address), secure, read: Vec::new() };
        while !this.secure.is_established() {
            this.flush();
            this.receive(Deadline::usual()).unwrap_or_else(|end| panic!("{end:?} in the handshake"));
        }
        this.flush();
        this
    }

    /// Sends bytes inside TLS.
    pub fn send(&mut self, bytes: &[u8]) {
        self.secure.write(bytes).unwrap_or_else(|error| panic!("{error}"));
        self.flush();
    }

    /// Ends the transport without TLS's goodbye.
    pub fn shut(&self) {
        self.raw.shut();
    }

    /// Reads until the other side ends it; returns its goodbye, if it said one.
    ///
    /// # Errors
    /// [`End::Open`] when it does not.
    pub fn end(&mut self, deadline: Deadline) -> Result<Option<String>, End> {
        while self.receive(deadline)? {}
        Ok(goodbye(&self.read))
    }

    fn receive(&mut self, deadline: Deadline) -> Result<bool, End> {
        let Some(bytes) = self.raw.receive(deadline)? else { return Ok(false) };
        let received = self.secure.receive(&bytes, &mut self.read);
        Ok(received.is_ok() && !self.secure.peer_closed())
    }

    fn flush(&mut self) {
        let output = self.secure.output().to_vec();
        self.raw.send(&output);
        self.secure.consume(output.len());
    }
}

/// The words of the goodbye among whole frames.
fn goodbye(mut frames: &[u8]) -> Option<String> {
    loop {
        let length = usize::try_from(u32::from_le_bytes(*frames.first_chunk()?)).ok()? + size_of::<u32>();
        let frame = decode::frame(frames.get(..length)?).ok()?;
        if let Payload::Control(Control::Goaway(goaway)) = frame.payload {
            return Some(goaway.message);
        }
        frames = &frames[length..];
    }
}

/// A peer that speaks the whole protocol, as whomever it likes.
#[derive(Debug)]
pub struct Talker {
    tls: Tls,
    channel: Channel,
    clock: Stopwatch,
    /// Bytes read from TLS that the channel has.
    given: usize,
}

impl Talker {
    /// Connects with a certificate, and says in the hello that it is `role`.
    #[must_use]
    pub fn connect(address: &str, with: &ClientTls, role: Peer) -> Self {
        let identity = Identity { cluster: with.cluster(), role, name: "a test".to_owned() };
        let channel = Channel::client(identity, Limits::default(), 0);
        Self { tls: Tls::connect(address, with), channel, clock: Stopwatch::start(), given: 0 }
    }

    /// The channel, to send with.
    pub fn channel(&mut self) -> &mut Channel {
        &mut self.channel
    }

    /// Pumps until an event that `find` wants.
    ///
    /// # Errors
    /// Why the connection is over, if it is before that.
    pub fn wait<T>(&mut self, mut find: impl FnMut(Event) -> Option<T>) -> Result<T, CloseReason> {
        let deadline = Deadline::usual();
        loop {
            while let Some(event) = self.channel.next_event() {
                if let Event::Closed { reason } = event {
                    return Err(reason);
                }
                if let Some(found) = find(event) {
                    return Ok(found);
                }
            }
            self.pump(deadline);
        }
    }

    fn pump(&mut self, deadline: Deadline) {
        let output = self.channel.output().to_vec();
        self.channel.consume(output.len());
        if !output.is_empty() {
            self.tls.send(&output);
        }
        let goes_on = self.tls.receive(deadline).unwrap_or_else(|_| panic!("the master says nothing"));
        let fresh = self.tls.read[self.given..].to_vec();
        self.given = self.tls.read.len();
        // What is wrong with them comes as an event.
        let _ = self.channel.receive(&fresh, self.clock.elapsed_ms());
        if !goes_on {
            self.channel.disconnected();
        }
    }
}

/// What becomes of a peer that verifies the master but shows no certificate of its own, and sends bytes all the same.
#[must_use]
pub fn anonymous(address: &str, cluster: &str, authority_pem: &str, bytes: &[u8]) -> String {
    let certificate =
        CertificateDer::from_pem_slice(authority_pem.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap_or_else(|error| panic!("{error}"));
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]).unwrap_or_else(|error| panic!("{error}"));
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"meros".to_vec()];
    let name = ServerName::try_from(format!("master.{cluster}.meros")).unwrap_or_else(|error| panic!("{error}"));
    let tls = ClientConnection::new(Arc::new(config), name).unwrap_or_else(|error| panic!("{error}"));
    let mut stream = StreamOwned::new(tls, Raw::connect(address).stream);
    let mut answer = Vec::new();
    match stream.write_all(bytes).and_then(|()| stream.flush()).and_then(|()| stream.read_to_end(&mut answer)) {
        Ok(count) => format!("{count} bytes came"),
        Err(error) => error.to_string(),
    }
}
