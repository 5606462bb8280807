//! One I/O thread: a poll, its connections, and on the first thread the listeners.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Sender, bounded};
use meros_wire::connection::Connection as SecureLink;
use mio::{Events, Interest, Poll, Token, Waker};

use crate::clock::Clock;
use crate::error::MasterError;
use crate::event::{Event, PeerId};
use crate::io::connection::Connection;
use crate::io::listen::Listeners;
use crate::io::queue::{COMMANDS_MAX, Command, Handed, IoThreads, Queues};
use crate::io::setup::ServerSetup;
use crate::io::socket::Socket;
use crate::peer_link::PeerLink;

/// I/O threads of one master. One carries more than the state thread can decide; more come when a bench says so.
const THREADS: usize = 1;
/// Connections of one thread. One more is closed at once.
const CONNECTIONS_MAX: usize = 16_384;
/// Connections taken from a listener before the others have their turn.
const ACCEPTS_MAX: usize = 64;
/// Without anything to do a thread looks around so often.
const IDLE: Duration = Duration::from_secs(60);
/// After the kernel had no descriptor left for a connection, accepting is tried again so much later.
const ACCEPT_AGAIN_MS: u64 = 100;

const WAKER: Token = Token(usize::MAX);
const TCP: Token = Token(usize::MAX - 1);
const UNIX: Token = Token(usize::MAX - 2);

/// The running threads.
#[derive(Debug)]
pub(crate) struct Threads {
    pub(crate) handle: IoThreads,
    joins: Vec<JoinHandle<()>>,
}

impl Threads {
    /// Ends every thread and waits for it.
    pub(crate) fn join(self) {
        self.handle.stop();
        for join in self.joins {
            if join.join().is_err() {
                tracing::error!("an I/O thread panicked");
            }
        }
    }
}

/// Starts the threads.
pub(crate) fn spawn(
    setup: ServerSetup,
    listeners: Listeners,
    clock: Clock,
    events: Sender<Event>,
) -> Result<Threads, MasterError> {
    let mut parts = Vec::new();
    let mut handles = Vec::new();
    for _ in 0..THREADS {
        let poll = Poll::new().map_err(MasterError::system("make an epoll"))?;
        let waker = Waker::new(poll.registry(), WAKER).map_err(MasterError::system("make an eventfd"))?;
        let (sender, commands) = bounded(COMMANDS_MAX);
        handles.push((sender, Arc::new(waker)));
        parts.push((poll, Queues { events: events.clone(), commands }));
    }
    let handle = IoThreads::new(handles);
    let mut listeners = Some(listeners);
    let mut joins = Vec::new();
    for (at, (poll, queues)) in parts.into_iter().enumerate() {
        let thread = IoThread::new(poll, queues, setup.clone(), clock, handle.clone(), listeners.take())?;
        let join = thread::Builder::new().name(format!("io-{at}")).spawn(move || thread.run());
        joins.push(join.map_err(MasterError::system("start a thread"))?);
    }
    Ok(Threads { handle, joins })
}

struct IoThread {
    poll: Poll,
    queues: Queues,
    setup: ServerSetup,
    clock: Clock,
    all: IoThreads,
    listeners: Option<Listeners>,
    accept_at_ms: Option<u64>,
    next_peer: u64,
    connections: BTreeMap<PeerId, Connection>,
    /// Connections whose turn it is: something came in, something is to go out, or their deadline has passed.
    active: BTreeSet<PeerId>,
    /// The deadline of each connection, earliest first.
    deadlines: BTreeSet<(u64, PeerId)>,
    /// Commands taken while an event waited for room.
    early: VecDeque<Command>,
    buffer: Vec<u8>,
    stopping: bool,
}

impl IoThread {
    fn new(
        poll: Poll,
        queues: Queues,
        setup: ServerSetup,
        clock: Clock,
        all: IoThreads,
        mut listeners: Option<Listeners>,
    ) -> Result<Self, MasterError> {
        if let Some(listeners) = &mut listeners {
            let registry = poll.registry();
            registry
                .register(&mut listeners.tcp, TCP, Interest::READABLE)
                .and_then(|()| registry.register(&mut listeners.unix, UNIX, Interest::READABLE))
                .map_err(MasterError::system("watch a listener"))?;
        }
        Ok(Self {
            poll,
            queues,
            setup,
            clock,
            all,
            listeners,
            accept_at_ms: None,
            next_peer: 1,
            connections: BTreeMap::new(),
            active: BTreeSet::new(),
            deadlines: BTreeSet::new(),
            early: VecDeque::new(),
            buffer: vec![0; 64 << 10],
            stopping: false,
        })
    }

    fn run(mut self) {
        let mut ready = Events::with_capacity(1_024);
        while !self.stopping {
            if let Err(error) = self.poll.poll(&mut ready, self.patience())
                && error.kind() != std::io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "an I/O thread cannot wait for its sockets");
                return;
            }
            self.mark(&ready);
            self.commands();
            self.turn();
        }
        self.say_goodbye();
    }

    /// How long to wait: until the next deadline, or not at all while a connection's turn is still to come.
    fn patience(&self) -> Option<Duration> {
        if !self.active.is_empty() || !self.early.is_empty() {
            return Some(Duration::ZERO);
        }
        let next = self.deadlines.first().map(|(at_ms, _)| *at_ms);
        let wait = next
            .into_iter()
            .chain(self.accept_at_ms)
            .min()
            .map(|at_ms| Duration::from_millis(at_ms.saturating_sub(self.clock.now().mono_ms)));
        wait.or(Some(IDLE))
    }

    fn mark(&mut self, ready: &Events) {
        for event in ready {
            match event.token() {
                WAKER => {}
                TCP | UNIX => self.accept_at_ms = Some(0),
                Token(number) => {
                    let peer = PeerId(number as u64);
                    if let Some(connection) = self.connections.get_mut(&peer) {
                        connection.mark(event.is_readable(), event.is_writable());
                        self.active.insert(peer);
                    }
                }
            }
        }
        let now_ms = self.clock.now().mono_ms;
        if self.accept_at_ms.is_some_and(|at_ms| at_ms <= now_ms) {
            self.accept();
        }
        let due = self.deadlines.iter().take_while(|(at_ms, _)| *at_ms <= now_ms);
        self.active.extend(due.map(|(_, peer)| *peer));
    }

    fn commands(&mut self) {
        while let Some(command) = self.early.pop_front().or_else(|| self.queues.commands.try_recv().ok()) {
            match command {
                Command::Effect(effect) => {
                    let peer = effect.peer();
                    if let Some(connection) = self.connections.get_mut(&peer) {
                        connection.link().apply(effect);
                        self.active.insert(peer);
                    }
                }
                Command::Adopt(peer, socket) => self.adopt(peer, socket),
                Command::Stop => self.stopping = true,
            }
        }
    }

    /// The turn of every connection that has something to do: read, tell the time, hand events over, write.
    fn turn(&mut self) {
        for peer in core::mem::take(&mut self.active) {
            let now_ms = self.clock.now().mono_ms;
            let Some(connection) = self.connections.get_mut(&peer) else { continue };
            connection.read(&mut self.buffer, now_ms);
            if connection.next_deadline_ms().is_some_and(|at_ms| at_ms <= now_ms) {
                connection.link().link().tick(now_ms);
            }
            self.hand_over_all(peer);
            if let Some(connection) = self.connections.get_mut(&peer) {
                connection.write();
            }
            self.hand_over_all(peer);
            self.after_turn(peer);
        }
    }

    fn after_turn(&mut self, peer: PeerId) {
        let Some(connection) = self.connections.get_mut(&peer) else { return };
        if let Some(at_ms) = connection.watched_deadline_ms.take() {
            self.deadlines.remove(&(at_ms, peer));
        }
        if connection.is_done() {
            connection.deregister(self.poll.registry());
            self.connections.remove(&peer);
            return;
        }
        if connection.is_readable() {
            self.active.insert(peer);
        }
        if let Some(at_ms) = connection.next_deadline_ms() {
            connection.watched_deadline_ms = Some(at_ms);
            self.deadlines.insert((at_ms, peer));
        }
    }

    fn hand_over_all(&mut self, peer: PeerId) {
        while let Some(event) = self.connections.get_mut(&peer).and_then(Connection::next_event) {
            let mut event = event;
            loop {
                match self.queues.hand_over(event) {
                    Handed::Over => break,
                    Handed::CommandFirst(back, command) => {
                        event = back;
                        self.early.push_back(*command);
                    }
                    Handed::Gone => {
                        self.stopping = true;
                        return;
                    }
                }
            }
        }
    }

    fn accept(&mut self) {
        self.accept_at_ms = None;
        let mut sockets = Vec::new();
        if let Some(listeners) = &self.listeners {
            for accept in [Listeners::accept_tcp, Listeners::accept_unix] {
                let outcome = accept_some(|| accept(listeners), &mut sockets);
                let now_ms = self.clock.now().mono_ms;
                match outcome {
                    Accepted::All => {}
                    Accepted::More => self.accept_at_ms = Some(now_ms),
                    Accepted::Failed => self.accept_at_ms = Some(now_ms + ACCEPT_AGAIN_MS),
                }
            }
        }
        for socket in sockets {
            let peer = PeerId(self.next_peer);
            self.next_peer += 1;
            self.all.adopt(peer, socket);
        }
    }

    fn adopt(&mut self, peer: PeerId, socket: Socket) {
        if self.connections.len() >= CONNECTIONS_MAX {
            tracing::warn!(?peer, "{CONNECTIONS_MAX} connections are open: one more is closed at once");
            return;
        }
        let now_ms = self.clock.now().mono_ms;
        let link = SecureLink::server(&self.setup.tls, self.setup.identity.clone(), self.setup.limits.clone(), now_ms);
        let link = match link {
            Ok(link) => PeerLink::new(peer, Box::new(link)),
            Err(error) => return tracing::error!(%error, "a connection cannot be secured"),
        };
        let mut connection = Connection::new(socket, link);
        let Ok(token) = usize::try_from(peer.0) else { return };
        match connection.register(self.poll.registry(), Token(token)) {
            Ok(()) => {
                self.connections.insert(peer, connection);
                self.active.insert(peer);
            }
            Err(error) => tracing::error!(%error, "watching a socket"),
        }
    }

    fn say_goodbye(&mut self) {
        for connection in self.connections.values_mut() {
            connection.link().link().close(meros_wire::CloseCode::Normal, "the master stops");
            connection.write();
            connection.deregister(self.poll.registry());
        }
    }
}

/// What came of accepting.
enum Accepted {
    /// Nobody waits any more.
    All,
    /// There may be more; others first.
    More,
    /// The kernel has no descriptor or memory for one more now.
    Failed,
}

fn accept_some(accept: impl Fn() -> std::io::Result<Socket>, sockets: &mut Vec<Socket>) -> Accepted {
    for _ in 0..ACCEPTS_MAX {
        match accept() {
            Ok(socket) => sockets.push(socket),
            Err(error) => match error.kind() {
                std::io::ErrorKind::WouldBlock => return Accepted::All,
                std::io::ErrorKind::Interrupted | std::io::ErrorKind::ConnectionAborted => {}
                _ => {
                    tracing::error!(%error, "accepting a connection");
                    return Accepted::Failed;
                }
            },
        }
    }
    Accepted::More
}
