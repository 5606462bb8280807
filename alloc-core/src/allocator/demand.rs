//! Demand: who wants something and has nothing to answer, and which offers are asked back for him.
//!
//! For [`Rules::min_hold_ms`](crate::Rules::min_hold_ms) an offer is its framework's. After that unmet demand may take it: of a
//! request that waits, or of a subscription that is open and, after a cycle, has no offer out. The offer is *pledged* to it:
//! rescinded, and when it ends the demand is served first. A subscription is pledged one offer, and more only as long as it does not
//! come to have more than the one it takes from. What is pledged counts for it, and no longer for the holder.

use core::cmp::Ordering;
use std::collections::BTreeMap;

use crate::allocator::Allocator;
use crate::allocator::agents::AgentAt;
use crate::allocator::amounts::Amounts;
use crate::allocator::frameworks::SubAt;
use crate::allocator::offers::OfferAt;
use crate::allocator::waits::WaitId;
use crate::ids::OfferId;

/// How many old offers, and how many who want them, are looked at in one go. The next go looks at the next of them.
const OLD_MOST: usize = 256;
const HUNGRY_MOST: usize = 64;
/// Between two goes, in milliseconds.
const PAUSE_MS: u64 = 100;

/// To whom a rescinded offer is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pledge {
    /// Who is charged for it until the offer ends.
    Subscription(SubAt, Amounts),
    Wait(WaitId),
}

/// Unmet demand.
#[derive(Debug, Default)]
pub(crate) struct Demand {
    pledges: BTreeMap<OfferId, Pledge>,
    /// Not before then are old offers looked at again.
    again_ms: u64,
    /// How many old offers, and how many who want them, the last goes have looked at.
    seen_old: usize,
    seen_hungry: usize,
}

impl Demand {
    pub(crate) fn pledged(&self) -> impl Iterator<Item = (&OfferId, &Pledge)> {
        self.pledges.iter()
    }

    fn has_pledge(&self, sub: SubAt) -> bool {
        self.pledges.values().any(|pledge| matches!(pledge, Pledge::Subscription(to, _) if *to == sub))
    }
}

impl Allocator {
    /// Subscriptions that are open and have nothing to answer: after a cycle there is nothing available that they want.
    pub(crate) fn hungry(&self) -> impl Iterator<Item = SubAt> + '_ {
        let subs = self.subscriptions.iter();
        subs.filter(|(_, sub)| sub.out == 0 && sub.is_open(self.now_ms)).map(|(at, _)| at)
    }

    /// Asks old offers back for unmet demand.
    pub(crate) fn take_over(&mut self) {
        if self.demand.again_ms > self.now_ms || self.offers.len() == 0 || !self.is_anything_wanted() {
            return;
        }
        let all_old = self.old_offers();
        if all_old.is_empty() {
            return;
        }
        self.demand.again_ms = self.now_ms + PAUSE_MS;
        let (old, more_old) = some(&all_old, self.demand.seen_old, OLD_MOST);
        self.take_over_for_waits(old);
        let mut all_hungry: Vec<SubAt> = self.hungry().collect();
        self.sort_by_need(&mut all_hungry);
        let (hungry, more_hungry) = some(&all_hungry, self.demand.seen_hungry, HUNGRY_MOST);
        for &sub in hungry {
            self.take_over_for(sub, old);
        }
        // Everybody looks at every offer in turn: all offers, and then the next who are hungry.
        self.demand.seen_old = more_old;
        if more_old == 0 {
            self.demand.seen_hungry = more_hungry;
        }
    }

    /// When offers are to be looked at for somebody; `None` while nobody wants any.
    pub(crate) fn take_over_at(&self) -> Option<u64> {
        if !self.is_anything_wanted() {
            return None;
        }
        let oldest = self.oldest()?;
        Some((oldest + self.rules.min_hold_ms).max(self.demand.again_ms))
    }

    /// Whether there is unmet demand. Without, nobody pauses: who wants something next is served at once.
    fn is_anything_wanted(&self) -> bool {
        self.waits.any_unpledged() || self.hungry().next().is_some()
    }

    /// The offers that somebody may take, oldest first.
    fn old_offers(&self) -> Vec<OfferAt> {
        let made_by = self.now_ms.checked_sub(self.rules.min_hold_ms);
        let old = self.aging.iter().take_while(|(since_ms, _)| made_by.is_some_and(|made_by| *since_ms <= made_by));
        old.filter(|(_, id)| self.is_out(*id)).filter_map(|(_, id)| self.offers.find(*id)).collect()
    }

    pub(crate) fn sort_by_need(&self, subs: &mut [SubAt]) {
        subs.sort_by(|one, other| match (self.subscriptions.get(*one), self.subscriptions.get(*other)) {
            (Some(one), Some(other)) => self.order.compare(one.node, other.node),
            _ => Ordering::Equal,
        });
    }

    fn take_over_for(&mut self, sub: SubAt, old: &[OfferAt]) {
        let mut has_one = self.demand.has_pledge(sub);
        for &at in old {
            let Some(offer) = self.offers.get(at).filter(|offer| !offer.is_rescinded && offer.sub != sub) else {
                continue;
            };
            let (agent, holder, amounts) = (offer.agent, offer.sub, self.content(offer).amounts);
            if !self.would_be_offered(sub, agent) {
                continue;
            }
            self.move_charge(holder, sub, &amounts);
            if has_one && !self.is_needier(sub, holder) {
                self.move_charge(sub, holder, &amounts);
                continue;
            }
            has_one = true;
            self.pledge(at, Pledge::Subscription(sub, amounts));
        }
    }

    /// Whether a subscription might be offered an agent, were it available.
    pub(crate) fn would_be_offered(&self, sub: SubAt, agent: AgentAt) -> bool {
        let Some(subscriber) = self.subscriptions.get(sub) else { return false };
        let selected = subscriber.mask.as_ref().is_none_or(|mask| mask.has(agent));
        selected && !self.filters.has(sub, agent) && self.suits(subscriber, agent)
    }

    fn move_charge(&mut self, from: SubAt, to: SubAt, amounts: &Amounts) {
        if let Some(from) = self.subscriptions.get(from) {
            self.order.refund(from.node, amounts);
        }
        if let Some(to) = self.subscriptions.get(to) {
            self.order.charge(to.node, amounts);
        }
    }

    fn is_needier(&self, one: SubAt, other: SubAt) -> bool {
        match (self.subscriptions.get(one), self.subscriptions.get(other)) {
            (Some(one), Some(other)) => self.order.compare(one.node, other.node) == Ordering::Less,
            _ => false,
        }
    }

    /// Rescinds an offer for somebody; its charge has moved to him if he is a subscription.
    pub(crate) fn pledge(&mut self, at: OfferAt, pledge: Pledge) {
        let Some(id) = self.offers.get(at).map(|offer| offer.id) else { return };
        if !self.rescind_at(at) {
            return;
        }
        if let Pledge::Wait(wait) = pledge {
            self.waits.set_pledged(wait, true);
        }
        self.demand.pledges.insert(id, pledge);
    }

    /// Nobody is promised an offer any more: its charge is its holder's again. The request to which it was promised, if it was.
    pub(crate) fn end_pledge(&mut self, id: OfferId, holder: SubAt) -> Option<WaitId> {
        match self.demand.pledges.remove(&id)? {
            Pledge::Subscription(sub, amounts) => {
                self.move_charge(sub, holder, &amounts);
                None
            }
            Pledge::Wait(wait) => {
                self.waits.set_pledged(wait, false);
                Some(wait)
            }
        }
    }

    /// A subscription is over: it is not charged for what it was promised.
    pub(crate) fn end_pledges_to(&mut self, sub: SubAt) {
        let to_it = |pledge: &Pledge| matches!(pledge, Pledge::Subscription(to, _) if *to == sub);
        let ids: Vec<OfferId> = self.demand.pledges.iter().filter(|(_, to)| to_it(to)).map(|(id, _)| *id).collect();
        for id in ids {
            let holder = self.offers.find(id).and_then(|at| self.offers.get(at)).map(|offer| offer.sub);
            if let Some(holder) = holder {
                self.end_pledge(id, holder);
            }
        }
    }
}

/// The next `most` behind those that were seen, from the front again when all were; and how many are seen then, 0 for all.
fn some<T>(all: &[T], seen: usize, most: usize) -> (&[T], usize) {
    let from = if seen < all.len() { seen } else { 0 };
    let to = all.len().min(from + most);
    (&all[from..to], if to < all.len() { to } else { 0 })
}
