//! Agents of an allocator: they come, open and close, change and go.

use crate::allocator::Allocator;
use crate::allocator::agents::{AgentAt, NO_OFFER};
use crate::allocator::error::AllocatorError;
use crate::attributes::Attributes;
use crate::ids::AgentId;
use crate::reason::Resource;
use crate::shape::Shape;
use crate::shard::AgentState;

impl Allocator {
    /// Adds an agent to the table and offers what it has from the next cycle on.
    ///
    /// # Errors
    /// What the table says.
    pub fn add_agent(&mut self, shape: Shape, attributes: Attributes) -> Result<AgentId, AllocatorError> {
        let agent = self.table().add_agent_with(shape, attributes)?;
        self.know(agent)?;
        Ok(agent)
    }

    /// Brings a removed agent back, as a new incarnation.
    ///
    /// # Errors
    /// What the table says.
    pub fn return_agent(&mut self, agent: AgentId, shape: Shape, attributes: Attributes) -> Result<(), AllocatorError> {
        self.table().return_agent(agent, shape)?;
        self.table().set_attributes(agent, attributes)?;
        self.know(agent)
    }

    /// Learns of an agent that was added to the table itself.
    ///
    /// # Errors
    /// [`AllocatorError::NoSuchAgent`].
    pub fn know(&mut self, agent: AgentId) -> Result<(), AllocatorError> {
        if self.agents.get(agent.get()).is_some() {
            self.forget(agent);
        }
        self.agents.add(self.local.table(), agent).ok_or(AllocatorError::NoSuchAgent(agent))?;
        let total = self.agents.total(agent.get());
        self.totals.add(&total);
        self.tell_totals();
        self.select_agent(agent.get());
        Ok(())
    }

    /// Removes an agent and all claims on it.
    ///
    /// # Errors
    /// What the table says.
    pub fn remove_agent(&mut self, agent: AgentId) -> Result<(), AllocatorError> {
        self.forget(agent);
        self.table().remove_agent(agent)?;
        Ok(())
    }

    /// What is offered of an agent is over, what was claimed is refunded, and it is not known any more.
    fn forget(&mut self, agent: AgentId) {
        let at = agent.get();
        if self.agents.get(at).is_none() {
            return;
        }
        let total = self.agents.total(at);
        self.withdraw(at);
        self.totals.sub(&total);
        self.tell_totals();
        self.filters.remove_agent(at);
        self.refund_agent(agent);
        self.agents.remove(at);
    }

    /// Tells the order what the cluster has.
    fn tell_totals(&mut self) {
        for (place, resource) in self.local.table().resources().into_iter().enumerate() {
            self.order.set_total(place, self.totals.0[place]);
            // Which number or item one has says little of how much.
            self.order.exclude(place, matches!(resource, Resource::Range(_) | Resource::Set(_)));
        }
    }

    /// Whether an agent is offered and takes claims: it is connected, or it is not, or it is to be emptied. Its offers are over
    /// unless it is active.
    ///
    /// # Errors
    /// [`AllocatorError::NoSuchAgent`]; what the table says.
    pub fn set_agent_state(&mut self, agent: AgentId, state: AgentState) -> Result<(), AllocatorError> {
        let at = agent.get();
        if self.agents.get(at).is_none() {
            return Err(AllocatorError::NoSuchAgent(agent));
        }
        let open = state == AgentState::Active;
        if open && self.agents.entry(at).is_open {
            return Ok(());
        }
        self.withdraw(at);
        self.table().set_state(agent, state)?;
        self.agents.entry_mut(at).is_open = open;
        self.agents.put_available(at, false);
        self.agents.mark(at);
        Ok(())
    }

    /// Tells other attributes of an agent. Filters against it are dropped.
    ///
    /// # Errors
    /// What the table says.
    pub fn set_attributes(&mut self, agent: AgentId, attributes: Attributes) -> Result<(), AllocatorError> {
        self.table().set_attributes(agent, attributes)?;
        self.filters.remove_agent(agent.get());
        self.select_agent(agent.get());
        Ok(())
    }

    /// Something was released on an agent by a call to the table itself: it is looked at in the next cycle.
    pub fn changed(&mut self, agent: AgentId) {
        self.agents.mark(agent.get());
    }

    /// Ends all offers of an agent without waiting for an answer.
    fn withdraw(&mut self, at: AgentAt) {
        let entry = self.agents.entry(at);
        if entry.whole == NO_OFFER && entry.partial == 0 {
            return;
        }
        for offer in self.offers.of_agent(at) {
            self.withdraw_offer(offer);
        }
    }
}
