//! Offers: made, accepted, declined, rescinded.
//!
//! The allocator holds them: what an offer shows cannot be taken by anyone else until it is answered, or its grace after a RESCIND
//! is over. Here they are told and answered.

use std::collections::BTreeMap;

use meros_wire::message::{
    Accept, Decline, FrameworkId, Message, Offer, OfferId, PodId, PodSpec, Refusal, RefusalCode, Rescind,
    StatusReason, TaskState,
};

use crate::allocation::Outcome;
use crate::convert;
use crate::effect::Effect;
use crate::event::{Now, PeerId};
use crate::reactor::{pods, refuse, send};
use crate::state::State;

/// Offers of one message, so that no frame is too long.
const OFFERS_PER_MESSAGE: usize = 256;

/// Offers by the framework they were made to.
pub(super) type Made = BTreeMap<FrameworkId, Vec<Offer>>;
/// Offers by the framework that is to hear that they are over.
pub(super) type Over = BTreeMap<FrameworkId, Vec<OfferId>>;

/// Places what waits and offers what is left. The offers, for [`tell`].
pub(super) fn make(state: &mut State, now: Now) -> Made {
    let mut made = Made::new();
    let State { allocation, agents, .. } = state;
    let count = allocation.offer(now.mono_ms, |view, role| {
        let (offer, agent) = (convert::offer_id(view.id), convert::agent(view.agent.id()));
        let framework = convert::framework(view.framework);
        let Some(known) = agents.get(&agent) else { return };
        let offer = Offer {
            offer,
            agent,
            hostname: known.machine.hostname.clone(),
            role: role.to_owned(),
            attributes: known.machine.attributes.clone(),
            ..convert::offer(&view.placement(), &known.map)
        };
        tracing::debug!(offer = %offer.offer, %framework, %agent, pus = offer.exclusive_pus, "offered");
        made.entry(framework).or_default().push(offer);
    });
    state.dirty |= count > 0;
    made
}

/// Tells each framework its offers, in as few messages as can be.
pub(super) fn tell(state: &State, made: Made, effects: &mut Vec<Effect>) {
    for (framework, mut offers) in made {
        let Some(peer) = peer_of(state, framework) else { continue };
        while !offers.is_empty() {
            let later = offers.split_off(offers.len().min(OFFERS_PER_MESSAGE));
            send(state, peer, Message::Offers(offers), effects);
            offers = later;
        }
    }
}

/// Tells each framework which offers are over, or will be unless it answers at once.
pub(super) fn tell_over(state: &State, over: Over, effects: &mut Vec<Effect>) {
    for (framework, offers) in over {
        if let Some(peer) = peer_of(state, framework) {
            send(state, peer, Message::Rescind(Rescind { offers }), effects);
        }
    }
}

fn peer_of(state: &State, framework: FrameworkId) -> Option<PeerId> {
    state.frameworks.get(&framework)?.peer
}

pub(super) fn accept(state: &mut State, framework: FrameworkId, accept: Accept, now: Now, effects: &mut Vec<Effect>) {
    let offers = convert::core_offers(&accept.offers);
    let first = offers.first().and_then(|offer| state.allocation.offer_role(convert::core_framework(framework), *offer));
    let role = first.map(str::to_owned);
    let mut entered: Vec<PodId> = Vec::with_capacity(accept.pods.len());
    for spec in accept.pods {
        let is_repeated = state.pods.get(&spec.pod).is_some_and(|known| known.spec == spec && known.is_new());
        if !is_repeated {
            entered.extend(enter(state, framework, role.as_deref(), spec, now, effects));
        }
    }
    let launches: Vec<_> = entered
        .iter()
        .filter_map(|pod| state.pods.get(pod))
        .map(|pod| convert::launch(framework, &pod.spec))
        .collect();
    let by = convert::core_framework(framework);
    state.dirty = true;
    match state.allocation.accept(by, &offers, &launches, accept.refuse_ms, now.mono_ms) {
        Ok(accepted) => {
            for (pod, outcome) in entered.into_iter().zip(accepted.outcomes) {
                launched(state, pod, outcome, now, effects);
            }
        }
        Err(why) => {
            for pod in entered {
                let reason = StatusReason::InvalidOffers;
                pods::end(state, pod, TaskState::Dropped, reason, why.to_string(), now, effects);
            }
        }
    }
}

/// Records one pod of an ACCEPT. `None`: it is answered already, because it cannot be, or is started under another role than
/// the offer's, or was started before.
fn enter(
    state: &mut State,
    framework: FrameworkId,
    role: Option<&str>,
    mut spec: PodSpec,
    now: Now,
    effects: &mut Vec<Effect>,
) -> Option<PodId> {
    let role = role.unwrap_or(&spec.role).to_owned();
    if spec.role.is_empty() {
        spec.role.clone_from(&role);
    }
    let fits = spec.role == role;
    match enter_new(state, framework, spec, effects) {
        Ok(Some(id)) if fits => return Some(id),
        Ok(Some(id)) => {
            let why = "its role is not the offer's".to_owned();
            pods::end(state, id, TaskState::Dropped, StatusReason::InvalidOffers, why, now, effects);
        }
        Ok(None) => {}
        Err(refusal) => refuse_to(state, framework, refusal, effects),
    }
    None
}

/// Binds one pod of an ACCEPT to what was claimed for it.
fn launched(state: &mut State, pod: PodId, outcome: Outcome, now: Now, effects: &mut Vec<Effect>) {
    let why = match outcome {
        Outcome::Granted(grant) => {
            return pods::bind(state, pod, convert::agent(grant.claim.agent()), grant.claim, now, effects);
        }
        Outcome::Refused(refusal) => refusal.to_string(),
        Outcome::Contended(_) => "somebody was in the way: accept the next offer".to_owned(),
    };
    pods::end(state, pod, TaskState::Error, StatusReason::InvalidOffers, why, now, effects);
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

fn refuse_to(state: &State, framework: FrameworkId, refusal: Refusal, effects: &mut Vec<Effect>) {
    if let Some(peer) = peer_of(state, framework) {
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
    let (by, offers) = (convert::core_framework(framework), convert::core_offers(&decline.offers));
    let unknown = state.allocation.decline(by, &offers, decline.refuse_ms, now.mono_ms);
    state.dirty = true;
    if unknown > 0 {
        // Usual after a rescind that crossed the decline; worth a line to the framework's author, nothing more.
        let message = format!("{unknown} of the declined offers were not out any more");
        refuse_to(state, framework, Refusal { code: RefusalCode::NotFound, message, ..Refusal::default() }, effects);
    }
}
