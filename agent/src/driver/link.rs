//! The connection to the master: bytes by the pump, meaning by `meros-wire`, decisions by the reactor.
//!
//! One task reads the socket, one writes it; both talk to the driver by [`Input`]s that carry the connection's generation, so
//! that what a dead connection still had to say is recognised. At most one chunk is with the writer; the rest stays in the
//! connection's output, whose limit makes `send` say that it is full.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use meros_wire::message::{Envelope, Message};
use meros_wire::secure::ClientTls;
use meros_wire::{CloseCode, Connection, Event as WireEvent, Identity, Limits, Link, Peer, SendError, StreamId};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{Input, Inputs};
use crate::config::Endpoint;
use crate::event::Event;
use crate::pump::{Pump, Socket};

/// A master that does not answer a connection attempt within this is tried again later.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A master that takes no byte for so long is gone, whatever its kernel says.
const WRITE_TIMEOUT: Duration = Duration::from_secs(15);
const READ_BYTES: usize = 64 * 1024;
/// More messages that a master leaves unread than any number of pods explains.
const WAITING_MAX: usize = 100_000;

/// What never changes from one connection to the next.
pub(crate) struct Target {
    pub(crate) endpoint: Endpoint,
    pub(crate) tls: ClientTls,
    pub(crate) identity: Identity,
    pub(crate) limits: Limits,
}

/// The link, with or without a connection.
pub(super) struct MasterLink<P: Pump> {
    pump: P,
    target: Rc<Target>,
    inputs: Inputs<P>,
    generation: u64,
    open: Option<Open>,
    last_writer: Option<JoinHandle<()>>,
}

struct Open {
    connection: Connection,
    writer: mpsc::Sender<Vec<u8>>,
    /// Bytes of the output that are with the writer.
    writing: usize,
    /// Messages that found the output full.
    waiting: VecDeque<(Box<Envelope>, Box<Message>)>,
    streams: BTreeMap<StreamId, Outgoing>,
}

/// Bytes of a stream that wait for room in the master's window.
#[derive(Default)]
struct Outgoing {
    bytes: VecDeque<u8>,
    end: bool,
}

impl<P: Pump> MasterLink<P> {
    pub(super) fn new(pump: P, target: Target, inputs: Inputs<P>) -> Self {
        Self { pump, target: Rc::new(target), inputs, generation: 0, open: None, last_writer: None }
    }

    /// Begins to connect; the outcome is an input.
    pub(super) fn connect(&mut self) {
        self.generation += 1;
        let (pump, generation, inputs) = (self.pump, self.generation, self.inputs.clone());
        let target = Rc::clone(&self.target);
        tokio::task::spawn_local(async move {
            let connected = tokio::time::timeout(CONNECT_TIMEOUT, pump.connect(&target.endpoint)).await;
            let result = match connected {
                Ok(result) => result.map_err(|error| error.to_string()),
                Err(_) => Err("no answer".to_owned()),
            };
            // Whoever receives is gone only when the agent ends.
            let _ = inputs.send(Input::Connected { generation, result }).await;
        });
    }

    /// The transport is there, or is not.
    pub(super) fn connected(
        &mut self,
        generation: u64,
        result: Result<P::Socket, String>,
        now_ms: u64,
        events: &mut VecDeque<Event>,
    ) {
        if generation != self.generation {
            return;
        }
        let begun = result.and_then(|socket| self.begin(socket, now_ms));
        if let Err(reason) = begun {
            let reason = format!("{}: {reason}", self.target.endpoint);
            events.push_back(Event::Closed { reason });
        }
        self.turn(events);
    }

    fn begin(&mut self, socket: P::Socket, now_ms: u64) -> Result<(), String> {
        let target = &self.target;
        let connection = Connection::client(&target.tls, target.identity.clone(), target.limits.clone(), now_ms);
        let connection = connection.map_err(|error| error.to_string())?;
        let socket = Rc::new(socket);
        let (writer, chunks) = mpsc::channel(2);
        let (generation, inputs) = (self.generation, self.inputs.clone());
        let task = write_out::<P>(generation, Rc::clone(&socket), chunks, inputs.clone());
        self.last_writer = Some(tokio::task::spawn_local(task));
        tokio::task::spawn_local(read_in::<P>(generation, socket, inputs));
        tracing::debug!(generation, endpoint = %target.endpoint, "connected");
        let (waiting, streams) = (VecDeque::new(), BTreeMap::new());
        self.open = Some(Open { connection, writer, writing: 0, waiting, streams });
        Ok(())
    }

    fn open_of(&mut self, generation: u64) -> Option<&mut Open> {
        if generation == self.generation { self.open.as_mut() } else { None }
    }

    /// Bytes came; none: the transport is at its end.
    pub(super) fn received(&mut self, generation: u64, bytes: &[u8], now_ms: u64, events: &mut VecDeque<Event>) {
        let Some(open) = self.open_of(generation) else { return };
        if bytes.is_empty() {
            open.connection.disconnected();
        } else {
            // What is wrong with them comes as the connection's last event too.
            let _ = open.connection.receive(bytes, now_ms);
        }
        self.turn(events);
    }

    /// The writer is done with its chunk, or cannot write.
    pub(super) fn written(&mut self, generation: u64, well: bool, events: &mut VecDeque<Event>) {
        let Some(open) = self.open_of(generation) else { return };
        let count = std::mem::take(&mut open.writing);
        if well {
            open.connection.consume(count);
        } else {
            open.connection.disconnected();
        }
        self.turn(events);
    }

    pub(super) fn tick(&mut self, now_ms: u64, events: &mut VecDeque<Event>) {
        if let Some(open) = &mut self.open
            && open.connection.next_deadline_ms().is_some_and(|at| at <= now_ms)
        {
            open.connection.tick(now_ms);
            self.turn(events);
        }
    }

    pub(super) fn next_deadline_ms(&self) -> Option<u64> {
        self.open.as_ref().and_then(|open| open.connection.next_deadline_ms())
    }

    /// Sends a message, or keeps it until there is room.
    pub(super) fn send(&mut self, envelope: Box<Envelope>, message: Box<Message>) {
        if let Some(open) = &mut self.open {
            if open.waiting.len() >= WAITING_MAX {
                return open.connection.close(CloseCode::Limits, "the master does not read");
            }
            open.waiting.push_back((envelope, message));
            open.send_waiting();
        }
    }

    pub(super) fn stream_write(&mut self, stream: StreamId, bytes: Vec<u8>, events: &mut VecDeque<Event>) {
        if let Some(open) = &mut self.open {
            open.streams.entry(stream).or_default().bytes.extend(bytes);
            open.pour(stream, events);
        }
    }

    pub(super) fn stream_end(&mut self, stream: StreamId, events: &mut VecDeque<Event>) {
        if let Some(open) = &mut self.open {
            open.streams.entry(stream).or_default().end = true;
            open.pour(stream, events);
        }
    }

    pub(super) fn stream_reset(&mut self, stream: StreamId, reason: &str) {
        if let Some(open) = &mut self.open {
            open.streams.remove(&stream);
            open.connection.reset_stream(stream, reason);
        }
    }

    pub(super) fn stream_consumed(&mut self, stream: StreamId, count: usize) {
        if let Some(open) = &mut self.open {
            open.connection.consumed(stream, count);
        }
    }

    /// Says goodbye; the end comes as an event.
    pub(super) fn close(&mut self, reason: &str, events: &mut VecDeque<Event>) {
        if let Some(open) = &mut self.open {
            open.connection.close(CloseCode::Normal, reason);
        }
        self.turn(events);
    }

    /// Takes what the connection has to tell, then gives the writer what is to go out. Call it after every change.
    pub(super) fn turn(&mut self, events: &mut VecDeque<Event>) {
        let span = tracing::info_span!("link", generation = self.generation);
        let _entered = span.enter();
        while let Some(event) = self.open.as_mut().and_then(|open| open.connection.next_event()) {
            self.on_wire(event, events);
        }
        if let Some(open) = &mut self.open {
            open.flush();
        }
    }

    fn on_wire(&mut self, event: WireEvent, events: &mut VecDeque<Event>) {
        let Some(open) = &mut self.open else { return };
        match event {
            WireEvent::Opened { peer } if peer.role == Peer::Master => events.push_back(Event::Opened),
            WireEvent::Opened { peer } => {
                let reason = format!("{} is a {}, not a master", peer.name, peer.role);
                open.connection.close(CloseCode::NotAllowed, &reason);
            }
            WireEvent::Message { envelope, message } => {
                events.push_back(Event::Message { envelope: Box::new(envelope), message: Box::new(message) });
            }
            WireEvent::Unreadable { envelope, error } => {
                events.push_back(Event::Unreadable { envelope: Box::new(envelope), refusal: error.refusal() });
            }
            // A master that took a status has not dealt with it: that is what its own acknowledgement is for.
            WireEvent::Acknowledged { .. } | WireEvent::StreamResized { .. } => {}
            WireEvent::Writable => open.send_waiting(),
            WireEvent::StreamOpened { stream, purpose } => events.push_back(Event::StreamOpened { stream, purpose }),
            WireEvent::StreamData { stream, bytes } => events.push_back(Event::StreamData { stream, bytes }),
            WireEvent::StreamEnded { stream } => events.push_back(Event::StreamEnded { stream }),
            WireEvent::StreamReset { stream, reason } => {
                open.streams.remove(&stream);
                events.push_back(Event::StreamReset { stream, reason });
            }
            WireEvent::StreamWritable { stream } => open.pour(stream, events),
            WireEvent::Closed { reason } => {
                events.push_back(Event::Closed { reason: reason.to_string() });
                if let Some(open) = self.open.take() {
                    open.say_goodbye();
                }
            }
        }
    }

    /// Lets go of the socket once the goodbye is out, or has waited too long.
    pub(super) async fn finish(&mut self, patience: Duration) {
        if let Some(open) = self.open.take() {
            open.say_goodbye();
        }
        if let Some(writer) = self.last_writer.take() {
            // It ends by itself; if it does not, the process's end takes it.
            let _ = tokio::time::timeout(patience, writer).await;
        }
    }
}

impl Open {
    fn send_waiting(&mut self) {
        while let Some((envelope, message)) = self.waiting.front() {
            match self.connection.send(envelope, message) {
                Ok(_) => {}
                Err(SendError::Full { .. }) => return,
                Err(error) => tracing::error!(message = message.name(), "not sent: {error}"),
            }
            self.waiting.pop_front();
        }
    }

    /// Gives a stream as many of its waiting bytes as the master has room for.
    fn pour(&mut self, stream: StreamId, events: &mut VecDeque<Event>) {
        let Some(outgoing) = self.streams.get_mut(&stream) else { return };
        let written = self.connection.write_stream(stream, outgoing.bytes.make_contiguous());
        let ended = match written {
            Ok(count) => {
                outgoing.bytes.drain(..count);
                if count > 0 {
                    events.push_back(Event::StreamWritten { stream, count });
                }
                let over = outgoing.end && outgoing.bytes.is_empty();
                over.then(|| self.connection.end_stream(stream))
            }
            Err(error) => Some(Err(error)),
        };
        let Some(ended) = ended else { return };
        self.streams.remove(&stream);
        if let Err(error) = ended {
            events.push_back(Event::StreamReset { stream, reason: error.to_string() });
        }
    }

    /// One chunk at a time; the connection keeps the rest.
    fn flush(&mut self) {
        if self.writing > 0 {
            return;
        }
        let chunk = self.connection.output().to_vec();
        let count = chunk.len();
        if count > 0 && self.writer.try_send(chunk).is_ok() {
            self.writing = count;
        }
    }

    /// What is left goes out behind the chunk under way; then the writer ends, and the socket with it.
    fn say_goodbye(mut self) {
        let rest = self.connection.output().get(self.writing..).unwrap_or_default().to_vec();
        if rest.is_empty() || self.writer.try_send(rest).is_err() {
            tracing::trace!("no goodbye to send");
        }
    }
}

async fn read_in<P: Pump>(generation: u64, socket: Rc<P::Socket>, inputs: Inputs<P>) {
    loop {
        let bytes = socket.read(READ_BYTES).await.unwrap_or_else(|error| {
            // An error is an end as well: nothing more will come.
            tracing::debug!(generation, "reading from the master: {error}");
            Vec::new()
        });
        let ended = bytes.is_empty();
        if inputs.send(Input::Received { generation, bytes }).await.is_err() || ended {
            return;
        }
    }
}

async fn write_out<P: Pump>(
    generation: u64,
    socket: Rc<P::Socket>,
    mut chunks: mpsc::Receiver<Vec<u8>>,
    inputs: Inputs<P>,
) {
    while let Some(chunk) = chunks.recv().await {
        let written = tokio::time::timeout(WRITE_TIMEOUT, socket.write_all(chunk)).await;
        let well = matches!(written, Ok(Ok(())));
        // Nobody receives any more when the agent ends, and then the goodbye still has to go out.
        let _ = inputs.send(Input::Written { generation, well }).await;
        if !well {
            break;
        }
    }
    socket.shutdown();
}
