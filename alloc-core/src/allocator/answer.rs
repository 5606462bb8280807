//! Answers: a framework accepts, in whole or in part, or declines.

use core::fmt;

use crate::allocator::Allocator;
use crate::allocator::agents::AgentAt;
use crate::allocator::claims::CountedFor;
use crate::allocator::frameworks::SubAt;
use crate::allocator::offers::{Held, HeldPart, OFFERER, Offer, OfferAt};
use crate::allocator::shown::Content;
use crate::claim::{Ask, Holder};
use crate::ids::{AgentId, ClaimId, FrameworkId, OfferId, Owner};
use crate::outcome::{Grant, Merged, Outcome, Transferred};
use crate::request::Request;
use crate::split::Piece;

/// What is to be done with what an offer holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Makes a claim of it.
    Launch {
        /// Whose the claim is to be.
        owner: Owner,
        /// What is wanted.
        request: Request,
    },
}

/// What came of an accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Operation by operation, in their order: each is tried against what those before have left.
    pub outcomes: Vec<Outcome>,
    /// Whether a pool of the agent changed: read [`Table::pool_orders`](crate::Table::pool_orders).
    pub pools_changed: bool,
}

/// Why offers cannot be accepted. Those of them that were valid are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidOffers {
    /// None was named.
    None,
    /// It is over, or was never this framework's.
    Gone(OfferId),
    /// It was named twice.
    Twice(OfferId),
    /// It is of another agent, or in another role, than the first.
    Apart(OfferId),
}

impl fmt::Display for InvalidOffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("no offer is named: name at least one"),
            Self::Gone(offer) => {
                write!(f, "offer {offer} is no longer valid: it was answered, rescinded, or never this framework's")
            }
            Self::Twice(offer) => write!(f, "offer {offer} is named twice: name each once"),
            Self::Apart(offer) => {
                write!(f, "offer {offer} is of another agent or role than the first: accept them one by one")
            }
        }
    }
}

impl core::error::Error for InvalidOffers {}

impl Allocator {
    /// Declines offers: what they hold is free again, and offers of these agents that are no larger are not made to this framework
    /// in this role for `refuse_ms`; `None` for [`Rules::refuse_ms`](crate::Rules::refuse_ms), 0 for no filter. Tells how many of
    /// them were not out any more.
    pub fn decline(
        &mut self,
        framework: FrameworkId,
        offers: &[OfferId],
        refuse_ms: Option<u64>,
        now_ms: u64,
    ) -> usize {
        self.now_ms = self.now_ms.max(now_ms);
        let until_ms = self.refused_until(refuse_ms);
        let mut unknown = 0;
        for offer in offers {
            match self.theirs(framework, *offer) {
                Some(at) => self.decline_at(at, until_ms),
                None => unknown += 1,
            }
        }
        unknown
    }

    fn refused_until(&self, refuse_ms: Option<u64>) -> Option<u64> {
        let refuse_ms = refuse_ms.unwrap_or(self.rules.refuse_ms).min(self.rules.refuse_ms_max);
        (refuse_ms > 0).then(|| self.now_ms.saturating_add(refuse_ms))
    }

    /// The place of an offer that is out to a framework.
    fn theirs(&self, framework: FrameworkId, id: OfferId) -> Option<OfferAt> {
        let at = self.offers.find(id)?;
        let sub = self.subscriptions.get(self.offers.get(at)?.sub)?;
        (sub.framework == framework).then_some(at)
    }

    fn decline_at(&mut self, at: OfferAt, until_ms: Option<u64>) {
        let Some(offer) = self.end_offer(at) else { return };
        if let Some(until_ms) = until_ms {
            let content = match &offer.held {
                Held::Whole => &self.agents.entry(offer.agent).content,
                Held::Part(part) => &part.content,
            };
            self.filters.refuse(offer.sub, offer.agent, &content.as_shown(), self.now_ms, until_ms);
        }
        self.forgive(offer.sub);
        self.came_back(offer.agent);
    }

    /// Accepts offers of one agent together: does each operation, in their order, with what they hold, and declines the rest.
    ///
    /// # Errors
    /// [`InvalidOffers`].
    pub fn accept(
        &mut self,
        framework: FrameworkId,
        offers: &[OfferId],
        operations: &[Operation],
        refuse_ms: Option<u64>,
        now_ms: u64,
    ) -> Result<Accepted, InvalidOffers> {
        self.now_ms = self.now_ms.max(now_ms);
        let (first, others) = self.check(framework, offers).inspect_err(|_| self.drop_offers(framework, offers))?;
        let mut accepted = Accepted { outcomes: Vec::with_capacity(operations.len()), pools_changed: false };
        let of = self.offers.get(first).map(|offer| (offer.sub, offer.agent));
        let Some((sub, agent)) = of else { return Err(InvalidOffers::None) };
        match self.one_claim(first, &others) {
            One::Whole => operations.iter().for_each(|operation| {
                let outcome = self.launch_whole(sub, agent, operation);
                accepted.add(outcome);
            }),
            One::Claim(claim) => operations.iter().for_each(|operation| {
                let outcome = self.launch_of(sub, claim, operation);
                accepted.add(outcome);
            }),
            One::Gone => {
                self.drop_offers(framework, offers);
                return Err(InvalidOffers::Gone(offers[0]));
            }
        }
        self.forgive(sub);
        self.give_back_rest(first, &others, refuse_ms, &accepted);
        Ok(accepted)
    }

    /// The offers' places; they must be out to this framework, of one agent and in one role.
    fn check(&self, framework: FrameworkId, ids: &[OfferId]) -> Result<(OfferAt, Vec<OfferAt>), InvalidOffers> {
        let (first, others) = ids.split_first().ok_or(InvalidOffers::None)?;
        let first = self.theirs(framework, *first).ok_or(InvalidOffers::Gone(*first))?;
        let mut found = Vec::with_capacity(others.len());
        for id in others {
            let at = self.theirs(framework, *id).ok_or(InvalidOffers::Gone(*id))?;
            if at == first || found.contains(&at) {
                return Err(InvalidOffers::Twice(*id));
            }
            let of = |at: OfferAt| self.offers.get(at).map(|offer| (offer.agent, offer.sub));
            if of(at) != of(first) {
                return Err(InvalidOffers::Apart(*id));
            }
            found.push(at);
        }
        Ok((first, found))
    }

    /// Ends those of the offers that are out to a framework, without a filter.
    fn drop_offers(&mut self, framework: FrameworkId, offers: &[OfferId]) {
        for offer in offers {
            if let Some(at) = self.theirs(framework, *offer) {
                self.decline_at(at, None);
            }
        }
    }
}

/// What is to be launched from.
enum One {
    /// All that is free on the closed agent.
    Whole,
    Claim(ClaimId),
    Gone,
}

impl Allocator {
    /// Makes what offers hold one thing. An agent to which nothing came back is taken from as it is.
    fn one_claim(&mut self, first: OfferAt, others: &[OfferAt]) -> One {
        if others.is_empty()
            && let Some(Offer { held: Held::Whole, agent, .. }) = self.offers.get(first)
            && self.agents.is_current(self.local.table(), *agent)
        {
            return One::Whole;
        }
        let Some(into) = self.claim_of(first) else { return One::Gone };
        for &other in others {
            let Some(from) = self.claim_of(other) else { return One::Gone };
            if !matches!(self.local.merge(into, from, OFFERER), Merged::Merged { .. }) {
                return One::Gone;
            }
        }
        One::Claim(into)
    }

    /// What an offer holds, as a claim.
    fn claim_of(&mut self, at: OfferAt) -> Option<ClaimId> {
        if matches!(self.offers.get(at)?.held, Held::Whole) && !self.part_whole(at) {
            return None;
        }
        match &self.offers.get(at)?.held {
            Held::Part(part) => Some(part.claim),
            Held::Whole => None,
        }
    }

    /// Claims on an agent that is closed for this offer.
    fn launch_whole(&mut self, sub: SubAt, agent: AgentAt, operation: &Operation) -> Outcome {
        let Operation::Launch { owner, request } = operation;
        let Some(role) = self.subscriptions.get(sub).map(|sub| sub.role) else { return gone(agent) };
        let holder = Holder { owner: *owner, role };
        let outcome = self.offer_door().claim(AgentId::new(agent), holder, Ask::Request(request));
        self.count_launch(sub, outcome)
    }

    /// Claims a piece of a claim.
    fn launch_of(&mut self, sub: SubAt, claim: ClaimId, operation: &Operation) -> Outcome {
        let Operation::Launch { owner, request } = operation;
        let outcome = self.local.caller().split(claim, OFFERER, Piece::Request(request));
        if let Outcome::Granted(Grant { claim, .. }) = outcome {
            let moved = self.local.transfer(claim, OFFERER, *owner);
            debug_assert_eq!(moved, Transferred::Transferred, "the claim was made by this call");
        }
        self.count_launch(sub, outcome)
    }

    fn count_launch(&mut self, sub: SubAt, outcome: Outcome) -> Outcome {
        if let Outcome::Granted(grant) = outcome {
            self.count_claim(grant.claim, CountedFor::Subscription(sub));
        }
        outcome
    }

    /// Ends accepted offers; what is left of them is declined.
    fn give_back_rest(&mut self, first: OfferAt, others: &[OfferAt], refuse_ms: Option<u64>, accepted: &Accepted) {
        for &other in others {
            // Its claim is part of the first one's.
            self.end_merged(other);
        }
        let Some(offer) = self.end_offer(first) else { return };
        let at = offer.agent;
        self.look(at);
        if let Some(until_ms) = self.refused_until(refuse_ms) {
            let rest;
            let refused = match offer.held {
                Held::Whole => &self.agents.entry(at).content,
                Held::Part(part) => {
                    rest = self.rest_of(*part, accepted);
                    &rest
                }
            };
            self.filters.refuse(offer.sub, at, &refused.as_shown(), self.now_ms, until_ms);
        }
        self.came_back(at);
    }
}

impl Allocator {
    /// What a part had beyond what was launched of it. Which numbers of a range were launched is not gone into: fewer are left.
    fn rest_of(&self, part: HeldPart, accepted: &Accepted) -> Content {
        let mut content = part.content;
        for grant in accepted.outcomes.iter().filter_map(|outcome| outcome.granted()) {
            content.amounts.sub(&self.amounts_of(grant.claim));
        }
        content
    }
}

impl Accepted {
    fn add(&mut self, outcome: Outcome) {
        self.pools_changed |= match outcome {
            Outcome::Granted(grant) => grant.pools_changed,
            Outcome::Contended(contended) => contended.pools_changed,
            Outcome::Refused(_) => false,
        };
        self.outcomes.push(outcome);
    }
}

fn gone(agent: AgentAt) -> Outcome {
    Outcome::Refused(crate::Refusal { agent: AgentId::new(agent), reason: crate::Reason::Gone })
}
