//! Orders to start a pod.

use meros_wire::message::{Envelope, Launch, MemberSpec, RefusalCode, Root, TaskState};

use crate::effect::{Effect, MemberPlan};
use crate::event::Now;
use crate::pins::Pins;
use crate::pod::{Pod, Report};
use crate::reactor::{obey, pool, refusal, refuse, same_machine, status};
use crate::state::{State, Stopping};
use crate::validate;

pub(super) fn on_order(state: &mut State, envelope: &Envelope, order: Launch, now: Now, effects: &mut Vec<Effect>) {
    let span = tracing::info_span!("pod", id = %order.spec.pod);
    let _entered = span.enter();
    if let Err(why) = obey(state, envelope, effects) {
        return refuse(state, envelope, why, effects);
    }
    if status::answer_if_known(state, order.spec.pod, effects) {
        return tracing::debug!("ordered again, not started again");
    }
    let admissible = same_machine(state, envelope).and_then(|()| not_stopping(state));
    match admissible.and_then(|()| validate::launch(&order, state)) {
        Err(why) => refuse(state, envelope, why, effects),
        Ok(()) => begin(state, envelope, order, now, effects),
    }
}

fn not_stopping(state: &State) -> Result<(), meros_wire::message::Refusal> {
    if state.stopping == Stopping::No {
        return Ok(());
    }
    Err(refusal(RefusalCode::Busy, "", "this agent is ending".to_owned()))
}

fn begin(state: &mut State, envelope: &Envelope, order: Launch, now: Now, effects: &mut Vec<Effect>) {
    let id = order.spec.pod;
    effects.push(Effect::KeepLaunch { envelope: Box::new(envelope.clone()), launch: Box::new(order.clone()) });
    let mut pod = Pod::new(order.spec, order.placement, order.framework, envelope.claim);
    pod.pins = pool::pins(state, &pod.placement);
    pod.pretended = state.identity.machine.pretended;
    let plan = pod.member().map(|member| plan(&pod, member, pod.pins.clone()));
    tracing::info!(name = pod.spec.name, cpuset = pod.pins.cpuset, mems = pod.pins.mems, "starting");
    state.pods.insert(id, pod);
    status::report(state, id, Report { state: TaskState::Starting, ..Report::default() }, now, effects);
    effects.extend(plan.map(|plan| Effect::Launch { plan: Box::new(plan) }));
}

fn plan(pod: &Pod, member: &MemberSpec, pins: Pins) -> MemberPlan {
    let env = member.command.env.iter().map(|entry| (entry.key.clone(), entry.value.clone()));
    MemberPlan {
        pod: pod.id(),
        member: member.name.clone(),
        argv: member.command.argv.clone(),
        env: env.collect(),
        working_dir: member.command.working_dir.clone(),
        root: match &member.root {
            Root::Agent => None,
            Root::Folder(path) => Some(path.clone()),
        },
        pins,
        mem_bytes: member.resources.mem_bytes,
    }
}
