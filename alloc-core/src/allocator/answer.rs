//! Answers: a framework accepts, in whole or in part, or declines.

use core::fmt;

use crate::allocator::Allocator;
use crate::allocator::agents::AgentAt;
use crate::allocator::claims::CountedFor;
use crate::allocator::frameworks::SubAt;
use crate::allocator::no_reservation::NoReservation;
use crate::allocator::offers::{Held, OFFERER, Offer, OfferAt};
use crate::allocator::reservations::ReservationId;
use crate::allocator::shown::Content;
use crate::claim::{Ask, Holder};
use crate::ids::{AgentId, ClaimId, FrameworkId, OfferId, Owner, RoleId};
use crate::outcome::{Merged, Outcome};
use crate::reason::Resource;
use crate::request::Request;

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
    /// Reserves exactly so much of it.
    Reserve {
        /// For which role: the one in which it was offered.
        role: RoleId,
        /// The reservation that is refined, which is among the offers; `None`: of what is nobody's.
        of: Option<ReservationId>,
        /// How much of each resource, in its unit.
        amounts: Vec<(Resource, u64)>,
        /// The caller's: principal, labels.
        tag: u64,
    },
    /// Makes what was reserved nobody's, or that of the reservation under it in the stack.
    Unreserve {
        /// Which, of those among the offers.
        reservation: ReservationId,
        /// How much of each resource, in its unit; empty: all that was offered of it.
        amounts: Vec<(Resource, u64)>,
    },
}

/// What came of an accept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Launch by launch, in their order: each is tried against what the operations before have left.
    pub outcomes: Vec<Outcome>,
    /// Of each Reserve and Unreserve, in their order: the reservation that was made, or unreserved.
    pub reservations: Vec<Result<ReservationId, NoReservation>>,
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

    pub(crate) fn refused_until(&self, refuse_ms: Option<u64>) -> Option<u64> {
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
        let Some((offer, promised)) = self.end_unserved(at) else { return };
        self.forgive(offer.sub);
        if let Held::Reserved(at, part) = &offer.held {
            if let Some(until_ms) = until_ms {
                self.refuse_reserved(offer.sub, *at, &part.content, until_ms);
            }
            return;
        }
        if let Some(until_ms) = until_ms {
            let content =
                offer.held.part().map_or_else(|| &self.agents.entry(offer.agent).content, |part| &part.content);
            self.filters.refuse(offer.sub, offer.agent, &content.as_shown(), self.now_ms, until_ms);
        }
        // Not before: what it takes was refused too.
        if let Some(wait) = promised {
            self.serve_pledged(wait, offer.agent);
        }
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
        let all: Vec<OfferAt> = core::iter::once(first).chain(others.iter().copied()).collect();
        if self.has_reserved(&all, operations) {
            return self.accept_converting((framework, offers), &all, operations, refuse_ms);
        }
        let mut accepted = Accepted { outcomes: Vec::with_capacity(operations.len()), ..Accepted::default() };
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
    pub(crate) fn drop_offers(&mut self, framework: FrameworkId, offers: &[OfferId]) {
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
    pub(crate) fn claim_of(&mut self, at: OfferAt) -> Option<ClaimId> {
        if matches!(self.offers.get(at)?.held, Held::Whole) && !self.part_whole(at) {
            return None;
        }
        match &self.offers.get(at)?.held {
            Held::Part(part) => Some(part.claim),
            Held::Whole | Held::Reserved(..) => None,
        }
    }

    /// Claims on an agent that is closed for this offer.
    fn launch_whole(&mut self, sub: SubAt, agent: AgentAt, operation: &Operation) -> Outcome {
        let Operation::Launch { owner, request } = operation else { return gone(agent) };
        let Some(role) = self.subscriptions.get(sub).map(|sub| sub.role) else { return gone(agent) };
        let holder = Holder { owner: *owner, role };
        let outcome = self.offer_door().claim(AgentId::new(agent), holder, Ask::Request(request));
        self.count_launch(sub, outcome)
    }

    /// Claims a piece of a claim.
    fn launch_of(&mut self, sub: SubAt, claim: ClaimId, operation: &Operation) -> Outcome {
        let Operation::Launch { owner, request } = operation else { return gone(claim.agent().get()) };
        let outcome = self.launch_piece(claim, OFFERER, *owner, request);
        self.count_launch(sub, outcome)
    }

    pub(crate) fn count_launch(&mut self, sub: SubAt, outcome: Outcome) -> Outcome {
        if let Outcome::Granted(grant) = outcome {
            self.count_claim(grant.claim, CountedFor::Subscription(sub));
        }
        outcome
    }

    /// Ends accepted offers; what is left of them is declined.
    fn give_back_rest(&mut self, first: OfferAt, others: &[OfferAt], refuse_ms: Option<u64>, accepted: &Accepted) {
        let rest = self.rest_of(first, others, accepted);
        for &other in others {
            // Its claim is part of the first one's.
            self.end_merged(other);
        }
        let Some((offer, promised)) = self.end_unserved(first) else { return };
        let at = offer.agent;
        let is_current = self.look(at);
        if let Some(until_ms) = self.refused_until(refuse_ms) {
            let now = &self.agents.entry(at).content;
            let refused = rest.as_ref().unwrap_or(now).as_shown();
            self.filters.refuse(offer.sub, at, &refused, self.now_ms, until_ms);
            // Beside a part there may be more than was refused.
            if is_current && !refused.covers(&now.as_shown()) {
                self.filters.grew(at, &now.as_shown(), |_| ());
            }
        }
        // Not before: what it takes was refused too.
        if let Some(wait) = promised {
            self.serve_pledged(wait, at);
        }
        self.came_back(at);
    }
}

impl Allocator {
    /// What parts had beyond what was launched of them; `None` for all of an agent, where it is what is free. Which numbers of a
    /// range were launched is not gone into: fewer are left.
    fn rest_of(&self, first: OfferAt, others: &[OfferAt], accepted: &Accepted) -> Option<Content> {
        let Held::Part(part) = &self.offers.get(first)?.held else { return None };
        let mut rest = part.content.clone();
        for offer in others.iter().filter_map(|other| self.offers.get(*other)) {
            rest.add(self.content(offer));
        }
        for grant in accepted.outcomes.iter().filter_map(|outcome| outcome.granted()) {
            rest.amounts.sub(&self.amounts_of(grant.claim));
        }
        Some(rest)
    }
}

impl Accepted {
    pub(crate) fn add(&mut self, outcome: Outcome) {
        self.note(outcome);
        self.outcomes.push(outcome);
    }

    /// A launch changed pools, whatever came of it.
    pub(crate) fn note(&mut self, outcome: Outcome) {
        self.pools_changed |= match outcome {
            Outcome::Granted(grant) => grant.pools_changed,
            Outcome::Contended(contended) => contended.pools_changed,
            Outcome::Refused(_) => false,
        };
    }
}

pub(crate) fn gone(agent: AgentAt) -> Outcome {
    Outcome::Refused(crate::Refusal { agent: AgentId::new(agent), reason: crate::Reason::Gone })
}
