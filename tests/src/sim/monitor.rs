//! What the master promises of offers, watched at its door: by what it hears and says, never by what it thinks.
//!
//! 1. An ACCEPT of an offer that is out, or whose RESCIND is younger than the grace, is not refused for its offer: unless its
//!    agent left, or the connection it was made on ended.
//! 2. Nobody hoards: an offer is rescinded when its timeout is over, and sooner when others want it.
//! 3. Nobody starves: who wants offers, answers them and filters nothing has none for [`HUNGER_MS_MAX`] at most while others do.

use std::collections::BTreeMap;

use meros_master::effect::Effect;
use meros_master::event::{Event, PeerId};
use meros_wire::message::{AgentId, FrameworkId, Message, OfferId, PodId, StatusReason, TaskState};

/// Two seconds that an offer is its holder's, one of grace, and that for each of a few who are neediest in turn.
pub const HUNGER_MS_MAX: u64 = 30_000;

/// An offer as the master told it.
#[derive(Debug)]
struct Told {
    peer: PeerId,
    agent: AgentId,
    made_ms: u64,
    rescinded_ms: Option<u64>,
}

/// A framework as the master heard it.
#[derive(Debug)]
struct Heard {
    peer: Option<PeerId>,
    suppressed: bool,
    filters_until_ms: u64,
    hungry_ms: u64,
}

/// The watcher.
#[derive(Debug, Default)]
pub struct Monitor {
    offers: BTreeMap<OfferId, Told>,
    agents: BTreeMap<AgentId, PeerId>,
    frameworks: BTreeMap<FrameworkId, Heard>,
    grace_ms: u64,
    timeout_ms: Option<u64>,
    seen_ms: u64,
    /// The longest that anybody went hungry.
    pub hungriest_ms: u64,
    /// ACCEPTs that came within the grace of a RESCIND.
    pub in_grace: u64,
    /// The first promise that was not kept.
    pub broken: Option<String>,
}

impl Monitor {
    /// For a master with this policy.
    #[must_use]
    pub fn new(policy: &meros_master::Policy) -> Self {
        Self { grace_ms: policy.rescind_grace_ms, timeout_ms: policy.offer_timeout_ms, ..Self::default() }
    }

    /// Before the master handles an event. The pods that it must not drop.
    pub fn hears(&mut self, event: &Event, now_ms: u64) -> Vec<PodId> {
        match event {
            Event::Closed { peer, .. } => self.gone(*peer),
            Event::Message { peer, message, .. } => return self.hears_message(*peer, message, now_ms),
            _ => {}
        }
        Vec::new()
    }

    fn hears_message(&mut self, peer: PeerId, message: &Message, now_ms: u64) -> Vec<PodId> {
        match message {
            Message::Accept(accept) => {
                let is_valid = !accept.offers.is_empty() && accept.offers.iter().all(|id| self.take(peer, *id, now_ms));
                self.filters(peer, now_ms + accept.refuse_ms);
                if is_valid {
                    return accept.pods.iter().map(|pod| pod.pod).collect();
                }
            }
            Message::Decline(decline) => {
                decline.offers.iter().for_each(|id| drop(self.take(peer, *id, now_ms)));
                self.filters(peer, now_ms + decline.refuse_ms);
            }
            Message::Suppress => self.heard(peer, |heard| heard.suppressed = true),
            Message::Revive => self.heard(peer, |heard| (heard.suppressed, heard.filters_until_ms) = (false, 0)),
            _ => {}
        }
        Vec::new()
    }

    /// Takes an offer that is answered; whether it was good.
    fn take(&mut self, peer: PeerId, id: OfferId, now_ms: u64) -> bool {
        if self.offers.get(&id).is_none_or(|told| told.peer != peer) {
            return false;
        }
        let Some(told) = self.offers.remove(&id) else { return false };
        self.in_grace += u64::from(told.rescinded_ms.is_some_and(|at_ms| now_ms < at_ms + self.grace_ms));
        told.rescinded_ms.is_none_or(|at_ms| now_ms < at_ms + self.grace_ms)
    }

    fn filters(&mut self, peer: PeerId, until_ms: u64) {
        self.heard(peer, |heard| heard.filters_until_ms = heard.filters_until_ms.max(until_ms));
    }

    fn heard(&mut self, peer: PeerId, then: impl FnOnce(&mut Heard)) {
        if let Some(heard) = self.frameworks.values_mut().find(|heard| heard.peer == Some(peer)) {
            then(heard);
        }
    }

    fn gone(&mut self, peer: PeerId) {
        self.offers.retain(|_, told| told.peer != peer);
        self.heard(peer, |heard| heard.peer = None);
        let agent = self.agents.iter().find(|(_, at)| **at == peer).map(|(agent, _)| *agent);
        if let Some(agent) = agent {
            self.agents.remove(&agent);
            self.offers.retain(|_, told| told.agent != agent);
        }
    }

    /// After the master handled an event whose pods it must not drop.
    pub fn judge(&mut self, promised: &[PodId], effects: &[Effect]) {
        for effect in effects {
            let Effect::Send { message, .. } = effect else { continue };
            let Message::Update(update) = &**message else { continue };
            let status = &update.status;
            let is_refused = status.state == TaskState::Dropped && status.reason == StatusReason::InvalidOffers;
            if is_refused && promised.contains(&status.pod) {
                self.fail(format!("an offer was out, and pod {} was told: {}", status.pod, status.message));
            }
        }
    }

    /// What the master says after it settled.
    pub fn says(&mut self, effects: &[Effect], now_ms: u64) {
        for effect in effects {
            match effect {
                Effect::Close { peer, .. } => self.gone(*peer),
                Effect::Send { peer, message, .. } => self.says_message(*peer, message, now_ms),
                _ => {}
            }
        }
    }

    fn says_message(&mut self, peer: PeerId, message: &Message, now_ms: u64) {
        match message {
            Message::Registered(answer) => {
                self.offers.retain(|_, told| told.agent != answer.agent);
                self.agents.insert(answer.agent, peer);
            }
            Message::Subscribed(answer) => {
                let heard = Heard { peer: Some(peer), suppressed: false, filters_until_ms: 0, hungry_ms: 0 };
                self.frameworks.insert(answer.framework, heard);
            }
            Message::Offers(offers) => {
                for offer in offers {
                    let told = Told { peer, agent: offer.agent, made_ms: now_ms, rescinded_ms: None };
                    self.offers.insert(offer.offer, told);
                }
            }
            Message::Rescind(rescind) => {
                for id in &rescind.offers {
                    if let Some(told) = self.offers.get_mut(id) {
                        told.rescinded_ms.get_or_insert(now_ms);
                    }
                }
            }
            _ => {}
        }
    }

    /// Time has passed; `wanting` want offers, and answer them.
    pub fn passes(&mut self, now_ms: u64, wanting: &[FrameworkId]) {
        let grace_ms = self.grace_ms;
        self.offers.retain(|_, told| told.rescinded_ms.is_none_or(|at_ms| now_ms < at_ms + grace_ms));
        let is_late = |told: &&Told| {
            told.rescinded_ms.is_none() && self.timeout_ms.is_some_and(|timeout_ms| told.made_ms + timeout_ms < now_ms)
        };
        if let Some(told) = self.offers.values().find(is_late) {
            self.fail(format!("an offer of {} ms has neither an answer nor a rescind", told.made_ms));
        }
        let passed_ms = now_ms - core::mem::replace(&mut self.seen_ms, now_ms);
        let mut hungriest_ms = 0;
        for (id, heard) in &mut self.frameworks {
            let has_one = self.offers.values().any(|told| Some(told.peer) == heard.peer);
            let is_open = heard.peer.is_some() && !heard.suppressed && heard.filters_until_ms <= now_ms;
            if has_one || !is_open || !wanting.contains(id) {
                heard.hungry_ms = 0;
            } else if !self.offers.is_empty() {
                heard.hungry_ms += passed_ms;
            }
            hungriest_ms = hungriest_ms.max(heard.hungry_ms);
        }
        self.hungriest_ms = self.hungriest_ms.max(hungriest_ms);
        if hungriest_ms > HUNGER_MS_MAX {
            self.fail(format!("a framework that wants offers had none for {hungriest_ms} ms while others did"));
        }
    }

    fn fail(&mut self, what: String) {
        self.broken.get_or_insert(what);
    }
}
