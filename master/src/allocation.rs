//! The core's table with the cluster's roles by name. Speaks the core's words only; [`convert`](crate::convert) translates.
//!
//! The state thread is the table's only user today, so nothing is ever contended; a contended outcome is passed on all the
//! same, as `None` beside the reasons, and means: ask again.

use std::collections::BTreeMap;

use meros_alloc_core::{
    AgentId, AgentState, Capacity, Confirmed, Grant, HoldLimit, Holder, Limit, NumaNodeId, Outcome, Owner, Placed,
    Placement, Policy, Refusal, Released, RoleId, Table, TableError, Transferred,
};

pub(crate) use meros_alloc_core::{ClaimId, Explanation, PoolOrder, Request, Shape};

/// Claim records for each agent, on the whole. Memory that is not used costs addresses only.
const CLAIMS_PER_AGENT: u32 = 1024;
/// Cache lines of words for each agent, on the whole: a machine of 8 L3 domains takes two.
const LINES_PER_AGENT: u32 = 32;
/// Different machines of one cluster.
const SHAPES_MAX: u16 = 4096;
/// Claim records of a table, as ids have room for.
const CLAIMS_MAX: u32 = (1 << 24) - 64;
/// The state thread, and whoever looks.
const THREADS: u16 = 4;
/// Roles of one cluster.
const ROLES_MAX: u16 = 1024;

/// Who holds what, everywhere.
#[derive(Debug)]
pub(crate) struct Allocation {
    table: Table,
    roles: BTreeMap<String, RoleId>,
}

impl Allocation {
    /// Room for so many agents.
    ///
    /// # Errors
    /// What the table refuses, as its own text.
    pub(crate) fn new(agents_max: u32) -> Result<Self, TableError> {
        let capacity = Capacity {
            shards: 1,
            agents: agents_max,
            lines: agents_max.saturating_mul(LINES_PER_AGENT),
            claims: agents_max.saturating_mul(CLAIMS_PER_AGENT).min(CLAIMS_MAX),
            roles: ROLES_MAX,
            threads: THREADS,
            shapes: SHAPES_MAX,
        };
        Ok(Self { table: Table::new(capacity)?, roles: BTreeMap::new() })
    }

    pub(crate) fn add_agent(&mut self, shape: Shape) -> Result<AgentId, TableError> {
        self.table.add_agent(shape)
    }

    /// Forgets an agent and every claim on it.
    pub(crate) fn remove_agent(&mut self, agent: AgentId) {
        if let Err(error) = self.table.remove_agent(agent) {
            tracing::error!(%agent, %error, "removing an agent");
        }
    }

    /// Whether new claims may land on the agent.
    pub(crate) fn set_active(&mut self, agent: AgentId, active: bool) {
        let state = if active { AgentState::Active } else { AgentState::Inactive };
        if let Err(error) = self.table.set_state(agent, state) {
            tracing::error!(%agent, %error, "activating an agent");
        }
    }

    /// Places a request wherever it fits best.
    ///
    /// # Errors
    /// Why it fits nowhere, agent by agent.
    pub(crate) fn place(
        &mut self,
        owner: Owner,
        role: &str,
        request: &Request,
    ) -> Result<Grant, Option<Box<Explanation>>> {
        let role = self.role(role).ok_or(None)?;
        match self.table.place(Holder { owner, role }, request, Policy::Pack) {
            Placed::Granted(grant) => Ok(grant),
            Placed::Refused(_) => Err(Some(Box::new(self.table.explain(role, request)))),
            Placed::Contended { .. } => Err(None),
        }
    }

    /// Holds everything free on one agent.
    pub(crate) fn hold(&mut self, agent: AgentId, owner: Owner, role: &str) -> Option<Grant> {
        let role = self.role(role)?;
        granted(self.table.hold(agent, Holder { owner, role }, HoldLimit::ALL)).ok()
    }

    /// Takes a request out of a held claim.
    ///
    /// # Errors
    /// Why the held claim does not have it.
    pub(crate) fn split(&self, held: ClaimId, owner: Owner, request: &Request) -> Result<Grant, Option<Refusal>> {
        granted(self.table.split(held, owner, request))
    }

    /// Gives a claim to another owner.
    pub(crate) fn transfer(&self, claim: ClaimId, from: Owner, to: Owner) -> bool {
        matches!(self.table.transfer(claim, from, to), Transferred::Transferred)
    }

    /// Gives a claim back. True when a pool changed.
    pub(crate) fn release(&self, claim: ClaimId, owner: Owner) -> bool {
        match self.table.release(claim, owner) {
            Released::Released { pools_changed, .. } => pools_changed,
            outcome => {
                // A claim that is not there, or not ours, is a mistake of the reactor's: keep serving, but say so loudly.
                tracing::error!(%claim, ?outcome, "releasing a claim");
                false
            }
        }
    }

    /// Exactly what a claim holds.
    pub(crate) fn placement(&self, claim: ClaimId) -> Option<Placement> {
        self.table.placement(claim)
    }

    /// Takes exactly what runs already.
    pub(crate) fn restore(&mut self, agent: AgentId, owner: Owner, role: &str, held: &Placement) -> Option<Grant> {
        let role = self.role(role)?;
        match self.table.restore(agent, Holder { owner, role }, held) {
            Ok(grant) => Some(grant),
            Err(error) => {
                tracing::warn!(%agent, %error, "what an agent runs does not fit what is known of it");
                None
            }
        }
    }

    /// Takes the pool of an agent that comes with pods.
    pub(crate) fn restore_pool(&mut self, agent: AgentId, order: &PoolOrder) {
        if let Err(error) = self.table.restore_pool(agent, order.numa_node, &order.pus) {
            tracing::warn!(%agent, %error, "a pool that an agent reports does not fit what is known of it");
        }
    }

    /// Lets cores go that no shared pod needs. True when a pool changed.
    pub(crate) fn trim_pools(&self, agent: AgentId) -> bool {
        self.table.trim_pools(agent)
    }

    /// The agent's pools as they should be.
    pub(crate) fn pool_orders(&self, agent: AgentId) -> Vec<PoolOrder> {
        self.table.pool_orders(agent)
    }

    /// The agent carried an order out. True when cores became free by it.
    pub(crate) fn confirm_pool(&self, agent: AgentId, pool: Option<NumaNodeId>, epoch: u32) -> bool {
        matches!(self.table.confirm_pool(agent, pool, epoch), Confirmed::Freed { pus } if pus > 0)
    }

    /// What a role's claims charge now, in thousandths of a PU: who has least is offered first.
    pub(crate) fn role_cpu_milli(&self, role: &str) -> u64 {
        let id = self.roles.get(role).copied();
        id.and_then(|role| self.table.role_used(role)).map_or(0, |used| used.cpu_milli)
    }

    /// Every claim there is, ascending.
    pub(crate) fn claims(&self) -> Vec<ClaimId> {
        let mut claims: Vec<ClaimId> = self.table.claims().collect();
        claims.sort_unstable();
        claims
    }

    /// Every fast figure against slow truth.
    ///
    /// # Errors
    /// The first that differs.
    pub(crate) fn validate(&self) -> Result<(), String> {
        self.table.validate().map_err(|error| error.to_string())
    }

    /// Whether claims can be charged to a role: it is known, or there is room for one more.
    pub(crate) fn admits_role(&mut self, name: &str) -> bool {
        self.role(name).is_some()
    }

    /// The role by name; made when new. `None` when the table has room for no more.
    fn role(&mut self, name: &str) -> Option<RoleId> {
        if let Some(role) = self.roles.get(name) {
            return Some(*role);
        }
        let role = self.table.add_role(Limit::default()).ok()?;
        self.roles.insert(name.to_owned(), role);
        Some(role)
    }
}

fn granted(outcome: Outcome) -> Result<Grant, Option<Refusal>> {
    match outcome {
        Outcome::Granted(grant) => Ok(grant),
        Outcome::Refused(refusal) => Err(Some(refusal)),
        Outcome::Contended(_) => Err(None),
    }
}
