//! Why an allocator does not reserve, refine or unreserve what it is asked.

use core::fmt;

use crate::allocator::reservations::ReservationId;
use crate::ids::{AgentId, RoleId};
use crate::reason::{Refusal, Resource};
use crate::table::TableError;

/// Why something is not reserved, refined or unreserved; nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoReservation {
    /// No amount was given, or only zeros.
    Nothing,
    /// The role is unknown.
    NoSuchRole(RoleId),
    /// The agent is unknown, or is not open.
    NoSuchAgent(AgentId),
    /// The reservation is gone, or is not among the offers that were accepted.
    NoSuchReservation(ReservationId),
    /// The role is not below the one that it is reserved for.
    NotBelow {
        /// For which role it is to be.
        role: RoleId,
        /// For which it is.
        of: RoleId,
    },
    /// A framework reserves for the role in which it was offered what it reserves.
    OtherRole {
        /// For which role it is to be.
        role: RoleId,
        /// In which it was offered.
        offered: RoleId,
    },
    /// A static reservation is not a framework's to end.
    Static(ReservationId),
    /// There is less of a resource that can be held in exactly this amount; in its unit.
    Short {
        /// Of what.
        resource: Resource,
        /// How much was asked.
        asked: u64,
        /// How much of that can be had.
        available: u64,
    },
    /// An amount is not a whole number of what the resource is counted in.
    Uneven {
        /// Of what.
        resource: Resource,
        /// In what it is counted.
        unit: u64,
    },
    /// What the table says: the role's limit, or no records.
    Refused(Refusal),
    /// A resource that is not counted.
    Table(TableError),
    /// Others were in the way; ask again.
    Contended,
}

impl fmt::Display for NoReservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("no amount is given: name at least one that is not 0"),
            Self::NoSuchRole(role) => write!(f, "role {role} is unknown: add it first"),
            Self::NoSuchAgent(agent) => {
                write!(f, "agent {agent} is unknown or not open: nothing can be reserved on it")
            }
            Self::NoSuchReservation(id) => write!(f, "reservation {id} is gone, or not among the offers accepted"),
            Self::NotBelow { role, of } => write!(f, "role {role} is not below role {of}, for which it is reserved"),
            Self::OtherRole { role, offered } => {
                write!(f, "it was offered in role {offered} and cannot be reserved for role {role}")
            }
            Self::Static(id) => write!(f, "reservation {id} is static: only an operator can end it"),
            Self::Short { resource, asked, available } => {
                write!(f, "asks for {asked} of {resource}; {available} of it can be held")
            }
            Self::Uneven { resource, unit } => write!(f, "an amount of {resource} is not a multiple of {unit}"),
            Self::Refused(refusal) => write!(f, "{refusal}"),
            Self::Table(error) => write!(f, "{error}"),
            Self::Contended => f.write_str("another call is at work on the agent: ask again"),
        }
    }
}

impl core::error::Error for NoReservation {}
