//! Table: all agents and roles, and every call on them.
//!
//! `&self` calls may come from any number of threads at once; `&mut self` calls (agents and roles come and go) from the one
//! that owns the table. Nothing is allocated by claim, hold, split, transfer, release, confirm and place when they succeed.
//!
//! **Who charges**: the table does. `claim`, `hold`, `place` and `restore` charge the role of the holder, `release` and
//! `remove_agent` refund it, `split` and `transfer` move nothing between roles.

use core::fmt;

use crate::Quantities;
use crate::agent::{Agent, Machine};
use crate::claim::{self, Ask, Holder};
use crate::exact;
use crate::explain::{self, Explanation};
use crate::ids::{AgentId, ClaimId, MAX_AGENTS, MAX_RECORDS, NumaNodeId, Owner, PuId, RoleId};
use crate::ledger::{Ledger, Limit};
use crate::outcome::{Confirmed, Outcome, Released, Transferred};
use crate::place::{self, Placed};
use crate::placement::{Placement, PoolOrder};
use crate::pooling;
use crate::reason::{Reason, Refusal};
use crate::record::State;
use crate::request::{HoldLimit, Policy, Request};
use crate::restore::{self, RestoreError};
use crate::shape::Shape;
use crate::split::{self, Piece};
use crate::usage::{self, Usage};
use crate::validate::{self, ValidateError};

/// How much a table has room for. Said once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Agents, at most 2²⁰.
    pub agents: u32,
    /// Claim records per agent, 1 to 16,383. A claim takes one per five parts; a part is the cores of one leaf, the share of
    /// one pool, the memory of one NUMA node, five devices of a kind, or 48 numbers of a range.
    pub records_per_agent: u16,
    /// Roles.
    pub roles: u16,
}

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
    /// All roles' places are taken.
    RolesFull {
        /// [`Capacity::roles`].
        roles: u16,
    },
    /// The agent is unknown.
    NoSuchAgent(AgentId),
    /// The role is unknown.
    NoSuchRole(RoleId),
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capacity(capacity) => write!(
                f,
                "{capacity:?}: give 1 to {MAX_AGENTS} agents, 1 to {MAX_RECORDS} records_per_agent and at least 1 role"
            ),
            Self::AgentsFull { agents } => write!(f, "the table has its {agents} agents: raise Capacity::agents"),
            Self::RolesFull { roles } => write!(f, "the table has its {roles} roles: raise Capacity::roles"),
            Self::NoSuchAgent(agent) => write!(f, "agent {agent} is unknown"),
            Self::NoSuchRole(role) => write!(f, "role {role} is unknown"),
        }
    }
}

impl core::error::Error for TableError {}

/// All agents and roles.
#[derive(Debug)]
pub struct Table {
    agents: Vec<Agent>,
    ledger: Ledger,
    capacity: Capacity,
}

/// Agents and roles.
impl Table {
    /// An empty table.
    ///
    /// # Errors
    /// [`TableError::Capacity`].
    pub fn new(capacity: Capacity) -> Result<Self, TableError> {
        let Capacity { agents, records_per_agent, roles } = capacity;
        if agents == 0 || agents > MAX_AGENTS || records_per_agent == 0 || records_per_agent > MAX_RECORDS || roles == 0
        {
            return Err(TableError::Capacity(capacity));
        }
        Ok(Self { agents: Vec::new(), ledger: Ledger::default(), capacity })
    }

    /// Adds a role.
    ///
    /// # Errors
    /// [`TableError::RolesFull`].
    pub fn add_role(&mut self, limit: Limit) -> Result<RoleId, TableError> {
        match u16::try_from(self.ledger.roles()) {
            Ok(at) if at < self.capacity.roles => {
                self.ledger.add(limit);
                Ok(RoleId::new(at))
            }
            _ => Err(TableError::RolesFull { roles: self.capacity.roles }),
        }
    }

    /// Changes a role's limit. What it has already stays, even beyond it.
    ///
    /// # Errors
    /// [`TableError::NoSuchRole`].
    pub fn set_limit(&mut self, role: RoleId, limit: Limit) -> Result<(), TableError> {
        if self.ledger.set(role.index(), limit) { Ok(()) } else { Err(TableError::NoSuchRole(role)) }
    }

    /// What a role is charged at this moment.
    #[must_use]
    pub fn role_used(&self, role: RoleId) -> Option<Quantities> {
        self.ledger.used(role)
    }

    /// Adds an agent, active, with everything free. The id of a removed agent may come back.
    ///
    /// # Errors
    /// [`TableError::AgentsFull`].
    pub fn add_agent(&mut self, shape: Shape) -> Result<AgentId, TableError> {
        let at = match self.agents.iter().position(|agent| agent.machine.is_none()) {
            Some(at) => at,
            None => self.new_place()?,
        };
        let agent = &mut self.agents[at];
        agent.machine = Some(Machine::new(shape));
        agent.incarnation += 1;
        agent.active = true;
        Ok(agent.id)
    }

    fn new_place(&mut self) -> Result<usize, TableError> {
        let Capacity { agents, records_per_agent, .. } = self.capacity;
        let at = self.agents.len();
        let id = u32::try_from(at).ok().filter(|id| *id < agents).ok_or(TableError::AgentsFull { agents })?;
        self.agents.push(Agent::new(AgentId::new(id), records_per_agent));
        Ok(at)
    }

    /// Removes an agent and all claims on it; tells how many. Their roles are refunded.
    ///
    /// # Errors
    /// [`TableError::NoSuchAgent`].
    pub fn remove_agent(&mut self, agent: AgentId) -> Result<u32, TableError> {
        let gone = self.claims(agent).count();
        for claim in self.claims(agent).collect::<Vec<_>>() {
            if let Ok(mut record) = self.agents[agent.index()].records.lock(claim.slot(), claim.generation()) {
                drop(self.ledger.refund(record.role(), record.quantities()));
                record.discard();
            }
        }
        let removed = self.agents.get_mut(agent.index()).and_then(|agent| agent.machine.take());
        match removed {
            Some(_) => Ok(u32::try_from(gone).unwrap_or(u32::MAX)),
            None => Err(TableError::NoSuchAgent(agent)),
        }
    }

    /// Whether an agent takes new claims (not splits: what a claim holds stays divisible).
    ///
    /// # Errors
    /// [`TableError::NoSuchAgent`].
    pub fn set_active(&mut self, agent: AgentId, active: bool) -> Result<(), TableError> {
        match self.agents.get_mut(agent.index()).filter(|agent| agent.machine.is_some()) {
            Some(agent) => {
                agent.active = active;
                Ok(())
            }
            None => Err(TableError::NoSuchAgent(agent)),
        }
    }

    /// Whether an agent takes new claims.
    #[must_use]
    pub fn is_active(&self, agent: AgentId) -> bool {
        self.known(agent).is_some_and(|(agent, _)| agent.active)
    }

    /// Counts the machines that had this id, this one included.
    #[must_use]
    pub fn incarnation(&self, agent: AgentId) -> Option<u32> {
        self.known(agent).map(|(agent, _)| agent.incarnation)
    }

    /// An agent's shape.
    #[must_use]
    pub fn shape(&self, agent: AgentId) -> Option<&Shape> {
        self.known(agent).map(|(_, machine)| &machine.shape)
    }

    /// All agents.
    pub fn agents(&self) -> impl Iterator<Item = AgentId> {
        self.agents.iter().filter(|agent| agent.machine.is_some()).map(|agent| agent.id)
    }

    /// What an agent has, at this moment.
    #[must_use]
    pub fn usage(&self, agent: AgentId) -> Option<Usage> {
        self.known(agent).map(|(_, machine)| usage::usage(machine))
    }

    #[cfg(test)]
    pub(crate) fn agent_for_test(&self, agent: AgentId) -> &Agent {
        &self.agents[agent.index()]
    }

    fn known(&self, agent: AgentId) -> Option<(&Agent, &Machine)> {
        let agent = self.agents.get(agent.index())?;
        agent.machine.as_ref().map(|machine| (agent, machine))
    }
}

/// Claims.
impl Table {
    /// Claims what is asked on one agent, all or nothing.
    pub fn claim(&self, agent: AgentId, holder: Holder, request: &Request) -> Outcome {
        match self.known(agent) {
            Some((agent, _)) => claim::claim(agent, &self.ledger, holder, Ask::Request(request)),
            None => gone(agent),
        }
    }

    /// Claims what is free on one agent, up to a limit: whole cores, room in pools, memory usable together, extras. Nothing runs in
    /// it; to be split, transferred and released.
    pub fn hold(&self, agent: AgentId, holder: Holder, limit: HoldLimit) -> Outcome {
        match self.known(agent) {
            Some((agent, _)) => claim::claim(agent, &self.ledger, holder, Ask::Hold(limit)),
            None => gone(agent),
        }
    }

    /// Makes a part of a claim a claim of its own, of the same owner and role. A shared request takes from the claim's
    /// share of a pool, and where that is too little, cores of the claim join the pool.
    pub fn split(&self, claim: ClaimId, owner: Owner, request: &Request) -> Outcome {
        self.split_piece(claim, owner, Piece::Request(request))
    }

    /// As [`Table::split`], with the piece said exactly.
    pub fn split_exact(&self, claim: ClaimId, owner: Owner, piece: &Placement) -> Outcome {
        self.split_piece(claim, owner, Piece::Exact(piece))
    }

    fn split_piece(&self, claim: ClaimId, owner: Owner, piece: Piece<'_>) -> Outcome {
        match self.known(claim.agent()) {
            Some((agent, _)) => split::split(agent, claim, owner, piece),
            None => gone(claim.agent()),
        }
    }

    /// Gives a claim to another owner. Its role stays.
    pub fn transfer(&self, claim: ClaimId, from: Owner, to: Owner) -> Transferred {
        match self.known(claim.agent()) {
            Some((agent, _)) => claim::transfer(agent, claim, from, to),
            None => Transferred::Gone,
        }
    }

    /// Ends a claim: exactly what it holds is free again.
    pub fn release(&self, claim: ClaimId, owner: Owner) -> Released {
        match self.known(claim.agent()) {
            Some((agent, _)) => claim::release(agent, &self.ledger, claim, owner),
            None => Released::Gone,
        }
    }

    /// What a claim holds; `None` when it is gone, or being changed at this moment.
    #[must_use]
    pub fn placement(&self, claim: ClaimId) -> Option<Placement> {
        let (agent, machine) = self.known(claim.agent())?;
        let mut parts = Vec::new();
        agent.records.read(claim.slot(), claim.generation(), |part| parts.push(part))?;
        Some(exact::placement(&machine.shape, parts.into_iter()))
    }

    /// Who holds a claim; `None` when it is gone, or being changed at this moment.
    #[must_use]
    pub fn holder(&self, claim: ClaimId) -> Option<Holder> {
        let (agent, _) = self.known(claim.agent())?;
        let (owner, role) = agent.records.read(claim.slot(), claim.generation(), |_| {})?;
        Some(Holder { owner, role })
    }

    /// The live claims on an agent. Complete when nothing is in flight.
    pub fn claims(&self, agent: AgentId) -> impl Iterator<Item = ClaimId> {
        let known = self.known(agent).map(|(agent, _)| agent);
        known.into_iter().flat_map(|agent| {
            let live = (0..agent.records.len()).filter_map(|slot| Some((slot, agent.records.header(slot)?)));
            live.filter(|(_, header)| header.state == State::Live)
                .map(|(slot, header)| ClaimId::new(agent.id, slot, header.generation))
        })
    }

    /// Restores a pool as the agent runs it. Pools come first, then exclusive claims, then shared ones, then `trim_pools`.
    ///
    /// # Errors
    /// [`RestoreError`]; the other pools and claims are not affected.
    pub fn restore_pool(
        &self,
        agent: AgentId,
        numa_node: Option<NumaNodeId>,
        pus: &[PuId],
    ) -> Result<(), RestoreError> {
        let (agent, _) = self.known(agent).ok_or(RestoreError::NoSuchAgent(agent))?;
        restore::restore_pool(agent, numa_node, pus)
    }

    /// Restores a claim that exists already, exactly; past the role's limit if need be.
    ///
    /// # Errors
    /// [`RestoreError`]; nothing is held then.
    pub fn restore(&self, agent: AgentId, holder: Holder, placement: &Placement) -> Result<crate::Grant, RestoreError> {
        let (agent, _) = self.known(agent).ok_or(RestoreError::NoSuchAgent(agent))?;
        restore::restore(agent, &self.ledger, holder, placement)
    }
}

/// Pools, placement over all agents, and the check of everything.
impl Table {
    /// The newest order of each of an agent's pools.
    #[must_use]
    pub fn pool_orders(&self, agent: AgentId) -> Vec<PoolOrder> {
        let Some((_, machine)) = self.known(agent) else { return Vec::new() };
        (0..).zip(&machine.pools).map(|(pool, _)| pooling::order(machine, pool)).collect()
    }

    /// The agent runs the order of this epoch: cores that had left the pool by then become free.
    pub fn confirm_pool(&self, agent: AgentId, numa_node: Option<NumaNodeId>, epoch: u32) -> Confirmed {
        let Some((_, machine)) = self.known(agent) else { return Confirmed::NoSuchPool };
        match machine.shape.layout.pool_of(numa_node) {
            Some(pool) => pooling::confirm(machine, pool, epoch),
            None => Confirmed::NoSuchPool,
        }
    }

    /// Lets cores that an agent's pools do not need begin to leave, as a release does; true when any did.
    pub fn trim_pools(&self, agent: AgentId) -> bool {
        let Some((_, machine)) = self.known(agent) else { return false };
        (0..).zip(&machine.pools).fold(false, |changed, (pool, _)| pooling::trim(machine, pool) || changed)
    }

    /// Finds an agent for a request and claims there.
    pub fn place(&self, holder: Holder, request: &Request, policy: Policy) -> Placed {
        place::place(&self.agents, &self.ledger, holder, request, policy)
    }

    /// Why a request of a role is pending, over all agents.
    #[must_use]
    pub fn explain(&self, role: RoleId, request: &Request) -> Explanation {
        explain::explain(&self.agents, &self.ledger, role, request)
    }

    /// Recomputes every fast figure from the records. For the quiet state only.
    ///
    /// # Errors
    /// The first contradiction.
    pub fn validate(&self) -> Result<(), ValidateError> {
        validate::validate(&self.agents, &self.ledger)
    }
}

const fn gone(agent: AgentId) -> Outcome {
    Outcome::Refused(Refusal { agent, reason: Reason::Gone })
}
