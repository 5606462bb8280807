//! Who gets what: the allocator places what waits and offers what is left, neediest first. Here it is asked, and what it says told.

use std::collections::BTreeMap;

use meros_wire::message::{PodId, StatusReason, TaskState};

use crate::allocation::{ClaimId, Event, Explanation, Request, WaitId};
use crate::convert;
use crate::effect::Effect;
use crate::event::Now;
use crate::reactor::{agents, offers, operators, pods, status};
use crate::state::State;

impl State {
    /// Decides, once for a batch of events.
    pub fn settle(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let offers = self.allocation.offers_out();
        let _span = tracing::trace_span!("settle", waiting = self.waiting.len(), offers).entered();
        let offered = offers::make(self, now);
        let over = hear(self, now, effects);
        // Of an offer that is made and taken back at once, a framework hears in this order.
        offers::tell(self, offered, effects);
        offers::tell_over(self, over, effects);
        if core::mem::take(&mut self.dirty) {
            keep_waiting(self, now, effects);
        }
        if core::mem::take(&mut self.changed) {
            operators::tell_watchers(self, effects);
        }
    }
}

/// Deals with what came about in the allocator: binds what was placed, tells pools that changed. The offers that are over, or
/// about to be, by framework.
fn hear(state: &mut State, now: Now, effects: &mut Vec<Effect>) -> offers::Over {
    let mut over = offers::Over::new();
    for event in state.allocation.take_events() {
        state.dirty = true;
        match event {
            Event::Placed { wait, grant } => placed(state, wait, grant.claim, now, effects),
            Event::Rescinded { framework, offer } | Event::Withdrawn { framework, offer } => {
                let offer = convert::offer_id(offer);
                tracing::debug!(%offer, %framework, "rescinded");
                over.entry(convert::framework(framework)).or_default().push(offer);
            }
            Event::PoolsChanged { agent } => agents::tell_pools(state, convert::agent(agent), effects),
        }
    }
    over
}

fn placed(state: &mut State, wait: WaitId, claim: ClaimId, now: Now, effects: &mut Vec<Effect>) {
    let Some(pod) = state.waiting.remove(&wait) else {
        // Whoever stops waiting tells the allocator: a mistake of the reactor's.
        return tracing::error!(%wait, %claim, "placed, and nobody waits for it");
    };
    if let Some(known) = state.pods.get_mut(&pod) {
        known.wait = None;
    }
    pods::bind(state, pod, convert::agent(claim.agent()), claim, now, effects);
}

/// The reason for machines and for people.
#[derive(Clone)]
struct Why {
    reason: StatusReason,
    message: String,
}

/// Tells frameworks why their pods wait, once for each reason.
fn keep_waiting(state: &mut State, now: Now, effects: &mut Vec<Effect>) {
    let mut known: BTreeMap<String, Vec<(Request, Why)>> = BTreeMap::new();
    for id in state.waiting.values().copied().collect::<Vec<PodId>>() {
        let Some(pod) = state.pods.get(&id) else { continue };
        let request = convert::request(&pod.spec);
        let same = known.get(&pod.spec.role).and_then(|role| role.iter().find(|(other, _)| *other == request));
        let why = match same {
            Some((_, why)) => why.clone(),
            None => {
                let why = explain(state.allocation.explain(&pod.spec.role, &request).as_ref());
                known.entry(pod.spec.role.clone()).or_default().push((request, why.clone()));
                why
            }
        };
        let told = pod.status.state == TaskState::Waiting
            && pod.status.reason == why.reason
            && pod.status.message == why.message;
        if !told {
            status::from_master(state, id, TaskState::Waiting, why.reason, why.message, now, effects);
        }
    }
}

fn explain(explanation: Option<&Explanation>) -> Why {
    let busy = |message| Why { reason: StatusReason::InsufficientResources, message };
    match explanation {
        None => busy("its role is not known yet".to_owned()),
        Some(explanation) if explanation.agents == 0 => busy("no agent has registered".to_owned()),
        Some(explanation) if explanation.feasible > 0 => busy("others were served first; it is tried again".to_owned()),
        Some(explanation) => {
            let reason =
                if explanation.never_fits() { StatusReason::NeverFits } else { StatusReason::InsufficientResources };
            Why { reason, message: explanation.to_string() }
        }
    }
}
