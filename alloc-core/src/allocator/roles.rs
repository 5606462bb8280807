//! Roles: the tree of who is charged, with weights.

use crate::allocator::error::AllocatorError;
use crate::allocator::order::{NodeId, Weight};
use crate::allocator::{Allocator, Event};
use crate::ids::{AgentId, RoleId};
use crate::ledger::Limit;

/// Which CPU a role's frameworks are offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CpuKind {
    /// Whole cores, and room in shared pools.
    #[default]
    Any,
    /// Whole cores only.
    Exclusive,
    /// What shared pools are or could become.
    Shared,
}

/// What a role is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleSpec {
    /// The role above it; `None` for a top role.
    pub parent: Option<RoleId>,
    /// Its part beside its siblings, in thousandths: 1000 is the weight of one.
    pub weight_milli: u32,
    /// Which CPU its frameworks are offered.
    pub cpu: CpuKind,
}

impl Default for RoleSpec {
    fn default() -> Self {
        Self { parent: None, weight_milli: 1000, cpu: CpuKind::Any }
    }
}

/// A role.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Role {
    pub(crate) node: NodeId,
    pub(crate) parent: Option<RoleId>,
    pub(crate) weight_milli: u32,
    pub(crate) cpu: CpuKind,
    /// Subscriptions and roles below it.
    pub(crate) children: u32,
}

impl Allocator {
    /// Adds a role.
    ///
    /// # Errors
    /// [`AllocatorError::NoSuchRole`] for the parent; [`AllocatorError::NoWeight`]; what the table says.
    pub fn add_role(&mut self, spec: RoleSpec) -> Result<RoleId, AllocatorError> {
        let weight = Weight::from_milli(spec.weight_milli).ok_or(AllocatorError::NoWeight)?;
        let above = match spec.parent {
            Some(parent) => self.role(parent).ok_or(AllocatorError::NoSuchRole(parent))?.node,
            None => self.order.root(),
        };
        let role = match spec.parent {
            Some(_parent) => self.table().add_role(Limit::default())?,
            None => self.table().add_role(Limit::default())?,
        };
        let node = self.order.add_role(above, weight);
        if self.roles.len() <= role.index() {
            self.roles.resize(role.index() + 1, None);
        }
        let RoleSpec { parent, weight_milli, cpu } = spec;
        self.roles[role.index()] = Some(Role { node, parent, weight_milli, cpu, children: 0 });
        if let Some(parent) = spec.parent {
            self.count_child(parent, 1);
        }
        Ok(role)
    }

    pub(crate) fn count_child(&mut self, role: RoleId, by: i32) {
        if let Some(Some(role)) = self.roles.get_mut(role.index()) {
            role.children = role.children.saturating_add_signed(by);
        }
    }

    /// Changes a role's weight; it counts from the next cycle on.
    ///
    /// # Errors
    /// [`AllocatorError::NoSuchRole`]; [`AllocatorError::NoWeight`].
    pub fn set_weight(&mut self, role: RoleId, weight_milli: u32) -> Result<(), AllocatorError> {
        let weight = Weight::from_milli(weight_milli).ok_or(AllocatorError::NoWeight)?;
        let known = self.roles.get_mut(role.index()).and_then(Option::as_mut);
        let known = known.ok_or(AllocatorError::NoSuchRole(role))?;
        known.weight_milli = weight_milli;
        self.order.set_weight(known.node, weight);
        Ok(())
    }

    /// A role's weight in thousandths.
    #[must_use]
    pub fn weight_milli(&self, role: RoleId) -> Option<u32> {
        self.role(role).map(|role| role.weight_milli)
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.events.push(event);
    }

    pub(crate) fn tell_pools(&mut self, agent: AgentId, changed: bool) {
        if changed {
            self.tell(Event::PoolsChanged { agent });
        }
    }
}
