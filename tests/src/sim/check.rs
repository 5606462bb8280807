//! What must hold: at every step, and once the faults are over.

use meros_wire::message::{PodId, StatusReason, TaskState};

use super::world::World;

/// Conservation, single ownership, nobody beside an exclusive pod, and no order that its agent must refuse.
///
/// # Errors
/// The first that does not hold.
pub fn always(world: &World) -> Result<(), String> {
    world.master.state.validate().map_err(|what| format!("master: {what}"))?;
    if let Some(broken) = &world.master.monitor.broken {
        return Err(format!("offers: {broken}"));
    }
    for (at, agent) in world.agents.iter().enumerate() {
        if let Some(state) = &agent.state {
            state.validate().map_err(|what| format!("agent {at}: {what}"))?;
        }
        agent.machine.check_alone().map_err(|what| format!("machine {at}: {what}"))?;
        if let Some(refusal) = &agent.refused {
            return Err(format!("agent {at} had to refuse an order: {}: {}", refusal.field, refusal.message));
        }
    }
    Ok(())
}

/// Everything asked for has ended and been told, every agent is back, and nothing is left on any machine.
///
/// # Errors
/// The first that is still open.
pub fn at_rest(world: &World) -> Result<(), String> {
    if !world.wants.is_over() {
        return Err("pods are still to be asked for: offers or connections do not come".to_owned());
    }
    for (at, agent) in world.agents.iter().enumerate() {
        let state = agent.state.as_ref().ok_or_else(|| format!("agent {at} is down"))?;
        if !state.is_registered() {
            return Err(format!("agent {at} is not registered"));
        }
        if let Some(pod) = agent.machine.processes.keys().next() {
            return Err(format!("pod {pod} still runs on machine {at}"));
        }
    }
    if let Some(pod) = world.master.state.live_pods().find(|pod| !never_fits(world, *pod)) {
        return Err(format!("pod {pod} has not ended: {:?}", world.master.state.status(pod)));
    }
    let open = world.wants.told.iter().find(|(pod, state)| !has_ended(world, **pod, **state));
    match open {
        Some((pod, state)) => Err(format!("the framework of pod {pod} was last told {state:?}")),
        None => Ok(()),
    }
}

/// What a framework was told last is an end, or that its ACCEPT was lost with its connection: then nobody knows the pod.
fn has_ended(world: &World, pod: PodId, told: Option<TaskState>) -> bool {
    match told {
        Some(TaskState::Unknown) => world.master.state.status(pod).is_none(),
        Some(state) => state.is_terminal(),
        None => false,
    }
}

/// A pod that waits for a machine larger than any here will wait for ever, rightly.
fn never_fits(world: &World, pod: PodId) -> bool {
    world
        .master
        .state
        .status(pod)
        .is_some_and(|status| status.state == TaskState::Waiting && status.reason == StatusReason::NeverFits)
}
