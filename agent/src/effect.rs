//! What an agent wants done. The driver carries effects out in order; none of them answers back except by an event.
//!
//! Two orders hold, and the reactor relies on them:
//! 1. [`Effect::SaveTerm`] is on disk before the next effect is looked at. A driver that cannot write it ends the agent.
//! 2. Effects on the machine (`Keep…`, `Launch`, `Remove`, `SetPool`, `Forget`, `DropLogs`) happen one after the other, so a
//!    launch that follows a pool's change finds the changed pool.

use meros_wire::StreamId;
use meros_wire::message::{AgentId, Envelope, Launch, Message, Output, PodId, ReportStatus};

use crate::event::ReaderId;
use crate::pins::Pins;

/// Something to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Connect to the master; answered by `Opened` or `Closed`.
    Connect,
    /// Send a message. The channel fills in sequence and acknowledgement.
    Send {
        /// Around it; boxed because effects are moved by value.
        envelope: Box<Envelope>,
        /// What.
        message: Box<Message>,
    },
    /// Write bytes when the master's window has room; answered by `StreamWritten`.
    StreamWrite {
        /// On which stream.
        stream: StreamId,
        /// What.
        bytes: Vec<u8>,
    },
    /// Bytes received on it were dealt with: let the master send as many again.
    StreamConsumed {
        /// Which.
        stream: StreamId,
        /// How many.
        count: usize,
    },
    /// No more bytes from this side once all written ones are out.
    StreamEnd {
        /// Which.
        stream: StreamId,
    },
    /// Make the stream void.
    StreamReset {
        /// Which.
        stream: StreamId,
        /// Why. One line.
        reason: String,
    },
    /// End the connection once what was sent is out; answered by `Closed`.
    Close {
        /// Why. One line.
        reason: String,
    },
    /// Keep the highest term obeyed, on disk, before anything else is done.
    SaveTerm {
        /// Which.
        term: u64,
    },
    /// Keep an order to launch, so that an agent that is killed knows afterwards what it had begun.
    KeepLaunch {
        /// The order's envelope.
        envelope: Box<Envelope>,
        /// The order.
        launch: Box<Launch>,
    },
    /// Keep a pod's last status until it is acknowledged.
    KeepEnding {
        /// The status with its owner.
        report: Box<ReportStatus>,
    },
    /// The pod's last status was acknowledged: drop what was kept, but not its logs.
    Forget {
        /// Which.
        pod: PodId,
    },
    /// Drop all that is left of a pod.
    DropLogs {
        /// Which.
        pod: PodId,
    },
    /// Start a member; answered by `Started` or `StartFailed`.
    Launch {
        /// How.
        plan: Box<MemberPlan>,
    },
    /// Send a signal to a member's main process.
    Signal {
        /// Whose.
        pod: PodId,
        /// Which; 15 asks it to end.
        signal: i32,
    },
    /// End the whole tree of processes of a member at once; answered by `Exited`.
    ForceEnd {
        /// Whose.
        pod: PodId,
    },
    /// End the supervisor and whatever still runs, and remove cgroups and mounts; answered by `Removed`.
    Remove {
        /// Whose.
        pod: PodId,
    },
    /// Give a pool its PUs; answered by `PoolSet`.
    SetPool {
        /// Which pool.
        pool: u32,
        /// Of which order.
        epoch: u64,
        /// The pods that run on it, with their pinning from now on.
        moves: Vec<Move>,
    },
    /// Read from a member's output; answered by `LogRead`.
    ReadLog {
        /// Who reads.
        reader: ReaderId,
        /// Whose output.
        pod: PodId,
        /// Of which member.
        member: String,
        /// Which.
        output: Output,
        /// From this byte on.
        offset_bytes: u64,
        /// At most so many bytes.
        count_max: usize,
    },
    /// A reader reads no more: close its file.
    CloseLog {
        /// Which reader.
        reader: ReaderId,
    },
    /// Admitted for the first time: tell whoever waits for it.
    Ready {
        /// This agent's number in its cluster.
        agent: AgentId,
    },
    /// All is ended after a `Stop`: let the driver end.
    Finished,
}

/// A running pod and where it shall be from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Which pod.
    pub pod: PodId,
    /// Where.
    pub pins: Pins,
}

/// All that is needed to start one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberPlan {
    /// Of which pod.
    pub pod: PodId,
    /// Its name, which is safe as the name of a folder.
    pub member: String,
    /// Program first.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: Vec<(String, String)>,
    /// Empty: the root.
    pub working_dir: String,
    /// The folder it sees as `/`; absent: the machine's own root.
    pub root: Option<String>,
    /// Where it runs.
    pub pins: Pins,
    /// Memory limit, in bytes; 0: none.
    pub mem_bytes: u64,
}
