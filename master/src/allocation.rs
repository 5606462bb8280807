//! The core's allocator with the cluster's roles by name. Speaks the core's words only; [`convert`](crate::convert) translates.
//!
//! A role's name is a path: `eng/backend` is a role below `eng`, and both are made when the first of them is named.
//!
//! The state thread is the table's only user today, so nothing is ever contended; what is all the same is tried again by the
//! allocator, or passed on as a refusal.

use std::collections::BTreeMap;
use std::sync::Arc;

use meros_alloc_core::{
    AgentState, Attributes, Capacity, Claimant, Confirmed, FrameworkId, Grant, NumaNodeId, OfferId, OfferView,
    Operation, Owner, Policy as PlacePolicy, Released, RoleId, RoleSpec, Rules, Subscription, Table,
};

pub(crate) use meros_alloc_core::{
    Accepted, AgentId, Allocator, ClaimId, Event, Explanation, InvalidOffers, Outcome, Placement as CorePlacement,
    PoolOrder, Request, Shape, WaitId,
};

use crate::config::Policy;

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

/// For whom something is claimed: its owner, the role that is charged, and the framework whose share there it counts for;
/// `None` for the role alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct For<'a> {
    pub(crate) owner: Owner,
    pub(crate) role: &'a str,
    pub(crate) framework: Option<FrameworkId>,
}

/// Who holds what, everywhere, and who gets what is free.
#[derive(Debug)]
pub(crate) struct Allocation {
    allocator: Allocator,
    roles: BTreeMap<String, RoleId>,
    names: BTreeMap<RoleId, String>,
}

impl Allocation {
    /// Room for as many agents as the policy says.
    ///
    /// # Errors
    /// What the table refuses, as its own text.
    pub(crate) fn new(policy: &Policy) -> Result<Self, String> {
        let agents = policy.agents_max;
        let capacity = Capacity {
            shards: 1,
            agents,
            lines: agents.saturating_mul(LINES_PER_AGENT),
            claims: agents.saturating_mul(CLAIMS_PER_AGENT).min(CLAIMS_MAX),
            roles: ROLES_MAX,
            threads: THREADS,
            shapes: SHAPES_MAX,
        };
        let table = Table::new(capacity).map_err(|error| error.to_string())?;
        let allocator = Allocator::new(Arc::new(table), rules(policy)).map_err(|error| error.to_string())?;
        Ok(Self { allocator, roles: BTreeMap::new(), names: BTreeMap::new() })
    }

    pub(crate) fn add_agent(&mut self, shape: Shape) -> Result<AgentId, String> {
        self.allocator.add_agent(shape, Attributes::default()).map_err(|error| error.to_string())
    }

    /// Forgets an agent and every claim on it.
    pub(crate) fn remove_agent(&mut self, agent: AgentId) {
        if let Err(error) = self.allocator.remove_agent(agent) {
            tracing::error!(%agent, %error, "removing an agent");
        }
    }

    /// Whether new claims may land on the agent. Its offers are over when they may not.
    pub(crate) fn set_active(&mut self, agent: AgentId, active: bool) {
        let state = if active { AgentState::Active } else { AgentState::Inactive };
        if let Err(error) = self.allocator.set_agent_state(agent, state) {
            tracing::error!(%agent, %error, "activating an agent");
        }
    }

    /// Takes exactly what runs already.
    pub(crate) fn restore(&mut self, agent: AgentId, of: For<'_>, held: &CorePlacement) -> Option<Grant> {
        let claimant = self.claimant(of)?;
        match self.allocator.restore(agent, claimant, held) {
            Ok(grant) => Some(grant),
            Err(error) => {
                tracing::warn!(%agent, %error, "what an agent runs does not fit what is known of it");
                None
            }
        }
    }

    /// Gives a claim back. True when a pool changed.
    pub(crate) fn release(&mut self, claim: ClaimId, owner: Owner) -> bool {
        match self.allocator.release(claim, owner) {
            Released::Released { pools_changed, .. } => pools_changed,
            outcome => {
                // A claim that is not there, or not ours, is a mistake of the reactor's: keep serving, but say so loudly.
                tracing::error!(%claim, ?outcome, "releasing a claim");
                false
            }
        }
    }

    /// Exactly what a claim holds.
    pub(crate) fn placement(&self, claim: ClaimId) -> Option<CorePlacement> {
        self.allocator.table().placement(claim)
    }

    /// Every claim that was made for somebody, ascending.
    pub(crate) fn claims(&self) -> Vec<ClaimId> {
        let mut claims: Vec<ClaimId> = self.allocator.claims().collect();
        claims.sort_unstable();
        claims
    }

    /// Every fast figure against slow truth, and that each of the table's claims is somebody's or an offer's.
    ///
    /// # Errors
    /// The first that differs.
    pub(crate) fn validate(&self) -> Result<(), String> {
        self.allocator.validate()?;
        let mut known: Vec<ClaimId> = self.allocator.claims().chain(self.allocator.offer_claims()).collect();
        let mut held: Vec<ClaimId> = self.allocator.table().claims().collect();
        known.sort_unstable();
        held.sort_unstable();
        if known == held {
            return Ok(());
        }
        Err(format!("the allocator counts {known:?}, and the table holds {held:?}"))
    }
}

/// Frameworks.
impl Allocation {
    /// Puts a framework into its roles and out of those it had before, connected, with no filters of before.
    pub(crate) fn subscribe(
        &mut self,
        framework: FrameworkId,
        before: &[String],
        roles: &[String],
        suppressed: bool,
    ) {
        for left in before.iter().filter(|role| !roles.contains(role)) {
            let Some(role) = self.role(left) else { continue };
            told(self.allocator.unsubscribe(framework, role));
        }
        for name in roles {
            let Some(role) = self.role(name) else { continue };
            if before.contains(name) {
                told(self.allocator.revive(framework, role));
                if suppressed {
                    told(self.allocator.suppress(framework, role));
                }
            } else {
                let subscription = Subscription { suppressed, ..Subscription::default() };
                told(self.allocator.subscribe(framework, role, subscription));
            }
        }
        told(self.allocator.activate(framework));
    }

    /// A framework's connection is gone: nobody will answer its offers.
    pub(crate) fn deactivate(&mut self, framework: FrameworkId) {
        told(self.allocator.deactivate(framework));
    }

    /// Forgets a framework; its claims count for their roles.
    pub(crate) fn remove_framework(&mut self, framework: FrameworkId) {
        told(self.allocator.remove_framework(framework));
    }

    /// Offers a framework nothing in any of its roles.
    pub(crate) fn suppress(&mut self, framework: FrameworkId, roles: &[String]) {
        for role in roles.iter().filter_map(|name| self.roles.get(name)) {
            told(self.allocator.suppress(framework, *role));
        }
    }

    /// Offers it what it is due in all of its roles, whatever it filtered before.
    pub(crate) fn revive(&mut self, framework: FrameworkId, roles: &[String]) {
        for role in roles.iter().filter_map(|name| self.roles.get(name)) {
            told(self.allocator.revive(framework, *role));
        }
    }

    /// Offers that are out to a framework.
    pub(crate) fn offers_of(&self, framework: FrameworkId) -> usize {
        self.allocator.offers_of(framework)
    }

    /// Offers that are out.
    pub(crate) const fn offers_out(&self) -> usize {
        self.allocator.offers_out()
    }

    /// The role that an offer to this framework is in.
    pub(crate) fn offer_role(&self, framework: FrameworkId, offer: OfferId) -> Option<&str> {
        let view = self.allocator.offer_view(offer).filter(|view| view.framework == framework)?;
        self.names.get(&view.role).map(String::as_str)
    }

    /// Claims what offers of one agent hold, launch by launch; the rest is free, and filtered for `refuse_ms`.
    ///
    /// # Errors
    /// [`InvalidOffers`]; those of them that were valid are over.
    pub(crate) fn accept(
        &mut self,
        framework: FrameworkId,
        offers: &[OfferId],
        launches: &[Operation],
        refuse_ms: u64,
        now_ms: u64,
    ) -> Result<Accepted, InvalidOffers> {
        self.allocator.accept(framework, offers, launches, Some(refuse_ms), now_ms)
    }

    /// Gives offers back. How many were not out any more.
    pub(crate) fn decline(
        &mut self,
        framework: FrameworkId,
        offers: &[OfferId],
        refuse_ms: u64,
        now_ms: u64,
    ) -> usize {
        self.allocator.decline(framework, offers, Some(refuse_ms), now_ms)
    }
}

/// The cycle.
impl Allocation {
    /// Lets a request wait until it is placed: [`Event::Placed`]. `None` when there is no room for its role.
    pub(crate) fn wait(&mut self, of: For<'_>, request: Request, now_ms: u64) -> Option<WaitId> {
        let claimant = self.claimant(of)?;
        self.allocator.wait(claimant, request, PlacePolicy::Pack, now_ms).inspect_err(|error| told_of(error)).ok()
    }

    /// Ends a wait.
    pub(crate) fn stop_waiting(&mut self, wait: WaitId) {
        self.allocator.stop_waiting(wait);
    }

    /// Why a request of a role waits.
    pub(crate) fn explain(&self, role: &str, request: &Request) -> Option<Explanation> {
        let role = self.roles.get(role)?;
        Some(self.allocator.table().explain(*role, request))
    }

    /// Places what waits, and offers what is left to the neediest; tells each offer, with its role's name.
    pub(crate) fn offer(&mut self, now_ms: u64, mut each: impl FnMut(&OfferView<'_>, &str)) -> usize {
        let names = &self.names;
        self.allocator.offer(now_ms, |offer| each(offer, names.get(&offer.role).map_or("", String::as_str)))
    }

    /// What came about since the last call.
    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        self.allocator.take_events()
    }

    /// When [`offer`](Self::offer) has something to do, though nothing happens.
    pub(crate) fn next_deadline_ms(&self) -> Option<u64> {
        self.allocator.next_deadline_ms()
    }
}

/// Pools.
impl Allocation {
    /// Takes the pool of an agent that comes with pods.
    pub(crate) fn restore_pool(&mut self, agent: AgentId, order: &PoolOrder) {
        if let Err(error) = self.allocator.table().restore_pool(agent, order.numa_node, &order.pus) {
            tracing::warn!(%agent, %error, "a pool that an agent reports does not fit what is known of it");
        }
        self.allocator.changed(agent);
    }

    /// Lets cores go that no shared pod needs.
    pub(crate) fn trim_pools(&mut self, agent: AgentId) {
        self.allocator.table().trim_pools(agent);
        self.allocator.changed(agent);
    }

    /// The agent's pools as they should be.
    pub(crate) fn pool_orders(&self, agent: AgentId) -> Vec<PoolOrder> {
        self.allocator.table().pool_orders(agent)
    }

    /// The agent carried an order out. True when cores became free by it.
    pub(crate) fn confirm_pool(&mut self, agent: AgentId, pool: Option<NumaNodeId>, epoch: u32) -> bool {
        let freed =
            matches!(self.allocator.table().confirm_pool(agent, pool, epoch), Confirmed::Freed { pus } if pus > 0);
        if freed {
            self.allocator.changed(agent);
        }
        freed
    }
}

/// Roles.
impl Allocation {
    /// Whether claims can be charged to a role: it is known, or there is room for one more.
    pub(crate) fn admits_role(&mut self, name: &str) -> bool {
        self.role(name).is_some()
    }

    fn claimant(&mut self, of: For<'_>) -> Option<Claimant> {
        Some(Claimant { owner: of.owner, role: self.role(of.role)?, framework: of.framework })
    }

    /// The role by name; made when new, and before it those above it. `None` when the table has room for no more.
    fn role(&mut self, name: &str) -> Option<RoleId> {
        if let Some(role) = self.roles.get(name) {
            return Some(*role);
        }
        let mut parent = None;
        let ends = name.match_indices('/').map(|(at, _)| at).chain([name.len()]);
        for path in ends.map(|end| &name[..end]) {
            let known = self.roles.get(path).copied();
            let role = match known {
                Some(role) => role,
                None => self.allocator.add_role(RoleSpec { parent, ..RoleSpec::default() }).ok()?,
            };
            if known.is_none() {
                self.roles.insert(path.to_owned(), role);
                self.names.insert(role, path.to_owned());
            }
            parent = Some(role);
        }
        parent
    }
}

/// The policy's times as the allocator takes them.
fn rules(policy: &Policy) -> Rules {
    Rules {
        min_hold_ms: policy.min_hold_ms,
        rescind_grace_ms: policy.rescind_grace_ms,
        offer_timeout_ms: policy.offer_timeout_ms,
        offer_window_ms: policy.offer_window_ms,
        refuse_ms: policy.refuse_ms,
        refuse_ms_max: policy.refuse_ms_max,
        ..Rules::default()
    }
}

/// What the allocator says no to is a mistake of the reactor's: keep serving, but say so loudly.
fn told(outcome: Result<(), meros_alloc_core::AllocatorError>) {
    if let Err(error) = outcome {
        told_of(&error);
    }
}

fn told_of(error: &meros_alloc_core::AllocatorError) {
    tracing::error!(%error, "allocating");
}
