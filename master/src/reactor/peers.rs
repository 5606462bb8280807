//! Connections come and go.

use std::collections::BTreeMap;

use crate::effect::Effect;
use crate::event::{Now, PeerId, Role};
use crate::reactor::{agents, frameworks, logs};
use crate::state::{Peer, Session, State};

pub(super) fn opened(state: &mut State, peer: PeerId, role: Role, principal: String) {
    let session = match role {
        Role::Operator => Session::Operator(BTreeMap::new()),
        Role::Agent | Role::Framework => Session::New,
    };
    tracing::debug!(?peer, ?role, principal, "opened");
    state.peers.insert(peer, Peer { role, principal, session });
}

pub(super) fn closed(state: &mut State, peer: PeerId, reason: &str, now: Now, effects: &mut Vec<Effect>) {
    let Some(gone) = state.peers.remove(&peer) else { return };
    tracing::debug!(?peer, principal = gone.principal, reason, "closed");
    logs::peer_gone(state, peer, effects);
    match gone.session {
        Session::Agent(agent) => agents::disconnected(state, agent, peer, reason, now),
        Session::Framework(framework) => frameworks::disconnected(state, framework, peer, now),
        Session::New | Session::Operator(_) => {}
    }
}

/// Ends a connection from this side; its `Closed` event follows, or finds nothing left to do.
pub(super) fn close(state: &mut State, peer: PeerId, reason: &str, effects: &mut Vec<Effect>) {
    state.peers.remove(&peer);
    logs::peer_gone(state, peer, effects);
    effects.push(Effect::Close { peer, reason: reason.to_owned() });
}
