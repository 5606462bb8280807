//! Between a master and its operators: the commands of the `meros` binary.

use super::id::{AgentId, FrameworkId, PodId};
use super::machine::Machine;
use super::order::PoolOrder;
use super::pod::PodSpec;
use super::status::StatusUpdate;

/// Ask for the cluster's state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Answered with the same number.
    pub request: u64,
    /// Only this pod.
    pub pod: Option<PodId>,
    /// Answer again after every change, until the connection ends.
    pub watch: bool,
}

/// The cluster's state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The query's number.
    pub request: u64,
    /// By id.
    pub agents: Vec<AgentView>,
    /// By id.
    pub frameworks: Vec<FrameworkView>,
    /// Oldest first; ended pods are kept for a while.
    pub pods: Vec<PodView>,
}

/// An agent as the master sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentView {
    /// Its number.
    pub agent: AgentId,
    /// Whether it is heard.
    pub connected: bool,
    /// Its machine.
    pub machine: Machine,
    /// Its shared pools.
    pub pools: Vec<PoolOrder>,
}

/// A framework as the master sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrameworkView {
    /// Its number.
    pub framework: FrameworkId,
    /// For people.
    pub name: String,
    /// Its roles.
    pub roles: Vec<String>,
    /// Whether it is heard.
    pub connected: bool,
    /// Offers it holds.
    pub offers: u32,
}

/// A pod as the master sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodView {
    /// As it was asked for.
    pub spec: PodSpec,
    /// Whose.
    pub framework: FrameworkId,
    /// Its latest status; of a waiting pod, why it waits.
    pub status: StatusUpdate,
}

/// Something the sender could not do, or will not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The request's number or key, when it had one.
    pub request: u64,
    /// Why, for machines.
    pub code: RefusalCode,
    /// Which field, as a path (`pods[0].members[0].command.argv`); empty: none in particular.
    pub field: String,
    /// What is wrong and what to do. One line.
    pub message: String,
}

/// Why, for machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RefusalCode {
    /// A field is wrong.
    #[default]
    Invalid,
    /// The schema has it; this build does not act on it.
    NotSupported,
    /// A must-understand bit that this build does not know.
    NotUnderstood,
    /// Not for this peer.
    NotAllowed,
    /// Not at this point of the conversation.
    OutOfTurn,
    /// Nothing by that name.
    NotFound,
    /// Of a term that is over.
    StaleTerm,
    /// A limit is reached; later.
    Busy,
}
