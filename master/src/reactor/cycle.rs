//! Who gets what: waiting pods first, in their order; then what is left is offered, neediest framework first.

use meros_wire::message::{AgentId, FrameworkId, PodId, StatusReason, TaskState};

use crate::allocation::{Explanation, Request};
use crate::convert;
use crate::effect::Effect;
use crate::event::Now;
use crate::reactor::{agents, offers, operators, pods, status};
use crate::state::{OPERATOR, State};

impl State {
    /// Decides, once for a batch of events.
    pub fn settle(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let _span = tracing::trace_span!("settle", waiting = self.waiting.len(), offers = self.offers.len()).entered();
        self.settled_ms = now.mono_ms;
        if core::mem::take(&mut self.dirty) {
            place_waiting(self, now, effects);
            make_offers(self, now, effects);
        }
        if core::mem::take(&mut self.changed) {
            operators::tell_watchers(self, effects);
        }
    }
}

/// Why a request was not placed, for the next one just like it in the same cycle.
struct Denied {
    role: String,
    request: Request,
    why: Why,
}

/// The reason for machines and for people.
#[derive(Clone)]
struct Why {
    reason: StatusReason,
    message: String,
}

fn place_waiting(state: &mut State, now: Now, effects: &mut Vec<Effect>) {
    let mut denied: Vec<Denied> = Vec::new();
    for (_, _, id) in state.waiting.clone() {
        let Some(pod) = state.pods.get(&id) else { continue };
        let (request, role) = (convert::request(&pod.spec), pod.spec.role.clone());
        if let Some(same) = denied.iter().find(|known| known.request == request && known.role == role) {
            keep_waiting(state, id, same.why.clone(), now, effects);
            continue;
        }
        if let Err(why) = place(state, id, &role, &request, now, effects) {
            keep_waiting(state, id, why.clone(), now, effects);
            denied.push(Denied { role, request, why });
        }
    }
}

/// Places one waiting pod: in what is free, or in what an offer has held long enough.
fn place(
    state: &mut State,
    id: PodId,
    role: &str,
    request: &Request,
    now: Now,
    effects: &mut Vec<Effect>,
) -> Result<(), Why> {
    let why = match try_place(state, id, role, request, now, effects) {
        Ok(()) => return Ok(()),
        Err(why) => why,
    };
    if why.reason == StatusReason::NeverFits || !offers::take_for_waiting(state, id, request, now, effects) {
        return Err(why);
    }
    try_place(state, id, role, request, now, effects)
}

fn try_place(
    state: &mut State,
    id: PodId,
    role: &str,
    request: &Request,
    now: Now,
    effects: &mut Vec<Effect>,
) -> Result<(), Why> {
    let framework = state.pods.get(&id).map_or(OPERATOR, |pod| pod.framework);
    match state.allocation.place(convert::owner(framework), role, request) {
        Ok(grant) => {
            pods::bind(state, id, convert::agent(grant.claim.agent()), grant.claim, now, effects);
            Ok(())
        }
        Err(explanation) => {
            // Looking for room may itself have changed a pool: cores that joined for a request that then did not fit.
            agents::tell_all_pools(state, effects);
            Err(explain(explanation.as_deref()))
        }
    }
}

fn explain(explanation: Option<&Explanation>) -> Why {
    let busy = |message| Why { reason: StatusReason::InsufficientResources, message };
    match explanation {
        None => busy("others were served first; it is tried again".to_owned()),
        Some(explanation) if explanation.agents == 0 => busy("no agent has registered".to_owned()),
        Some(explanation) => {
            let never = explanation.nearest.as_ref().is_some_and(|nearest| nearest.reason.is_permanent());
            let reason = if never { StatusReason::NeverFits } else { StatusReason::InsufficientResources };
            Why { reason, message: explanation.to_string() }
        }
    }
}

/// Tells a pod's framework why it waits, once for each reason.
fn keep_waiting(state: &mut State, id: PodId, why: Why, now: Now, effects: &mut Vec<Effect>) {
    let told = state.pods.get(&id).is_some_and(|pod| {
        pod.status.state == TaskState::Waiting && pod.status.reason == why.reason && pod.status.message == why.message
    });
    if !told {
        status::from_master(state, id, TaskState::Waiting, why.reason, why.message, now, effects);
    }
}

/// Offers each agent's free quantities to the neediest framework that may see them.
fn make_offers(state: &mut State, now: Now, effects: &mut Vec<Effect>) {
    let agents: Vec<AgentId> =
        state.agents.iter().filter(|(_, agent)| agent.peer.is_some()).map(|(id, _)| *id).collect();
    for agent in agents {
        let candidates = state.frameworks.keys().filter(|id| offers::may_see(state, **id, agent, now));
        let neediest: Option<FrameworkId> = candidates.copied().min_by_key(|id| offers::neediness(state, *id));
        if let Some(framework) = neediest {
            offers::make(state, framework, agent, now, effects);
        }
    }
}
