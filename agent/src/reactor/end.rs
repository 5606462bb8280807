//! The agent's own end: its pods end with their grace, their last statuses go out, then the link closes.

use meros_wire::message::PodId;

use crate::effect::Effect;
use crate::event::Now;
use crate::reactor::{kill, register};
use crate::state::{State, Stopping};

/// How long the last statuses may wait for their acknowledgement; what is left is told after the next start.
pub(crate) const SETTLE_MS: u64 = 2_000;

pub(super) fn stop(state: &mut State, now: Now, effects: &mut Vec<Effect>) {
    if state.stopping != Stopping::No {
        return;
    }
    state.stopping = Stopping::Pods;
    let live: Vec<PodId> = state.live_pods().collect();
    tracing::info!(pods = live.len(), "told to end");
    for pod in live {
        kill::end_with_own_grace(state, pod, "its agent ends", now, effects);
    }
}

pub(super) const fn deadline_ms(state: &State) -> Option<u64> {
    match state.stopping {
        Stopping::Statuses { until_ms } => Some(until_ms),
        _ => None,
    }
}

pub(super) fn tick(state: &mut State, now: Now, effects: &mut Vec<Effect>) {
    if state.stopping == Stopping::Pods && state.live_pods().next().is_none() {
        state.stopping = Stopping::Statuses { until_ms: now.mono_ms.saturating_add(SETTLE_MS) };
    }
    let Stopping::Statuses { until_ms } = state.stopping else { return };
    let told = state.pods.values().all(|pod| pod.outbox.is_empty());
    if told || !state.is_registered() || until_ms <= now.mono_ms {
        state.stopping = Stopping::Done;
        register::hang_up(state, "the agent ends".to_owned(), effects);
        effects.push(Effect::Finished);
    }
}
