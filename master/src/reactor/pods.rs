//! Pods: asked for, bound to an agent, ended, forgotten.

use std::collections::VecDeque;

use meros_wire::message::{
    AgentId, FrameworkId, Placement, PodId, PodSpec, Refusal, RefusalCode, RunningPod, StatusReason, StatusSource,
    StatusUpdate, TaskState,
};

use crate::allocation::{ClaimId, CorePlacement, For};
use crate::convert;
use crate::effect::Effect;
use crate::event::Now;
use crate::reactor::{agents, frameworks, launch, status};
use crate::state::{Bound, KillWish, OPERATOR, Pod, State};
use crate::validate;

/// Takes a pod among the waiting. Asking again with the same id is asking for its status.
///
/// # Errors
/// What is wrong with it, and where; `field` is relative to the pod.
pub(super) fn submit(
    state: &mut State,
    framework: FrameworkId,
    spec: PodSpec,
    now: Now,
    effects: &mut Vec<Effect>,
) -> Result<(), Refusal> {
    if is_known(state, framework, &spec, effects)? {
        return Ok(());
    }
    let id = enter(state, framework, spec)?;
    if !wait(state, id, now) {
        state.pods.remove(&id);
        return Err(no_role());
    }
    let why = "asked for, and not yet looked at".to_owned();
    status::from_master(state, id, TaskState::Waiting, StatusReason::None, why, now, effects);
    Ok(())
}

/// True when the same framework asked for this pod before; its status is told once more.
pub(super) fn is_known(
    state: &State,
    framework: FrameworkId,
    spec: &PodSpec,
    effects: &mut Vec<Effect>,
) -> Result<bool, Refusal> {
    let Some(known) = state.pods.get(&spec.pod) else { return Ok(false) };
    if known.framework != framework || known.spec != *spec {
        let message = format!("pod {} was asked for before, and differently: choose another id", spec.pod);
        return Err(Refusal { field: "pod".to_owned(), message, ..Refusal::default() });
    }
    status::tell(state, spec.pod, effects);
    Ok(true)
}

/// Records a pod that is not yet placed.
pub(super) fn enter(state: &mut State, framework: FrameworkId, spec: PodSpec) -> Result<PodId, Refusal> {
    validate::pod(&spec)?;
    if !state.allocation.admits_role(&spec.role) {
        return Err(no_role());
    }
    let live = state.pods.len() - state.ended.len();
    if live >= state.policy.live_pods_max {
        return Err(busy("", format!("{live} pods wait or run, and the cluster takes no more")));
    }
    let pod = Pod {
        framework,
        request: state.next_request,
        launch_key: state.ids.next_uuid(),
        status: StatusUpdate { pod: spec.pod, ..StatusUpdate::default() },
        wait: None,
        bound: None,
        kill: None,
        updates: VecDeque::new(),
        acknowledged: VecDeque::new(),
        spec,
    };
    state.next_request += 1;
    state.dirty = true;
    let id = pod.spec.pod;
    state.pods.insert(id, pod);
    Ok(id)
}

fn no_role() -> Refusal {
    busy("role", "the cluster has as many roles as it can count: use one that exists".to_owned())
}

/// Puts a pod among the waiting. False when its role cannot be.
fn wait(state: &mut State, id: PodId, now: Now) -> bool {
    let Some(pod) = state.pods.get(&id) else { return false };
    let (role, request) = (pod.spec.role.clone(), convert::request(&pod.spec));
    let of = claims_for(state, pod.framework, &role);
    let Some(wait) = state.allocation.wait(of, request, now.mono_ms) else { return false };
    state.waiting.insert(wait, id);
    if let Some(pod) = state.pods.get_mut(&id) {
        pod.wait = Some(wait);
    }
    true
}

/// Takes a pod out of the waiting, if it is there.
fn stop_waiting(state: &mut State, id: PodId) {
    if let Some(wait) = state.pods.get_mut(&id).and_then(|pod| pod.wait.take()) {
        state.waiting.remove(&wait);
        state.allocation.stop_waiting(wait);
    }
}

/// For whom a pod of a framework claims: for the framework where it is in the role, else for the role alone, as operators do.
fn claims_for<'a>(state: &State, framework: FrameworkId, role: &'a str) -> For<'a> {
    let is_in = frameworks::works_for(state, framework, role);
    let counts_for = is_in.then(|| convert::core_framework(framework));
    For { owner: convert::owner(framework), role, framework: counts_for }
}

fn busy(field: &str, message: String) -> Refusal {
    Refusal { code: RefusalCode::Busy, field: field.to_owned(), message, ..Refusal::default() }
}

/// Gives a waiting pod the claim made for it, and orders its launch.
pub(super) fn bind(state: &mut State, id: PodId, agent: AgentId, claim: ClaimId, now: Now, effects: &mut Vec<Effect>) {
    let Some(placement) = placement_of(state, agent, claim) else { return };
    let Some(pod) = state.pods.get_mut(&id) else { return };
    pod.bound = Some(Bound { agent, claim, placement });
    agents::tell_pools(state, agent, effects);
    status::from_master(state, id, TaskState::Staging, StatusReason::None, String::new(), now, effects);
    launch::send(state, id, effects);
}

fn placement_of(state: &State, agent: AgentId, claim: ClaimId) -> Option<Placement> {
    let placed = state.allocation.placement(claim)?;
    Some(convert::placement(&placed, &state.agents.get(&agent)?.map))
}

/// Gives back what a pod holds.
pub(super) fn unbind(state: &mut State, id: PodId, effects: &mut Vec<Effect>) {
    let Some(pod) = state.pods.get_mut(&id) else { return };
    let Some(bound) = pod.bound.take() else { return };
    let owner = convert::owner(pod.framework);
    let pools_changed = state.allocation.release(bound.claim, owner);
    state.dirty = true;
    if pools_changed {
        agents::tell_pools(state, bound.agent, effects);
    }
}

/// Ends a pod from here: what it held is free, and its framework is told.
pub(super) fn end(
    state: &mut State,
    id: PodId,
    how: TaskState,
    reason: StatusReason,
    message: String,
    now: Now,
    effects: &mut Vec<Effect>,
) {
    unbind(state, id, effects);
    status::from_master(state, id, how, reason, message, now, effects);
    ended(state, id);
}

/// Bookkeeping after a pod's terminal status.
pub(super) fn ended(state: &mut State, id: PodId) {
    stop_waiting(state, id);
    if state.pods.contains_key(&id) {
        state.ended.push_back(id);
    }
    state.changed = true;
    forget_old(state);
}

/// Forgets the oldest ended pods beyond the limit, but none whose end was not acknowledged.
pub(super) fn forget_old(state: &mut State) {
    let mut keep = VecDeque::new();
    while state.ended.len() + keep.len() > state.policy.ended_pods_max {
        let Some(id) = state.ended.pop_front() else { break };
        if state.pods.get(&id).is_some_and(|pod| !pod.updates.is_empty()) {
            keep.push_back(id);
        } else {
            state.pods.remove(&id);
        }
    }
    while let Some(id) = keep.pop_back() {
        state.ended.push_front(id);
    }
}

/// Somebody wants a pod's end. Waiting pods end here; others are told through their agent, now or when it is back.
pub(super) fn kill(state: &mut State, id: PodId, grace_ms: Option<u32>, now: Now, effects: &mut Vec<Effect>) {
    let Some(pod) = state.pods.get_mut(&id).filter(|pod| pod.is_live()) else { return };
    pod.kill = Some(KillWish { grace_ms });
    if pod.bound.is_some() {
        return launch::send_kill(state, id, effects);
    }
    let why = "ended before it was placed".to_owned();
    end(state, id, TaskState::Killed, StatusReason::KillRequested, why, now, effects);
}

/// Matches one pod that an agent reports with what is known. False: nobody here wants it.
pub(super) fn adopt(
    state: &mut State,
    agent: AgentId,
    reported: &RunningPod,
    now: Now,
    effects: &mut Vec<Effect>,
) -> bool {
    let id = reported.spec.pod;
    match state.pods.get(&id) {
        Some(pod) if !pod.is_live() => return false,
        Some(pod) if pod.bound.as_ref().is_some_and(|bound| bound.agent == agent) => {
            status::reachable_again(state, id, reported.state, now, effects);
            return true;
        }
        Some(pod) if pod.bound.is_some() => return false,
        Some(_) => {}
        // What ended while nobody led here has nothing to restore; its status follows and is acknowledged.
        None if reported.state.is_terminal() || validate::pod(&reported.spec).is_err() => return false,
        None => {}
    }
    restore(state, agent, reported, now, effects)
}

fn restore(state: &mut State, agent: AgentId, reported: &RunningPod, now: Now, effects: &mut Vec<Effect>) -> bool {
    let id = reported.spec.pod;
    let framework = FrameworkId(reported.framework);
    let Some(known) = state.agents.get(&agent) else { return false };
    let strict = reported.spec.wish.memory_local_required;
    let Some(held) = convert::core_placement(&reported.placement, strict, &known.map) else { return false };
    let role = &reported.spec.role;
    let is_new = !state.pods.contains_key(&id) && frameworks::recover(state, framework, role, now);
    let of = claims_for(state, framework, role);
    let Some(claim) = restore_claim(state, agent, of, reported, &held) else {
        if is_new {
            frameworks::forget(state, framework);
        }
        return false;
    };
    stop_waiting(state, id);
    let Some(pod) = state.pods.get_mut(&id) else { return false };
    pod.bound = Some(Bound { agent, claim, placement: reported.placement.clone() });
    pod.status.source = StatusSource::Agent;
    status::reachable_again(state, id, reported.state, now, effects);
    true
}

/// The claim of a pod that runs already, and its record where it has none.
fn restore_claim(
    state: &mut State,
    agent: AgentId,
    of: For<'_>,
    reported: &RunningPod,
    held: &CorePlacement,
) -> Option<ClaimId> {
    let claim = state.allocation.restore(convert::core_agent(agent), of, held)?.claim;
    let is_known = state.pods.contains_key(&reported.spec.pod);
    if !is_known && enter(state, FrameworkId(reported.framework), reported.spec.clone()).is_err() {
        state.allocation.release(claim, of.owner);
        return None;
    }
    Some(claim)
}

/// Ends every pod of a framework.
pub(super) fn kill_all_of(state: &mut State, framework: FrameworkId, now: Now, effects: &mut Vec<Effect>) {
    debug_assert_ne!(framework, OPERATOR, "the built-in framework is never removed");
    let theirs: Vec<PodId> =
        state.pods.iter().filter(|(_, pod)| pod.framework == framework).map(|(id, _)| *id).collect();
    for pod in theirs {
        kill(state, pod, None, now, effects);
    }
}
