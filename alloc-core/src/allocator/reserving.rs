//! Reserving: parts of an agent become a reservation, are refined for a role below, and are everybody's again.

use crate::allocator::Allocator;
use crate::allocator::agents::NO_OFFER;
use crate::allocator::no_reservation::NoReservation;
use crate::allocator::offers::{HeldPart, OFFERER, OfferAt};
use crate::allocator::reservations::{RESERVER, ReservationAt, ReservationId, ReservationKind, Reserved};
use crate::allocator::shown;
use crate::amounts::Amounts;
use crate::claim::Holder;
use crate::claim_exact::ClaimedExact;
use crate::exact;
use crate::idle::Uncharged;
use crate::ids::{AgentId, ClaimId, Owner, RoleId};
use crate::ledger::ChargePlaces;
use crate::outcome::{Merged, Outcome, Transferred};
use crate::part::Part;
use crate::placement::Placement;
use crate::reason::{Refusal, Resource};
use crate::split::Piece;

/// How often something is tried that others were in the way of.
const TRIES: u32 = 4;

/// A reservation to be made of a claim.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Making {
    pub(crate) role: RoleId,
    pub(crate) kind: ReservationKind,
    pub(crate) tag: u64,
    pub(crate) under: Option<ReservationAt>,
}

impl Allocator {
    /// Reserves exactly so much of an agent for a role and those below it, each in its resource's unit. Whole cores, and what pools have
    /// left; no core joins a pool for it. Offers of the agent that are in the way are withdrawn. `tag` is the caller's: principal,
    /// labels.
    ///
    /// A static reservation is told again by the caller when its agent returns.
    ///
    /// # Errors
    /// [`NoReservation`]; above the role's limit [`NoReservation::Refused`].
    pub fn reserve(
        &mut self,
        agent: AgentId,
        role: RoleId,
        amounts: &[(Resource, u64)],
        kind: ReservationKind,
        tag: u64,
    ) -> Result<ReservationId, NoReservation> {
        self.role(role).ok_or(NoReservation::NoSuchRole(role))?;
        let at = agent.get();
        let is_open = self.agents.get(at).is_some_and(|entry| entry.is_open);
        if !is_open {
            return Err(NoReservation::NoSuchAgent(agent));
        }
        let wanted = self.wanted(amounts)?;
        self.withdraw_for(agent, &wanted);
        let mut made = Err(NoReservation::Contended);
        for _ in 0..TRIES {
            made = self.hold_reserved(agent, role, &wanted);
            if made != Err(NoReservation::Contended) {
                break;
            }
        }
        let claim = made?;
        self.look(at);
        Ok(self.make(claim, Making { role, kind, tag, under: None }))
    }

    /// What is asked, by place.
    pub(crate) fn wanted(&self, amounts: &[(Resource, u64)]) -> Result<Amounts, NoReservation> {
        let mut wanted = Amounts::ZERO;
        for &(resource, amount) in amounts {
            let unit = resource.unit();
            if amount % unit != 0 {
                return Err(NoReservation::Uneven { resource, unit });
            }
            let place = self.table().place_of(resource).map_err(NoReservation::Table)?;
            wanted.0[place] = wanted.0[place].saturating_add(amount / unit);
        }
        if wanted.is_zero() { Err(NoReservation::Nothing) } else { Ok(wanted) }
    }

    /// Withdraws unreserved offers of an agent, the youngest first, as long as that makes room for what is missing.
    fn withdraw_for(&mut self, agent: AgentId, wanted: &Amounts) {
        let at = agent.get();
        self.look(at);
        let mut offers: Vec<OfferAt> = self.offers.of_agent(at);
        offers.retain(|offer| self.offers.get(*offer).is_some_and(|offer| offer.held.reservation().is_none()));
        offers.sort_by_key(|offer| self.offers.get(*offer).map(|offer| offer.since_ms));
        let mut sum = self.free_on(at);
        let contents = offers.iter().filter_map(|offer| self.offers.get(*offer)).map(|offer| self.content(offer));
        contents.for_each(|content| sum.add(&content.amounts));
        if !sum.covers(wanted) {
            return;
        }
        while !self.free_on(at).covers(wanted)
            && let Some(offer) = offers.pop()
        {
            self.withdraw_offer(offer);
            self.look(at);
        }
    }

    /// What nobody has of an agent.
    fn free_on(&self, at: u32) -> Amounts {
        let entry = self.agents.entry(at);
        if entry.whole == NO_OFFER { entry.content.amounts } else { Amounts::ZERO }
    }

    /// Makes a claim of exactly so much of what is free.
    fn hold_reserved(&mut self, agent: AgentId, role: RoleId, wanted: &Amounts) -> Result<ClaimId, NoReservation> {
        let at = agent.get();
        self.look(at);
        let table = self.local.table();
        let places = self.agents.places(table, at);
        let is_whole = self.agents.entry(at).whole != NO_OFFER;
        let parts = self.agents.snapshot(table, at).filter(|_| !is_whole).map(|snapshot| shown::parts(&snapshot));
        let (_, placement) = self.cut_exact(places, &parts.unwrap_or_default(), wanted)?;
        let holder = Holder { owner: RESERVER, role };
        match self.local.caller().claim_exact(agent, holder, (self.agents.incarnation(at), &placement)) {
            ClaimedExact::Granted(grant) => Ok(grant.claim),
            ClaimedExact::Refused(refusal) => Err(NoReservation::Refused(refusal)),
            ClaimedExact::Stale { .. } => Err(NoReservation::NoSuchAgent(agent)),
            ClaimedExact::Taken(_) | ClaimedExact::Contended(_) => {
                self.agents.mark(at);
                Err(NoReservation::Contended)
            }
        }
    }

    /// Exactly so much of parts.
    pub(crate) fn cut_exact(
        &self,
        places: ChargePlaces<'_>,
        parts: &[Part],
        wanted: &Amounts,
    ) -> Result<(Vec<Part>, Placement), NoReservation> {
        let cut = shown::cut(places, parts, wanted);
        let has = places.sum(cut.iter().copied());
        let resources = self.table().resources().into_iter().zip(wanted.0.into_iter().zip(has.0));
        for (resource, (asked, has)) in resources {
            if asked != has {
                let unit = resource.unit();
                return Err(NoReservation::Short { resource, asked: asked * unit, available: has * unit });
            }
        }
        let placement = exact::placement(places.shape, cut.iter().copied());
        Ok((cut, placement))
    }

    /// Splits exactly so much off a claim, as a claim of the reserver's.
    pub(crate) fn split_reserved(
        &mut self,
        claim: ClaimId,
        owner: Owner,
        wanted: &Amounts,
    ) -> Result<(ClaimId, bool), NoReservation> {
        let at = claim.agent().get();
        let table = self.local.table();
        let mut parts = Vec::new();
        table.read(claim, |part| parts.push(part)).ok_or(NoReservation::Contended)?;
        let (_, placement) = self.cut_exact(self.agents.places(table, at), &parts, wanted)?;
        let caller = self.local.caller();
        match caller.split(claim, owner, Piece::Exact(&placement)) {
            Outcome::Granted(grant) => {
                let moved = caller.transfer(grant.claim, owner, RESERVER);
                debug_assert_eq!(moved, Transferred::Transferred, "the claim was made by this call");
                Ok((grant.claim, grant.pools_changed))
            }
            Outcome::Refused(refusal) => Err(NoReservation::Refused(refusal)),
            Outcome::Contended(_) => Err(NoReservation::Contended),
        }
    }

    /// Makes a reservation of a claim of the reserver's that is charged to its role.
    pub(crate) fn make(&mut self, claim: ClaimId, making: Making) -> ReservationId {
        let Making { role, kind, tag, under } = making;
        self.count_child(role, 1);
        let at = self.reservations.add(Reserved {
            id: ReservationId::new(0),
            agent: claim.agent().get(),
            role,
            kind,
            tag,
            under,
            idle: Vec::new(),
            out: 0,
            launched: 0,
            launched_amounts: Amounts::ZERO,
            refined: 0,
        });
        self.lay_in(at, claim);
        self.reservations.get(at).map_or(ReservationId::new(u64::MAX), |reserved| reserved.id)
    }

    /// Charges another role for a claim of the reserver's.
    pub(crate) fn recharge(&self, claim: ClaimId, owner: Owner, role: RoleId) -> Result<(), NoReservation> {
        for _ in 0..TRIES {
            match self.local.caller().recharge(claim, owner, role) {
                Ok(()) => return Ok(()),
                Err(Uncharged::Reason(reason)) => {
                    return Err(NoReservation::Refused(Refusal { agent: claim.agent(), reason }));
                }
                Err(Uncharged::Contended) => {}
            }
        }
        Err(NoReservation::Contended)
    }
}

impl Allocator {
    /// Refines so much of a reservation for a role below its own; offers of it that are in the way are withdrawn. The new reservation
    /// is dynamic, and has the old one's stack and its own role.
    ///
    /// # Errors
    /// [`NoReservation`].
    pub fn refine(
        &mut self,
        id: ReservationId,
        role: RoleId,
        amounts: &[(Resource, u64)],
        tag: u64,
    ) -> Result<ReservationId, NoReservation> {
        let at = self.reservations.find(id).ok_or(NoReservation::NoSuchReservation(id))?;
        let of = self.may_refine(at, role)?;
        let wanted = self.wanted(amounts)?;
        if self.reservations.get(at).is_some_and(|reserved| !reserved.idle_amounts().covers(&wanted)) {
            self.withdraw_reserved(at);
        }
        let Some(claim) = self.take_idle(at) else { return Err(NoReservation::NoSuchReservation(of)) };
        let refined = self.refine_of(at, claim, role, &wanted, tag);
        self.lay_in(at, claim);
        refined
    }

    /// Whether a reservation may be refined for a role: that is below its own.
    pub(crate) fn may_refine(&self, at: ReservationAt, role: RoleId) -> Result<ReservationId, NoReservation> {
        self.role(role).ok_or(NoReservation::NoSuchRole(role))?;
        let reserved = self.reservations.get(at).ok_or(NoReservation::Contended)?;
        let of = reserved.role;
        let is_below = role != of && self.path(role).any(|above| above == of);
        if is_below { Ok(reserved.id) } else { Err(NoReservation::NotBelow { role, of }) }
    }

    /// Refines so much of a claim that is a reservation's.
    pub(crate) fn refine_of(
        &mut self,
        at: ReservationAt,
        claim: ClaimId,
        role: RoleId,
        wanted: &Amounts,
        tag: u64,
    ) -> Result<ReservationId, NoReservation> {
        let (piece, _) = self.split_reserved(claim, RESERVER, wanted)?;
        if let Err(no) = self.recharge(piece, RESERVER, role) {
            if !matches!(self.local.merge(claim, piece, RESERVER), Merged::Merged { .. }) {
                self.lay_in(at, piece);
            }
            return Err(no);
        }
        Ok(self.make(piece, Making { role, kind: ReservationKind::Dynamic, tag, under: Some(at) }))
    }

    /// Ends a reservation, static or dynamic, for an operator: what nobody launched of it is the one's under it in the stack, or
    /// everybody's; offers of it are withdrawn. What claims have of it stays reserved, and what was refined of it.
    ///
    /// # Errors
    /// [`NoReservation::NoSuchReservation`]; [`NoReservation::Contended`].
    pub fn unreserve(&mut self, id: ReservationId) -> Result<(), NoReservation> {
        let at = self.reservations.find(id).ok_or(NoReservation::NoSuchReservation(id))?;
        self.withdraw_reserved(at);
        while let Some(claim) = self.take_idle(at) {
            if let Err(no) = self.lower(at, claim) {
                self.lay_in(at, claim);
                return Err(no);
            }
        }
        self.end_if_over(at);
        Ok(())
    }

    /// A claim of a reservation goes to the one under it in the stack, or is free.
    fn lower(&mut self, at: ReservationAt, claim: ClaimId) -> Result<(), NoReservation> {
        let under = self.reservations.get(at).and_then(|reserved| reserved.under);
        match under.and_then(|under| Some((under, self.reservations.get(under)?.role))) {
            Some((under, role)) => {
                self.recharge(claim, RESERVER, role)?;
                self.lay_in(under, claim);
            }
            None => self.free_reserved(claim),
        }
        Ok(())
    }

    /// What a claim of the reserver's holds is everybody's.
    pub(crate) fn free_reserved(&mut self, claim: ClaimId) {
        let _released = self.local.release(claim, RESERVER);
        self.came_back_to(claim.agent());
    }

    /// So much of an accepted offer of a reservation is unreserved: it goes to the one under it in the stack, or becomes a claim of the
    /// offerer's, charged to `role`, which is told.
    pub(crate) fn unreserve_of(
        &mut self,
        at: ReservationAt,
        claim: ClaimId,
        wanted: &Amounts,
        role: RoleId,
    ) -> Result<Option<ClaimId>, NoReservation> {
        let Some(reserved) = self.reservations.get(at) else { return Err(NoReservation::Contended) };
        if reserved.kind == ReservationKind::Static {
            return Err(NoReservation::Static(reserved.id));
        }
        let is_first = reserved.under.is_none();
        let (piece, _) = self.split_reserved(claim, RESERVER, wanted)?;
        if !is_first {
            if let Err(no) = self.lower(at, piece) {
                self.lay_in(at, piece);
                return Err(no);
            }
            return Ok(None);
        }
        let is_his = reserved_role(self, at) == Some(role) || self.recharge(piece, RESERVER, role).is_ok();
        if is_his && self.local.transfer(piece, RESERVER, OFFERER) == Transferred::Transferred {
            return Ok(Some(piece));
        }
        self.free_reserved(piece);
        Ok(None)
    }

    /// A claim in which a reservation's idle ones are merged, taken out of it.
    pub(crate) fn take_idle(&mut self, at: ReservationAt) -> Option<ClaimId> {
        let part = self.take_idle_part(at)?;
        Some(part.claim)
    }

    pub(crate) fn take_idle_part(&mut self, at: ReservationAt) -> Option<HeldPart> {
        let part = self.reservations.get_mut(at)?.idle.pop()?;
        self.count_idle(at, &part.content.amounts, Amounts::sub);
        self.see_offerable(at);
        Some(part)
    }
}

fn reserved_role(allocator: &Allocator, at: ReservationAt) -> Option<RoleId> {
    allocator.reservations.get(at).map(|reserved| reserved.role)
}
