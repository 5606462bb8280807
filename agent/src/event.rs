//! What can happen to an agent. The link, the supervisors, the worker thread, timers and the simulator make these; nothing
//! else moves the state.

use std::path::PathBuf;

use meros_wire::StreamId;
use meros_wire::message::{Envelope, Exit, Message, Pinning, PodId, Refusal, StatusReason, StreamPurpose};

/// Both clocks, read once by the driver for each event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// Monotonic: for deadlines.
    pub mono_ms: u64,
    /// Wall clock: for people.
    pub unix_ms: u64,
}

/// One reading of one log file, from its opening to its end; never used twice by one process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ReaderId(pub u64);

/// How a member's main process ended, after everything else in its cgroup was ended too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended {
    /// By itself or by a signal.
    pub exit: Exit,
    /// The kernel ended it, or one of its children, for want of memory.
    pub out_of_memory: bool,
}

/// Something happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The connection asked for by [`Connect`](crate::effect::Effect::Connect) is authenticated and its versions agree.
    Opened,
    /// A verified message of the master.
    Message {
        /// Around it.
        envelope: Box<Envelope>,
        /// What.
        message: Box<Message>,
    },
    /// A message that this build cannot read, or must not act on.
    Unreadable {
        /// Around it.
        envelope: Box<Envelope>,
        /// The answer.
        refusal: Refusal,
    },
    /// The master opened a stream.
    StreamOpened {
        /// Its name from now on.
        stream: StreamId,
        /// For what.
        purpose: StreamPurpose,
    },
    /// Bytes arrived on a stream.
    StreamData {
        /// Which.
        stream: StreamId,
        /// At most a window.
        bytes: Vec<u8>,
    },
    /// Bytes of an earlier [`StreamWrite`](crate::effect::Effect::StreamWrite) went out.
    StreamWritten {
        /// On which stream.
        stream: StreamId,
        /// How many.
        count: usize,
    },
    /// The master will send no more on it.
    StreamEnded {
        /// Which.
        stream: StreamId,
    },
    /// The stream is void.
    StreamReset {
        /// Which.
        stream: StreamId,
        /// Why. One line.
        reason: String,
    },
    /// The connection is gone, or could not be made.
    Closed {
        /// Why. One line.
        reason: String,
    },
    /// A member's program runs, inside its cgroups.
    Started {
        /// Whose.
        pod: PodId,
        /// Its main process.
        pid: u32,
        /// What the kernel says it may use; absent on a pretended machine.
        pinning: Option<Pinning>,
    },
    /// A member could not be started. Nothing of it runs.
    StartFailed {
        /// Whose.
        pod: PodId,
        /// Why, for machines.
        reason: StatusReason,
        /// Why, for people. One line.
        message: String,
    },
    /// A member's main process ended, and all it had started with it.
    Exited {
        /// Whose.
        pod: PodId,
        /// How.
        ended: Ended,
    },
    /// A supervisor is gone without having told how its member ended.
    SupervisorLost {
        /// Whose.
        pod: PodId,
        /// What was seen. One line.
        message: String,
    },
    /// What [`Remove`](crate::effect::Effect::Remove) asked for is done: no process, no cgroup, no mount is left.
    Removed {
        /// Whose.
        pod: PodId,
        /// Why not, when it could not be.
        result: Result<(), String>,
    },
    /// What [`SetPool`](crate::effect::Effect::SetPool) asked for is done, or could not be.
    PoolSet {
        /// Which pool.
        pool: u32,
        /// Of which order.
        epoch: u64,
        /// Why not, when it could not be.
        result: Result<(), String>,
    },
    /// The answer to [`ReadLog`](crate::effect::Effect::ReadLog).
    LogRead {
        /// Whose.
        reader: ReaderId,
        /// Empty at the end of the file, and for a file that is not there yet.
        result: Result<Vec<u8>, LogError>,
    },
    /// The agent is told to end: so does everything it runs.
    Stop,
    /// The deadline the reactor named has passed.
    Tick,
}

/// A log file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogError {
    /// Which.
    pub path: PathBuf,
    /// What the kernel says.
    pub message: String,
}
