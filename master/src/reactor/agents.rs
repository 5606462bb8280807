//! Registration, pools, and agents that fall silent.

use std::collections::{BTreeMap, BTreeSet};

use meros_wire::message::{
    AgentId, Envelope, Message, PodId, PoolConfirmed, Refusal, RefusalCode, Register, Registered, RunningPod,
    StatusReason, TaskState,
};

use crate::allocation::{PoolOrder, Shape};
use crate::convert::{self, AgentMap};
use crate::effect::Effect;
use crate::event::{Now, PeerId};
use crate::reactor::{launch, peers, pods, refuse, send, status};
use crate::state::{Agent, Session, State};

pub(super) fn on_message(
    state: &mut State,
    peer: PeerId,
    envelope: &Envelope,
    message: Message,
    now: Now,
    effects: &mut Vec<Effect>,
) {
    let registered = match state.peers.get(&peer).map(|known| &known.session) {
        Some(Session::Agent(agent)) => Some(*agent),
        _ => None,
    };
    match (registered, message) {
        (None, Message::Register(register)) => on_register(state, peer, register, now, effects),
        (Some(agent), Message::PoolConfirmed(confirmed)) => on_pool_confirmed(state, agent, confirmed),
        (Some(agent), Message::ReportStatus(report)) => status::on_report(state, agent, report, now, effects),
        (Some(agent), Message::Refusal(refusal)) => launch::on_refused(state, agent, envelope, refusal, now, effects),
        (_, other) => super::out_of_turn(state, peer, &other, effects),
    }
}

fn on_register(state: &mut State, peer: PeerId, register: Register, now: Now, effects: &mut Vec<Effect>) {
    let (shape, map) = match admissible(state, &register) {
        Ok(machine) => machine,
        Err(refusal) => {
            let reason = refusal.message.clone();
            tracing::warn!(?peer, reason, "agent refused");
            refuse(state, peer, refusal, effects);
            return peers::close(state, peer, &reason, effects);
        }
    };
    let known = state.agent_by_uuid.get(&register.agent_uuid).copied();
    let agent = match known {
        Some(agent) if is_same_machine(state, agent, &register) => returned(state, agent, effects),
        _ => {
            if let Some(old) = known {
                retire(state, old, &register, now, effects);
            }
            match state.allocation.add_agent(shape) {
                Ok(agent) => admit(state, convert::agent(agent), &register, map),
                Err(error) => {
                    refuse(state, peer, table_full(&error), effects);
                    return peers::close(state, peer, "the table of agents is full", effects);
                }
            }
        }
    };
    tracing::info!(%agent, hostname = register.machine.hostname, pods = register.pods.len(), "registered");
    let unwanted = take_stock(state, agent, &register, now, effects);
    welcome(state, agent, peer, unwanted, effects);
    tell_pools(state, agent, effects);
    launch::send_again(state, agent, &register.pods, now, effects);
    state.dirty = true;
    state.changed = true;
}

/// Whether an agent may join, and its machine as the core sees it.
fn admissible(state: &State, register: &Register) -> Result<(Shape, AgentMap), Refusal> {
    if register.agent_uuid.is_nil() {
        return Err(invalid("agent_uuid", "the agent has no id: give it a state folder it can write".to_owned()));
    }
    if register.highest_term > state.term {
        return Err(Refusal {
            code: RefusalCode::StaleTerm,
            field: "highest_term".to_owned(),
            message: format!(
                "the agent has obeyed term {} and this master leads in term {}: another master leads, or this one's state \
                 folder is an old copy",
                register.highest_term, state.term
            ),
            ..Refusal::default()
        });
    }
    convert::shape(&register.machine)
}

fn table_full(why: &str) -> Refusal {
    let message = format!("no room for another agent: {why}");
    Refusal { code: RefusalCode::Busy, message, ..Refusal::default() }
}

fn invalid(field: &str, message: String) -> Refusal {
    Refusal { code: RefusalCode::Invalid, field: field.to_owned(), message, ..Refusal::default() }
}

fn admit(state: &mut State, agent: AgentId, register: &Register, map: AgentMap) -> AgentId {
    state.agent_by_uuid.insert(register.agent_uuid, agent);
    let record = Agent {
        peer: None,
        machine: register.machine.clone(),
        incarnation: register.incarnation,
        map,
        pools_told: BTreeMap::new(),
        unreachable_at_ms: None,
    };
    state.agents.insert(agent, record);
    agent
}

fn is_same_machine(state: &State, agent: AgentId, register: &Register) -> bool {
    state.agents.get(&agent).is_some_and(|known| {
        known.machine.topology_hash == register.machine.topology_hash && known.incarnation == register.incarnation
    })
}

/// A known agent on a new connection: the newest connection wins.
fn returned(state: &mut State, agent: AgentId, effects: &mut Vec<Effect>) -> AgentId {
    hang_up(state, agent, effects);
    if let Some(known) = state.agents.get_mut(&agent) {
        known.unreachable_at_ms = None;
    }
    // What it reports may not be what its offers show.
    state.allocation.set_active(convert::core_agent(agent), false);
    state.allocation.set_active(convert::core_agent(agent), true);
    agent
}

/// Tells the agent that it is admitted, and from here on hears of everything.
///
/// Not earlier: an agent takes no order before `Registered`, and taking stock changes pools. An order of theirs sent
/// before would be refused and yet count as told, and a core that leaves by it would never be confirmed.
fn welcome(state: &mut State, agent: AgentId, peer: PeerId, unwanted: Vec<PodId>, effects: &mut Vec<Effect>) {
    if let Some(known) = state.peers.get_mut(&peer) {
        known.session = Session::Agent(agent);
    }
    if let Some(known) = state.agents.get_mut(&agent) {
        known.peer = Some(peer);
        known.pools_told.clear();
    }
    let answer = Registered { agent, heartbeat_ms: state.policy.heartbeat_ms, unwanted };
    send(state, peer, Message::Registered(answer), effects);
}

fn hang_up(state: &mut State, agent: AgentId, effects: &mut Vec<Effect>) {
    if let Some(old) = state.agents.get_mut(&agent).and_then(|known| known.peer.take()) {
        peers::close(state, old, "the agent connected again", effects);
    }
}

/// The machine changed: to the core it is a new agent, and what ran on the old one is lost unless it is reported again.
fn retire(state: &mut State, old: AgentId, register: &Register, now: Now, effects: &mut Vec<Effect>) {
    hang_up(state, old, effects);
    let reported: BTreeSet<PodId> = register.pods.iter().map(|pod| pod.spec.pod).collect();
    for pod in pods_on(state, old) {
        pods::unbind(state, pod, effects);
        if !reported.contains(&pod) {
            let why = "its machine changed, and came back without it".to_owned();
            pods::end(state, pod, TaskState::Lost, StatusReason::AgentRestarted, why, now, effects);
        }
    }
    state.allocation.remove_agent(convert::core_agent(old));
    state.agent_by_uuid.remove(&register.agent_uuid);
    state.agents.remove(&old);
}

/// Compares what the agent runs with what should run there. Returns the pods it must end.
fn take_stock(
    state: &mut State,
    agent: AgentId,
    register: &Register,
    now: Now,
    effects: &mut Vec<Effect>,
) -> Vec<PodId> {
    let mut unwanted = Vec::new();
    let reported = &register.pods;
    adopt_pools(state, agent, register);
    // Pools first, then exclusive, then shared claims: the order in which `restore` can succeed.
    let mut ordered: Vec<&RunningPod> = reported.iter().collect();
    ordered.sort_by_key(|pod| pod.placement.exclusive_pus.is_empty());
    for pod in ordered {
        if !pods::adopt(state, agent, pod, now, effects) && !pod.state.is_terminal() {
            unwanted.push(pod.spec.pod);
        }
    }
    state.allocation.trim_pools(convert::core_agent(agent));
    let present: BTreeSet<PodId> = reported.iter().map(|pod| pod.spec.pod).collect();
    for pod in pods_on(state, agent) {
        if !present.contains(&pod) && !launch::is_on_its_way(state, pod) {
            let why = "its agent came back without it".to_owned();
            pods::end(state, pod, TaskState::Lost, StatusReason::AgentRestarted, why, now, effects);
        }
    }
    for pod in stranded(state, &present) {
        let why = "its machine changed, and what it held is not to be had there any more".to_owned();
        pods::end(state, pod, TaskState::Lost, StatusReason::AgentRestarted, why, now, effects);
    }
    unwanted
}

/// Reported pods that [`retire`] took the claims of and that could not be restored: nothing will ever be heard of them again.
fn stranded(state: &State, reported: &BTreeSet<PodId>) -> Vec<PodId> {
    let homeless = |id: &PodId| state.pods.get(id).is_some_and(|pod| pod.is_live() && !state.is_placed_or_waits(pod));
    reported.iter().copied().filter(homeless).collect()
}

/// Takes each pool that this leader has given no order about as it stands: `restore` finds its shares' room there, and what
/// of it nobody needs is told to leave. Without, the agent would refuse those PUs to pods of their own.
fn adopt_pools(state: &mut State, agent: AgentId, register: &Register) {
    let Some(known) = state.agents.get(&agent) else { return };
    let agent = convert::core_agent(agent);
    let ours = state.allocation.pool_orders(agent);
    let ordered = |order: &PoolOrder| ours.iter().any(|own| own.numa_node == order.numa_node && own.epoch > 0);
    let reported = register.pools.iter().filter_map(|order| convert::core_pool(order, &known.map));
    for order in reported.filter(|order| !ordered(order)) {
        state.allocation.restore_pool(agent, &order);
    }
}

/// Pods bound to an agent, by id.
pub(super) fn pods_on(state: &State, agent: AgentId) -> Vec<PodId> {
    let bound = state.pods.iter().filter(|(_, pod)| pod.bound.as_ref().is_some_and(|bound| bound.agent == agent));
    bound.map(|(id, _)| *id).collect()
}

fn on_pool_confirmed(state: &mut State, agent: AgentId, confirmed: PoolConfirmed) {
    let Some(known) = state.agents.get(&agent) else { return };
    if let Some((pool, epoch)) = convert::confirmed(state.term, confirmed, &known.map) {
        state.dirty |= state.allocation.confirm_pool(convert::core_agent(agent), pool, epoch);
        state.changed = true;
    }
}

/// Tells the agent every pool whose PUs changed since it was told last. Must come before a launch that relies on it.
pub(super) fn tell_pools(state: &mut State, agent: AgentId, effects: &mut Vec<Effect>) {
    let term = state.term;
    let Some(known) = state.agents.get_mut(&agent) else { return };
    let Some(peer) = known.peer else { return };
    let orders: Vec<_> =
        convert::pool_orders(term, &state.allocation.pool_orders(convert::core_agent(agent)), &known.map)
            .into_iter()
            .filter(|order| known.pools_told.get(&order.pool) != Some(&order.epoch))
            .collect();
    for order in orders {
        known.pools_told.insert(order.pool, order.epoch);
        let envelope = Envelope {
            cluster: state.cluster,
            term,
            incarnation: known.incarnation,
            topology_hash: known.machine.topology_hash,
            ..Envelope::default()
        };
        super::send_in(peer, envelope, Message::PoolOrder(order), effects);
    }
}

pub(super) fn disconnected(
    state: &mut State,
    agent: AgentId,
    peer: PeerId,
    reason: &str,
    now: Now,
) {
    let unreachable_at_ms = now.mono_ms + state.policy.unreachable_after_ms;
    let Some(known) = state.agents.get_mut(&agent).filter(|known| known.peer == Some(peer)) else { return };
    tracing::info!(%agent, reason, "agent disconnected");
    known.peer = None;
    known.unreachable_at_ms = Some(unreachable_at_ms);
    state.allocation.set_active(convert::core_agent(agent), false);
    state.dirty = true;
    state.changed = true;
}

/// Agents that stayed away too long: their pods are told unreachable. They keep their claims, for they may still run.
pub(super) fn expire(state: &mut State, now: Now, effects: &mut Vec<Effect>) {
    let silent: Vec<AgentId> = state
        .agents
        .iter_mut()
        .filter(|(_, agent)| agent.unreachable_at_ms.is_some_and(|at| at <= now.mono_ms))
        .map(|(id, agent)| {
            agent.unreachable_at_ms = None;
            *id
        })
        .collect();
    for agent in silent {
        tracing::warn!(%agent, "agent unreachable");
        for pod in pods_on(state, agent) {
            status::unreachable(state, pod, now, effects);
        }
    }
}
