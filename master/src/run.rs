//! The daemon: one state thread, here, and its I/O threads.

use std::io::Read as _;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, never, select_biased};
use meros_wire::message::Uuid;

use crate::clock::Clock;
use crate::config::Config;
use crate::error::MasterError;
use crate::event::Event;
use crate::files::StateDir;
use crate::io::{self, Bound, EVENTS_MAX, IoThreads, Listeners, ServerSetup};
use crate::state::State;
use meros_wire::IdSource;

/// Events handled between two settlings, at most: a storm of messages must not keep anybody from being placed.
const BATCH_MAX: usize = 1_024;

/// A master that listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The cluster it leads.
    pub cluster: Uuid,
    /// The term it leads in.
    pub term: u64,
    /// Where other machines connect.
    pub tcp: SocketAddr,
    /// Where this machine's peers connect.
    pub unix: PathBuf,
}

/// Runs a master until `stop` can be read from, or its other end is closed. Calls `ready` once it listens.
///
/// # Errors
/// Why it could not start: one line each, saying what to do.
pub fn run(config: &Config, ready: impl FnOnce(&Ready), stop: UnixStream) -> Result<(), MasterError> {
    let clock = Clock::start();
    let mut ids = IdSource::new(seed()?);
    let files = StateDir::open(&config.state_dir)?;
    let cluster = files.cluster(ids.next_uuid())?;
    let credentials = files.credentials(cluster, clock.unix_s())?;
    let unix = config.listen_unix.clone().unwrap_or_else(|| files.join("master.sock"));
    let (listeners, bound) = Listeners::bind(config.listen_tcp, &unix)?;
    let term = files.raise_term()?;
    let state = State::new(cluster, term, config.policy, ids.next_u64())?;
    let setup = ServerSetup::new(cluster, &credentials, clock, config.policy.heartbeat_ms)?;
    let (events, incoming) = bounded(EVENTS_MAX);
    let threads = io::spawn(setup, listeners, clock, events)?;
    let ready_to_tell = Ready { cluster, term, tcp: bound.tcp, unix: bound.unix.clone() };
    files.announce(&announcement(&ready_to_tell))?;
    tracing::info!(%cluster, term, tcp = %bound.tcp, unix = %bound.unix.display(), "master leads");
    ready(&ready_to_tell);
    lead(state, clock, &incoming, &threads.handle, &stop_signal(stop)?);
    files.retract();
    threads.join();
    remove_socket(&bound);
    tracing::info!("master stopped");
    Ok(())
}

/// The state thread: events in batches, a settling after each, effects out.
fn lead(mut state: State, clock: Clock, incoming: &Receiver<Event>, io: &IoThreads, stop: &Receiver<()>) {
    let mut effects = Vec::new();
    loop {
        let deadline = state.next_deadline_ms();
        let timer = deadline.map_or_else(never, |at| crossbeam_channel::at(clock.instant(at)));
        let first = select_biased! {
            recv(stop) -> _ => return,
            recv(incoming) -> event => match event {
                Ok(event) => event,
                Err(_) => return,
            },
            recv(timer) -> _ => Event::Tick,
        };
        let now = clock.now();
        for event in core::iter::once(first).chain(incoming.try_iter()).take(BATCH_MAX) {
            state.handle(event, now, &mut effects);
        }
        if deadline.is_some_and(|at| at <= now.mono_ms) {
            state.handle(Event::Tick, now, &mut effects);
        }
        state.settle(now, &mut effects);
        io.carry_out(core::mem::take(&mut effects));
    }
}

/// Turns "readable or closed" of a stream into something the state thread can wait for.
fn stop_signal(mut stop: UnixStream) -> Result<Receiver<()>, MasterError> {
    let (said, heard): (Sender<()>, Receiver<()>) = bounded(1);
    thread::Builder::new()
        .name("stop".to_owned())
        .spawn(move || {
            let mut byte = [0];
            // A byte, the end, or an error: each means that whoever started us wants us to end.
            let _ = stop.read(&mut byte);
            let _ = said.send(());
        })
        .map_err(MasterError::system("start a thread"))?;
    Ok(heard)
}

fn announcement(ready: &Ready) -> String {
    let document = serde_json::json!({
        "cluster": ready.cluster.to_string(),
        "pid": std::process::id(),
        "term": ready.term,
        "tcp": ready.tcp.to_string(),
        "unix": ready.unix,
    });
    format!("{document}\n")
}

fn remove_socket(bound: &Bound) {
    if let Err(error) = std::fs::remove_file(&bound.unix) {
        tracing::debug!(%error, "removing the socket");
    }
}

/// Sixty-four bits nobody can foresee, from the kernel.
fn seed() -> Result<u64, MasterError> {
    let mut bytes = [0; 8];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .map_err(MasterError::system("read /dev/urandom"))?;
    Ok(u64::from_le_bytes(bytes))
}
