//! Reserved: what reservations have idle is offered to their roles, and what was launched in them comes back.

use crate::allocator::agents::AgentAt;
use crate::allocator::cycle::is_enough;
use crate::allocator::frameworks::{SubAt, Subscriber};
use crate::allocator::offers::{Held, HeldPart, Offer, OfferAt};
use crate::allocator::reservations::{Home, RESERVER, ReservationAt, Reserved};
use crate::allocator::roles::CpuKind;
use crate::allocator::shown::Content;
use crate::allocator::{Allocator, Event, bits, shown};
use crate::amounts::{Amounts, CPU_MILLI};
use crate::claim::Holder;
use crate::ids::{AgentId, ClaimId, Owner, RoleId};
use crate::memory::Seat;
use crate::outcome::{Merged, Outcome, Released, Transferred};
use crate::part::Part;
use crate::request::Request;
use crate::{MILLI_PER_PU, Quantities, exact};

/// Offers of reserved content.
impl Allocator {
    /// Offers a subscription something that is reserved for its role or one above.
    #[inline]
    pub(crate) fn offer_reserved(&mut self, sub: SubAt) -> Option<OfferAt> {
        if !self.reservations.any_offerable() {
            return None;
        }
        let at = self.next_reserved(sub)?;
        let part = self.take_idle_part(at)?;
        let reserved = self.reservations.get_mut(at)?;
        reserved.out += 1;
        let agent = reserved.agent;
        Some(self.put_out(sub, agent, Held::Reserved(at, Box::new(part))))
    }

    /// The next reservation that a subscription may be offered and does not filter: its own role's first, then of those above.
    fn next_reserved(&self, sub: SubAt) -> Option<ReservationAt> {
        let subscriber = self.subscriptions.get(sub)?;
        let row = self.reservations.filters.row(sub);
        self.path(subscriber.role).find_map(|role| {
            let words = (0..).zip(self.reservations.offerable(role)?.words());
            let mut left = words.flat_map(|(at, word)| {
                let bits = word & !row.get(at as usize).copied().unwrap_or(0);
                bits::ones(bits).map(move |bit| at * 64 + bit)
            });
            left.find(|at: &ReservationAt| {
                let next = self.reservations.get(*at).and_then(|of| Some((of.agent, of.idle.last()?)));
                next.is_some_and(|(agent, part)| suits_reserved(subscriber, agent, part))
            })
        })
    }

    /// Whether a subscription might have what an offer holds, were it its turn.
    pub(crate) fn would_take(&self, sub: SubAt, offer: &Offer) -> bool {
        let Held::Reserved(at, part) = &offer.held else { return self.would_be_offered(sub, offer.agent) };
        let Some(subscriber) = self.subscriptions.get(sub) else { return false };
        let Some(role) = self.reservations.get(*at).map(|reserved| reserved.role) else { return false };
        self.path(subscriber.role).any(|above| above == role)
            && !self.reservations.filters.has(sub, *at)
            && suits_reserved(subscriber, offer.agent, part)
    }

    /// Whether a reservation can be offered, as it is now.
    pub(crate) fn see_offerable(&mut self, at: ReservationAt) {
        let Some(Reserved { agent, role, idle, .. }) = self.reservations.get(at) else { return };
        let is_open = self.agents.get(*agent).is_some_and(|entry| entry.is_open);
        let (role, offerable) = (*role, is_open && !idle.is_empty());
        self.reservations.put_offerable(role, at, offerable);
    }

    /// An agent opened or closed.
    pub(crate) fn see_reserved_on(&mut self, agent: AgentAt) {
        self.reservations.of_agent(agent).to_vec().into_iter().for_each(|at| self.see_offerable(at));
    }

    /// An offer of a reservation is over.
    pub(crate) fn lay_back(&mut self, at: ReservationAt, claim: ClaimId) {
        if let Some(reserved) = self.reservations.get_mut(at) {
            reserved.out -= 1;
        }
        self.lay_in(at, claim);
        self.end_if_over(at);
    }

    /// A subscription does not want what it was offered of a reservation, until a moment.
    pub(crate) fn refuse_reserved(&mut self, sub: SubAt, at: ReservationAt, refused: &Content, until_ms: u64) {
        if refused.amounts.is_zero() || self.reservations.get(at).is_none() {
            return;
        }
        self.reservations.filters.refuse(sub, at, &refused.as_shown(), self.now_ms, until_ms);
        self.reserved_grew(at);
    }

    fn reserved_grew(&mut self, at: ReservationAt) {
        let Some(part) = self.reservations.get(at).and_then(|reserved| reserved.idle.last()) else { return };
        let content = part.content.clone();
        self.reservations.filters.grew(at, &content.as_shown(), |_| ());
    }

    /// Withdraws all offers of a reservation.
    pub(crate) fn withdraw_reserved(&mut self, at: ReservationAt) {
        if self.reservations.get(at).is_some_and(|reserved| reserved.out > 0) {
            self.offers.of_reservation(at).into_iter().for_each(|offer| self.withdraw_offer(offer));
        }
    }
}

/// Whether what is reserved is enough for a subscription. Its own minimum counts; that of the rules is for what is nobody's, and would
/// hide for ever what is too little for it.
fn suits_reserved(subscriber: &Subscriber, agent: AgentAt, part: &HeldPart) -> bool {
    if subscriber.mask.as_ref().is_some_and(|mask| !mask.has(agent)) {
        return false;
    }
    let mut amounts = part.content.amounts;
    if subscriber.cpu == CpuKind::Exclusive {
        let pus = part.parts.iter().map(|part| if let Part::Cores { pus, .. } = part { pus.count_ones() } else { 0 });
        amounts.0[CPU_MILLI] = u64::from(pus.sum::<u32>()) * u64::from(MILLI_PER_PU);
    }
    subscriber.minimum.as_deref().is_none_or(|minima| is_enough(minima, &amounts))
}

/// What comes back.
impl Allocator {
    /// A claim of the reserver's is a reservation's, to be offered.
    pub(crate) fn lay_in(&mut self, at: ReservationAt, claim: ClaimId) {
        let into = self.take_idle(at).unwrap_or(claim);
        let is_one = into == claim || matches!(self.local.merge(into, claim, RESERVER), Merged::Merged { .. });
        for claim in core::iter::once(into).chain((!is_one).then_some(claim)) {
            match self.part_of(claim) {
                Some(part) if !part.content.amounts.is_zero() => {
                    self.count_idle(at, &part.content.amounts, Amounts::add);
                    if let Some(reserved) = self.reservations.get_mut(at) {
                        reserved.idle.push(part);
                    }
                }
                _ => {
                    let _empty = self.local.release(claim, RESERVER);
                }
            }
        }
        self.reserved_grew(at);
        self.see_offerable(at);
        self.agents.mark(claim.agent().get());
    }

    /// What a claim holds, to be offered.
    fn part_of(&self, claim: ClaimId) -> Option<HeldPart> {
        let (table, agent) = (self.local.table(), claim.agent());
        let mut parts = Vec::new();
        table.read(claim, |part| parts.push(part))?;
        let places = self.agents.places(table, agent.get());
        let words = shown::words(places.shape, table.words_of(agent)?.len(), &parts);
        Some(HeldPart { claim, content: shown::of_parts(places, &parts), parts: parts.into(), words })
    }

    pub(crate) fn count_idle(&mut self, at: ReservationAt, by: &Amounts, change: impl Fn(&mut Amounts, &Amounts)) {
        let Some(role) = self.reservations.get(at).map(|reserved| reserved.role) else { return };
        for role in self.path(role).collect::<Vec<RoleId>>() {
            self.reservations.count_idle(role, |idle| change(idle, by));
        }
    }

    /// A claim was launched in a reservation.
    pub(crate) fn settle_in(&mut self, claim: ClaimId, at: ReservationAt) {
        let amounts = self.amounts_of(claim);
        if let Some(reserved) = self.reservations.get_mut(at) {
            reserved.launched += 1;
            reserved.launched_amounts.add(&amounts);
            self.reservations.homes.insert(claim, Home { at, amounts });
        }
    }

    /// A claim is no longer one that was launched in a reservation.
    fn move_out(&mut self, claim: ClaimId) -> Option<Home> {
        let home = self.reservations.homes.remove(&claim)?;
        if let Some(reserved) = self.reservations.get_mut(home.at) {
            reserved.launched -= 1;
            reserved.launched_amounts.sub(&home.amounts);
        }
        Some(home)
    }

    /// Ends a claim that was launched in a reservation: as much as is reserved comes back to that, what is more is free.
    pub(crate) fn come_home(&mut self, claim: ClaimId, owner: Owner) -> Released {
        match self.local.caller().idle(claim, owner, RESERVER) {
            Transferred::Transferred => {}
            Transferred::NotOwner { owner } => return Released::NotOwner { owner },
            Transferred::Contended => return Released::Contended,
            Transferred::Gone => {
                self.uncount_claim(claim);
                let home = self.move_out(claim);
                home.into_iter().for_each(|home| self.end_if_over(home.at));
                return Released::Gone;
            }
        }
        self.uncount_claim(claim);
        let none = Quantities { cpu_milli: 0, mem_bytes: 0 };
        let Some(home) = self.move_out(claim) else { return self.local.release(claim, RESERVER) };
        let mut released = Released::Released { refunded: none, pools_changed: false };
        let mut more = self.amounts_of(claim);
        more.sub(&home.amounts);
        if !more.is_zero() {
            match self.split_reserved(claim, RESERVER, &more) {
                Ok((surplus, _)) => released = self.local.release(surplus, RESERVER),
                // It stays reserved, which is told.
                Err(_) => self.tell_changed(home.at),
            }
        }
        self.lay_in(home.at, claim);
        self.came_back(claim.agent().get());
        released
    }

    fn tell_changed(&mut self, at: ReservationAt) {
        if let Some(reservation) = self.reservations.get(at).map(|reserved| reserved.id) {
            self.tell(Event::ReservationChanged { reservation });
        }
    }

    /// Resizes a claim that was launched in a reservation. What it loses of that comes back to the reservation: the agent is closed, so
    /// nobody else takes it. What it gets more is of what is nobody's.
    pub(crate) fn resize_at_home(&mut self, claim: ClaimId, owner: Owner, request: &Request) -> Outcome {
        let agent = claim.agent();
        let before = self.parts_of(claim);
        let closed = self.table().close_for_offers(core::iter::once(agent)) == 1;
        let caller = if closed { self.offer_door() } else { self.local.caller() };
        let outcome = caller.resize(claim, owner, request);
        if matches!(outcome, Outcome::Granted(_)) {
            self.hold_again(claim, &before);
        }
        if closed {
            self.table().open_after_offer(agent);
        }
        outcome
    }

    /// Holds what a claim has lost, as far as it is reserved, for its reservation.
    fn hold_again(&mut self, claim: ClaimId, before: &[Part]) {
        let Some(Home { at, amounts }) = self.reservations.homes.get(&claim).copied() else { return };
        let kept = self.amounts_of(claim).min(&amounts);
        let mut gone = amounts;
        gone.sub(&kept);
        let Some(role) = self.reservations.get(at).map(|reserved| reserved.role).filter(|_| !gone.is_zero()) else {
            return;
        };
        let table = self.local.table();
        let places = self.agents.places(table, claim.agent().get());
        let lost = shown::cut(places, &lost(before, &self.parts_of(claim)), &gone);
        let is_all = places.sum(lost.iter().copied()) == gone;
        let placement = exact::placement(places.shape, lost.into_iter());
        let held = table.restore(claim.agent(), Holder { owner: RESERVER, role }, &placement);
        if let Some(home) = self.reservations.homes.get_mut(&claim) {
            home.amounts = kept;
        }
        if let Some(reserved) = self.reservations.get_mut(at) {
            reserved.launched_amounts.sub(&gone);
        }
        if !is_all || held.is_err() {
            self.tell_changed(at);
        }
        if let Ok(grant) = held {
            self.lay_in(at, grant.claim);
        }
    }

    /// What a claim holds, one part for each place.
    fn parts_of(&self, claim: ClaimId) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        let _seen = self.local.table().read(claim, |part| {
            let part = plain(part);
            match parts.iter_mut().find_map(|before| before.with(part).map(|sum| (before, sum))) {
                Some((before, sum)) => *before = sum,
                None => parts.push(part),
            }
        });
        parts
    }

    /// All reservations of an agent are gone.
    pub(crate) fn forget_reserved(&mut self, agent: AgentId) {
        let here = self.reservations.of_agent(agent.get()).to_vec();
        if here.is_empty() {
            return;
        }
        self.reservations.homes.retain(|claim, _| claim.agent() != agent);
        for at in here {
            while let Some(part) = self.take_idle_part(at) {
                let _released = self.local.release(part.claim, RESERVER);
            }
            if let Some(gone) = self.reservations.remove(at) {
                self.count_child(gone.role, -1);
            }
        }
    }
}

/// A part as nobody uses it.
const fn plain(part: Part) -> Part {
    match part {
        Part::Cores { leaf, pus, .. } => Part::Cores { leaf, member: 0, pus },
        Part::Share { pool, cpu_milli, .. } => Part::Share { pool, member: 0, cpu_milli },
        Part::Memory { numa_node, pages, .. } => Part::Memory { numa_node, seat: Seat::Held, pages },
        Part::Member { .. } => Part::Empty,
        part => part,
    }
}

/// What parts had beyond what they have, one part for each place.
fn lost(before: &[Part], after: &[Part]) -> Vec<Part> {
    let rest = |part: &Part| {
        let now = after.iter().copied().find(|now| now.same_place(*part));
        match (*part, now) {
            (part, None) => part,
            (Part::Cores { leaf, member, pus }, Some(Part::Cores { pus: now, .. })) => {
                Part::Cores { leaf, member, pus: pus & !now }
            }
            (part, Some(now)) => part.without(now).unwrap_or(Part::Empty),
        }
    };
    before.iter().map(rest).filter(|part| !part.is_nothing()).collect()
}
