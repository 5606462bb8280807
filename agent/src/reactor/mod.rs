//! The agent's decisions: an [`Event`] comes in, the [`State`] moves, [`Effect`]s come out. No socket, no clock, no thread.
//!
//! Rules:
//! 1. One commander: orders count only on the connection on which the master admitted this agent, and only with a term not
//!    below the highest one obeyed. A higher term is on disk before anything of its order is done.
//! 2. An order for another incarnation or another topology is refused: its PU numbers mean something else here.
//! 3. Asking twice is asking once: a pod is started once, a pool's epoch is carried out once, and the answer is given again.
//! 4. What has begun is not forgotten until the master acknowledged how it ended, over any number of connections.
//!
//! Files: `register` (the link and admission), `launch`, `kill` (orders about pods), `pool`, `status` (what is told, and told
//! again), `logs` (streams), `end` (the agent's own end).

mod end;
mod kill;
mod launch;
pub(crate) mod logs;
pub(crate) mod pool;
mod register;
mod status;
#[cfg(test)]
mod tests;

use meros_wire::message::{ClaimTag, Envelope, Message, Refusal, RefusalCode, Uuid, features};

use crate::effect::Effect;
use crate::event::{Event, Now};
use crate::pod::PodEvent;
use crate::state::{Session, State};

impl State {
    /// Asks for the first connection. Call it once, before any event.
    pub fn start(&mut self, effects: &mut Vec<Effect>) {
        register::connect(self, effects);
    }

    /// Moves the state on, and appends what is to be done.
    pub fn handle(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        match event {
            Event::Opened => register::opened(self, effects),
            Event::Closed { reason } => register::closed(self, &reason, now, effects),
            Event::Message { envelope, message } => on_message(self, &envelope, *message, now, effects),
            Event::Unreadable { envelope, refusal } => refuse(self, &envelope, refusal, effects),
            Event::StreamOpened { stream, purpose } => logs::opened(self, stream, purpose, effects),
            Event::StreamData { stream, bytes } => logs::discard(self, stream, bytes.len(), effects),
            Event::StreamWritten { stream, count } => logs::written(self, stream, count, effects),
            // A reader of logs has nothing to say, so it may end its direction at once.
            Event::StreamEnded { .. } => {}
            Event::StreamReset { stream, reason } => logs::reset(self, stream, &reason, effects),
            Event::LogRead { reader, result } => logs::read(self, reader, result, now, effects),
            Event::PoolSet { pool, epoch, result } => pool::set(self, pool, epoch, result, now, effects),
            Event::Stop => end::stop(self, now, effects),
            Event::Tick => {}
            other => on_pod_event(self, other, now, effects),
        }
        tick(self, now, effects);
    }

    /// When [`Event::Tick`] is due, on the monotonic clock.
    #[must_use]
    pub fn next_deadline_ms(&self) -> Option<u64> {
        let pods = self.pods.values().flat_map(|pod| [pod.deadline_ms(), self.resend_at_ms(pod)]).flatten();
        let pools = self.pools.values().filter_map(|pool| pool.retry_at_ms);
        let readers = self.readers.values().filter_map(logs::Reader::read_at_ms);
        let own = [register::deadline_ms(self), end::deadline_ms(self)].into_iter().flatten();
        pods.chain(pools).chain(readers).chain(own).min()
    }
}

fn on_pod_event(state: &mut State, event: Event, now: Now, effects: &mut Vec<Effect>) {
    let (pod, event) = match event {
        Event::Started { pod, pid, pinning } => {
            tracing::debug!(%pod, pid, "its program runs");
            (pod, PodEvent::Started { pinning })
        }
        Event::StartFailed { pod, reason, message } => (pod, PodEvent::StartFailed { reason, message }),
        Event::Exited { pod, ended } => (pod, PodEvent::Exited(ended)),
        Event::SupervisorLost { pod, message } => (pod, PodEvent::SupervisorLost { message }),
        Event::Removed { pod, result } => (pod, PodEvent::Removed(result)),
        _ => return,
    };
    status::advance(state, pod, event, now, effects);
}

/// Whatever is due by now.
fn tick(state: &mut State, now: Now, effects: &mut Vec<Effect>) {
    register::tick(state, now, effects);
    status::tick(state, now, effects);
    pool::tick(state, now, effects);
    logs::tick(state, now, effects);
    end::tick(state, now, effects);
}

fn on_message(state: &mut State, envelope: &Envelope, message: Message, now: Now, effects: &mut Vec<Effect>) {
    if state.session == Session::Closing {
        return;
    }
    let registered = state.session == Session::Registered;
    match message {
        Message::Registered(registered) if state.session == Session::Registering => {
            register::admitted(state, envelope, registered, now, effects);
        }
        Message::Refusal(refusal) => register::refused(state, &refusal, effects),
        Message::Launch(order) if registered => launch::on_order(state, envelope, order, now, effects),
        Message::KillPod(order) if registered => kill::on_order(state, envelope, &order, now, effects),
        Message::PoolOrder(order) if registered => pool::on_order(state, envelope, order, effects),
        Message::AcknowledgeStatus(acknowledged) if registered => {
            status::acknowledged(state, acknowledged, now, effects);
        }
        other => {
            let message = format!("{} is not for an agent, or not at this point", other.name());
            let refusal = Refusal { code: RefusalCode::OutOfTurn, message, ..Refusal::default() };
            refuse(state, envelope, refusal, effects);
        }
    }
}

/// Whether an order is the present leader's. Remembers a higher term before anything is done for it.
fn obey(state: &mut State, envelope: &Envelope, effects: &mut Vec<Effect>) -> Result<(), Refusal> {
    if let Some(bit) = features::first_unknown(envelope.must_understand) {
        let message = format!("bit {bit} is unknown to this agent: it is older than its master; update it");
        return Err(refusal(RefusalCode::NotUnderstood, "must_understand", message));
    }
    if envelope.term < state.highest_term {
        let message = format!(
            "this agent has obeyed term {} and takes no orders of term {}: another master leads",
            state.highest_term, envelope.term
        );
        return Err(refusal(RefusalCode::StaleTerm, "term", message));
    }
    if envelope.term > state.highest_term {
        state.highest_term = envelope.term;
        effects.push(Effect::SaveTerm { term: envelope.term });
    }
    Ok(())
}

/// Whether an order's PU numbers are those of this machine as it registered.
fn same_machine(state: &State, envelope: &Envelope) -> Result<(), Refusal> {
    let identity = &state.identity;
    if envelope.incarnation != identity.incarnation {
        let message =
            format!("the order is for incarnation {}, this is {}", envelope.incarnation, identity.incarnation);
        return Err(refusal(RefusalCode::Invalid, "incarnation", message));
    }
    let here = identity.machine.topology_hash;
    if envelope.topology_hash != here {
        let message = format!("the order is for topology {:016x}, this is {here:016x}", envelope.topology_hash);
        return Err(refusal(RefusalCode::Invalid, "topology_hash", message));
    }
    Ok(())
}

fn refusal(code: RefusalCode, field: &str, message: String) -> Refusal {
    Refusal { request: 0, code, field: field.to_owned(), message }
}

/// Tells the master that an order will not be carried out; the order's key says which.
fn refuse(state: &State, order: &Envelope, refusal: Refusal, effects: &mut Vec<Effect>) {
    tracing::warn!(field = refusal.field, code = ?refusal.code, "refused: {}", refusal.message);
    send(state, order.idempotency_key, order.claim, Message::Refusal(refusal), effects);
}

fn send(state: &State, key: Uuid, claim: ClaimTag, message: Message, effects: &mut Vec<Effect>) {
    let identity = &state.identity;
    let envelope = Envelope {
        cluster: identity.cluster,
        term: state.highest_term,
        incarnation: identity.incarnation,
        topology_hash: identity.machine.topology_hash,
        idempotency_key: key,
        claim,
        ..Envelope::default()
    };
    effects.push(Effect::Send { envelope: Box::new(envelope), message: Box::new(message) });
}
