//! Unmet: which roles have less than their fair share, or than they are guaranteed, while somebody in them wants more.
//!
//! A role's fair share is its entitlement: by weights among the roles that want or use something, level by level. Somebody wants more
//! when a request waits, or when a subscription is open, has no offer out, and filters nothing of what is available.

use std::collections::BTreeMap;

use crate::allocator::Allocator;
use crate::allocator::frameworks::SubAt;
use crate::allocator::waits::WaitId;
use crate::amounts::Amounts;
use crate::ids::RoleId;

/// Who in a role wants more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanting {
    /// The first request that waits.
    pub(crate) wait: Option<WaitId>,
    /// The neediest subscription that finds nothing.
    pub(crate) sub: Option<SubAt>,
}

/// Roles that have too little, and since when.
#[derive(Debug, Default)]
pub(crate) struct Unmet {
    since_ms: BTreeMap<RoleId, u64>,
}

impl Unmet {
    pub(crate) fn oldest_ms(&self) -> Option<u64> {
        self.since_ms.values().copied().min()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (RoleId, u64)> + '_ {
        self.since_ms.iter().map(|(role, since_ms)| (*role, *since_ms))
    }
}

impl Allocator {
    /// Since when a role has had too little, in milliseconds, while somebody in it wants more; as of the last cycle.
    #[must_use]
    pub fn unmet_since_ms(&self, role: RoleId) -> Option<u64> {
        self.unmet.since_ms.get(&role).copied()
    }

    /// Who wants more, by role.
    pub(crate) fn wanting(&self) -> BTreeMap<RoleId, Wanting> {
        let mut wanting: BTreeMap<RoleId, Wanting> = BTreeMap::new();
        for (id, wait) in self.waits.iter() {
            wanting.entry(wait.claimant.role).or_default().wait.get_or_insert(id);
        }
        let mut hungry: Vec<SubAt> = self.hungry().filter(|sub| self.wants_what_there_is(*sub)).collect();
        self.sort_by_need(&mut hungry);
        for sub in hungry {
            if let Some(role) = self.subscriptions.get(sub).map(|sub| sub.role) {
                wanting.entry(role).or_default().sub.get_or_insert(sub);
            }
        }
        wanting
    }

    /// Whether a subscription filters nothing that is available: then it has nothing because there is nothing.
    fn wants_what_there_is(&self, sub: SubAt) -> bool {
        let available = self.agents.available().words().iter();
        available.zip(self.filters.row(sub)).all(|(available, filtered)| available & filtered == 0)
    }

    /// Follows who has too little.
    pub(crate) fn see_unmet(&mut self) {
        let wanting = self.wanting();
        let now_ms = self.now_ms;
        let mut since_ms = core::mem::take(&mut self.unmet.since_ms);
        since_ms.retain(|role, _| wanting.contains_key(role) || self.is_being_served(*role));
        for role in wanting.into_keys() {
            since_ms.entry(role).or_insert(now_ms);
        }
        since_ms.retain(|role, _| self.has_too_little(*role));
        self.unmet.since_ms = since_ms;
    }

    /// Whether claims are being taken back for a role, or it has an offer to answer: then it wants more still.
    fn is_being_served(&self, role: RoleId) -> bool {
        let has_offer = self.subscriptions.iter().any(|(_, sub)| sub.role == role && sub.out > 0);
        has_offer || self.reclaims.iter().any(|reclaim| reclaim.for_role == role)
    }

    /// Whether a role has less than its fair share, or than it or a role above it is guaranteed.
    pub(crate) fn has_too_little(&self, role: RoleId) -> bool {
        let Some(branch) = self.role(role).map(|role| role.branch) else { return false };
        self.order.share(branch) < self.order.entitlement(branch)
            || self.path(role).any(|role| !self.need_of(role).is_zero())
    }

    /// Whether a role has more than its fair share, and would have with so much more.
    pub(crate) fn has_too_much(&self, role: RoleId, more: &Amounts) -> bool {
        let Some(branch) = self.role(role).map(|role| role.branch) else { return false };
        let mut used = self.order.used(branch);
        used.add(more);
        self.order.share_of(&used) > self.order.entitlement(branch)
    }
}
