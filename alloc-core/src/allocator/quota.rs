//! Quota: guarantees, that offers are made for first and that others leave room for, and limits, that nobody goes beyond.
//!
//! **Limits** are the table's: every claim is charged against them, up the tree. An offer in a role with a limit is therefore a
//! claim, cut down to what the limits leave, never a closed agent, which nobody is charged for.
//!
//! **Guarantees** are the allocator's. What a role *needs* is what it is guaranteed and does not have, or what the roles below it
//! need together, if that is more. First, roles that need something are offered that much, neediest role first. Then all are offered
//! what is left, but for the *headroom*: of what is available, as much stays as the others need.

use crate::allocator::Allocator;
use crate::allocator::amounts::{Amounts, MAX_RESOURCES};
use crate::allocator::error::AllocatorError;
use crate::allocator::frameworks::SubAt;
use crate::ids::RoleId;
use crate::reason::Resource;

/// No bound.
pub(crate) const UNBOUNDED: Amounts = Amounts([u64::MAX; MAX_RESOURCES]);

/// What may be offered to a subscription at this moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) amounts: Amounts,
    /// Whether it is to be charged in the table: there is a limit.
    pub(crate) is_charged: bool,
}

/// What all roles need of their guarantees.
#[derive(Clone, Debug, Default)]
pub(crate) struct Needs {
    /// By role, with all below it.
    of: Vec<Amounts>,
    /// Of all top roles together.
    pub(crate) all: Amounts,
    /// What all roles are guaranteed together, whether they have it or not.
    pub(crate) guaranteed: Amounts,
}

impl Allocator {
    /// Guarantees a role so much of a resource, in its unit, if there is as much in the cluster; what is told in bytes is rounded down
    /// to pages or blocks. 0: nothing.
    ///
    /// # Errors
    /// [`AllocatorError::NoSuchRole`]; what the table says.
    pub fn set_guarantee(&mut self, role: RoleId, resource: Resource, amount: u64) -> Result<(), AllocatorError> {
        self.role(role).ok_or(AllocatorError::NoSuchRole(role))?;
        let place = self.table().place_of(resource)?;
        if let Some(Some(role)) = self.roles.get_mut(role.index()) {
            role.guarantee.0[place] = amount / resource.unit();
        }
        let mut guaranteed = Amounts::ZERO;
        self.roles.iter().flatten().for_each(|role| guaranteed.add(&role.guarantee));
        (self.is_guaranteed, self.needs.guaranteed) = (!guaranteed.is_zero(), guaranteed);
        self.see_needs();
        Ok(())
    }

    /// Limits a role to so much of a resource, in its unit; `None`: no limit. It holds for claims and for offers, and what the role has
    /// stays.
    ///
    /// # Errors
    /// [`AllocatorError::NoSuchRole`]; what the table says.
    pub fn set_limit(&mut self, role: RoleId, resource: Resource, limit: Option<u64>) -> Result<(), AllocatorError> {
        self.role(role).ok_or(AllocatorError::NoSuchRole(role))?;
        self.table().set_limit_of(role, resource, limit)?;
        let place = self.table().place_of(resource)?;
        if let Some(Some(role)) = self.roles.get_mut(role.index()) {
            role.limit.0[place] = limit.map_or(u64::MAX, |limit| limit / resource.unit());
        }
        self.is_limited = self.roles.iter().flatten().any(|role| role.limit != UNBOUNDED);
        self.charge_offers_below(role);
        self.waits.try_all = true;
        Ok(())
    }

    /// What a role is guaranteed of a resource, in its unit.
    #[must_use]
    pub fn guarantee(&self, role: RoleId, resource: Resource) -> Option<u64> {
        let place = self.table().resource_place(resource);
        self.role(role).map(|role| place.map_or(0, |place| role.guarantee.0[place].saturating_mul(resource.unit())))
    }

    /// Offers of closed agents in a role that has a limit now become claims; one that the limit forbids is over.
    fn charge_offers_below(&mut self, role: RoleId) {
        for at in self.offers.whole() {
            let sub = self.offers.get(at).and_then(|offer| self.subscriptions.get(offer.sub));
            let is_below = sub.is_some_and(|sub| self.path(sub.role).any(|above| above == role));
            if is_below && !self.part_whole(at) {
                self.withdraw_offer(at);
            }
        }
    }

    /// A role and those above it.
    pub(crate) fn path(&self, role: RoleId) -> impl Iterator<Item = RoleId> + '_ {
        core::iter::successors(Some(role), |role| self.role(*role)?.parent)
    }

    /// What may be offered to a subscription, by limits and by what others are guaranteed.
    #[inline]
    pub(crate) fn room_of(&self, sub: SubAt) -> Room {
        let mut room = self.limits_of(sub);
        if self.is_guaranteed
            && let Some(sub) = self.subscriptions.get(sub)
        {
            room.amounts = room.amounts.min(&self.unguarded(sub.role));
        }
        room
    }

    /// What the limits of a subscription's role, and of those above, leave.
    pub(crate) fn limits_of(&self, sub: SubAt) -> Room {
        let mut room = Room { amounts: UNBOUNDED, is_charged: false };
        let Some(role) = self.subscriptions.get(sub).map(|sub| sub.role) else { return room };
        for id in self.path(role) {
            let Some(role) = self.role(id).filter(|role| role.limit != UNBOUNDED) else { continue };
            let used = self.table().role_used_amounts(id).unwrap_or(Amounts::ZERO);
            room.is_charged = true;
            for (room, (limit, used)) in room.amounts.0.iter_mut().zip(role.limit.0.into_iter().zip(used.0)) {
                if limit != u64::MAX {
                    *room = (*room).min(limit.saturating_sub(used));
                }
            }
        }
        room
    }

    /// What is available and nobody but a role needs of it for a guarantee.
    pub(crate) fn unguarded(&self, role: RoleId) -> Amounts {
        let mut others = self.needs.all;
        // A top role's own need is its to meet.
        if let Some(own) = self.path(role).last().and_then(|top| self.needs.of.get(top.index())) {
            others.sub(own);
        }
        let mut left = self.agents.free();
        for ((left, others), total) in left.0.iter_mut().zip(others.0).zip(self.totals.0) {
            // What nobody has is nobody's to leave.
            *left = if others == 0 || total == 0 { u64::MAX } else { left.saturating_sub(others) };
        }
        left
    }

    /// What each role needs, by what it has now.
    pub(crate) fn see_needs(&mut self) {
        let mut of = core::mem::take(&mut self.needs.of);
        of.clear();
        of.resize(self.roles.len(), Amounts::ZERO);
        let mut all = Amounts::ZERO;
        // Roles below come after those above.
        for at in (0..self.roles.len()).rev() {
            let Some(role) = self.roles[at] else { continue };
            let mut need = role.guarantee;
            need.sub(&self.order.used(role.node));
            need = need.max(&of[at]);
            of[at] = need;
            match role.parent {
                Some(parent) => of[parent.index()].add(&need),
                None => all.add(&need),
            }
        }
        (self.needs.of, self.needs.all) = (of, all);
    }

    /// The roles that need something of their own guarantee, neediest first.
    pub(crate) fn needing(&self) -> Vec<RoleId> {
        let roles = (0..).map(RoleId::new).zip(&self.roles);
        let needing = roles.filter_map(|(id, role)| {
            let role = (*role)?;
            let mut need = role.guarantee;
            need.sub(&self.order.used(role.node));
            (!need.is_zero()).then_some((self.order.share_by_weight(role.node), id))
        });
        let mut needing: Vec<_> = needing.collect();
        needing.sort_unstable();
        needing.into_iter().map(|(_, id)| id).collect()
    }

    /// What a role needs of its own guarantee.
    pub(crate) fn need_of(&self, role: RoleId) -> Amounts {
        let Some(of) = self.role(role) else { return Amounts::ZERO };
        let mut need = of.guarantee;
        need.sub(&self.order.used(of.node));
        need
    }
}
