//! Why a table cannot be made or changed so.

use core::fmt;

use crate::ids::{AgentId, MAX_AGENTS, MAX_RECORDS, RoleId};
use crate::record::{MAX_LINES, MAX_SHAPES};
use crate::table::Capacity;

/// Why the table cannot be changed so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableError {
    /// A capacity is zero or beyond what ids have room for.
    Capacity(Capacity),
    /// All agents' places are taken.
    AgentsFull {
        /// [`Capacity::agents`].
        agents: u32,
    },
    /// There is no room for the agent's words.
    LinesFull {
        /// [`Capacity::lines`].
        lines: u32,
        /// What the shape takes.
        wanted: u32,
    },
    /// All shapes' places are taken.
    ShapesFull {
        /// [`Capacity::shapes`].
        shapes: u16,
    },
    /// There are as many groups as there can be.
    GroupsFull {
        /// How many.
        groups: u32,
    },
    /// Groups are kept by as many attributes as they can be.
    KeysFull {
        /// How many.
        keys: usize,
    },
    /// All roles' places are taken.
    RolesFull {
        /// [`Capacity::roles`].
        roles: u16,
    },
    /// The role would have too many above it.
    RolesDeep {
        /// The most levels of roles.
        levels: usize,
    },
    /// There are as many resources as roles can be charged for.
    ResourcesFull {
        /// How many, CPU and memory counted.
        resources: usize,
    },
    /// All desks are taken.
    Desks {
        /// [`Capacity::threads`].
        threads: u16,
    },
    /// The shard is unknown.
    NoSuchShard {
        /// Which.
        shard: usize,
    },
    /// The agent is unknown.
    NoSuchAgent(AgentId),
    /// The agent is there already.
    AgentPresent(AgentId),
    /// Only an allocator offers an agent.
    NotOffering(AgentId),
    /// The role is unknown.
    NoSuchRole(RoleId),
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capacity(capacity) => write!(
                f,
                "{capacity:?}: give at least 1 of each; at most 64 shards, {MAX_AGENTS} agents, {MAX_SHAPES} shapes, and \
                 per shard {} lines and {MAX_RECORDS} claims",
                MAX_LINES - 1
            ),
            Self::AgentsFull { agents } => write!(f, "the table has its {agents} agents: raise Capacity::agents"),
            Self::LinesFull { lines, wanted } => {
                write!(f, "the agent's words take {wanted} of the table's {lines} lines: raise Capacity::lines")
            }
            Self::ShapesFull { shapes } => write!(f, "the table has its {shapes} shapes: raise Capacity::shapes"),
            Self::GroupsFull { groups } => write!(f, "the table has its {groups} groups: remove some first"),
            Self::KeysFull { keys } => write!(f, "groups are kept by {keys} attributes already: use one of these"),
            Self::RolesFull { roles } => write!(f, "the table has its {roles} roles: raise Capacity::roles"),
            Self::RolesDeep { levels } => write!(f, "the role would be below {levels} others: put it higher"),
            Self::ResourcesFull { resources } => write!(
                f,
                "the table counts its {resources} resources already, CPU and memory among them: give kinds and names that \
                 other machines have"
            ),
            Self::Desks { threads } => {
                write!(f, "all {threads} threads of the table are at work: raise Capacity::threads, or ask again")
            }
            Self::NoSuchShard { shard } => write!(f, "shard {shard} is beyond Capacity::shards"),
            Self::NoSuchAgent(agent) => write!(f, "agent {agent} is unknown"),
            Self::AgentPresent(agent) => write!(f, "agent {agent} is here already: remove it first"),
            Self::NotOffering(agent) => {
                write!(
                    f,
                    "agent {agent} cannot be set to Offered: give another state; the allocator that offers it sets that one"
                )
            }
            Self::NoSuchRole(role) => write!(f, "role {role} is unknown"),
        }
    }
}

impl core::error::Error for TableError {}
