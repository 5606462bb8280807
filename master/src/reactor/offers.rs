//! Offers: made, accepted, declined, rescinded.
//!
//! An offer is a held claim: what it shows cannot be taken by anyone else until it is answered. ACCEPT splits each pod's claim
//! out of the held one and transfers it; what is left goes back.

use meros_wire::message::{
    Accept, AgentId, Decline, FrameworkId, Message, Offer, OfferId, PodId, PodSpec, Refusal, RefusalCode, Rescind,
    StatusReason, TaskState,
};

use crate::allocation::{ClaimId, Request};
use crate::convert;
use crate::effect::Effect;
use crate::event::Now;
use crate::reactor::{agents, pods, refuse, send};
use crate::state::{Offered, State};

/// Offers what is free on `agent` to `framework`. False when nothing is.
pub(super) fn make(
    state: &mut State,
    framework: FrameworkId,
    agent: AgentId,
    now: Now,
    effects: &mut Vec<Effect>,
) -> bool {
    let Some((peer, role)) =
        state.frameworks.get(&framework).and_then(|known| Some((known.peer?, known.roles.first()?.clone())))
    else {
        return false;
    };
    let owner = convert::offer_owner(framework);
    let Some(grant) = state.allocation.hold(convert::core_agent(agent), owner, &role) else { return false };
    let id = OfferId(state.next_offer);
    let described = describe(state, id, agent, &role, grant.claim);
    let Some(offer) = described.filter(|offer| offer.exclusive_pus > 0 || offer.pool_milli > 0) else {
        // Memory without a PU to use it from is no offer.
        state.allocation.release(grant.claim, owner);
        return false;
    };
    state.next_offer += 1;
    state.offers.insert(id, Offered { framework, agent, claim: grant.claim, role, since_ms: now.mono_ms });
    tracing::debug!(offer = %id, %framework, %agent, pus = offer.exclusive_pus, "offered");
    send(state, peer, Message::Offers(vec![offer]), effects);
    true
}

fn describe(state: &State, id: OfferId, agent: AgentId, role: &str, claim: ClaimId) -> Option<Offer> {
    let known = state.agents.get(&agent)?;
    let held = state.allocation.placement(claim)?;
    Some(Offer {
        offer: id,
        agent,
        hostname: known.machine.hostname.clone(),
        role: role.to_owned(),
        attributes: known.machine.attributes.clone(),
        // No scalar, range or set is registered with the core: see `convert::shape`.
        ..convert::offer(&held, &known.machine, &known.map, |_| None)
    })
}

pub(super) fn accept(state: &mut State, framework: FrameworkId, accept: Accept, now: Now, effects: &mut Vec<Effect>) {
    let offers = match theirs(state, framework, &accept.offers) {
        Ok(offers) => offers,
        Err(why) => {
            give_back_all(state, framework, &accept.offers, effects);
            for spec in accept.pods {
                drop_pod(state, framework, spec, why, now, effects);
            }
            return;
        }
    };
    for spec in accept.pods {
        start(state, framework, &offers, spec, now, effects);
    }
    for (id, offered) in offers {
        state.offers.remove(&id);
        release(state, &offered, effects);
        filter(state, framework, offered.agent, accept.refuse_ms, now);
    }
}

/// The offers by id; all must be out, this framework's, and of one agent.
fn theirs(state: &State, framework: FrameworkId, ids: &[OfferId]) -> Result<Vec<(OfferId, Offered)>, &'static str> {
    let mut found: Vec<(OfferId, Offered)> = Vec::with_capacity(ids.len());
    for id in ids {
        let offered = state.offers.get(id).filter(|offered| offered.framework == framework);
        let offered =
            offered.ok_or("an offer is no longer valid: it was answered, rescinded, or never this framework's")?;
        if found.iter().any(|(known, _)| known == id) {
            return Err("an offer is named twice");
        }
        if found.first().is_some_and(|(_, first)| first.agent != offered.agent) {
            return Err("the offers are of different agents");
        }
        found.push((*id, offered.clone()));
    }
    if found.is_empty() { Err("no offer is named") } else { Ok(found) }
}

/// Starts one pod on what the offers hold.
fn start(
    state: &mut State,
    framework: FrameworkId,
    offers: &[(OfferId, Offered)],
    mut spec: PodSpec,
    now: Now,
    effects: &mut Vec<Effect>,
) {
    let Some((_, first)) = offers.first() else { return };
    if spec.role.is_empty() {
        spec.role.clone_from(&first.role);
    }
    if spec.role != first.role {
        return drop_pod(state, framework, spec, "its role is not the offer's", now, effects);
    }
    let id = match enter_new(state, framework, spec, effects) {
        Ok(Some(id)) => id,
        Ok(None) => return,
        Err(refusal) => return refuse_to(state, framework, refusal, effects),
    };
    let Some(pod) = state.pods.get(&id) else { return };
    let request = convert::request(&pod.spec);
    let (held_by, owner) = (convert::offer_owner(framework), convert::owner(framework));
    let mut why = "the offer has not what it asks for".to_owned();
    for (_, offered) in offers {
        match state.allocation.split(offered.claim, held_by, &request) {
            Ok(grant) => {
                if !state.allocation.transfer(grant.claim, held_by, owner) {
                    continue;
                }
                return pods::bind(state, id, offered.agent, grant.claim, now, effects);
            }
            Err(Some(refusal)) => why = refusal.to_string(),
            Err(None) => {}
        }
    }
    pods::end(state, id, TaskState::Error, StatusReason::InvalidOffers, why, now, effects);
}

/// Records a pod that an ACCEPT starts. `None`: it was started before, and its status told again.
fn enter_new(
    state: &mut State,
    framework: FrameworkId,
    spec: PodSpec,
    effects: &mut Vec<Effect>,
) -> Result<Option<PodId>, Refusal> {
    if pods::is_known(state, framework, &spec, effects)? {
        return Ok(None);
    }
    pods::enter(state, framework, spec).map(Some)
}

/// A pod whose offers are not valid never starts; its framework hears so as of any other pod.
fn drop_pod(state: &mut State, framework: FrameworkId, spec: PodSpec, why: &str, now: Now, effects: &mut Vec<Effect>) {
    match enter_new(state, framework, spec, effects) {
        Ok(Some(id)) => {
            pods::end(state, id, TaskState::Dropped, StatusReason::InvalidOffers, why.to_owned(), now, effects);
        }
        Ok(None) => {}
        Err(refusal) => refuse_to(state, framework, refusal, effects),
    }
}

fn refuse_to(state: &State, framework: FrameworkId, refusal: Refusal, effects: &mut Vec<Effect>) {
    if let Some(peer) = state.frameworks.get(&framework).and_then(|known| known.peer) {
        refuse(state, peer, refusal, effects);
    }
}

pub(super) fn decline(
    state: &mut State,
    framework: FrameworkId,
    decline: &Decline,
    now: Now,
    effects: &mut Vec<Effect>,
) {
    let mut unknown = 0_usize;
    for id in &decline.offers {
        match state.offers.get(id).filter(|offered| offered.framework == framework).cloned() {
            Some(offered) => {
                give_back(state, *id, effects);
                filter(state, framework, offered.agent, decline.refuse_ms, now);
            }
            None => unknown += 1,
        }
    }
    if unknown > 0 {
        // Usual after a rescind that crossed the decline; worth a line to the framework's author, nothing more.
        let message = format!("{unknown} of the declined offers were not out any more");
        refuse_to(state, framework, Refusal { code: RefusalCode::NotFound, message, ..Refusal::default() }, effects);
    }
}

fn filter(state: &mut State, framework: FrameworkId, agent: AgentId, refuse_ms: u64, now: Now) {
    let until = now.mono_ms.saturating_add(refuse_ms.min(state.policy.refuse_ms_max));
    if let Some(known) = state.frameworks.get_mut(&framework).filter(|_| refuse_ms > 0) {
        known.filters.insert(agent, until);
    }
}

/// Takes an offer back: the framework hears of it, and what it held is free.
pub(super) fn rescind(state: &mut State, id: OfferId, effects: &mut Vec<Effect>) {
    let Some(offered) = state.offers.get(&id) else { return };
    tracing::debug!(offer = %id, framework = %offered.framework, "rescinded");
    if let Some(peer) = state.frameworks.get(&offered.framework).and_then(|known| known.peer) {
        send(state, peer, Message::Rescind(Rescind { offers: vec![id] }), effects);
    }
    give_back(state, id, effects);
}

fn give_back(state: &mut State, id: OfferId, effects: &mut Vec<Effect>) {
    if let Some(offered) = state.offers.remove(&id) {
        release(state, &offered, effects);
    }
}

fn give_back_all(state: &mut State, framework: FrameworkId, ids: &[OfferId], effects: &mut Vec<Effect>) {
    for id in ids {
        if state.offers.get(id).is_some_and(|offered| offered.framework == framework) {
            give_back(state, *id, effects);
        }
    }
}

fn release(state: &mut State, offered: &Offered, effects: &mut Vec<Effect>) {
    if state.allocation.release(offered.claim, convert::offer_owner(offered.framework)) {
        agents::tell_pools(state, offered.agent, effects);
    }
    state.dirty = true;
}

/// The agent's offers mean nothing any more.
pub(super) fn agent_gone(state: &mut State, agent: AgentId, effects: &mut Vec<Effect>) {
    for id in matching(state, |offered| offered.agent == agent) {
        rescind(state, id, effects);
    }
}

/// Nobody will answer the framework's offers.
pub(super) fn framework_gone(state: &mut State, framework: FrameworkId, effects: &mut Vec<Effect>) {
    for id in matching(state, |offered| offered.framework == framework) {
        give_back(state, id, effects);
    }
}

/// Takes back what was not answered in time.
pub(super) fn expire(state: &mut State, now: Now, effects: &mut Vec<Effect>) {
    let timeout_ms = state.policy.offer_timeout_ms;
    for id in matching(state, |offered| offered.since_ms.saturating_add(timeout_ms) <= now.mono_ms) {
        let Some(offered) = state.offers.get(&id).cloned() else { continue };
        rescind(state, id, effects);
        // Who lets an offer lapse is not offered the same at once.
        filter(state, offered.framework, offered.agent, timeout_ms, now);
    }
    for framework in state.frameworks.values_mut() {
        let before = framework.filters.len();
        framework.filters.retain(|_, until| *until > now.mono_ms);
        state.dirty |= framework.filters.len() != before;
    }
    // Waiting pods may take what has been held long enough.
    state.dirty |= !state.waiting.is_empty() && !state.offers.is_empty();
}

/// When [`expire`] has something to do.
pub(super) fn next_deadline_ms(state: &State) -> Option<u64> {
    let hold_ms = if state.waiting.is_empty() { state.policy.offer_timeout_ms } else { state.policy.min_hold_ms };
    let offers = state.offers.values().map(|offered| {
        let unmet = offered.since_ms.saturating_add(hold_ms);
        // A hold that has been looked at once its minimum was over is looked at again when something else changes.
        if unmet > state.settled_ms { unmet } else { offered.since_ms.saturating_add(state.policy.offer_timeout_ms) }
    });
    let filters = state.frameworks.values().flat_map(|framework| framework.filters.values().copied());
    offers.chain(filters).min()
}

fn matching(state: &State, wanted: impl Fn(&Offered) -> bool) -> Vec<OfferId> {
    state.offers.iter().filter(|(_, offered)| wanted(offered)).map(|(id, _)| *id).collect()
}

/// True when the framework may be offered the agent now.
pub(super) fn may_see(state: &State, framework: FrameworkId, agent: AgentId, now: Now) -> bool {
    state.frameworks.get(&framework).is_some_and(|known| {
        known.peer.is_some() && !known.suppressed && known.filters.get(&agent).is_none_or(|until| *until <= now.mono_ms)
    })
}

/// How needy a framework is: offers it sits on, then what its role has, then who came first.
pub(super) fn neediness(state: &State, framework: FrameworkId) -> (usize, u64, FrameworkId) {
    let holds = state.offers.values().filter(|offered| offered.framework == framework).count();
    let role = state.frameworks.get(&framework).and_then(|known| known.roles.first());
    let used = role.map_or(0, |role| state.allocation.role_cpu_milli(role));
    (holds, used, framework)
}

/// Lets a waiting pod take what a long-held offer holds. True when it did.
pub(super) fn take_for_waiting(
    state: &mut State,
    id: PodId,
    request: &Request,
    now: Now,
    effects: &mut Vec<Effect>,
) -> bool {
    let min_hold_ms = state.policy.min_hold_ms;
    for offer in matching(state, |offered| offered.since_ms.saturating_add(min_hold_ms) <= now.mono_ms) {
        let Some(offered) = state.offers.get(&offer).cloned() else { continue };
        // Only look whether the hold has enough; the claim itself is made under the pod's own role.
        let Ok(probe) = state.allocation.split(offered.claim, convert::offer_owner(offered.framework), request) else {
            continue;
        };
        rescind(state, offer, effects);
        state.allocation.release(probe.claim, convert::offer_owner(offered.framework));
        agents::tell_pools(state, offered.agent, effects);
        tracing::debug!(pod = %id, %offer, "takes what an offer held");
        return true;
    }
    false
}
