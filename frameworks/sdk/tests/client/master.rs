//! A master of one connection at a time, whose answers the test gives.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use meros_sdk::message::Uuid;
use meros_sdk::{Endpoint, Peer, Target};
use meros_wire::authority::{Authority, Credentials};
use meros_wire::event::Identity;
use meros_wire::secure::ServerTls;
use meros_wire::{Connection, Event, Limits, Link};

/// Within the validity of every certificate made here.
const NOW_UNIX_S: u64 = 1_800_000_000;
/// How soon a master that has nothing to read looks at its clock and at the end.
const LOOK_MS: u64 = 10;

/// What the script wants after an event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// The next one.
    GoOn,
    /// To break the connection.
    HangUp,
}

trait Stream: Read + Write + Send {}
impl Stream for TcpStream {}
impl Stream for UnixStream {}

/// A master in a thread; dropped, it ends and leaves nothing behind.
pub(crate) struct FakeMaster {
    folder: tempfile::TempDir,
    tcp: String,
    /// The thread ends when it is gone.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FakeMaster {
    pub(crate) fn start(script: impl FnMut(&mut dyn Link, Event) -> Then + Send + 'static) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cluster = random();
        let authority = Authority::generate(cluster, now_unix_s()).expect("an authority");
        for role in [Peer::Master, Peer::Operator, Peer::Framework] {
            write(&folder.path().join("credentials").join(role.name()), &issue(&authority, role));
        }
        let tls = ServerTls::new(&issue(&authority, Peer::Master), Arc::new(now_unix_s)).expect("credentials");
        let unix = UnixListener::bind(folder.path().join("master.sock")).expect("a socket");
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = tcp.local_addr().expect("an address").to_string();
        let (stop, stopped) = mpsc::channel();
        unix.set_nonblocking(true).expect("a listener");
        tcp.set_nonblocking(true).expect("a listener");
        let serve = move || serve(cluster, &tls, &(unix, tcp), &stopped, script);
        Self { folder, tcp: address, stop: Some(stop), thread: Some(thread::spawn(serve)) }
    }

    pub(crate) fn credentials(&self, role: Peer) -> PathBuf {
        self.folder.path().join("credentials").join(role.name())
    }

    pub(crate) fn target(&self, role: Peer, over_tcp: bool) -> Target {
        let unix = Endpoint::Unix(self.folder.path().join("master.sock"));
        let endpoint = if over_tcp { Endpoint::Tcp(self.tcp.clone()) } else { unix };
        Target::new(endpoint, &self.credentials(role), "test").expect("credentials")
    }
}

impl Drop for FakeMaster {
    fn drop(&mut self) {
        self.stop.take();
        let outcome = self.thread.take().map(JoinHandle::join);
        assert!(!matches!(outcome, Some(Err(_))) || thread::panicking(), "the master's thread panicked");
    }
}

/// The next connection, if one waits.
fn accept((unix, tcp): &(UnixListener, TcpListener)) -> Option<Box<dyn Stream>> {
    let look = Some(Duration::from_millis(LOOK_MS));
    if let Ok((stream, _)) = unix.accept() {
        stream.set_read_timeout(look).expect("a timeout");
        return Some(Box::new(stream));
    }
    let (stream, _) = tcp.accept().ok()?;
    stream.set_nonblocking(false).expect("a stream");
    stream.set_read_timeout(look).expect("a timeout");
    Some(Box::new(stream))
}

fn serve(
    cluster: Uuid,
    tls: &ServerTls,
    listeners: &(UnixListener, TcpListener),
    stopped: &Receiver<()>,
    mut script: impl FnMut(&mut dyn Link, Event) -> Then,
) {
    while stopped.recv_timeout(Duration::from_millis(LOOK_MS)) == Err(RecvTimeoutError::Timeout) {
        let Some(mut stream) = accept(listeners) else { continue };
        let identity = Identity { cluster, role: Peer::Master, name: "fake".to_owned() };
        let mut link = Connection::server(tls, identity, Limits::default(), 0).expect("a connection");
        converse(&mut link, stream.as_mut(), stopped, &mut script);
    }
}

fn ended(stopped: &Receiver<()>) -> bool {
    matches!(stopped.try_recv(), Err(mpsc::TryRecvError::Disconnected))
}

/// One connection to its end.
fn converse(
    link: &mut Connection,
    stream: &mut dyn Stream,
    stopped: &Receiver<()>,
    script: &mut impl FnMut(&mut dyn Link, Event) -> Then,
) {
    let start = now();
    let mut buffer = vec![0; 64 * 1024];
    while !ended(stopped) {
        let now_ms = u64::try_from(start.elapsed().as_millis()).expect("a short test");
        match stream.read(&mut buffer) {
            Ok(0) => link.disconnected(),
            Ok(count) => drop(link.receive(&buffer[..count], now_ms)),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => link.tick(now_ms),
            Err(_) => link.disconnected(),
        }
        loop {
            while let Some(event) = link.next_event() {
                if matches!(event, Event::Closed { .. }) || script(link, event) == Then::HangUp {
                    return;
                }
            }
            let output = link.output().to_vec();
            if output.is_empty() || stream.write_all(&output).is_err() {
                break;
            }
            link.consume(output.len());
        }
    }
}

fn issue(authority: &Authority, role: Peer) -> Credentials {
    authority.issue(role, role.name(), now_unix_s()).expect("credentials")
}

fn write(folder: &std::path::Path, credentials: &Credentials) {
    std::fs::create_dir_all(folder).expect("a folder");
    for (name, text) in [
        ("certificate.pem", &credentials.certificate_pem),
        ("key.pem", &credentials.key_pem),
        ("authority.pem", &credentials.authority_pem),
    ] {
        std::fs::write(folder.join(name), text).expect("written");
    }
}

fn random() -> Uuid {
    let mut bytes = [0; 16];
    let read = std::fs::File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes));
    read.expect("random bytes");
    Uuid::from_random(bytes)
}

/// The client checks certificates by the real clock.
#[expect(clippy::disallowed_methods, reason = "the test is the driver of its own master")]
fn now_unix_s() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(NOW_UNIX_S, |since| since.as_secs())
}

#[expect(clippy::disallowed_methods, reason = "the test is the driver of its own master")]
fn now() -> Instant {
    Instant::now()
}
