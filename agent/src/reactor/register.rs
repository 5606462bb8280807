//! The link to the master: asked for, lost, waited for, asked for again; and what is said first on it.
//!
//! Each failure doubles the wait from [`BACKOFF_MIN_MS`] to [`BACKOFF_MAX_MS`]; half of it is jitter, so that a thousand
//! agents of a restarted master do not come back in one instant. Admission resets it, an opened connection alone does not:
//! a master that refuses this agent is not asked ten times a second.

use meros_wire::message::{ClaimTag, Envelope, Message, PoolOrder, Refusal, Register, Registered, RunningPod, Uuid};

use crate::effect::Effect;
use crate::event::Now;
use crate::pod::Pod;
use crate::reactor::{kill, logs, obey, refuse, send, status};
use crate::state::{Pool, Session, State, Stopping};

/// The wait after a first failure.
pub(crate) const BACKOFF_MIN_MS: u64 = 100;
/// No wait is longer.
pub(crate) const BACKOFF_MAX_MS: u64 = 5_000;

pub(super) fn connect(state: &mut State, effects: &mut Vec<Effect>) {
    state.session = Session::Connecting;
    effects.push(Effect::Connect);
}

pub(super) const fn deadline_ms(state: &State) -> Option<u64> {
    match state.session {
        Session::Waiting { until_ms } if !matches!(state.stopping, Stopping::Done) => Some(until_ms),
        _ => None,
    }
}

pub(super) fn tick(state: &mut State, now: Now, effects: &mut Vec<Effect>) {
    if deadline_ms(state).is_some_and(|at| at <= now.mono_ms) {
        connect(state, effects);
    }
}

pub(super) fn opened(state: &mut State, effects: &mut Vec<Effect>) {
    if state.session != Session::Connecting {
        return;
    }
    state.session = Session::Registering;
    let register = Register {
        agent_uuid: state.identity.agent_uuid,
        incarnation: state.identity.incarnation,
        highest_term: state.highest_term,
        machine: state.identity.machine.clone(),
        pods: state.pods.values().map(running_pod).collect(),
        pools: pools(state),
    };
    send(state, Uuid::NIL, ClaimTag::default(), Message::Register(register), effects);
}

fn running_pod(pod: &Pod) -> RunningPod {
    RunningPod {
        spec: pod.spec.clone(),
        placement: pod.placement.clone(),
        claim: pod.claim,
        framework: pod.framework,
        state: pod.last.state,
    }
}

fn pools(state: &State) -> Vec<PoolOrder> {
    state.pools.values().map(Pool::as_it_may_be).collect()
}

pub(super) fn admitted(
    state: &mut State,
    envelope: &Envelope,
    registered: Registered,
    now: Now,
    effects: &mut Vec<Effect>,
) {
    if let Err(refusal) = obey(state, envelope, effects) {
        let reason = refusal.message.clone();
        refuse(state, envelope, refusal, effects);
        return hang_up(state, reason, effects);
    }
    let first = state.agent.is_none();
    state.session = Session::Registered;
    state.failures = 0;
    state.agent = Some(registered.agent);
    tracing::info!(agent = %registered.agent, term = envelope.term, pods = state.pods.len(), "registered");
    if first {
        effects.push(Effect::Ready { agent: registered.agent });
    }
    status::send_all_again(state, now, effects);
    for pod in registered.unwanted {
        kill::unwanted(state, pod, now, effects);
    }
}

/// A refusal before admission is one of the agent itself; after it, of something it told, and the log is the place for it.
pub(super) fn refused(state: &mut State, refusal: &Refusal, effects: &mut Vec<Effect>) {
    let field = refusal.field.as_str();
    if state.session == Session::Registering {
        tracing::error!(field, code = ?refusal.code, "the master does not admit this agent: {}", refusal.message);
        hang_up(state, "not admitted".to_owned(), effects);
    } else {
        tracing::warn!(field, code = ?refusal.code, "the master refuses: {}", refusal.message);
    }
}

/// Ends the connection from this side; the driver answers with `Closed`.
pub(super) fn hang_up(state: &mut State, reason: String, effects: &mut Vec<Effect>) {
    if matches!(state.session, Session::Registering | Session::Registered) {
        state.session = Session::Closing;
        logs::drop_all(state, effects);
        effects.push(Effect::Close { reason });
    }
}

pub(super) fn closed(state: &mut State, reason: &str, now: Now, effects: &mut Vec<Effect>) {
    if matches!(state.session, Session::Waiting { .. }) {
        return;
    }
    logs::drop_all(state, effects);
    if state.stopping == Stopping::Done {
        return;
    }
    let full_ms = (BACKOFF_MIN_MS << state.failures.min(16)).min(BACKOFF_MAX_MS);
    let wait_ms = full_ms / 2 + state.ids.up_to(full_ms / 2);
    state.failures = state.failures.saturating_add(1);
    state.session = Session::Waiting { until_ms: now.mono_ms.saturating_add(wait_ms) };
    tracing::warn!(wait_ms, "no connection to the master: {reason}; trying again");
}
