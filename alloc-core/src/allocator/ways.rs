//! The other two ways in: place, and claim on a chosen agent. They charge the same roles as offers do.

use crate::allocator::Allocator;
use crate::allocator::claims::CountedFor;
use crate::allocator::error::AllocatorError;
use crate::claim::{Ask, Holder};
use crate::ids::{AgentId, ClaimId, FrameworkId, Owner, RoleId};
use crate::outcome::{Grant, Outcome};
use crate::place::Placed;
use crate::placement::Placement;
use crate::request::{Policy, Request};

/// For whom something is claimed or placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimant {
    /// Whose the claim is to be.
    pub owner: Owner,
    /// Which role is charged.
    pub role: RoleId,
    /// The framework in the role whose share it counts for; `None` for the role itself.
    pub framework: Option<FrameworkId>,
}

impl Allocator {
    /// Claims what is asked on one agent, all or nothing.
    ///
    /// # Errors
    /// [`AllocatorError::NoSuchRole`]; [`AllocatorError::NotSubscribed`]; [`AllocatorError::Guaranteed`]; [`AllocatorError::Credit`].
    pub fn claim(&mut self, agent: AgentId, claimant: Claimant, request: &Request) -> Result<Outcome, AllocatorError> {
        let of = self.counted_for(claimant)?;
        self.may_place(claimant.role, request)?;
        let holder = Holder { owner: claimant.owner, role: claimant.role };
        let outcome = self.local.caller().claim(agent, holder, Ask::Request(request));
        if let Outcome::Granted(grant) = outcome {
            self.count_claim(grant.claim, of);
            self.agents.mark(agent.get());
        } else {
            self.give_credit_back(claimant.role, request);
        }
        Ok(outcome)
    }

    /// Finds an agent for a request and claims there.
    ///
    /// # Errors
    /// As [`Allocator::claim`].
    pub fn place(&mut self, claimant: Claimant, request: &Request, policy: Policy) -> Result<Placed, AllocatorError> {
        let of = self.counted_for(claimant)?;
        self.may_place(claimant.role, request)?;
        let holder = Holder { owner: claimant.owner, role: claimant.role };
        let placed = self.local.place(holder, request, policy);
        if let Placed::Granted(grant) = placed {
            self.count_claim(grant.claim, of);
            self.agents.mark(grant.claim.agent().get());
        } else {
            self.give_credit_back(claimant.role, request);
        }
        Ok(placed)
    }

    /// Restores a claim that exists already, exactly; past any limit. Pools come first, by
    /// [`Table::restore_pool`](crate::Table::restore_pool).
    ///
    /// # Errors
    /// [`AllocatorError::NoSuchRole`]; [`AllocatorError::NotSubscribed`]; [`AllocatorError::Restore`], and nothing is held then.
    pub fn restore(
        &mut self,
        agent: AgentId,
        claimant: Claimant,
        placement: &Placement,
    ) -> Result<Grant, AllocatorError> {
        let of = self.counted_for(claimant)?;
        let holder = Holder { owner: claimant.owner, role: claimant.role };
        let grant = self.table().restore(agent, holder, placement).map_err(AllocatorError::Restore)?;
        self.count_claim(grant.claim, of);
        self.agents.mark(agent.get());
        Ok(grant)
    }

    /// Makes a claim hold what the request says, as [`Table::resize`](crate::Table::resize).
    pub fn resize(&mut self, claim: ClaimId, owner: Owner, request: &Request) -> Outcome {
        let outcome = if self.reservations.is_home(claim) {
            self.resize_at_home(claim, owner, request)
        } else {
            self.table().resize(claim, owner, request)
        };
        if matches!(outcome, Outcome::Granted(_)) {
            self.count_again(claim);
            self.came_back_to(claim.agent());
        }
        outcome
    }

    pub(crate) fn counted_for(&self, claimant: Claimant) -> Result<CountedFor, AllocatorError> {
        let Claimant { role, framework, .. } = claimant;
        self.role(role).ok_or(AllocatorError::NoSuchRole(role))?;
        let Some(framework) = framework else { return Ok(CountedFor::Role(role)) };
        let sub = self.find(framework, role).ok_or(AllocatorError::NotSubscribed(framework, role))?;
        Ok(CountedFor::Subscription(sub))
    }
}
