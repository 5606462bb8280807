//! Why an allocator cannot do what it is asked.

use core::fmt;

use crate::ids::{AgentId, FrameworkId, RoleId};
use crate::restore::RestoreError;
use crate::table::TableError;

/// Why an allocator cannot do what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllocatorError {
    /// The table says no.
    Table(TableError),
    /// The role is unknown.
    NoSuchRole(RoleId),
    /// The role has subscriptions, claims or roles below it.
    RoleInUse(RoleId),
    /// The framework is unknown.
    NoSuchFramework(FrameworkId),
    /// The framework is in the role already.
    Subscribed(FrameworkId, RoleId),
    /// The framework is not in the role.
    NotSubscribed(FrameworkId, RoleId),
    /// The agent is unknown.
    NoSuchAgent(AgentId),
    /// A weight is zero, or above a million.
    NoWeight,
    /// What the role asks for is promised to others as their guarantees.
    Guaranteed(RoleId),
    /// The role has more than its share, and a poorer one waits; its credit is spent.
    Credit {
        /// Which role.
        role: RoleId,
        /// Which one waits.
        poorer: RoleId,
    },
    /// What exists already does not fit what is known of the agent.
    Restore(RestoreError),
}

impl From<TableError> for AllocatorError {
    fn from(error: TableError) -> Self {
        Self::Table(error)
    }
}

impl fmt::Display for AllocatorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(error) => write!(f, "{error}"),
            Self::NoSuchRole(role) => write!(f, "role {role} is unknown: add it first"),
            Self::RoleInUse(role) => {
                write!(f, "role {role} has frameworks, claims or roles below it: remove these first")
            }
            Self::NoSuchFramework(framework) => write!(f, "framework {framework} is unknown: subscribe it first"),
            Self::Subscribed(framework, role) => write!(f, "framework {framework} is in role {role} already"),
            Self::NotSubscribed(framework, role) => {
                write!(f, "framework {framework} is not in role {role}: subscribe it first")
            }
            Self::NoSuchAgent(agent) => write!(f, "agent {agent} is unknown: add it first"),
            Self::NoWeight => f.write_str("a weight is 0, or above 1,000,000: give 0.001 to 1,000,000"),
            Self::Guaranteed(role) => {
                write!(f, "what is free is guaranteed to others: role {role} waits, or asks for less")
            }
            Self::Credit { role, poorer } => write!(
                f,
                "role {role} has more than its share, and role {poorer}, which has less, waits: its credit is spent"
            ),
            Self::Restore(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for AllocatorError {}
