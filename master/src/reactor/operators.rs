//! Operators: queries, watchers, pods of the built-in framework.

use meros_wire::message::{
    AgentView, FrameworkView, Kill, Listing, Message, Place, PodId, PodView, Query, Refusal, RefusalCode,
};

use crate::convert;
use crate::effect::Effect;
use crate::event::{Now, PeerId};
use crate::reactor::{pods, refuse, send};
use crate::state::{OPERATOR, Session, State};

/// Queries one connection may watch by.
const WATCHES_MAX: usize = 16;

pub(super) fn on_message(state: &mut State, peer: PeerId, message: Message, now: Now, effects: &mut Vec<Effect>) {
    match message {
        Message::Query(query) => on_query(state, peer, query, effects),
        Message::Place(place) => on_place(state, peer, place, now, effects),
        Message::Kill(kill) => on_kill(state, peer, kill, now, effects),
        other => super::out_of_turn(state, peer, &other, effects),
    }
}

fn on_query(state: &mut State, peer: PeerId, query: Query, effects: &mut Vec<Effect>) {
    if let Some(Session::Operator(watches)) = state.peers.get_mut(&peer).map(|known| &mut known.session)
        && query.watch
    {
        if watches.len() >= WATCHES_MAX {
            let message = format!("one connection may watch by {WATCHES_MAX} queries");
            let refusal = Refusal { request: query.request, code: RefusalCode::Busy, message, ..Refusal::default() };
            return refuse(state, peer, refusal, effects);
        }
        watches.insert(query.request, query.pod);
    }
    let listing = listing(state, query.request, query.pod);
    send(state, peer, Message::Listing(listing), effects);
}

fn on_place(state: &mut State, peer: PeerId, place: Place, now: Now, effects: &mut Vec<Effect>) {
    for (at, spec) in place.pods.into_iter().enumerate() {
        if let Err(mut refusal) = pods::submit(state, OPERATOR, spec, now, effects) {
            refusal.field = format!("pods[{at}].{}", refusal.field);
            refuse(state, peer, refusal, effects);
        }
    }
}

/// An operator may end any pod, whoever's it is.
fn on_kill(state: &mut State, peer: PeerId, kill: Kill, now: Now, effects: &mut Vec<Effect>) {
    if state.pods.contains_key(&kill.pod) {
        return pods::kill(state, kill.pod, kill.grace_ms, now, effects);
    }
    let refusal = Refusal {
        code: RefusalCode::NotFound,
        field: "pod".to_owned(),
        message: format!("no pod {}: `meros ps --all` lists those that are known", kill.pod),
        ..Refusal::default()
    };
    refuse(state, peer, refusal, effects);
}

/// Answers every watched query again.
pub(super) fn tell_watchers(state: &State, effects: &mut Vec<Effect>) {
    for (peer, known) in &state.peers {
        let Session::Operator(watches) = &known.session else { continue };
        for (request, pod) in watches {
            send(state, *peer, Message::Listing(listing(state, *request, *pod)), effects);
        }
    }
}

fn listing(state: &State, request: u64, only: Option<PodId>) -> Listing {
    let mut views: Vec<(u64, PodView)> = state
        .pods
        .iter()
        .filter(|(id, _)| only.is_none_or(|only| only == **id))
        .map(|(_, pod)| {
            let view = PodView { spec: pod.spec.clone(), framework: pod.framework, status: pod.status.clone() };
            (pod.request, view)
        })
        .collect();
    views.sort_by_key(|(asked, _)| *asked);
    let (agents, frameworks) =
        if only.is_some() { (Vec::new(), Vec::new()) } else { (agents(state), frameworks(state)) };
    Listing { request, agents, frameworks, pods: views.into_iter().map(|(_, view)| view).collect() }
}

fn agents(state: &State) -> Vec<AgentView> {
    let views = state.agents.iter().map(|(id, agent)| AgentView {
        agent: *id,
        connected: agent.peer.is_some(),
        machine: agent.machine.clone(),
        pools: convert::pool_orders(state.term, &state.allocation.pool_orders(convert::core_agent(*id)), &agent.map),
    });
    views.collect()
}

fn frameworks(state: &State) -> Vec<FrameworkView> {
    let offers = |id| state.allocation.offers_of(convert::core_framework(id));
    let views = state.frameworks.iter().map(|(id, framework)| FrameworkView {
        framework: *id,
        name: framework.name.clone(),
        roles: framework.roles.clone(),
        connected: framework.peer.is_some() || *id == OPERATOR,
        offers: u32::try_from(offers(*id)).unwrap_or(u32::MAX),
    });
    views.collect()
}
