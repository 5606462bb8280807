//! Offers: what is out, and its beginning and end.

use crate::agent_snapshot::AgentSnapshot;
use crate::allocator::agents::{AgentAt, NO_OFFER};
use crate::allocator::amounts::{Amounts, CPU_MILLI, PAGES};
use crate::allocator::frameworks::SubAt;
use crate::allocator::shown::Content;
use crate::allocator::{Allocator, Event, shown};
use crate::claim::Holder;
use crate::claim_exact::ClaimedExact;
use crate::exact;
use crate::ids::{AgentId, ClaimId, FrameworkId, OfferId, Owner, RoleId};
use crate::outcome::Released;
use crate::part::Part;
use crate::placement::Placement;
use crate::{PAGE_BYTES, Quantities};

/// An offer's place.
pub(crate) type OfferAt = u32;

/// Bits of an offer's id that are its place; the others count how often the place was used.
const PLACE_BITS: u32 = 24;

/// The owner of what offers hold as claims: the allocator's, and nobody else's.
pub(crate) const OFFERER: Owner = Owner::new(u64::MAX);

/// What an offer holds.
#[derive(Clone, Debug)]
pub(crate) enum Held {
    /// All that is free on its agent, which is closed.
    Whole,
    /// A claim, what it shows, and words in which that alone is free.
    Part(Box<HeldPart>),
}

/// An offer of a part of an agent.
#[derive(Clone, Debug)]
pub(crate) struct HeldPart {
    pub(crate) claim: ClaimId,
    pub(crate) content: Content,
    pub(crate) words: Box<[u64]>,
}

/// An offer that is out.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) id: OfferId,
    pub(crate) sub: SubAt,
    pub(crate) agent: AgentAt,
    pub(crate) since_ms: u64,
    pub(crate) is_rescinded: bool,
    pub(crate) held: Held,
}

/// All offers that are out.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    list: Vec<Option<Offer>>,
    uses: Vec<u64>,
    unused: Vec<OfferAt>,
    count: usize,
}

impl Offers {
    fn add(&mut self, offer: Offer) -> OfferAt {
        let at = self.unused.pop().unwrap_or_else(|| {
            self.list.push(None);
            self.uses.push(0);
            u32::try_from(self.list.len() - 1).unwrap_or(u32::MAX)
        });
        let id = OfferId::new(self.uses[at as usize] << PLACE_BITS | u64::from(at));
        self.list[at as usize] = Some(Offer { id, ..offer });
        self.count += 1;
        at
    }

    fn remove(&mut self, at: OfferAt) -> Option<Offer> {
        let offer = self.list.get_mut(at as usize)?.take()?;
        self.uses[at as usize] += 1;
        self.unused.push(at);
        self.count -= 1;
        Some(offer)
    }

    #[inline]
    pub(crate) fn get(&self, at: OfferAt) -> Option<&Offer> {
        self.list.get(at as usize)?.as_ref()
    }

    /// The place of an offer that is out.
    #[inline]
    pub(crate) fn find(&self, id: OfferId) -> Option<OfferAt> {
        let at = u32::try_from(id.get() & ((1 << PLACE_BITS) - 1)).ok()?;
        (self.get(at)?.id == id).then_some(at)
    }

    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Offer> {
        self.list.iter().flatten()
    }

    fn places(&self, wanted: impl Fn(&Offer) -> bool) -> Vec<OfferAt> {
        let offers = (0..).zip(&self.list);
        offers.filter(|(_, offer)| offer.as_ref().is_some_and(&wanted)).map(|(at, _)| at).collect()
    }

    pub(crate) fn of_agent(&self, agent: AgentAt) -> Vec<OfferAt> {
        self.places(|offer| offer.agent == agent)
    }

    fn of_sub(&self, sub: SubAt) -> Vec<OfferAt> {
        self.places(|offer| offer.sub == sub)
    }

    fn rescind(&mut self, at: OfferAt) -> Option<&Offer> {
        let offer = self.list.get_mut(at as usize)?.as_mut().filter(|offer| !offer.is_rescinded)?;
        offer.is_rescinded = true;
        Some(offer)
    }
}

/// An offer, to be told to its framework.
#[derive(Clone, Copy, Debug)]
pub struct OfferView<'a> {
    /// Which.
    pub id: OfferId,
    /// Whose.
    pub framework: FrameworkId,
    /// In which role.
    pub role: RoleId,
    /// Since when, in milliseconds.
    pub since_ms: u64,
    /// Counts the changes of what the agent has free: two offers of all of an agent with the same version show the same. 0 for an
    /// offer of a part.
    pub version: u64,
    /// CPU and memory of it.
    pub quantities: Quantities,
    /// What it shows: an agent on which nothing else is free.
    pub agent: AgentSnapshot<'a>,
}

impl OfferView<'_> {
    /// Exactly what it holds.
    #[must_use]
    pub fn placement(&self) -> Placement {
        exact::placement(self.agent.shape(), shown::parts(&self.agent).into_iter())
    }
}

impl Allocator {
    /// An offer that is out.
    #[must_use]
    pub fn offer_view(&self, offer: OfferId) -> Option<OfferView<'_>> {
        self.view(self.offers.find(offer)?)
    }

    #[inline]
    pub(crate) fn view(&self, at: OfferAt) -> Option<OfferView<'_>> {
        let offer = self.offers.get(at)?;
        let sub = self.subscriptions.get(offer.sub)?;
        let content = self.content(offer);
        let table = self.local.table();
        let (agent, version) = match &offer.held {
            Held::Whole => (self.agents.snapshot(table, offer.agent)?, self.agents.entry(offer.agent).version),
            Held::Part(part) => (self.agents.snapshot_of(table, offer.agent, &part.words)?, 0),
        };
        let quantities =
            Quantities { cpu_milli: content.amounts.0[CPU_MILLI], mem_bytes: content.amounts.0[PAGES] * PAGE_BYTES };
        let (framework, role) = (sub.framework, sub.role);
        Some(OfferView { id: offer.id, framework, role, since_ms: offer.since_ms, version, quantities, agent })
    }

    /// How many offers are out.
    #[must_use]
    pub const fn offers_out(&self) -> usize {
        self.offers.len()
    }

    /// How many of them are out to a framework.
    #[must_use]
    pub fn offers_of(&self, framework: FrameworkId) -> usize {
        let subs = self.frameworks.get(&framework).map_or(&[][..], |known| &known.subscribers);
        subs.iter().filter_map(|at| self.subscriptions.get(*at)).map(|sub| sub.out as usize).sum()
    }

    /// The claims that hold what is offered of a part of an agent, in no order: the allocator's own.
    pub fn offer_claims(&self) -> impl Iterator<Item = ClaimId> + '_ {
        self.offers.iter().filter_map(|offer| match &offer.held {
            Held::Part(part) => Some(part.claim),
            Held::Whole => None,
        })
    }

    pub(crate) fn content<'a>(&'a self, offer: &'a Offer) -> &'a Content {
        match &offer.held {
            Held::Whole => &self.agents.entry(offer.agent).content,
            Held::Part(part) => &part.content,
        }
    }

    /// Offers all that is free on an agent.
    #[inline]
    pub(crate) fn offer_whole(&mut self, sub: SubAt, agent: AgentAt) -> OfferAt {
        let at = self.put_out(sub, agent, Held::Whole);
        self.agents.entry_mut(agent).whole = at;
        self.agents.put_available(agent, false);
        at
    }

    /// Counts an offer for its subscription.
    #[inline]
    fn put_out(&mut self, sub: SubAt, agent: AgentAt, held: Held) -> OfferAt {
        let since_ms = self.now_ms;
        let amounts = match &held {
            Held::Whole => &self.agents.entry(agent).content.amounts,
            Held::Part(part) => &part.content.amounts,
        };
        if let Some(sub) = self.subscriptions.get_mut(sub) {
            sub.out += 1;
            self.order.award(sub.node, amounts);
        }
        let offer = Offer { id: OfferId::new(0), sub, agent, since_ms, is_rescinded: false, held };
        let at = self.offers.add(offer);
        if let Some(offer) = self.offers.get(at) {
            self.aging.push_back((since_ms, offer.id));
        }
        at
    }

    /// Offers a part of an agent, as a claim of its own. `door`: whether the agent is closed for an offer by now.
    pub(crate) fn offer_part(&mut self, sub: SubAt, agent: AgentAt, parts: &[Part], closed: bool) -> Option<OfferAt> {
        let part = self.hold_part(sub, agent, parts, closed)?;
        self.agents.entry_mut(agent).partial += 1;
        Some(self.put_out(sub, agent, Held::Part(Box::new(part))))
    }

    /// Makes a claim of parts of an agent.
    fn hold_part(&mut self, sub: SubAt, agent: AgentAt, parts: &[Part], closed: bool) -> Option<HeldPart> {
        let (table, role) = (self.local.table(), self.subscriptions.get(sub)?.role);
        let shape = self.agents.shape(table, agent);
        let placement = exact::placement(shape, parts.iter().copied());
        let caller = if closed { self.offer_door() } else { self.local.caller() };
        let holder = Holder { owner: OFFERER, role };
        let choice = (self.agents.incarnation(agent), &placement);
        let (claim, changed) = match caller.claim_exact(AgentId::new(agent), holder, choice) {
            ClaimedExact::Granted(grant) => (Some(grant.claim), grant.pools_changed),
            ClaimedExact::Contended(was) => (None, was.pools_changed),
            _ => (None, false),
        };
        self.tell_pools(AgentId::new(agent), changed);
        let (table, claim) = (self.local.table(), claim?);
        let shape = self.agents.shape(table, agent);
        let len = table.words_of(AgentId::new(agent))?.len();
        let words = shown::words(shape, len, parts);
        Some(HeldPart { claim, content: shown::of_parts(table, shape, parts), words })
    }

    /// Makes an offer of all of an agent a claim of what it shows, and opens the agent for what came back meanwhile. False when the
    /// agent does not have it any more.
    pub(crate) fn part_whole(&mut self, at: OfferAt) -> bool {
        let Some((sub, agent)) = self.offers.get(at).map(|offer| (offer.sub, offer.agent)) else { return false };
        let Some(snapshot) = self.agents.snapshot(self.local.table(), agent) else { return false };
        let parts = shown::parts(&snapshot);
        let Some(part) = self.hold_part(sub, agent, &parts, true) else { return false };
        if let Some(offer) = self.offers.list[at as usize].as_mut() {
            offer.held = Held::Part(Box::new(part));
        }
        let entry = self.agents.entry_mut(agent);
        (entry.whole, entry.partial) = (NO_OFFER, entry.partial + 1);
        self.table().open_after_offer(AgentId::new(agent));
        self.agents.mark(agent);
        true
    }

    /// Ends an offer: what it held is free again, and its subscription has it no longer.
    pub(crate) fn end_offer(&mut self, at: OfferAt) -> Option<Offer> {
        let offer = self.offers.get(at)?;
        let amounts = self.content(offer).amounts;
        let offer = self.offers.remove(at)?;
        let pledged = if offer.is_rescinded { self.end_pledge(offer.id, offer.sub) } else { None };
        self.uncount(&offer, &amounts);
        match &offer.held {
            Held::Whole => {
                self.agents.entry_mut(offer.agent).whole = NO_OFFER;
                self.table().open_after_offer(AgentId::new(offer.agent));
                // Its words are as they were, and yet it is news for who waits.
                if !self.waits.is_empty() {
                    self.agents.mark(offer.agent);
                }
            }
            Held::Part(part) => {
                self.agents.entry_mut(offer.agent).partial -= 1;
                let released = self.local.release(part.claim, OFFERER);
                let changed = matches!(released, Released::Released { pools_changed: true, .. });
                self.tell_pools(AgentId::new(offer.agent), changed);
                self.agents.mark(offer.agent);
            }
        }
        if let Some(wait) = pledged {
            self.owe(wait, offer.agent);
        }
        Some(offer)
    }

    /// Ends an offer whose claim has become part of another's.
    pub(crate) fn end_merged(&mut self, at: OfferAt) {
        let Some(amounts) = self.offers.get(at).map(|offer| self.content(offer).amounts) else { return };
        if let Some(offer) = self.offers.remove(at) {
            self.end_pledge(offer.id, offer.sub);
            self.uncount(&offer, &amounts);
            self.agents.entry_mut(offer.agent).partial -= 1;
        }
    }

    fn uncount(&mut self, offer: &Offer, amounts: &Amounts) {
        if let Some(sub) = self.subscriptions.get_mut(offer.sub) {
            sub.out -= 1;
            self.order.refund(sub.node, amounts);
        }
    }

    /// Asks for an offer back: it may be answered until the grace is over.
    ///
    /// False when it is not out, or was rescinded before.
    pub fn rescind(&mut self, offer: OfferId) -> bool {
        self.offers.find(offer).is_some_and(|at| self.rescind_at(at))
    }

    pub(crate) fn rescind_at(&mut self, at: OfferAt) -> bool {
        let Some((sub, id)) = self.offers.rescind(at).map(|offer| (offer.sub, offer.id)) else { return false };
        self.rescinded.push_back((self.now_ms + self.rules.rescind_grace_ms, id));
        if let Some(framework) = self.subscriptions.get(sub).map(|sub| sub.framework) {
            self.tell(Event::Rescinded { framework, offer: id });
        }
        true
    }

    /// Ends an offer that nobody can accept any more.
    pub(crate) fn withdraw_offer(&mut self, at: OfferAt) {
        let Some(offer) = self.end_offer(at) else { return };
        if let Some(framework) = self.subscriptions.get(offer.sub).map(|sub| sub.framework) {
            self.tell(Event::Withdrawn { framework, offer: offer.id });
        }
    }

    /// Ends all offers of a subscription that will not answer.
    pub(crate) fn end_offers_of(&mut self, sub: SubAt) {
        if self.subscriptions.get(sub).is_none_or(|sub| sub.out == 0) {
            return;
        }
        for at in self.offers.of_sub(sub) {
            if let Some(offer) = self.end_offer(at) {
                self.came_back(offer.agent);
            }
        }
    }
}
