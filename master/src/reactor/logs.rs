//! Log streams: from the agent that has the file to the operator who asked.
//!
//! The reactor pairs two streams and passes bytes along. It never holds more than the sender's window: the sender may send
//! again only what the receiver's side reports as written.

use meros_wire::message::StreamPurpose;

use crate::effect::Effect;
use crate::event::{PeerId, Role, StreamKey};
use crate::state::State;

pub(super) fn opened(
    state: &mut State,
    peer: PeerId,
    stream: StreamKey,
    purpose: StreamPurpose,
    effects: &mut Vec<Effect>,
) {
    match agent_of(state, peer, &purpose) {
        Ok(agent) => {
            let ours = StreamKey::Ours(state.next_stream);
            state.next_stream += 1;
            state.relays.insert((peer, stream), (agent, ours));
            state.relays.insert((agent, ours), (peer, stream));
            effects.push(Effect::StreamOpen { peer: agent, stream: ours, purpose });
        }
        Err(reason) => effects.push(Effect::StreamReset { peer, stream, reason }),
    }
}

/// The connection of the agent that can serve the stream.
fn agent_of(state: &State, peer: PeerId, purpose: &StreamPurpose) -> Result<PeerId, String> {
    if state.peers.get(&peer).is_none_or(|known| known.role != Role::Operator) {
        return Err("streams are for operators".to_owned());
    }
    let StreamPurpose::Logs(request) = purpose;
    let pod = state.pods.get(&request.pod).ok_or_else(|| format!("no pod {}", request.pod))?;
    let bound = pod.bound.as_ref().map(|bound| bound.agent);
    let agent = bound.or(pod.status.agent).ok_or("the pod has not been placed: it has no output yet")?;
    let known = state.agents.get(&agent).ok_or_else(|| format!("its agent {agent} is not known any more"))?;
    known.peer.ok_or_else(|| format!("its agent {agent} is not connected"))
}

pub(super) fn data(state: &State, peer: PeerId, stream: StreamKey, bytes: Vec<u8>, effects: &mut Vec<Effect>) {
    match state.relays.get(&(peer, stream)) {
        Some((to, onto)) => effects.push(Effect::StreamWrite { peer: *to, stream: *onto, bytes }),
        None => effects.push(Effect::StreamConsumed { peer, stream, count: bytes.len() }),
    }
}

pub(super) fn written(state: &State, peer: PeerId, stream: StreamKey, count: usize, effects: &mut Vec<Effect>) {
    if let Some((from, onto)) = state.relays.get(&(peer, stream)) {
        effects.push(Effect::StreamConsumed { peer: *from, stream: *onto, count });
    }
}

/// The agent has sent all: so has the master. An operator has nothing to send; its end closes nothing.
pub(super) fn ended(state: &mut State, peer: PeerId, stream: StreamKey, effects: &mut Vec<Effect>) {
    let Some((to, onto)) = state.relays.get(&(peer, stream)).copied() else { return };
    effects.push(Effect::StreamEnd { peer: to, stream: onto });
    if matches!(stream, StreamKey::Ours(_)) {
        effects.push(Effect::StreamEnd { peer, stream });
        forget(state, peer, stream);
    }
}

pub(super) fn reset(state: &mut State, peer: PeerId, stream: StreamKey, reason: String, effects: &mut Vec<Effect>) {
    if let Some((to, onto)) = forget(state, peer, stream) {
        effects.push(Effect::StreamReset { peer: to, stream: onto, reason });
    }
}

/// Every stream of a connection that is gone.
pub(super) fn peer_gone(state: &mut State, peer: PeerId, effects: &mut Vec<Effect>) {
    let theirs: Vec<StreamKey> = state.relays.keys().filter(|(of, _)| *of == peer).map(|(_, stream)| *stream).collect();
    for stream in theirs {
        reset(state, peer, stream, "the connection at the other end is gone".to_owned(), effects);
    }
}

fn forget(state: &mut State, peer: PeerId, stream: StreamKey) -> Option<(PeerId, StreamKey)> {
    let other = state.relays.remove(&(peer, stream))?;
    state.relays.remove(&other);
    Some(other)
}
