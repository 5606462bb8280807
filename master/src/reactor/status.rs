//! Status updates on their way to frameworks, and acknowledgements on their way back.
//!
//! 1. An agent keeps an update and sends it again until the master acknowledges it.
//! 2. The master acknowledges when the framework has (at once for the built-in framework, or when there is nobody to tell).
//! 3. An update is told to a framework at least once; one that was told twice has the same id.
//! 4. The pod's latest status moves when the update arrives, not when it is acknowledged; so do its quantities.

use meros_wire::message::{
    AcknowledgeStatus, AgentId, FrameworkId, Message, PodId, ReportStatus, StatusReason, StatusSource, StatusUpdate,
    TaskState, Update, Uuid,
};

use crate::effect::Effect;
use crate::event::Now;
use crate::reactor::{pods, send};
use crate::state::{OPERATOR, Pod, State};

/// Ids of acknowledged updates kept for each pod.
const ACKNOWLEDGED_MAX: usize = 16;

/// An agent tells a status.
pub(super) fn on_report(state: &mut State, agent: AgentId, report: ReportStatus, now: Now, effects: &mut Vec<Effect>) {
    let mut status = report.status;
    let (id, update) = (status.pod, status.update);
    let Some(pod) = state.pods.get_mut(&id) else { return acknowledge_to(state, agent, id, update, effects) };
    let bound_here = pod.bound.as_ref().is_some_and(|bound| bound.agent == agent);
    if pod.updates.iter().any(|known| known.update == update) {
        return;
    }
    if bound_here && status.state == TaskState::Unknown {
        // The answer to a kill of a pod that the agent has never heard of, or has long forgotten.
        let why = "its agent does not know it any more".to_owned();
        return pods::end(state, id, TaskState::Lost, StatusReason::AgentRestarted, why, now, effects);
    }
    if !bound_here || !pod.is_live() || pod.acknowledged.contains(&update) {
        return acknowledge_to(state, agent, id, update, effects);
    }
    status.agent = Some(agent);
    if let Some(bound) = &pod.bound {
        status.placement = bound.placement.clone();
    }
    tracing::info!(pod = %id, %agent, state = status.state.name(), "{}", status.message);
    let terminal = status.state.is_terminal();
    pod.status = status;
    if terminal {
        pods::unbind(state, id, effects);
    }
    deliver(state, id, effects);
    if terminal {
        pods::ended(state, id);
    }
    state.changed = true;
}

/// The master itself moves a pod.
pub(super) fn from_master(
    state: &mut State,
    id: PodId,
    to: TaskState,
    reason: StatusReason,
    message: String,
    now: Now,
    effects: &mut Vec<Effect>,
) {
    // Only ends are worth the framework's acknowledgement: what is told of a pod on its way is overtaken anyway.
    let update = if to.is_terminal() { state.ids.next_uuid() } else { Uuid::NIL };
    let Some(pod) = state.pods.get_mut(&id) else { return };
    pod.status = StatusUpdate {
        update,
        pod: id,
        agent: pod.bound.as_ref().map(|bound| bound.agent).or(pod.status.agent),
        member: String::new(),
        state: to,
        source: StatusSource::Master,
        reason,
        message,
        unix_ms: now.unix_ms,
        exit: None,
        placement: pod.bound.as_ref().map(|bound| bound.placement.clone()).unwrap_or_default(),
        pinning: None,
    };
    state.changed = true;
    deliver(state, id, effects);
}

/// An agent stayed away: its pods may still run, and nobody can say.
pub(super) fn unreachable(state: &mut State, id: PodId, now: Now, effects: &mut Vec<Effect>) {
    let why = "its agent does not answer; it may still run".to_owned();
    from_master(state, id, TaskState::Unreachable, StatusReason::AgentDisconnected, why, now, effects);
}

/// An agent is back with a pod that was told unreachable, or that this leader did not know.
pub(super) fn reachable_again(state: &mut State, id: PodId, to: TaskState, now: Now, effects: &mut Vec<Effect>) {
    let stale = state.pods.get(&id).is_some_and(|pod| {
        matches!(pod.status.state, TaskState::Unreachable | TaskState::Waiting) && !to.is_terminal()
    });
    if stale {
        from_master(state, id, to, StatusReason::Reconciliation, String::new(), now, effects);
    }
}

/// Sends a pod's latest status once more, as an answer: it wants no acknowledgement of its own.
pub(super) fn tell(state: &State, id: PodId, effects: &mut Vec<Effect>) {
    let Some(pod) = state.pods.get(&id) else { return };
    let waiting_ack = pod.updates.iter().any(|known| known.update == pod.status.update);
    let update = if waiting_ack { pod.status.update } else { Uuid::NIL };
    let status = StatusUpdate { update, ..pod.status.clone() };
    send_to_framework(state, pod.framework, status, effects);
}

/// The answer about a pod that nobody here has heard of.
pub(super) fn tell_unknown(state: &State, framework: FrameworkId, id: PodId, now: Now, effects: &mut Vec<Effect>) {
    let status = StatusUpdate {
        pod: id,
        state: TaskState::Unknown,
        reason: StatusReason::Reconciliation,
        message: "no such pod here; it may have ended long ago".to_owned(),
        unix_ms: now.unix_ms,
        ..StatusUpdate::default()
    };
    send_to_framework(state, framework, status, effects);
}

/// A framework is back: everything it has not acknowledged, oldest first.
pub(super) fn send_again(state: &State, framework: FrameworkId, effects: &mut Vec<Effect>) {
    for pod in state.pods.values().filter(|pod| pod.framework == framework) {
        for status in &pod.updates {
            send_to_framework(state, framework, status.clone(), effects);
        }
    }
}

/// A framework has dealt with an update.
pub(super) fn on_acknowledged(
    state: &mut State,
    framework: FrameworkId,
    acknowledged: AcknowledgeStatus,
    effects: &mut Vec<Effect>,
) {
    let Some(pod) = state.pods.get_mut(&acknowledged.pod).filter(|pod| pod.framework == framework) else { return };
    let Some(at) = pod.updates.iter().position(|known| known.update == acknowledged.update) else { return };
    let Some(status) = pod.updates.remove(at) else { return };
    remember(pod, acknowledged.update);
    if let (StatusSource::Agent | StatusSource::Executor, Some(agent)) = (status.source, status.agent) {
        acknowledge_to(state, agent, acknowledged.pod, acknowledged.update, effects);
    }
    pods::forget_old(state);
}

/// Nobody will ever acknowledge a removed framework's updates.
pub(super) fn acknowledge_all_of(state: &mut State, framework: FrameworkId, effects: &mut Vec<Effect>) {
    let theirs = state.pods.iter().filter(|(_, pod)| pod.framework == framework);
    let open: Vec<AcknowledgeStatus> = theirs
        .flat_map(|(id, pod)| pod.updates.iter().map(|status| AcknowledgeStatus { pod: *id, update: status.update }))
        .collect();
    for acknowledged in open {
        on_acknowledged(state, framework, acknowledged, effects);
    }
}

/// Hands a pod's latest status to whoever must know, and acknowledges it when nobody must.
fn deliver(state: &mut State, id: PodId, effects: &mut Vec<Effect>) {
    let Some(pod) = state.pods.get_mut(&id) else { return };
    let (framework, status) = (pod.framework, pod.status.clone());
    let someone = framework != OPERATOR && state.frameworks.contains_key(&framework);
    if !someone {
        remember(pod, status.update);
        if let (StatusSource::Agent | StatusSource::Executor, Some(agent)) = (status.source, status.agent) {
            acknowledge_to(state, agent, id, status.update, effects);
        }
        return;
    }
    if !status.update.is_nil() {
        pod.updates.push_back(status.clone());
    }
    send_to_framework(state, framework, status, effects);
}

/// Keeps an acknowledged update's id for a while: longer than an agent has unacknowledged ones.
fn remember(pod: &mut Pod, update: Uuid) {
    if pod.acknowledged.len() == ACKNOWLEDGED_MAX {
        pod.acknowledged.pop_front();
    }
    pod.acknowledged.push_back(update);
}

fn send_to_framework(state: &State, framework: FrameworkId, status: StatusUpdate, effects: &mut Vec<Effect>) {
    if let Some(peer) = state.frameworks.get(&framework).and_then(|known| known.peer) {
        send(state, peer, Message::Update(Update { status }), effects);
    }
}

fn acknowledge_to(state: &State, agent: AgentId, pod: PodId, update: Uuid, effects: &mut Vec<Effect>) {
    if let Some(peer) = state.agents.get(&agent).and_then(|known| known.peer) {
        send(state, peer, Message::AcknowledgeStatus(AcknowledgeStatus { pod, update }), effects);
    }
}
