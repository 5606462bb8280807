//! Status: what every function returns, and what of the core's answers becomes which.

use core::fmt;

use meros_alloc_core as alloc;

use crate::gang::NotGanged;
use crate::merge::NotMerged;
use crate::pointer::Argument;

/// What came of a call. 0 is the only success; for the others, `message` has a sentence.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Done: granted, released, transferred, written.
    Ok = 0,
    /// No, and nobody in flight can have caused it. The answer, where there is one, has the reason and its figures. Of a call on many:
    /// some were not done, each answer has its own status.
    Refused = 1,
    /// Others were in the way: it is not done, nor a part of it. Ask again.
    Contended = 2,
    /// The agent or the claim is not there (any more).
    Gone = 3,
    /// The claim is somebody else's; the answer says whose.
    NotOwner = 4,
    /// A newer pool order exists: send that one, nothing was freed. Or the agent is another incarnation than an exact claim says.
    Stale = 5,
    /// The table has no room for more of these: its capacity says how many.
    Full = 6,
    /// An argument cannot be meant; the message names it. Nothing was changed.
    InvalidArgument = 7,
    /// An array is too short; the lengths say what is needed. What has room is written.
    TooSmall = 8,
    /// meros_validate found a contradiction: a call was in flight, or a bug.
    Inconsistent = 9,
    /// A bug in the library was caught on its way out; the message is the panic's. The table stays usable.
    Panic = 10,
}

/// Why a call does not answer `MEROS_OK`. Prints as the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum No {
    Argument(Argument),
    Shape(alloc::ShapeError),
    Table(alloc::TableError),
    Desks(alloc::DesksFull),
    Attributes(alloc::AttributesError),
    Constraint(alloc::ConstraintError),
    Group(alloc::GroupError),
    Refused(alloc::Refusal),
    Unplaced(alloc::Unplaced),
    Restore(alloc::RestoreError),
    Merged(NotMerged),
    Ganged(NotGanged),
    Taken(alloc::Taken),
    Unplanned(alloc::Unplanned),
    Validate(alloc::ValidateError),
    UnknownPool,
    UnknownRole(alloc::RoleId),
    UnknownAgent(alloc::AgentId),
    UnknownClaim(alloc::ClaimId),
    NotOwner(alloc::Owner),
    Stale {
        epoch: u32,
    },
    /// The agent is another incarnation by now.
    Incarnation(u32),
    Contended,
    TooSmall,
    /// Of many, some were not granted or released; the answers tell each.
    Partly {
        done: usize,
        of: usize,
    },
}

/// What a function's body answers.
pub(crate) type Answered = Result<(), No>;

impl No {
    pub(crate) const fn status(&self) -> Status {
        match self {
            Self::Argument(_)
            | Self::Shape(_)
            | Self::Attributes(_)
            | Self::Constraint(_)
            | Self::UnknownPool
            | Self::UnknownRole(_)
            | Self::Group(alloc::GroupError::NoSuchGroup(_)) => Status::InvalidArgument,
            Self::Group(alloc::GroupError::HasMembers { .. }) => Status::Refused,
            Self::Table(error) => of_table(error),
            Self::Desks(_) => Status::Full,
            Self::Refused(refusal) => of_reason(&refusal.reason),
            Self::Unplaced(unplaced) => of_unplaced(unplaced),
            Self::Restore(error) => of_restore(error),
            Self::Merged(no) => no.status(),
            Self::Ganged(no) => no.status(),
            Self::Unplanned(no) => of_unplanned(no),
            Self::Validate(_) => Status::Inconsistent,
            Self::UnknownAgent(_) | Self::UnknownClaim(_) => Status::Gone,
            Self::NotOwner(_) => Status::NotOwner,
            Self::Stale { .. } | Self::Incarnation(_) => Status::Stale,
            Self::Contended => Status::Contended,
            Self::TooSmall => Status::TooSmall,
            Self::Partly { .. } | Self::Taken(_) => Status::Refused,
        }
    }
}

const fn of_table(error: &alloc::TableError) -> Status {
    use alloc::TableError as Error;
    match error {
        Error::AgentsFull { .. }
        | Error::LinesFull { .. }
        | Error::ShapesFull { .. }
        | Error::RolesFull { .. }
        | Error::GroupsFull { .. }
        | Error::KeysFull { .. }
        | Error::ResourcesFull { .. }
        | Error::RolesDeep { .. } => Status::Full,
        Error::Desks { .. } => Status::Contended,
        Error::NoSuchAgent(_) => Status::Gone,
        Error::Capacity(_)
        | Error::NoSuchShard { .. }
        | Error::AgentPresent(_)
        | Error::NoSuchRole(_)
        | Error::NotOffering(_) => Status::InvalidArgument,
    }
}

pub(crate) const fn of_reason(reason: &alloc::Reason) -> Status {
    match reason {
        alloc::Reason::Gone => Status::Gone,
        alloc::Reason::NotOwner { .. } => Status::NotOwner,
        alloc::Reason::Invalid(_) | alloc::Reason::NoSuchRole(_) => Status::InvalidArgument,
        _ => Status::Refused,
    }
}

pub(crate) const fn of_unplaced(unplaced: &alloc::Unplaced) -> Status {
    match unplaced {
        alloc::Unplaced::Invalid(_) | alloc::Unplaced::NoSuchGroup(_) => Status::InvalidArgument,
        alloc::Unplaced::Role(reason) => of_reason(reason),
        alloc::Unplaced::NoAgent | alloc::Unplaced::RecordsFull { .. } => Status::Refused,
    }
}

const fn of_unplanned(unplanned: &alloc::Unplanned) -> Status {
    use alloc::Unplanned;
    match unplanned {
        Unplanned::Gone => Status::Gone,
        Unplanned::Invalid(_) => Status::InvalidArgument,
        Unplanned::Closed(_) | Unplanned::Cpus | Unplanned::Memory | Unplanned::Extra(_) => Status::Refused,
    }
}

const fn of_restore(error: &alloc::RestoreError) -> Status {
    use alloc::RestoreError as Error;
    match error {
        Error::NoSuchAgent(_) => Status::Gone,
        Error::NoSuchRole(_) | Error::Invalid(_) | Error::NoSuchGroup(_) => Status::InvalidArgument,
        Error::PuTaken(_)
        | Error::PoolTooSmall { .. }
        | Error::MemoryTaken { .. }
        | Error::ExtraTaken(_)
        | Error::RecordsFull => Status::Refused,
        Error::Contended => Status::Contended,
    }
}

impl fmt::Display for No {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument(argument) => write!(f, "{argument}"),
            Self::Shape(error) => write!(f, "{error}"),
            Self::Table(error) => write!(f, "{error}"),
            Self::Desks(error) => write!(f, "{error}"),
            Self::Attributes(error) => write!(f, "{error}"),
            Self::Constraint(error) => write!(f, "{error}"),
            Self::Group(error) => write!(f, "{error}"),
            Self::Refused(refusal) => write!(f, "{refusal}"),
            Self::Unplaced(alloc::Unplaced::Invalid(invalid)) => write!(f, "{invalid}"),
            Self::Unplaced(alloc::Unplaced::RecordsFull { records }) => {
                write!(f, "all {records} claim records are used up: raise capacity.claims")
            }
            // A role's reasons do not speak of an agent.
            Self::Unplaced(alloc::Unplaced::Role(reason)) => {
                write!(f, "{}", alloc::Refusal { agent: alloc::AgentId::new(0), reason: *reason })
            }
            Self::Unplaced(alloc::Unplaced::NoSuchGroup(group)) => write!(f, "group {group} is unknown"),
            Self::Unplaced(alloc::Unplaced::NoAgent) => {
                f.write_str("no agent can take it now: meros_explain and meros_explain_where tell why")
            }
            Self::Restore(error) => write!(f, "{error}"),
            Self::Merged(no) => write!(f, "{no}"),
            Self::Ganged(no) => write!(f, "{no}"),
            Self::Taken(taken) => write!(f, "{taken}"),
            Self::Unplanned(no) => write!(f, "{no}"),
            Self::Incarnation(now) => {
                write!(f, "the agent is incarnation {now} by now: refresh the snapshot, and choose again")
            }
            Self::Validate(error) => write!(f, "{error}"),
            Self::UnknownPool => f.write_str("the agent is unknown or has no such pool"),
            Self::UnknownRole(role) => write!(f, "role {role} is unknown"),
            Self::UnknownAgent(agent) => write!(f, "agent {agent} is unknown"),
            Self::UnknownClaim(claim) => write!(f, "claim {claim} is gone, or being changed at this moment"),
            Self::NotOwner(owner) => write!(f, "the claim belongs to {owner}"),
            Self::Stale { epoch } => write!(f, "a newer order of the pool exists: epoch {epoch}"),
            Self::Contended => f.write_str("others were in the way: ask again"),
            Self::TooSmall => f.write_str("an array is too short: the lengths say what is needed"),
            Self::Partly { done, of } => write!(f, "{done} of {of} were done: each answer has its own status"),
        }
    }
}

/// Errors of the core and of arguments are answers as they are.
macro_rules! from {
    ($($variant:ident($error:ty)),*) => {
        $(
            impl From<$error> for No {
                fn from(error: $error) -> Self {
                    Self::$variant(error)
                }
            }
        )*
    };
}

from!(
    Argument(Argument),
    Shape(alloc::ShapeError),
    Table(alloc::TableError),
    Desks(alloc::DesksFull),
    Attributes(alloc::AttributesError),
    Constraint(alloc::ConstraintError),
    Group(alloc::GroupError),
    Restore(alloc::RestoreError),
    Unplanned(alloc::Unplanned),
    Validate(alloc::ValidateError)
);
