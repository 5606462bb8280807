//! Subscription, suppress and revive, removal.

use meros_wire::message::{FrameworkId, Kill, Message, Place, Reconcile, Refusal, RefusalCode, Subscribe, Subscribed};

use crate::convert;
use crate::effect::Effect;
use crate::event::{Now, PeerId};
use crate::reactor::{offers, peers, pods, refuse, send, status};
use crate::state::{Framework, OPERATOR, Session, State};

/// How long a framework known only from its pods may stay away.
const RECOVERED_FAILOVER_MS: u64 = 7 * 24 * 3_600_000;
/// A framework's name and each of its roles, in bytes.
const NAME_BYTES_MAX: usize = 256;
/// Numbers set aside for the frameworks that first subscribe in one term.
const FRAMEWORKS_PER_TERM: u32 = 4_096;
/// Removed frameworks remembered.
const REMOVED_MAX: usize = 4_096;
/// Roles of one framework.
const ROLES_MAX: usize = 64;

pub(super) fn on_message(state: &mut State, peer: PeerId, message: Message, now: Now, effects: &mut Vec<Effect>) {
    let subscribed = match state.peers.get(&peer).map(|known| &known.session) {
        Some(Session::Framework(framework)) => Some(*framework),
        _ => None,
    };
    match (subscribed, message) {
        (None, Message::Subscribe(subscribe)) => on_subscribe(state, peer, subscribe, effects),
        (None, other) | (Some(_), other @ Message::Subscribe(_)) => super::out_of_turn(state, peer, &other, effects),
        (Some(framework), message) => on_call(state, peer, framework, message, now, effects),
    }
}

fn on_call(
    state: &mut State,
    peer: PeerId,
    framework: FrameworkId,
    message: Message,
    now: Now,
    effects: &mut Vec<Effect>,
) {
    match message {
        Message::Accept(accept) => offers::accept(state, framework, accept, now, effects),
        Message::Decline(decline) => offers::decline(state, framework, &decline, now, effects),
        Message::Suppress => set_suppressed(state, framework, true),
        Message::Revive => set_suppressed(state, framework, false),
        Message::Place(place) => on_place(state, peer, framework, place, now, effects),
        Message::Kill(kill) => on_kill(state, peer, framework, kill, now, effects),
        Message::Reconcile(reconcile) => on_reconcile(state, framework, &reconcile, now, effects),
        Message::AcknowledgeStatus(acknowledged) => status::on_acknowledged(state, framework, acknowledged, effects),
        other => super::out_of_turn(state, peer, &other, effects),
    }
}

fn on_subscribe(state: &mut State, peer: PeerId, subscribe: Subscribe, effects: &mut Vec<Effect>) {
    let principal = state.peers.get(&peer).map(|known| known.principal.clone()).unwrap_or_default();
    if let Err(refusal) = admissible(state, &subscribe, &principal) {
        let reason = refusal.message.clone();
        refuse(state, peer, refusal, effects);
        return peers::close(state, peer, &reason, effects);
    }
    let framework = subscribe.framework.unwrap_or_else(|| next_framework(state));
    let before = hang_up(state, framework, effects);
    let core = convert::core_framework(framework);
    state.allocation.subscribe(core, &before, &subscribe.roles, subscribe.suppressed);
    let record = Framework {
        name: subscribe.name,
        principal,
        roles: subscribe.roles,
        peer: Some(peer),
        failover_timeout_ms: subscribe.failover_timeout_ms,
        remove_at_ms: None,
    };
    tracing::info!(%framework, name = record.name, "subscribed");
    state.frameworks.insert(framework, record);
    if let Some(known) = state.peers.get_mut(&peer) {
        known.session = Session::Framework(framework);
    }
    let answer = Subscribed { framework, heartbeat_ms: state.policy.heartbeat_ms };
    send(state, peer, Message::Subscribed(answer), effects);
    status::send_again(state, framework, effects);
    state.dirty = true;
    state.changed = true;
}

fn admissible(state: &mut State, subscribe: &Subscribe, principal: &str) -> Result<(), Refusal> {
    if subscribe.name.len() > NAME_BYTES_MAX {
        return Err(invalid("name", format!("is longer than {NAME_BYTES_MAX} bytes")));
    }
    if subscribe.roles.is_empty() || subscribe.roles.len() > ROLES_MAX {
        return Err(invalid("roles", format!("has {} roles; 1 to {ROLES_MAX} are possible", subscribe.roles.len())));
    }
    for (at, role) in subscribe.roles.iter().enumerate() {
        let field = format!("roles[{at}]");
        crate::validate::role(role).map_err(|message| invalid(&field, message))?;
        if !state.allocation.admits_role(role) {
            return Err(invalid(&field, "the cluster has as many roles as it can count".to_owned()));
        }
    }
    let Some(framework) = subscribe.framework else { return Ok(()) };
    if state.removed.contains(&framework) {
        return Err(Refusal {
            code: RefusalCode::NotFound,
            ..invalid("framework", format!("{framework} was removed: subscribe without an id"))
        });
    }
    match state.frameworks.get(&framework) {
        Some(known) if framework != OPERATOR && (known.principal.is_empty() || known.principal == principal) => Ok(()),
        Some(_) => Err(Refusal {
            code: RefusalCode::NotAllowed,
            ..invalid("framework", format!("{framework} belongs to another principal"))
        }),
        // An earlier leader admitted it, and this one has not heard of it yet.
        None => Ok(()),
    }
}

fn invalid(field: &str, message: String) -> Refusal {
    Refusal { code: RefusalCode::Invalid, field: field.to_owned(), message, ..Refusal::default() }
}

/// Numbers of different terms do not meet, so that a framework of an earlier leader finds its own still its own.
fn next_framework(state: &State) -> FrameworkId {
    let first = u32::try_from(state.term.saturating_sub(1)).unwrap_or(u32::MAX).saturating_mul(FRAMEWORKS_PER_TERM);
    let of_this_term = FrameworkId(first)..FrameworkId(first.saturating_add(FRAMEWORKS_PER_TERM));
    let last = state.frameworks.range(of_this_term).next_back().map_or(first, |(last, _)| last.0);
    let removed = state.removed.iter().map(|removed| removed.0).max().unwrap_or(0);
    FrameworkId(last.max(removed) + 1)
}

/// The newest connection of a framework wins; offers of the older one go back. The roles that it had; none when it is new.
fn hang_up(state: &mut State, framework: FrameworkId, effects: &mut Vec<Effect>) -> Vec<String> {
    let Some(known) = state.frameworks.get_mut(&framework) else { return Vec::new() };
    let (old, roles) = (known.peer.take(), known.roles.clone());
    state.allocation.deactivate(convert::core_framework(framework));
    if let Some(old) = old {
        peers::close(state, old, "the framework subscribed again", effects);
    }
    roles
}

/// A framework known only from its pods, after a change of leader: it has time to come back. True when it is known by this only.
pub(super) fn recover(state: &mut State, framework: FrameworkId, role: &str, now: Now) -> bool {
    if !state.allocation.admits_role(role) {
        return false;
    }
    let is_new = !state.frameworks.contains_key(&framework);
    let known = state.frameworks.entry(framework).or_insert_with(|| Framework {
        name: "recovered".to_owned(),
        principal: String::new(),
        roles: Vec::new(),
        peer: None,
        failover_timeout_ms: RECOVERED_FAILOVER_MS,
        remove_at_ms: Some(now.mono_ms + RECOVERED_FAILOVER_MS),
    });
    // Whoever it is has said its roles itself, or never will under this leader.
    let is_recovered = framework != OPERATOR && known.principal.is_empty();
    if is_recovered && !known.roles.iter().any(|known| known == role) {
        let before = known.roles.clone();
        known.roles.push(role.to_owned());
        let core = convert::core_framework(framework);
        state.allocation.subscribe(core, &before, &known.roles, true);
        state.allocation.deactivate(core);
    }
    is_new
}

fn set_suppressed(state: &mut State, framework: FrameworkId, suppressed: bool) {
    let Some(known) = state.frameworks.get(&framework) else { return };
    let core = convert::core_framework(framework);
    if suppressed {
        state.allocation.suppress(core, &known.roles);
    } else {
        state.allocation.revive(core, &known.roles);
    }
}

fn on_place(
    state: &mut State,
    peer: PeerId,
    framework: FrameworkId,
    place: Place,
    now: Now,
    effects: &mut Vec<Effect>,
) {
    for (at, spec) in place.pods.into_iter().enumerate() {
        let allowed = works_for(state, framework, &spec.role);
        let outcome =
            if allowed { pods::submit(state, framework, spec, now, effects) } else { Err(wrong_role(&spec.role)) };
        if let Err(mut refusal) = outcome {
            refusal.field = format!("pods[{at}].{}", refusal.field);
            refuse(state, peer, refusal, effects);
        }
    }
}

/// Whether a framework subscribed under a role.
pub(super) fn works_for(state: &State, framework: FrameworkId, role: &str) -> bool {
    state.frameworks.get(&framework).is_some_and(|known| known.roles.iter().any(|known| known == role))
}

fn wrong_role(role: &str) -> Refusal {
    Refusal {
        code: RefusalCode::NotAllowed,
        ..invalid("role", format!("the framework did not subscribe under role {role:?}"))
    }
}

fn on_kill(state: &mut State, peer: PeerId, framework: FrameworkId, kill: Kill, now: Now, effects: &mut Vec<Effect>) {
    if state.pods.get(&kill.pod).is_some_and(|pod| pod.framework == framework) {
        return pods::kill(state, kill.pod, kill.grace_ms, now, effects);
    }
    let refusal =
        Refusal { code: RefusalCode::NotFound, ..invalid("pod", format!("{framework} has no pod {}", kill.pod)) };
    refuse(state, peer, refusal, effects);
}

fn on_reconcile(state: &State, framework: FrameworkId, reconcile: &Reconcile, now: Now, effects: &mut Vec<Effect>) {
    let is_theirs = |id| state.pods.get(id).is_some_and(|pod| pod.framework == framework);
    if reconcile.pods.is_empty() {
        for id in state.pods.keys().filter(|id| is_theirs(id)) {
            status::tell(state, *id, effects);
        }
        return;
    }
    for id in &reconcile.pods {
        if is_theirs(id) {
            status::tell(state, *id, effects);
        } else {
            status::tell_unknown(state, framework, *id, now, effects);
        }
    }
}

pub(super) fn disconnected(state: &mut State, framework: FrameworkId, peer: PeerId, now: Now) {
    let Some(known) = state.frameworks.get_mut(&framework).filter(|known| known.peer == Some(peer)) else { return };
    known.peer = None;
    known.remove_at_ms = now.mono_ms.checked_add(known.failover_timeout_ms);
    tracing::info!(%framework, "framework disconnected");
    state.allocation.deactivate(convert::core_framework(framework));
    state.changed = true;
}

/// Frameworks that stayed away longer than they said they would: their pods are ended, and they are forgotten.
pub(super) fn expire(state: &mut State, now: Now, effects: &mut Vec<Effect>) {
    let gone: Vec<FrameworkId> = state
        .frameworks
        .iter()
        .filter(|(_, known)| known.remove_at_ms.is_some_and(|at| at <= now.mono_ms))
        .map(|(id, _)| *id)
        .collect();
    for framework in gone {
        tracing::info!(%framework, "framework removed");
        pods::kill_all_of(state, framework, now, effects);
        status::acknowledge_all_of(state, framework, effects);
        forget(state, framework);
        if state.removed.len() == REMOVED_MAX {
            state.removed.pop_front();
        }
        state.removed.push_back(framework);
        state.changed = true;
    }
}

/// A framework is not known any more; what its pods still hold counts for their roles.
pub(super) fn forget(state: &mut State, framework: FrameworkId) {
    if state.frameworks.remove(&framework).is_some() {
        state.allocation.remove_framework(convert::core_framework(framework));
    }
}
