//! Events in, effects out. One owner, no socket, no clock.
//!
//! [`State::handle`] moves the state by one event; [`State::settle`] then decides, once for a whole batch of events: waiting
//! pods are placed, what is left is offered, watchers are told. Handlers never allocate by themselves, so the order in which
//! a burst of messages arrives does not decide who gets what.
//!
//! | file | concern |
//! |---|---|
//! | `peers` | connections come and go |
//! | `agents` | registration, pools, agents that fall silent |
//! | `frameworks` | subscription, suppress and revive, removal |
//! | `pods` | asked for, placed, ended, forgotten |
//! | `launch` | orders to agents, and sending them again |
//! | `status` | updates on their way to frameworks, and acknowledgements back |
//! | `offers` | made, accepted, declined, rescinded |
//! | `cycle` | who gets what |
//! | `operators` | queries and watchers |
//! | `logs` | streams from agents to operators |

mod agents;
mod cycle;
mod frameworks;
mod launch;
mod logs;
mod offers;
mod operators;
mod peers;
mod pods;
mod status;

#[cfg(test)]
mod tests;

use meros_wire::message::{Envelope, Message, Refusal, RefusalCode};

use crate::effect::Effect;
use crate::event::{Event, Now, PeerId, Role};
use crate::state::{Session, State};

impl State {
    /// Moves the state by one event. Call [`settle`](Self::settle) after the last of a batch.
    pub fn handle(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        match event {
            Event::Opened { peer, role, principal } => peers::opened(self, peer, role, principal),
            Event::Message { peer, envelope, message } => on_message(self, peer, &envelope, *message, now, effects),
            Event::StreamOpened { peer, stream, purpose } => logs::opened(self, peer, stream, purpose, effects),
            Event::StreamData { peer, stream, bytes } => logs::data(self, peer, stream, bytes, effects),
            Event::StreamWritten { peer, stream, count } => logs::written(self, peer, stream, count, effects),
            Event::StreamEnded { peer, stream } => logs::ended(self, peer, stream, effects),
            Event::StreamReset { peer, stream, reason } => logs::reset(self, peer, stream, reason, effects),
            Event::Closed { peer, reason } => peers::closed(self, peer, &reason, now, effects),
            Event::Tick => on_tick(self, now, effects),
        }
    }

    /// The next time at which [`Event::Tick`] is wanted, on the monotonic clock.
    #[must_use]
    pub fn next_deadline_ms(&self) -> Option<u64> {
        let agents = self.agents.values().filter_map(|agent| agent.unreachable_at_ms);
        let frameworks = self.frameworks.values().filter_map(|framework| framework.remove_at_ms);
        agents.chain(frameworks).chain(self.allocation.next_deadline_ms()).min()
    }

    /// An envelope of this leader; the caller adds what the message is about.
    pub(crate) fn envelope(&self) -> Envelope {
        Envelope { cluster: self.cluster, term: self.term, ..Envelope::default() }
    }
}

fn on_message(
    state: &mut State,
    peer: PeerId,
    envelope: &Envelope,
    message: Message,
    now: Now,
    effects: &mut Vec<Effect>,
) {
    let Some(known) = state.peers.get(&peer) else { return };
    match (known.role, &known.session) {
        (Role::Agent, _) => agents::on_message(state, peer, envelope, message, now, effects),
        (Role::Framework, _) => frameworks::on_message(state, peer, message, now, effects),
        (Role::Operator, Session::Operator(_)) => operators::on_message(state, peer, message, now, effects),
        (Role::Operator, _) => out_of_turn(state, peer, &message, effects),
    }
}

fn on_tick(state: &mut State, now: Now, effects: &mut Vec<Effect>) {
    agents::expire(state, now, effects);
    frameworks::expire(state, now, effects);
}

/// Sends one message in a plain envelope.
pub(crate) fn send(state: &State, peer: PeerId, message: Message, effects: &mut Vec<Effect>) {
    send_in(peer, state.envelope(), message, effects);
}

/// Sends one message in an envelope of the caller's.
pub(crate) fn send_in(peer: PeerId, envelope: Envelope, message: Message, effects: &mut Vec<Effect>) {
    effects.push(Effect::Send { peer, envelope: Box::new(envelope), message: Box::new(message) });
}

/// Says no, naming the field and what to do.
pub(crate) fn refuse(state: &State, peer: PeerId, refusal: Refusal, effects: &mut Vec<Effect>) {
    tracing::debug!(?peer, field = refusal.field, "{}", refusal.message);
    send(state, peer, Message::Refusal(refusal), effects);
}

/// A message that has no meaning from this peer at this point.
pub(crate) fn out_of_turn(state: &State, peer: PeerId, message: &Message, effects: &mut Vec<Effect>) {
    let refusal = Refusal {
        code: RefusalCode::OutOfTurn,
        message: format!("{} is not for this peer at this point of the conversation", message.name()),
        ..Refusal::default()
    };
    refuse(state, peer, refusal, effects);
}
