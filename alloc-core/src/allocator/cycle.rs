//! The cycle: what is available goes to whoever is neediest and wants it.

use crate::allocator::Allocator;
use crate::allocator::agents::{AgentAt, NO_OFFER};
use crate::allocator::amounts::{Amounts, CPU_MILLI, PAGES};
use crate::allocator::frameworks::{SubAt, Subscriber};
use crate::allocator::offers::{OfferAt, OfferView};
use crate::allocator::roles::CpuKind;
use crate::ids::AgentId;
use crate::{PAGE_BYTES, Quantities};

/// How many agents are closed at a time.
const BATCH: usize = 64;
/// How often in a cycle agents are looked at again on which others were faster. After that they are left to the next cycle: who
/// claims and releases without a pause would keep a cycle going for ever.
const LOOKS_MOST: u32 = 256;

impl Allocator {
    /// Offers what is available to whoever is neediest, until nobody wants what is left; tells each offer. How many there were.
    pub fn offer(&mut self, now_ms: u64, mut each: impl FnMut(&OfferView<'_>)) -> usize {
        self.tick(now_ms);
        self.look_at_changes();
        let mut batch = core::mem::take(&mut self.batch);
        let (mut made, mut looks) = (0, LOOKS_MOST);
        loop {
            self.choose(&mut batch);
            if batch.is_empty() {
                break;
            }
            made += self.close(&batch, &mut looks, &mut each);
            batch.clear();
        }
        self.batch = batch;
        self.order.end_skip();
        self.take_over();
        made
    }

    /// Chooses the next offers, as far as is known of their agents.
    fn choose(&mut self, batch: &mut Vec<OfferAt>) {
        while batch.len() < BATCH && self.agents.count_available() > 0 {
            let Some(node) = self.order.pick() else { return };
            let sub = self.subscriptions.of_node(node);
            match self.next_agent(sub) {
                Some(agent) => batch.push(self.offer_whole(sub, agent)),
                None => self.order.skip(node),
            }
        }
    }

    /// Closes the agents of chosen offers and tells those that are as they were known to be; the others are looked at again.
    fn close(&mut self, batch: &[OfferAt], looks: &mut u32, each: &mut impl FnMut(&OfferView<'_>)) -> usize {
        let agent =
            |at: &OfferAt| self.offers.get(*at).map_or(AgentId::new(u32::MAX), |offer| AgentId::new(offer.agent));
        let closed = self.table().close_for_offers(batch.iter().map(agent));
        let mut made = 0;
        for (bit, &at) in batch.iter().enumerate() {
            let Some(agent) = self.offers.get(at).map(|offer| offer.agent) else { continue };
            let is_closed = closed >> bit & 1 == 1;
            if is_closed && self.agents.is_current(self.local.table(), agent) {
                made += 1;
                if let Some(view) = self.view(at) {
                    each(&view);
                }
            } else {
                self.end_offer(at);
                // One that somebody closed is told of by who opens it again.
                self.agents.put_available(agent, false);
                if is_closed && *looks > 0 {
                    *looks -= 1;
                    self.look(agent);
                } else if is_closed {
                    self.agents.mark(agent);
                }
            }
        }
        made
    }

    /// Looks at the agents on which something changed, and lets those who wait have what came back there.
    fn look_at_changes(&mut self) {
        loop {
            let changed = self.agents.take_dirty();
            for &at in &changed {
                self.look(at);
            }
            self.serve_waits(&changed);
            if !self.agents.has_dirty() {
                return;
            }
        }
    }

    /// Looks at an agent. Is all of it offered and something came back, the offer keeps what it shows, and the rest is offered too.
    /// Whether what is known of it now is what is free: else it is to be looked at once more.
    pub(crate) fn look(&mut self, at: AgentAt) -> bool {
        let Some(entry) = self.agents.get(at) else { return false };
        if entry.whole != NO_OFFER {
            let offer = entry.whole;
            if !self.agents.is_current(self.local.table(), at) && !self.part_whole(offer) {
                self.withdraw_offer(offer);
            }
            return false;
        }
        if self.agents.look(self.local.table(), at) {
            let (filters, entry) = (&mut self.filters, self.agents.entry(at));
            filters.grew(at, &entry.content.as_shown(), |_| ());
        }
        self.see_available(at);
        true
    }

    /// Whether an agent can be offered, as it is now.
    pub(crate) fn see_available(&mut self, at: AgentAt) {
        let Some(entry) = self.agents.get(at) else { return };
        let ready = entry.is_open && entry.whole == NO_OFFER && !entry.is_gathering;
        let amounts = &entry.content.amounts;
        let enough =
            ready && (is_enough(&self.rules.minimum, amounts) || is_enough(self.subscriptions.minima(), amounts));
        self.agents.put_available(at, enough);
    }

    /// The next available agent that a subscription may be offered and does not filter.
    #[inline]
    fn next_agent(&mut self, sub: SubAt) -> Option<AgentAt> {
        let subscriber = self.subscriptions.get(sub)?;
        let words = self.agents.available().words();
        let row = self.filters.row(sub);
        let start = if subscriber.cursor < words.len() { subscriber.cursor } else { 0 };
        let found = (start..words.len()).chain(0..start).find_map(|at| {
            let mut bits = words[at] & !row.get(at).copied().unwrap_or(0);
            if let Some(mask) = &subscriber.mask {
                bits &= mask.word(at);
            }
            while bits != 0 {
                #[expect(clippy::cast_possible_truncation, reason = "agents' ids are 20 bits")]
                let agent = at as u32 * 64 + bits.trailing_zeros();
                if self.suits(subscriber, agent) {
                    return Some((at, agent));
                }
                bits &= bits - 1;
            }
            None
        });
        let (cursor, agent) = found?;
        if let Some(subscriber) = self.subscriptions.get_mut(sub) {
            subscriber.cursor = cursor;
        }
        Some(agent)
    }

    /// Whether what an agent shows is enough for a subscription.
    #[inline]
    pub(crate) fn suits(&self, subscriber: &Subscriber, agent: AgentAt) -> bool {
        // Without minima of anybody's own, what is available has the rules' minimum.
        if self.subscriptions.minima().len() == 0 && subscriber.cpu != CpuKind::Exclusive {
            return true;
        }
        let entry = self.agents.entry(agent);
        let mut amounts = entry.content.amounts;
        if subscriber.cpu == CpuKind::Exclusive {
            amounts.0[CPU_MILLI] = u64::from(entry.exclusive_pus) * u64::from(crate::MILLI_PER_PU);
        }
        is_enough(subscriber.minimum.as_deref().unwrap_or(&self.rules.minimum), &amounts)
    }

    /// Something was released on an agent.
    pub(crate) fn came_back_to(&mut self, agent: AgentId) {
        let at = agent.get();
        self.agents.mark(at);
        self.came_back(at);
    }

    /// An agent has more than before: it is offered at once if it was quiet, else at its window's end.
    pub(crate) fn came_back(&mut self, at: AgentAt) {
        let (now_ms, window_ms) = (self.now_ms, self.rules.offer_window_ms);
        if self.agents.get(at).is_none() {
            return;
        }
        let entry = self.agents.entry_mut(at);
        if entry.is_gathering {
            return;
        }
        if entry.window_until_ms <= now_ms {
            entry.window_until_ms = now_ms + window_ms;
        } else {
            entry.is_gathering = true;
            let until_ms = entry.window_until_ms;
            // Windows of several agents do not end in the order in which something came back a second time.
            let behind = self.gathering.partition_point(|(other_ms, _)| *other_ms <= until_ms);
            self.gathering.insert(behind, (until_ms, at));
            self.agents.put_available(at, false);
            return;
        }
        self.see_available(at);
    }
}

/// Whether amounts have all of one of the minima.
fn is_enough<'a>(minima: impl IntoIterator<Item = &'a Quantities>, amounts: &Amounts) -> bool {
    let has = |minimum: &Quantities| {
        amounts.0[CPU_MILLI] >= minimum.cpu_milli && amounts.0[PAGES] >= minimum.mem_bytes.div_ceil(PAGE_BYTES)
    };
    let any = amounts.0[CPU_MILLI] > 0 || amounts.0[PAGES] > 0;
    any && minima.into_iter().any(has)
}
