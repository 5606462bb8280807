//! Claims of an allocator: which subscription or role each is counted for, and with how much.

use core::hash::{BuildHasherDefault, Hasher};
use std::collections::HashMap;

use crate::allocator::amounts::Amounts;
use crate::allocator::frameworks::SubAt;
use crate::allocator::{Allocator, shown};
use crate::ids::{AgentId, ClaimId, Owner, RoleId};
use crate::outcome::Released;

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
    pub(crate) amounts: Amounts,
}

/// All claims that were made through the allocator.
#[derive(Debug, Default)]
pub(crate) struct Claims(HashMap<ClaimId, Counted, BuildHasherDefault<Mixer>>);

impl Claims {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
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
    /// Ends a claim; what it held is offered in the next cycle.
    pub fn release(&mut self, claim: ClaimId, owner: Owner) -> Released {
        let released = self.local.release(claim, owner);
        if matches!(released, Released::Released { .. } | Released::Gone) {
            self.uncount_claim(claim);
        }
        if matches!(released, Released::Released { .. }) {
            self.came_back_to(claim.agent());
        }
        released
    }

    /// The claims that are counted, in no order.
    pub fn claims(&self) -> impl Iterator<Item = ClaimId> + '_ {
        self.claims.0.keys().copied()
    }

    /// How many claims are counted.
    #[must_use]
    pub fn claims_counted(&self) -> usize {
        self.claims.len()
    }

    /// A claim has become larger or smaller.
    pub(crate) fn count_again(&mut self, claim: ClaimId) {
        if let Some(Counted { of, amounts }) = self.claims.0.remove(&claim) {
            self.refund(of, &amounts);
            self.count_claim(claim, of);
        }
    }

    fn uncount_claim(&mut self, claim: ClaimId) {
        if let Some(Counted { of, amounts }) = self.claims.0.remove(&claim) {
            self.refund(of, &amounts);
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
    pub(crate) fn count_claim(&mut self, claim: ClaimId, of: CountedFor) -> Amounts {
        let amounts = self.amounts_of(claim);
        self.charge(of, &amounts);
        self.claims.0.insert(claim, Counted { of, amounts });
        amounts
    }

    /// What a claim holds.
    pub(crate) fn amounts_of(&self, claim: ClaimId) -> Amounts {
        let table = self.local.table();
        let mut sum = Amounts::ZERO;
        let mut parts = Vec::new();
        if let Some(seen) = table.read(claim, |part| parts.push(part)) {
            sum = shown::amounts(table, table.shape_at(seen.place.shape()), &parts);
        }
        sum
    }

    fn charge(&mut self, of: CountedFor, amounts: &Amounts) {
        match of {
            CountedFor::Subscription(sub) => {
                if let Some(sub) = self.subscriptions.get(sub) {
                    self.order.charge(sub.node, amounts);
                }
            }
            CountedFor::Role(role) => {
                if let Some(role) = self.role(role) {
                    self.order.charge_role(role.node, amounts);
                }
            }
        }
    }

    fn refund(&mut self, of: CountedFor, amounts: &Amounts) {
        match of {
            CountedFor::Subscription(sub) => {
                if let Some(sub) = self.subscriptions.get(sub) {
                    self.order.refund(sub.node, amounts);
                }
            }
            CountedFor::Role(role) => {
                if let Some(role) = self.role(role) {
                    self.order.refund_role(role.node, amounts);
                }
            }
        }
    }
}
