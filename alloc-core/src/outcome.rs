//! Outcomes: what a call answers. A race's result is an enum that must be looked at, never a bare bool.
//!
//! `Contended` is not a no: other calls were in flight, nothing is held, ask again. `Refused` is a no that was true at one
//! moment during the call.

use crate::Quantities;
use crate::ids::{AgentId, ClaimId, NumaNodeId, Owner, RoleId};
use crate::reason::{Reason, Refusal};

/// The answer to claim, hold, split and resize.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is yours.
    Granted(Grant),
    /// No, and why.
    Refused(Refusal),
    /// Others were in the way; ask again.
    Contended(Contended),
}

impl Outcome {
    /// The no for an agent that is not there.
    pub(crate) const fn gone(agent: AgentId) -> Self {
        Self::Refused(Refusal { agent, reason: Reason::Gone })
    }

    /// The grant, if it is one.
    #[must_use]
    pub const fn granted(self) -> Option<Grant> {
        match self {
            Self::Granted(grant) => Some(grant),
            Self::Refused(_) | Self::Contended(_) => None,
        }
    }
}

/// A claim that was made, or resized. What it holds exactly: [`Table::placement`](crate::Table::placement).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The claim.
    pub claim: ClaimId,
    /// CPU and ordinary memory that its role, and those above, are charged for it; extras are charged beside.
    pub charged: Quantities,
    /// Pools gained or lost cores: read [`Table::pool_orders`](crate::Table::pool_orders).
    pub pools_changed: bool,
}

/// Others were in the way; nothing is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contended {
    /// Pools gained or lost cores even so: read [`Table::pool_orders`](crate::Table::pool_orders).
    pub pools_changed: bool,
}

/// The answer to release.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Released {
    /// All of it is free again.
    Released {
        /// What its role was refunded.
        refunded: Quantities,
        /// Pools lost cores: read [`Table::pool_orders`](crate::Table::pool_orders).
        pools_changed: bool,
    },
    /// The id names no live claim.
    Gone,
    /// The claim is somebody else's.
    NotOwner {
        /// Whose.
        owner: Owner,
    },
    /// Another call is changing the claim; ask again.
    Contended,
}

/// The answer to transfer.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transferred {
    /// It is the new owner's.
    Transferred,
    /// The id names no live claim.
    Gone,
    /// The claim is somebody else's.
    NotOwner {
        /// Whose.
        owner: Owner,
    },
    /// Another call is changing the claim; ask again.
    Contended,
}

/// The answer to confirm_pool.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmed {
    /// The cores that had left the pool are free.
    Freed {
        /// How many PUs.
        pus: u32,
    },
    /// A newer order exists: send that one; nothing was freed.
    Stale {
        /// Its epoch.
        epoch: u32,
    },
    /// The agent is unknown or has no such pool.
    NoSuchPool,
}

/// The answer to merge.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merged {
    /// One claim has all of it; the other is gone.
    Merged {
        /// What its role is charged for the one that is left.
        charged: Quantities,
    },
    /// Both ids name the same claim.
    Same,
    /// They are on different agents, or on two incarnations of one.
    OtherAgent,
    /// They are charged to different roles.
    OtherRole {
        /// The role of the claim that was to take it all.
        into: RoleId,
        /// The role of the claim that was to go.
        from: RoleId,
    },
    /// This one names no live claim.
    Gone {
        /// Which.
        claim: ClaimId,
    },
    /// This one is somebody else's.
    NotOwner {
        /// Which.
        claim: ClaimId,
        /// Whose.
        owner: Owner,
    },
    /// Their members together are more than [`MAX_MEMBERS`](crate::MAX_MEMBERS).
    TooManyMembers {
        /// How many.
        members: u32,
    },
    /// Memory of NUMA nodes was promised to one of them, and the other has memory of further ones.
    MemoryTerms,
    /// Those who are on this NUMA node do not admit the merged claim.
    NotAdmitted {
        /// Which.
        numa_node: NumaNodeId,
    },
    /// The shard's claim records are used up.
    RecordsFull {
        /// How many the agent's shard has.
        records: u32,
    },
    /// Others were in the way; ask again.
    Contended,
}
