//! Time: what is due, and when the next is.

use crate::allocator::Allocator;
use crate::allocator::frameworks::SubAt;
use crate::allocator::offers::Offer;
use crate::ids::OfferId;

/// Doubling ends here: 2¹⁰ times the shortest wait.
const LAPSES_MAX: u32 = 10;

impl Allocator {
    /// Does what is due: filters and waits end, what was gathered is available, offers that nobody answers are taken back.
    pub fn tick(&mut self, now_ms: u64) {
        // Time does not go back.
        self.now_ms = self.now_ms.max(now_ms);
        self.filters.expire(self.now_ms, |_, _| ());
        self.reservations.filters.expire(self.now_ms, |_, _| ());
        self.end_windows();
        self.end_waits();
        self.end_graces();
        self.rescind_old();
    }

    /// When something is due next, in milliseconds; `None` when nothing is.
    #[must_use]
    pub fn next_deadline_ms(&self) -> Option<u64> {
        let window = self.gathering.front().map(|(until_ms, _)| *until_ms);
        let grace = self.rescinded.front().map(|(until_ms, _)| *until_ms);
        let wait = self.waiting.first().map(|(until_ms, _)| *until_ms);
        let timeout =
            self.rules.offer_timeout_ms.zip(self.oldest()).map(|(timeout_ms, since_ms)| since_ms + timeout_ms);
        let filter = self.filters.next_deadline_ms();
        let reserved = self.reservations.filters.next_deadline_ms();
        let over = self.take_over_at();
        let reclaim = self.reclaim_at();
        [window, grace, wait, timeout, filter, reserved, over, reclaim].into_iter().flatten().min()
    }

    /// When the oldest offer that was not rescinded was made.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.aging.iter().find(|(_, id)| self.is_out(*id)).map(|(since_ms, _)| *since_ms)
    }

    /// Whether an offer is out and was not rescinded.
    pub(crate) fn is_out(&self, id: OfferId) -> bool {
        let offer = self.offers.find(id).and_then(|at| self.offers.get(at));
        offer.is_some_and(|offer| !offer.is_rescinded)
    }

    fn end_windows(&mut self) {
        while let Some(&(until_ms, at)) = self.gathering.front().filter(|(until_ms, _)| *until_ms <= self.now_ms) {
            self.gathering.pop_front();
            // Or else the agent was removed meanwhile, and is perhaps back.
            if self.agents.get(at).is_some_and(|entry| entry.is_gathering && entry.window_until_ms == until_ms) {
                let entry = self.agents.entry_mut(at);
                entry.is_gathering = false;
                entry.window_until_ms = until_ms + self.rules.offer_window_ms;
                self.see_available(at);
            }
        }
    }

    fn end_waits(&mut self) {
        while let Some(&(until_ms, sub)) = self.waiting.first().filter(|(until_ms, _)| *until_ms <= self.now_ms) {
            self.waiting.remove(&(until_ms, sub));
            self.see_open(sub);
        }
    }

    /// Offers whose grace is over end, and whose they were waits for the next.
    fn end_graces(&mut self) {
        while let Some(&(_, id)) = self.rescinded.front().filter(|(until_ms, _)| *until_ms <= self.now_ms) {
            self.rescinded.pop_front();
            let Some(at) = self.offers.find(id) else { continue };
            if let Some(Offer { sub, agent, .. }) = self.end_offer(at) {
                self.lapse(sub);
                self.came_back(agent);
            }
        }
    }

    /// Who lets an offer lapse waits for the next, twice as long each time.
    fn lapse(&mut self, at: SubAt) {
        let Some(sub) = self.subscriptions.get_mut(at) else { return };
        // Several that lapse together are one.
        if sub.closed_until_ms > self.now_ms {
            return;
        }
        sub.closed_until_ms = self.now_ms + (self.rules.min_hold_ms << sub.lapses.min(LAPSES_MAX));
        sub.lapses += 1;
        self.waiting.insert((sub.closed_until_ms, at));
        self.see_open(at);
    }

    fn rescind_old(&mut self) {
        // Answered ones go when they are in front, or when they are most of the list.
        if self.aging.len() > 2 * self.offers.len() + 1024 {
            let mut aging = core::mem::take(&mut self.aging);
            aging.retain(|(_, id)| self.offers.find(*id).is_some());
            self.aging = aging;
        }
        while let Some(&(since_ms, id)) = self.aging.front() {
            let is_due = self.rules.offer_timeout_ms.is_some_and(|timeout_ms| since_ms + timeout_ms <= self.now_ms);
            if self.is_out(id) && !is_due {
                return;
            }
            self.aging.pop_front();
            self.rescind(id);
        }
    }
}
