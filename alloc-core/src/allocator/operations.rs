//! Operations: what an accept does that reserves, unreserves, or launches from what is reserved.
//!
//! Accepted offers become a *pot*: one claim of all that is nobody's, and the claims of the reservations. Each operation is tried
//! against what those before have left of it:
//!
//! - **Launch** takes all that it needs from one reservation, in the order in which the offers are named, or else from what is nobody's.
//! - **Reserve** takes from what is nobody's, for the role in which it was offered, or refines a reservation of the pot for that role. It
//!   is a reservation of its own, that is not launched from in the same accept, and is offered in the next cycle.
//! - **Unreserve** makes what is reserved nobody's, to be launched from at once; or gives it to the reservation under it in the stack.
//!
//! What was converted comes back without a filter; the rest of each offer is declined.

use crate::allocator::Allocator;
use crate::allocator::agents::AgentAt;
use crate::allocator::answer::{Accepted, InvalidOffers, Operation, gone};
use crate::allocator::frameworks::SubAt;
use crate::allocator::no_reservation::NoReservation;
use crate::allocator::offers::{Held, OFFERER, OfferAt};
use crate::allocator::reservations::{RESERVER, ReservationAt, ReservationId, ReservationKind};
use crate::allocator::reserving::Making;
use crate::allocator::shown::Content;
use crate::ids::{ClaimId, FrameworkId, OfferId, Owner, RoleId};
use crate::outcome::{Grant, Merged, Outcome, Released, Transferred};
use crate::reason::Resource;
use crate::request::Request;
use crate::split::Piece;

/// An accepted offer of a reservation.
#[derive(Debug)]
struct Source {
    offer: OfferAt,
    at: ReservationAt,
    id: ReservationId,
    claim: ClaimId,
    content: Content,
}

/// What accepted offers hold together.
#[derive(Debug)]
struct Pot {
    sub: SubAt,
    role: RoleId,
    agent: AgentAt,
    /// What is nobody's, as a claim of the offerer's, and how much of that is to be declined if nothing takes it.
    free: Option<ClaimId>,
    declined: Content,
    /// Offers of what is nobody's.
    offers: Vec<OfferAt>,
    sources: Vec<Source>,
}

impl Allocator {
    /// Whether an accept is more than launches from what is nobody's.
    pub(crate) fn has_reserved(&self, offers: &[OfferAt], operations: &[Operation]) -> bool {
        let converts = |operation: &Operation| !matches!(operation, Operation::Launch { .. });
        let is_reserved = |at: &OfferAt| self.offers.get(*at).is_some_and(|offer| offer.held.reservation().is_some());
        operations.iter().any(converts) || offers.iter().any(is_reserved)
    }

    /// Accepts offers, some of which are of reservations, or with operations that convert.
    pub(crate) fn accept_converting(
        &mut self,
        (framework, ids): (FrameworkId, &[OfferId]),
        offers: &[OfferAt],
        operations: &[Operation],
        refuse_ms: Option<u64>,
    ) -> Result<Accepted, InvalidOffers> {
        let Some(mut pot) = self.pot(offers) else {
            self.drop_offers(framework, ids);
            return Err(InvalidOffers::Gone(ids[0]));
        };
        let mut accepted = Accepted::default();
        for operation in operations {
            match operation {
                Operation::Launch { owner, request } => {
                    let outcome = self.launch_from(&mut pot, *owner, request, &mut accepted);
                    accepted.add(outcome);
                }
                Operation::Reserve { role, of, amounts, tag } => {
                    let made = self.reserve_from(&mut pot, (*role, *of), amounts, *tag, &mut accepted);
                    accepted.reservations.push(made);
                }
                Operation::Unreserve { reservation, amounts } => {
                    let ended = self.unreserve_from(&mut pot, *reservation, amounts);
                    accepted.reservations.push(ended);
                }
            }
        }
        self.forgive(pot.sub);
        self.end_pot(pot, refuse_ms);
        Ok(accepted)
    }

    fn pot(&mut self, offers: &[OfferAt]) -> Option<Pot> {
        let first = self.offers.get(*offers.first()?)?;
        let (sub, agent) = (first.sub, first.agent);
        let role = self.subscriptions.get(sub)?.role;
        let declined = Content::default();
        let mut pot = Pot { sub, role, agent, free: None, declined, offers: Vec::new(), sources: Vec::new() };
        for &offer in offers {
            match &self.offers.get(offer)?.held {
                Held::Reserved(at, part) => pot.sources.push(Source {
                    offer,
                    at: *at,
                    id: self.reservations.get(*at)?.id,
                    claim: part.claim,
                    content: part.content.clone(),
                }),
                Held::Whole | Held::Part(_) => self.pour(&mut pot, offer)?,
            }
        }
        Some(pot)
    }

    /// Puts an offer of what is nobody's into the pot.
    fn pour(&mut self, pot: &mut Pot, offer: OfferAt) -> Option<()> {
        let claim = self.claim_of(offer)?;
        let content = self.content(self.offers.get(offer)?).clone();
        if let Some(into) = pot.free {
            if !matches!(self.local.merge(into, claim, OFFERER), Merged::Merged { .. }) {
                return None;
            }
        } else {
            pot.free = Some(claim);
        }
        pot.declined.amounts.add(&content.amounts);
        let bits = pot.declined.bits.iter().zip(&content.bits).map(|(one, other)| one | other).collect();
        pot.declined.bits = if pot.offers.is_empty() { content.bits } else { bits };
        pot.offers.push(offer);
        Some(())
    }

    /// Launches from the first that has all of it.
    fn launch_from(&mut self, pot: &mut Pot, owner: Owner, request: &Request, accepted: &mut Accepted) -> Outcome {
        let mut last = gone(pot.agent);
        for source in &mut pot.sources {
            last = self.launch_piece(source.claim, RESERVER, owner, request);
            if let Outcome::Granted(grant) = last {
                let _counted = self.count_launch(pot.sub, last);
                self.settle_in(grant.claim, source.at);
                source.content.amounts.sub(&self.amounts_of(grant.claim));
                return last;
            }
            accepted.note(last);
        }
        let Some(free) = pot.free else { return last };
        let outcome = self.launch_piece(free, OFFERER, owner, request);
        if let Outcome::Granted(grant) = outcome {
            let _counted = self.count_launch(pot.sub, outcome);
            pot.declined.amounts.sub(&self.amounts_of(grant.claim));
        }
        outcome
    }

    /// Claims a piece of a claim.
    pub(crate) fn launch_piece(&mut self, claim: ClaimId, from: Owner, owner: Owner, request: &Request) -> Outcome {
        let outcome = self.local.caller().split(claim, from, Piece::Request(request));
        if let Outcome::Granted(Grant { claim, .. }) = outcome {
            let moved = self.local.transfer(claim, from, owner);
            debug_assert_eq!(moved, Transferred::Transferred, "the claim was made by this call");
        }
        outcome
    }

    fn reserve_from(
        &mut self,
        pot: &mut Pot,
        (role, of): (RoleId, Option<ReservationId>),
        amounts: &[(Resource, u64)],
        tag: u64,
        accepted: &mut Accepted,
    ) -> Result<ReservationId, NoReservation> {
        if role != pot.role {
            return Err(NoReservation::OtherRole { role, offered: pot.role });
        }
        let wanted = self.wanted(amounts)?;
        if let Some(id) = of {
            let source = pot.sources.iter_mut().find(|source| source.id == id);
            let source = source.ok_or(NoReservation::NoSuchReservation(id))?;
            self.may_refine(source.at, role)?;
            let refined = self.refine_of(source.at, source.claim, role, &wanted, tag)?;
            source.content.amounts.sub(&wanted);
            return Ok(refined);
        }
        let Some(free) = pot.free else {
            let places = self.agents.places(self.local.table(), pot.agent);
            return Err(self.cut_exact(places, &[], &wanted).err().unwrap_or(NoReservation::Nothing));
        };
        let (claim, pools_changed) = self.split_reserved(free, OFFERER, &wanted)?;
        accepted.pools_changed |= pools_changed;
        pot.declined.amounts.sub(&wanted);
        Ok(self.make(claim, Making { role, kind: ReservationKind::Dynamic, tag, under: None }))
    }

    fn unreserve_from(
        &mut self,
        pot: &mut Pot,
        id: ReservationId,
        amounts: &[(Resource, u64)],
    ) -> Result<ReservationId, NoReservation> {
        let source = pot.sources.iter_mut().find(|source| source.id == id);
        let source = source.ok_or(NoReservation::NoSuchReservation(id))?;
        let wanted = if amounts.is_empty() { self.amounts_of(source.claim) } else { self.wanted(amounts)? };
        if wanted.is_zero() {
            return Err(NoReservation::Nothing);
        }
        let piece = self.unreserve_of(source.at, source.claim, &wanted, pot.role)?;
        source.content.amounts.sub(&wanted);
        match (piece, pot.free) {
            (Some(piece), Some(free)) => {
                if !matches!(self.local.merge(free, piece, OFFERER), Merged::Merged { .. }) {
                    self.free_offered(piece);
                }
            }
            (Some(piece), None) => pot.free = Some(piece),
            (None, _) => {}
        }
        Ok(id)
    }

    fn free_offered(&mut self, claim: ClaimId) {
        let released = self.local.release(claim, OFFERER);
        debug_assert!(matches!(released, Released::Released { .. }), "it is the offerer's");
        self.came_back_to(claim.agent());
    }

    /// Ends accepted offers: what is left of what is nobody's is free, what is left of a reservation is offered again.
    fn end_pot(&mut self, pot: Pot, refuse_ms: Option<u64>) {
        let Pot { sub, agent, free, declined, offers, sources, .. } = pot;
        let until_ms = self.refused_until(refuse_ms);
        if offers.is_empty() {
            free.into_iter().for_each(|claim| self.free_offered(claim));
        } else {
            let (first, others) = (offers[0], &offers[1..]);
            others.iter().for_each(|other| self.end_merged(*other));
            self.end_offer(first);
            self.look(agent);
            if let Some(until_ms) = until_ms.filter(|_| !declined.amounts.is_zero()) {
                self.filters.refuse(sub, agent, &declined.as_shown(), self.now_ms, until_ms);
            }
        }
        for source in sources {
            self.end_offer(source.offer);
            if let Some(until_ms) = until_ms {
                self.refuse_reserved(sub, source.at, &source.content, until_ms);
            }
        }
        self.regrow(agent);
        self.came_back(agent);
    }

    /// Something of an agent was converted in an accept: a filter of the rest does not hide it.
    fn regrow(&mut self, agent: AgentAt) {
        self.look(agent);
        let (filters, entry) = (&mut self.filters, self.agents.entry(agent));
        filters.grew(agent, &entry.content.as_shown(), |_| ());
    }
}
