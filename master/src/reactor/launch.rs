//! Orders to agents, and sending them again after a connection broke.

use std::collections::BTreeSet;

use meros_wire::message::{
    AgentId, Envelope, KillPod, Launch, Message, PodId, Refusal, RefusalCode, RunningPod, StatusReason, TaskState,
};

use crate::convert;
use crate::effect::Effect;
use crate::event::Now;
use crate::reactor::{pods, send_in};
use crate::state::{Pod, State};

/// Orders the launch of a bound pod. The same key goes with it each time, so that the agent starts it once.
pub(super) fn send(state: &State, id: PodId, effects: &mut Vec<Effect>) {
    let Some(pod) = state.pods.get(&id) else { return };
    let Some(bound) = &pod.bound else { return };
    let launch = Launch { spec: pod.spec.clone(), placement: bound.placement.clone(), framework: pod.framework.0 };
    order(state, pod, Message::Launch(launch), effects);
}

/// Orders the end of a bound pod.
pub(super) fn send_kill(state: &State, id: PodId, effects: &mut Vec<Effect>) {
    let Some(pod) = state.pods.get(&id) else { return };
    let Some(wish) = pod.kill else { return };
    order(state, pod, Message::KillPod(KillPod { pod: id, grace_ms: wish.grace_ms }), effects);
}

fn order(state: &State, pod: &Pod, message: Message, effects: &mut Vec<Effect>) {
    let Some(bound) = &pod.bound else { return };
    let Some(agent) = state.agents.get(&bound.agent) else { return };
    let Some(peer) = agent.peer else { return };
    let envelope = Envelope {
        incarnation: agent.incarnation,
        topology_hash: agent.machine.topology_hash,
        idempotency_key: pod.launch_key,
        claim: convert::claim_tag(bound.claim),
        ..state.envelope()
    };
    send_in(peer, envelope, message, effects);
}

/// True when the launch was ordered and nothing was heard of it yet: the agent may simply not have received it.
pub(super) fn is_on_its_way(state: &State, id: PodId) -> bool {
    state.pods.get(&id).is_some_and(|pod| pod.bound.is_some() && pod.status.state == TaskState::Staging)
}

/// After a registration: launches that never arrived, and ends that are still wished for.
pub(super) fn send_again(
    state: &mut State,
    agent: AgentId,
    reported: &[RunningPod],
    now: Now,
    effects: &mut Vec<Effect>,
) {
    let present: BTreeSet<PodId> = reported.iter().map(|pod| pod.spec.pod).collect();
    for id in super::agents::pods_on(state, agent) {
        let killed = state.pods.get(&id).is_some_and(|pod| pod.kill.is_some());
        match (present.contains(&id), killed) {
            (true, true) => send_kill(state, id, effects),
            (true, false) => {}
            (false, false) => send(state, id, effects),
            (false, true) => {
                let why = "ended before its agent received it".to_owned();
                pods::end(state, id, TaskState::Killed, StatusReason::KillRequested, why, now, effects);
            }
        }
    }
}

/// An agent will not carry an order out. Which one, the envelope's key says.
pub(super) fn on_refused(
    state: &mut State,
    agent: AgentId,
    envelope: &Envelope,
    refusal: Refusal,
    now: Now,
    effects: &mut Vec<Effect>,
) {
    tracing::warn!(%agent, field = refusal.field, code = ?refusal.code, "agent refuses: {}", refusal.message);
    let key = envelope.idempotency_key;
    let refused = state
        .pods
        .iter()
        .find(|(_, pod)| pod.launch_key == key && pod.bound.as_ref().is_some_and(|bound| bound.agent == agent));
    let Some((id, pod)) = refused.map(|(id, pod)| (*id, pod)) else { return };
    if pod.status.state != TaskState::Staging {
        return;
    }
    let how = if refusal.code == RefusalCode::Invalid || refusal.code == RefusalCode::NotSupported {
        TaskState::Error
    } else {
        TaskState::Dropped
    };
    let why = match refusal.field.as_str() {
        "" => format!("{agent} refused it: {}", refusal.message),
        field => format!("{agent} refused it: {field}: {}", refusal.message),
    };
    pods::end(state, id, how, StatusReason::Refused, why, now, effects);
}
