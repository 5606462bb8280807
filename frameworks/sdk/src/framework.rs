//! A scheduler's side of the conversation with a master.
//!
//! Rules, all kept by [`Session`]:
//! 1. On every connection the first message is `Subscribe`; from the second on it carries the number given at the first,
//!    so that a reconnect is the same framework.
//! 2. Offers live as long as their connection: when it is lost they are gone, without a word from the master.
//! 3. A status comes at least once. With [`Acknowledge::Automatic`] the session acknowledges it when it hands it over, and
//!    what comes again (of the last [`SEEN_MAX`] updates) is acknowledged again and not told again. With
//!    [`Acknowledge::ByHand`] it is told again until the framework acknowledges.
//! 4. After a reconnect the session asks for the latest status of every pod that it has not seen end; a pod that the
//!    master never heard of comes back as `Unknown`.
//! 5. Suppressed or revived is a wish of the framework and outlives the connection.

use std::collections::BTreeSet;

use meros_wire::event::Peer;
use meros_wire::message::{
    Accept, AcknowledgeStatus, Decline, FrameworkId, Kill, Message, Offer, OfferId, Place, PodId, PodSpec, Reconcile,
    Refusal, StatusUpdate, Subscribe, Uuid,
};
use thiserror::Error;

use crate::event::{Effect, Event, Now, Reactor, Standing};
use crate::link::Link;
#[cfg(doc)]
use crate::seen::SEEN_MAX;
use crate::seen::Seen;

/// Who acknowledges a status to the master.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acknowledge {
    /// The session, when it hands the status over.
    #[default]
    Automatic,
    /// The framework, by [`Session::acknowledge`]: for who must write it down first.
    ByHand,
}

/// What a framework says of itself.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Name, roles, failover timeout; and the number of an earlier run that this one continues.
    pub subscribe: Subscribe,
    /// Who acknowledges.
    pub acknowledge: Acknowledge,
}

/// What a framework is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// Subscribed; calls are possible.
    Subscribed {
        /// Its number, for a later run.
        framework: FrameworkId,
        /// True after a reconnect.
        again: bool,
    },
    /// The connection is lost, and every offer with it. The session connects again by itself.
    Disconnected {
        /// Why. One line.
        reason: String,
        /// When it tries again.
        retry_ms: u64,
    },
    /// Quantities held for this framework until it answers.
    Offers(Vec<Offer>),
    /// Offers that no longer hold.
    Rescinded(Vec<OfferId>),
    /// A task moved.
    Status(Box<StatusUpdate>),
    /// The master will not.
    Refused(Refusal),
}

/// Why a call was not made.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum CallError {
    /// There is no subscription at the moment.
    #[error("not subscribed: call again after the next `Subscribed` notice")]
    NotSubscribed,
    /// Answered, rescinded, or of a connection that is gone.
    #[error("offer {0} is no longer held: it was answered, rescinded, or lost with its connection")]
    OfferGone(OfferId),
}

/// The state of a framework's session: plain data, no socket and no clock.
#[derive(Debug)]
pub struct Session {
    link: Link,
    subscribe: Subscribe,
    acknowledge: Acknowledge,
    /// The connection is not the first.
    again: bool,
    subscribed: bool,
    offers: BTreeSet<OfferId>,
    live_pods: BTreeSet<PodId>,
    seen: Seen,
}

type Effects = Vec<Effect<Notice>>;

/// Closing ends the connection only: the framework's pods live on for its failover timeout.
impl Reactor for Session {
    type Notice = Notice;

    const ROLE: Peer = Peer::Framework;

    fn start(&mut self, effects: &mut Effects) {
        self.link.start(effects);
    }

    fn handle(&mut self, event: Event, now: Now, effects: &mut Effects) {
        match event {
            Event::Opened => {
                self.again = self.link.opened();
                self.link.send(Message::Subscribe(self.subscribe.clone()), effects);
            }
            Event::Message { envelope, message } => {
                self.link.heard(&envelope);
                self.on_message(*message, effects);
            }
            Event::Unreadable { refusal } => effects.push(Effect::Notify(Notice::Refused(refusal))),
            Event::Closed { reason } => self.on_closed(reason, now, effects),
            Event::Tick => self.link.tick(now, effects),
            // What the master has taken is answered by statuses; and a framework opens no streams.
            Event::Acknowledged { .. }
            | Event::StreamData { .. }
            | Event::StreamEnded { .. }
            | Event::StreamReset { .. } => {}
        }
    }

    fn next_deadline_ms(&self) -> Option<u64> {
        self.link.next_deadline_ms()
    }

    fn close(&mut self, reason: &str, effects: &mut Effects) {
        self.subscribed = false;
        self.link.stop(reason, effects);
    }

    fn standing(notice: &Notice) -> Standing<'_> {
        match notice {
            Notice::Subscribed { .. } => Standing::Up,
            Notice::Disconnected { reason, .. } => Standing::Down(reason),
            Notice::Refused(refusal) => Standing::Refused(refusal),
            Notice::Offers(_) | Notice::Rescinded(_) | Notice::Status(_) => Standing::Unchanged,
        }
    }
}

impl Session {
    /// A session that has not yet asked for a connection. The seed feeds ids and jitter.
    #[must_use]
    pub fn new(cluster: Uuid, options: Options, seed: u64) -> Self {
        Self {
            link: Link::new(cluster, seed),
            subscribe: options.subscribe,
            acknowledge: options.acknowledge,
            again: false,
            subscribed: false,
            offers: BTreeSet::new(),
            live_pods: BTreeSet::new(),
            seen: Seen::default(),
        }
    }

    /// The framework's number, once it has one.
    #[must_use]
    pub const fn framework(&self) -> Option<FrameworkId> {
        self.subscribe.framework
    }

    /// A fresh pod id.
    pub const fn new_pod_id(&mut self) -> PodId {
        PodId(self.link.ids.next_uuid())
    }

    fn on_message(&mut self, message: Message, effects: &mut Effects) {
        match message {
            Message::Subscribed(answer) => self.on_subscribed(answer.framework, effects),
            Message::Offers(offers) => {
                self.offers.extend(offers.iter().map(|offer| offer.offer));
                effects.push(Effect::Notify(Notice::Offers(offers)));
            }
            Message::Rescind(rescind) => {
                for offer in &rescind.offers {
                    self.offers.remove(offer);
                }
                effects.push(Effect::Notify(Notice::Rescinded(rescind.offers)));
            }
            Message::Update(update) => self.on_status(update.status, effects),
            Message::Refusal(refusal) => effects.push(Effect::Notify(Notice::Refused(refusal))),
            other => {
                tracing::warn!(message = other.name(), "the master sent what frameworks do not get; left out");
            }
        }
    }

    fn on_subscribed(&mut self, framework: FrameworkId, effects: &mut Effects) {
        let again = self.again;
        self.subscribe.framework = Some(framework);
        self.subscribed = true;
        effects.push(Effect::Notify(Notice::Subscribed { framework, again }));
        if !self.live_pods.is_empty() {
            let pods = self.live_pods.iter().copied().collect();
            self.link.send(Message::Reconcile(Reconcile { pods }), effects);
        }
    }

    fn on_status(&mut self, status: StatusUpdate, effects: &mut Effects) {
        let (pod, update) = (status.pod, status.update);
        if status.state.is_terminal() {
            self.live_pods.remove(&pod);
        }
        let automatic = self.acknowledge == Acknowledge::Automatic;
        if !automatic || self.seen.insert(update) {
            effects.push(Effect::Notify(Notice::Status(Box::new(status))));
        }
        if automatic && !update.is_nil() {
            self.link.send(Message::AcknowledgeStatus(AcknowledgeStatus { pod, update }), effects);
        }
    }

    fn on_closed(&mut self, reason: String, now: Now, effects: &mut Effects) {
        self.subscribed = false;
        self.offers.clear();
        if let Some(retry_ms) = self.link.closed(now) {
            effects.push(Effect::Notify(Notice::Disconnected { reason, retry_ms }));
        }
    }

    /// Takes offers of one agent, whole or in part, and starts pods on them; the rest goes back, and is not offered
    /// again for `refuse_ms`.
    ///
    /// # Errors
    /// [`CallError`]; nothing was sent then.
    pub fn accept(
        &mut self,
        offers: &[OfferId],
        pods: Vec<PodSpec>,
        refuse_ms: u64,
        effects: &mut Effects,
    ) -> Result<(), CallError> {
        self.answer(offers)?;
        self.live_pods.extend(pods.iter().map(|pod| pod.pod));
        self.send(Message::Accept(Accept { offers: offers.to_vec(), pods, refuse_ms }), effects)
    }

    /// Gives offers back, not to be offered again for `refuse_ms`.
    ///
    /// # Errors
    /// [`CallError`]; nothing was sent then.
    pub fn decline(&mut self, offers: &[OfferId], refuse_ms: u64, effects: &mut Effects) -> Result<(), CallError> {
        self.answer(offers)?;
        self.send(Message::Decline(Decline { offers: offers.to_vec(), refuse_ms }), effects)
    }

    /// All of them, or none, leave the set of offers held.
    fn answer(&mut self, offers: &[OfferId]) -> Result<(), CallError> {
        self.check_subscribed()?;
        if let Some(gone) = offers.iter().find(|offer| !self.offers.contains(offer)) {
            return Err(CallError::OfferGone(*gone));
        }
        for offer in offers {
            self.offers.remove(offer);
        }
        Ok(())
    }

    /// No offers for now.
    pub fn suppress(&mut self, effects: &mut Effects) {
        self.wish(true, Message::Suppress, effects);
    }

    /// Offers again, filters forgotten.
    pub fn revive(&mut self, effects: &mut Effects) {
        self.wish(false, Message::Revive, effects);
    }

    /// Without a connection the next `Subscribe` tells it.
    fn wish(&mut self, suppressed: bool, message: Message, effects: &mut Effects) {
        self.subscribe.suppressed = suppressed;
        if self.subscribed {
            self.link.send(message, effects);
        }
    }

    /// Asks the master to place pods wherever they fit, now or later.
    ///
    /// # Errors
    /// [`CallError`]; nothing was sent then.
    pub fn place(&mut self, pods: Vec<PodSpec>, effects: &mut Effects) -> Result<(), CallError> {
        self.check_subscribed()?;
        self.live_pods.extend(pods.iter().map(|pod| pod.pod));
        self.send(Message::Place(Place { pods }), effects)
    }

    /// Ends a pod; `grace_ms` absent: its own grace.
    ///
    /// # Errors
    /// [`CallError`]; nothing was sent then.
    pub fn kill(&mut self, pod: PodId, grace_ms: Option<u32>, effects: &mut Effects) -> Result<(), CallError> {
        self.send(Message::Kill(Kill { pod, grace_ms }), effects)
    }

    /// Asks for the latest status of pods; of all of this framework's when empty.
    ///
    /// # Errors
    /// [`CallError`]; nothing was sent then.
    pub fn reconcile(&mut self, pods: Vec<PodId>, effects: &mut Effects) -> Result<(), CallError> {
        self.send(Message::Reconcile(Reconcile { pods }), effects)
    }

    /// With [`Acknowledge::ByHand`]: this update is dealt with.
    ///
    /// # Errors
    /// [`CallError`]; nothing was sent then, and the master will send the update again.
    pub fn acknowledge(&mut self, pod: PodId, update: Uuid, effects: &mut Effects) -> Result<(), CallError> {
        self.send(Message::AcknowledgeStatus(AcknowledgeStatus { pod, update }), effects)
    }

    const fn check_subscribed(&self) -> Result<(), CallError> {
        if self.subscribed { Ok(()) } else { Err(CallError::NotSubscribed) }
    }

    fn send(&mut self, message: Message, effects: &mut Effects) -> Result<(), CallError> {
        self.check_subscribed()?;
        self.link.send(message, effects);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
