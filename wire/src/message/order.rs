//! Between a master and its agents.

use super::envelope::ClaimTag;
use super::id::{AgentId, PodId, Uuid};
use super::machine::Machine;
use super::pod::{Placement, PodSpec};
use super::status::{StatusUpdate, TaskState};

/// An agent introduces itself: on every connection, first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Register {
    /// The agent's own lasting name, made at its first start: who it is across reconnects and restarts.
    pub agent_uuid: Uuid,
    /// Raised at each start on a changed machine.
    pub incarnation: u64,
    /// The highest leader's term it has obeyed.
    pub highest_term: u64,
    /// The machine.
    pub machine: Machine,
    /// What it runs, or has not yet been allowed to forget.
    pub pods: Vec<RunningPod>,
    /// Its shared pools: the newest order for each, with the PUs it may still run on until that is carried out.
    pub pools: Vec<PoolOrder>,
}

/// A pod as the agent knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunningPod {
    /// As it was ordered.
    pub spec: PodSpec,
    /// Where.
    pub placement: Placement,
    /// Under which claim.
    pub claim: ClaimTag,
    /// The framework it belongs to, by number.
    pub framework: u32,
    /// Its latest state.
    pub state: TaskState,
}

/// The master's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registered {
    /// Its number in this cluster.
    pub agent: AgentId,
    /// How often each side is heard, at least.
    pub heartbeat_ms: u32,
    /// Pods it reported and that the master does not want: end them.
    pub unwanted: Vec<PodId>,
}

/// Start a pod. The envelope carries term, incarnation, topology hash, idempotency key and claim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Launch {
    /// What.
    pub spec: PodSpec,
    /// Where.
    pub placement: Placement,
    /// For which framework.
    pub framework: u32,
}

/// End a pod: ask, and force once the grace has passed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KillPod {
    /// Which.
    pub pod: PodId,
    /// From the ask to the force; absent: the pod's own.
    pub grace_ms: Option<u32>,
}

/// The PUs of a shared pool from now on. Carried out in the order of epochs; an older epoch is ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolOrder {
    /// OS number of the pool's NUMA node, or [`PoolOrder::NO_NUMA_NODE`] for cores that are in none.
    pub pool: u32,
    /// OS numbers of its PUs, ascending; may be empty.
    pub pus: Vec<u32>,
    /// Moves with every change.
    pub epoch: u64,
}

impl PoolOrder {
    /// The pool of cores that are in no NUMA node.
    pub const NO_NUMA_NODE: u32 = u32::MAX;
}

/// The pool's cgroups have the PUs of that epoch, and no others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolConfirmed {
    /// As in the order.
    pub pool: u32,
    /// As in the order.
    pub epoch: u64,
}

/// An agent tells a status; kept by the agent until [`AcknowledgeStatus`] names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportStatus {
    /// The framework that the pod belongs to.
    pub framework: u32,
    /// What it tells.
    pub status: StatusUpdate,
}

/// The receiver has dealt with an update: framework to master, master to agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AcknowledgeStatus {
    /// Whose.
    pub pod: PodId,
    /// Which.
    pub update: Uuid,
}
