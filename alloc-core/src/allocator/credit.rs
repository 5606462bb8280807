//! Credit: what place and claim may take above a role's share while a poorer role waits.
//!
//! Offers go to the neediest by themselves; who places picks himself. So while a role that has less, by weight, has *unmet* demand,
//! a role may come to have more than its fair share by its credit only. It is spent from the moment on at which that begins, and is
//! whole again once it is over: in between the role's share grows beyond its fair share, or beyond what it was then, by at most
//! [`Rules::credit_milli`](crate::Rules::credit_milli) of the cluster, and what the last request is rounded up by.

use core::cmp::Ordering;

use crate::allocator::Allocator;
use crate::allocator::error::AllocatorError;
use crate::allocator::order::Share;
use crate::amounts::Amounts;
use crate::ids::RoleId;
use crate::request::Request;
use crate::toll::Toll;

/// The least that a claim for a request is charged, of CPU and memory.
pub(crate) fn least(request: &Request) -> Amounts {
    let toll = Toll::least(request);
    Amounts::new(toll.cpu_milli, toll.pages)
}

impl Allocator {
    /// Whether a role may place a request at this moment, as far as shares and guarantees go.
    pub(crate) fn may_place(&mut self, role: RoleId, request: &Request) -> Result<(), AllocatorError> {
        let more = least(request);
        if self.is_guaranteed {
            self.look_ahead();
            self.see_needs();
            if !self.unguarded(role).covers(&more) {
                return Err(AllocatorError::Guaranteed(role));
            }
        }
        let Some(poorer) = self.poorer_unmet(role).filter(|_| self.has_too_much(role, &more)) else {
            self.forget_credit(role);
            return Ok(());
        };
        let share = self.order.share_of(&more).parts();
        let Some(Some(of)) = self.roles.get_mut(role.index()) else { return Ok(()) };
        let spent = of.credit_spent + share;
        if spent > Share::ALL.portion(u64::from(self.rules.credit_milli), 1000).parts() {
            return Err(AllocatorError::Credit { role, poorer });
        }
        of.credit_spent = spent;
        Ok(())
    }

    /// A request was not placed after all.
    pub(crate) fn give_credit_back(&mut self, role: RoleId, request: &Request) {
        let share = self.order.share_of(&least(request)).parts();
        if let Some(Some(role)) = self.roles.get_mut(role.index()) {
            role.credit_spent = role.credit_spent.saturating_sub(share);
        }
    }

    fn forget_credit(&mut self, role: RoleId) {
        if let Some(Some(role)) = self.roles.get_mut(role.index()) {
            role.credit_spent = 0;
        }
    }

    /// A role that has too little, and less than this one, while somebody in it wants more.
    fn poorer_unmet(&self, role: RoleId) -> Option<RoleId> {
        let branch = self.role(role)?.branch;
        let is_poorer = |other: &RoleId| {
            let other = self.role(*other).map(|other| other.branch);
            other.is_some_and(|other| self.order.compare(other, branch) == Ordering::Less)
        };
        let others = self.unmet.iter().map(|(other, _)| other).filter(|other| *other != role);
        others.filter(is_poorer).find(|other| !self.path(*other).any(|above| above == role))
    }
}
