//! A master of the test's own: it blocks, says what it is told to say, and waits for what it is told to wait for.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, OnceLock, mpsc};
use std::time::{Duration, Instant, SystemTime};

use meros_agent::config::Endpoint;
use meros_wire::authority::Authority;
use meros_wire::message::{
    AcknowledgeStatus, AgentId, Envelope, Launch, LogsRequest, Message, Output, PodId, Register, Registered,
    StatusUpdate, StreamPurpose, TaskState, Uuid,
};
use meros_wire::secure::ServerTls;
use meros_wire::{CloseCode, Connection, Event, Identity, Limits, Link, Peer, StreamId};

/// Nothing here takes longer on a machine that works, however busy.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const CLUSTER: Uuid = Uuid([0x5a; 16]);

fn now_ms() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "this test is its own driver")]
    let start = START.get_or_init(Instant::now);
    u64::try_from(start.elapsed().as_millis()).unwrap()
}

pub(crate) fn unix_s() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "this test is its own driver")]
    let now = SystemTime::now();
    now.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// Looks until something is so.
pub(crate) fn until(what: &str, so: impl Fn() -> bool) {
    let until_ms = now_ms() + u64::try_from(PATIENCE.as_millis()).unwrap();
    while !so() {
        assert!(now_ms() < until_ms, "waited in vain until {what}");
        std::thread::yield_now();
    }
}

/// Listens on a Unix socket and on TCP.
pub(crate) struct Master {
    unix: UnixListener,
    tcp: TcpListener,
    tls: ServerTls,
    pub(crate) unix_endpoint: Endpoint,
    pub(crate) tcp_endpoint: Endpoint,
}

impl Master {
    /// A master in `folder`, with credentials for an agent in `folder/credentials`.
    pub(crate) fn new(folder: &Path) -> Self {
        let authority = Authority::generate(CLUSTER, unix_s()).unwrap();
        let agent = authority.issue(Peer::Agent, "agent", unix_s()).unwrap();
        let credentials = folder.join("credentials");
        std::fs::create_dir(&credentials).unwrap();
        std::fs::write(credentials.join("certificate.pem"), agent.certificate_pem).unwrap();
        std::fs::write(credentials.join("key.pem"), agent.key_pem).unwrap();
        std::fs::write(credentials.join("authority.pem"), agent.authority_pem).unwrap();
        let own = authority.issue(Peer::Master, "master", unix_s()).unwrap();
        let path = folder.join("master.sock");
        let unix = UnixListener::bind(&path).unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let tcp_endpoint = Endpoint::Tcp(tcp.local_addr().unwrap().to_string());
        let tls = ServerTls::new(&own, Arc::new(unix_s)).unwrap();
        Self { unix, tcp, tls, unix_endpoint: Endpoint::Unix(path), tcp_endpoint }
    }

    /// The next agent to connect, registered and admitted.
    pub(crate) fn admit(&self) -> Session {
        let listener = self.unix.try_clone().unwrap();
        self.session(Socket::Unix(in_time(move || listener.accept().unwrap().0)))
    }

    pub(crate) fn admit_over_tcp(&self) -> Session {
        let listener = self.tcp.try_clone().unwrap();
        self.session(Socket::Tcp(in_time(move || listener.accept().unwrap().0)))
    }

    fn session(&self, socket: Socket) -> Session {
        let identity = Identity { cluster: CLUSTER, role: Peer::Master, name: "test".to_owned() };
        let connection = Connection::server(&self.tls, identity, Limits::default(), now_ms()).unwrap();
        let mut session = Session { socket, connection, backlog: Vec::new(), register: Register::default(), term: 1 };
        session.wait("the opening", |event| matches!(event, Event::Opened { .. }).then_some(()));
        session.register = session.wait("a registration", |event| match event {
            Event::Message { message, .. } => registration(&message),
            _ => None,
        });
        session.send(Message::Registered(Registered { agent: AgentId(1), ..Registered::default() }));
        session
    }
}

/// An agent that does not come is a failure, not a test that never ends.
fn in_time<T: Send + 'static>(accept: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, accepted) = mpsc::channel();
    std::thread::spawn(move || tell.send(accept()));
    accepted.recv_timeout(PATIENCE).expect("an agent connects")
}

fn registration(message: &Message) -> Option<Register> {
    match message {
        Message::Register(register) => Some(register.clone()),
        _ => None,
    }
}

enum Socket {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Socket {
    fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> std::io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.set_read_timeout(Some(timeout)).and_then(|()| stream.read(buffer)),
            Self::Tcp(stream) => stream.set_read_timeout(Some(timeout)).and_then(|()| stream.read(buffer)),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Unix(stream) => stream.write_all(bytes),
            Self::Tcp(stream) => stream.write_all(bytes),
        }
    }
}

/// One agent's connection.
pub(crate) struct Session {
    socket: Socket,
    connection: Connection,
    /// What came while something else was waited for.
    backlog: Vec<Event>,
    pub(crate) register: Register,
    pub(crate) term: u64,
}

impl Session {
    /// Sends an order of this leader for this machine.
    pub(crate) fn send(&mut self, message: Message) {
        let envelope = Envelope {
            term: self.term,
            incarnation: self.register.incarnation,
            topology_hash: self.register.machine.topology_hash,
            idempotency_key: Uuid([7; 16]),
            ..Envelope::default()
        };
        self.connection.send(&envelope, &message).unwrap();
        self.flush();
    }

    pub(crate) fn launch(&mut self, launch: &Launch) {
        self.send(Message::Launch(launch.clone()));
    }

    /// Waits until a pod is told to be in this state, and acknowledges that.
    pub(crate) fn status(&mut self, pod: PodId, state: TaskState) -> StatusUpdate {
        let told = self.wait(&format!("{pod} {}", state.name()), |event| match event {
            Event::Message { message, .. } => report_of(&message, pod).filter(|told| told.state == state),
            _ => None,
        });
        self.send(Message::AcknowledgeStatus(AcknowledgeStatus { pod, update: told.update }));
        told
    }

    pub(crate) fn message<T>(&mut self, what: &str, mut wanted: impl FnMut(&Message) -> Option<T>) -> T {
        self.wait(what, |event| match event {
            Event::Message { message, .. } => wanted(&message),
            _ => None,
        })
    }

    /// Reads a log to the end of its stream.
    pub(crate) fn log(&mut self, pod: PodId, output: Output, follow: bool) -> String {
        let stream = self.open_log(pod, output, follow);
        let mut text = Vec::new();
        while let Some(bytes) = self.log_bytes(stream) {
            text.extend(bytes);
        }
        String::from_utf8(text).unwrap()
    }

    pub(crate) fn open_log(&mut self, pod: PodId, output: Output, follow: bool) -> StreamId {
        let request = LogsRequest { pod, output, follow, ..LogsRequest::default() };
        let stream = self.connection.open_stream(&StreamPurpose::Logs(request)).unwrap();
        self.flush();
        stream
    }

    /// The next bytes of a log; `None`: all was sent.
    pub(crate) fn log_bytes(&mut self, wanted: StreamId) -> Option<Vec<u8>> {
        let bytes = self.wait("the log", |event| match event {
            Event::StreamData { stream, bytes } if stream == wanted => Some(Some(bytes)),
            Event::StreamEnded { stream } if stream == wanted => Some(None),
            Event::StreamReset { stream, reason } if stream == wanted => panic!("the log was reset: {reason}"),
            _ => None,
        })?;
        self.connection.consumed(wanted, bytes.len());
        self.flush();
        Some(bytes)
    }

    /// Waits for the first line of a running member's output.
    pub(crate) fn first_line(&mut self, pod: PodId) -> String {
        let stream = self.open_log(pod, Output::Stdout, true);
        let mut text = String::new();
        while !text.contains('\n') {
            let bytes = self.log_bytes(stream).expect("a line before the end");
            text.push_str(&String::from_utf8(bytes).unwrap());
        }
        self.connection.reset_stream(stream, "enough");
        self.flush();
        text.lines().next().unwrap().to_owned()
    }

    pub(crate) fn wait_for_reset(&mut self, wanted: StreamId) -> String {
        self.wait("a reset", |event| match event {
            Event::StreamReset { stream, reason } if stream == wanted => Some(reason),
            _ => None,
        })
    }

    pub(crate) fn wait_for_close(&mut self) -> String {
        self.wait("the end of the connection", |event| match event {
            Event::Closed { reason } => Some(reason.to_string()),
            _ => None,
        })
    }

    /// Says goodbye, so that the agent has to connect again.
    pub(crate) fn close(mut self) {
        self.connection.close(CloseCode::Normal, "the test goes on elsewhere");
        self.flush();
    }

    fn wait<T>(&mut self, what: &str, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
        let mut skipped = Vec::new();
        let mut backlog = std::mem::take(&mut self.backlog).into_iter();
        for event in backlog.by_ref() {
            if let Some(found) = wanted(event.clone()) {
                self.backlog = skipped.into_iter().chain(backlog).collect();
                return found;
            }
            skipped.push(event);
        }
        let until_ms = now_ms() + u64::try_from(PATIENCE.as_millis()).unwrap();
        while now_ms() < until_ms {
            let Some(event) = self.next_event(until_ms) else { continue };
            if let Some(found) = wanted(event.clone()) {
                self.backlog = skipped;
                return found;
            }
            assert!(!matches!(event, Event::Closed { .. }), "waiting for {what}: {event:?}");
            skipped.push(event);
        }
        panic!("waited in vain for {what}; came instead: {skipped:?}");
    }

    fn next_event(&mut self, until_ms: u64) -> Option<Event> {
        self.flush();
        if let Some(event) = self.connection.next_event() {
            return Some(event);
        }
        let due_ms = self.connection.next_deadline_ms().unwrap_or(until_ms).min(until_ms);
        let timeout = Duration::from_millis(due_ms.saturating_sub(now_ms()).max(1));
        let mut buffer = vec![0; 64 * 1024];
        match self.socket.read(&mut buffer, timeout) {
            Ok(0) => self.connection.disconnected(),
            // What is wrong is the connection's last event.
            Ok(count) => drop(self.connection.receive(&buffer[..count], now_ms())),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                self.connection.tick(now_ms());
            }
            // The ring that was tried out on this thread is being cleared away behind its back.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => self.connection.disconnected(),
        }
        self.connection.next_event()
    }

    fn flush(&mut self) {
        loop {
            let output = self.connection.output().to_vec();
            if output.is_empty() {
                return;
            }
            if self.socket.write_all(&output).is_err() {
                return self.connection.disconnected();
            }
            self.connection.consume(output.len());
        }
    }
}

fn report_of(message: &Message, pod: PodId) -> Option<StatusUpdate> {
    match message {
        Message::ReportStatus(report) if report.status.pod == pod => Some(report.status.clone()),
        _ => None,
    }
}
