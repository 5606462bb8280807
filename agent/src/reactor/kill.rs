//! Orders to end a pod.
//!
//! Only the term of such an order is checked, not the incarnation: a pod's id is its own, and an end that comes from an
//! older view of this machine is still an end that was asked for.

use meros_wire::message::{
    ClaimTag, Envelope, KillPod, Message, PodId, ReportStatus, StatusReason, StatusSource, StatusUpdate, TaskState,
    Uuid,
};

use crate::effect::Effect;
use crate::event::Now;
use crate::pod::PodEvent;
use crate::reactor::{obey, refuse, send, status};
use crate::state::State;

pub(super) fn on_order(state: &mut State, envelope: &Envelope, order: &KillPod, now: Now, effects: &mut Vec<Effect>) {
    let span = tracing::info_span!("pod", id = %order.pod);
    let _entered = span.enter();
    if let Err(why) = obey(state, envelope, effects) {
        return refuse(state, envelope, why, effects);
    }
    match state.pods.get(&order.pod) {
        Some(pod) if pod.is_live() => {
            let grace_ms = order.grace_ms.unwrap_or(pod.spec.kill_grace_ms);
            let kill = PodEvent::Kill { grace_ms, why: "its end was asked for".to_owned() };
            status::advance(state, order.pod, kill, now, effects);
        }
        _ if status::answer_if_known(state, order.pod, effects) => {}
        _ => answer_unknown(state, order.pod, now, effects),
    }
}

/// The master has no use for a pod that was reported to it.
pub(super) fn unwanted(state: &mut State, pod: PodId, now: Now, effects: &mut Vec<Effect>) {
    let why = "its master does not want it";
    end_with_own_grace(state, pod, why, now, effects);
}

/// Ends a pod with the grace it was ordered with.
pub(super) fn end_with_own_grace(state: &mut State, pod: PodId, why: &str, now: Now, effects: &mut Vec<Effect>) {
    let Some(grace_ms) = state.pods.get(&pod).map(|known| known.spec.kill_grace_ms) else { return };
    let kill = PodEvent::Kill { grace_ms, why: why.to_owned() };
    status::advance(state, pod, kill, now, effects);
}

fn answer_unknown(state: &State, pod: PodId, now: Now, effects: &mut Vec<Effect>) {
    let status = StatusUpdate {
        update: Uuid::NIL,
        pod,
        agent: state.agent,
        state: TaskState::Unknown,
        source: StatusSource::Agent,
        reason: StatusReason::Reconciliation,
        message: "this agent has no such pod".to_owned(),
        unix_ms: now.unix_ms,
        ..StatusUpdate::default()
    };
    let report = ReportStatus { framework: 0, status };
    send(state, Uuid::NIL, ClaimTag::default(), Message::ReportStatus(report), effects);
}
