//! Claims of an allocator: which subscription or role each is counted for, and with how much.

use core::hash::{BuildHasherDefault, Hasher};
use std::collections::HashMap;

use crate::allocator::Allocator;
use crate::allocator::frameworks::SubAt;
use crate::allocator::reservations::RESERVER;
use crate::amounts::Amounts;
use crate::ids::{AgentId, ClaimId, Owner, RoleId};
use crate::outcome::Released;
use crate::standing::{Standing, StandingSet};

/// Mixes a claim's id: nobody chooses ids, and no order is taken from the map.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, word: u64) {
        // The odd number nearest to 2⁶⁴ divided by the golden ratio (Fibonacci hashing, Knuth 6.4).
        self.0 = (self.0 ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    }
}

/// For whom a claim is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CountedFor {
    Subscription(SubAt),
    Role(RoleId),
}

/// A claim.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    pub(crate) of: CountedFor,
    pub(crate) role: RoleId,
    pub(crate) amounts: Amounts,
    pub(crate) standing: Standing,
    /// The number of its creation.
    pub(crate) born: u64,
}

/// All claims that were made through the allocator.
#[derive(Debug, Default)]
pub(crate) struct Claims(HashMap<ClaimId, Counted, BuildHasherDefault<Mixer>>, u64);

impl Claims {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn get(&self, claim: ClaimId) -> Option<&Counted> {
        self.0.get(&claim)
    }

    /// In no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Counted> {
        self.0.values()
    }

    /// Whose subscription is over counts for its role.
    pub(crate) fn disown(&mut self, sub: SubAt, role: RoleId) {
        for counted in self.0.values_mut().filter(|counted| counted.of == CountedFor::Subscription(sub)) {
            counted.of = CountedFor::Role(role);
        }
    }
}

impl Allocator {
    /// Ends a claim; what it held is offered in the next cycle. What was launched in a reservation comes back to that: its role stays
    /// charged for it, and nothing is refunded.
    pub fn release(&mut self, claim: ClaimId, owner: Owner) -> Released {
        if self.reservations.is_home(claim) {
            return self.come_home(claim, owner);
        }
        let released = match self.local.release(claim, owner) {
            // It came back to its reservation before.
            Released::NotOwner { owner: RESERVER } => Released::Gone,
            released => released,
        };
        if matches!(released, Released::Released { .. } | Released::Gone) {
            self.uncount_claim(claim);
        }
        if matches!(released, Released::Released { .. }) {
            self.came_back_to(claim.agent());
        }
        released
    }

    /// Claims that are counted.
    #[must_use]
    pub fn claims_counted(&self) -> usize {
        self.claims.len()
    }

    /// A claim has become larger or smaller.
    pub(crate) fn count_again(&mut self, claim: ClaimId) {
        if let Some(of) = self.claims.0.get(&claim).map(|counted| counted.of) {
            self.uncount_claim(claim);
            self.count_claim(claim, of);
        }
    }

    pub(crate) fn uncount_claim(&mut self, claim: ClaimId) {
        if let Some(Counted { of, amounts, standing, born, .. }) = self.claims.0.remove(&claim) {
            self.refund(of, &amounts);
            self.reclaims.remove(claim, standing, born);
        }
    }

    /// Nothing on an agent is counted any more.
    pub(crate) fn refund_agent(&mut self, agent: AgentId) {
        let mut gone: Vec<ClaimId> = self.claims.0.keys().copied().filter(|claim| claim.agent() == agent).collect();
        // The order decides which of equal shares is served first.
        gone.sort_unstable();
        gone.into_iter().for_each(|claim| self.uncount_claim(claim));
    }
}

impl Allocator {
    /// Counts a claim that was just made.
    pub(crate) fn count_claim(&mut self, claim: ClaimId, of: CountedFor) {
        let Some(counted) = self.counted(claim, of) else { return };
        self.charge(of, &counted.amounts);
        self.reclaims.add(claim, counted.standing, counted.born);
        self.claims.0.insert(claim, counted);
    }

    fn counted(&mut self, claim: ClaimId, of: CountedFor) -> Option<Counted> {
        let table = self.local.table();
        let mut parts = Vec::new();
        let seen = table.read(claim, |part| parts.push(part))?;
        let amounts = table.charge_places(seen.place.shape()).sum(parts.into_iter());
        self.claims.1 += 1;
        Some(Counted { of, role: seen.place.role(), amounts, standing: seen.place.standing(), born: self.claims.1 })
    }

    /// Changes how a claim stands.
    pub fn set_standing(&mut self, claim: ClaimId, owner: Owner, standing: Standing) -> StandingSet {
        let set = self.table().set_standing(claim, owner, standing);
        if set == StandingSet::Set
            && let Some(counted) = self.claims.0.get_mut(&claim)
        {
            self.reclaims.remove(claim, counted.standing, counted.born);
            counted.standing = standing;
            self.reclaims.add(claim, standing, counted.born);
        }
        set
    }

    /// What a claim holds.
    pub(crate) fn amounts_of(&self, claim: ClaimId) -> Amounts {
        let table = self.local.table();
        let mut sum = Amounts::ZERO;
        let mut parts = Vec::new();
        if let Some(seen) = table.read(claim, |part| parts.push(part)) {
            sum = table.charge_places(seen.place.shape()).sum(parts.into_iter());
        }
        sum
    }

    fn charge(&mut self, of: CountedFor, amounts: &Amounts) {
        match of {
            CountedFor::Subscription(sub) => {
                if let Some(sub) = self.subscriptions.get(sub) {
                    self.order.charge(sub.branch, amounts);
                }
            }
            CountedFor::Role(role) => {
                if let Some(role) = self.role(role) {
                    self.order.charge_role(role.branch, amounts);
                }
            }
        }
    }

    fn refund(&mut self, of: CountedFor, amounts: &Amounts) {
        match of {
            CountedFor::Subscription(sub) => {
                if let Some(sub) = self.subscriptions.get(sub) {
                    self.order.refund(sub.branch, amounts);
                }
            }
            CountedFor::Role(role) => {
                if let Some(role) = self.role(role) {
                    self.order.refund_role(role.branch, amounts);
                }
            }
        }
    }
}
