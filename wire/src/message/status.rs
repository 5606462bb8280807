//! What became of a task, told at least once until acknowledged.

use super::id::{AgentId, PodId, Uuid};
use super::pod::Placement;

/// One step in a task's life. Sent again with the same `update` until its receiver acknowledges that id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusUpdate {
    /// Names this update, for its acknowledgement; nil when none is wanted (answers to reconciliation).
    pub update: Uuid,
    /// Which pod.
    pub pod: PodId,
    /// Which member; empty: the pod as a whole.
    pub member: String,
    /// On which agent; absent before it is placed.
    pub agent: Option<AgentId>,
    /// Where it stands.
    pub state: TaskState,
    /// Who says so.
    pub source: StatusSource,
    /// Why, for machines.
    pub reason: StatusReason,
    /// Why, for people. One line.
    pub message: String,
    /// When, by the source's clock: milliseconds of Unix time.
    pub unix_ms: u64,
    /// How it ended, when it ended by itself or by a signal.
    pub exit: Option<Exit>,
    /// What it was given.
    pub placement: Placement,
    /// The pinning in force as read back from the kernel; absent on a pretended machine and before the start.
    pub pinning: Option<Pinning>,
}

/// States of a task; a superset of Mesos'.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TaskState {
    /// Asked for, and not placed: `message` says why not.
    #[default]
    Waiting,
    /// Placed; the agent has not yet started it.
    Staging,
    /// Being started.
    Starting,
    /// Its program runs.
    Running,
    /// Told to end.
    Killing,
    /// Ended with exit code 0.
    Finished,
    /// Ended otherwise, or could not be started.
    Failed,
    /// Ended because it was told to.
    Killed,
    /// The request itself was wrong.
    Error,
    /// Its end was not seen.
    Lost,
    /// It never reached its agent.
    Dropped,
    /// Its agent does not answer; it may still run.
    Unreachable,
    /// Its agent is gone for good.
    Gone,
    /// An operator said that its agent is gone.
    GoneByOperator,
    /// Nobody here has heard of it.
    Unknown,
}

impl TaskState {
    /// True when nothing more will happen to the task.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Finished
                | Self::Failed
                | Self::Killed
                | Self::Error
                | Self::Lost
                | Self::Dropped
                | Self::Gone
                | Self::GoneByOperator
        )
    }

    /// In lower case, with hyphens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Staging => "staging",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Killing => "killing",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Killed => "killed",
            Self::Error => "error",
            Self::Lost => "lost",
            Self::Dropped => "dropped",
            Self::Unreachable => "unreachable",
            Self::Gone => "gone",
            Self::GoneByOperator => "gone-by-operator",
            Self::Unknown => "unknown",
        }
    }
}

/// Who says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum StatusSource {
    /// The master.
    #[default]
    Master,
    /// The agent.
    Agent,
    /// The executor.
    Executor,
}

/// Why, for machines. A superset of Mesos' reasons grows here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum StatusReason {
    /// Nothing special.
    #[default]
    None,
    /// Room exists on no agent now.
    InsufficientResources,
    /// No agent of this cluster is large enough, even empty.
    NeverFits,
    /// Named field of the request is wrong or not acted on.
    InvalidRequest,
    /// The offer was no longer valid.
    InvalidOffers,
    /// The agent refused the order.
    Refused,
    /// The root folder is missing or unusable.
    RootUnusable,
    /// The program could not be executed.
    ExecFailed,
    /// Cgroups, namespaces or files around the program could not be set up.
    LaunchFailed,
    /// The program ended by itself.
    Exited,
    /// A signal that nobody here sent ended it.
    Signaled,
    /// It used more memory than its limit.
    MemoryLimit,
    /// Somebody asked for its end.
    KillRequested,
    /// Its supervisor died.
    SupervisorLost,
    /// Its agent lost its connection.
    AgentDisconnected,
    /// Its agent came back without it.
    AgentRestarted,
    /// Its agent was removed.
    AgentRemoved,
    /// Its framework was removed.
    FrameworkRemoved,
    /// An answer to reconciliation.
    Reconciliation,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

/// What the kernel says a member may use, in its own list format (`0-3,8`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pinning {
    /// PUs.
    pub cpuset: String,
    /// NUMA nodes.
    pub mems: String,
}
