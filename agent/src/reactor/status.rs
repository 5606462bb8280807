//! What is told of pods: once when it happens, again until acknowledged.

use meros_wire::message::{
    AcknowledgeStatus, ClaimTag, Message, PodId, ReportStatus, StatusReason, StatusSource, StatusUpdate, TaskState,
};

use crate::effect::Effect;
use crate::event::Now;
use crate::pod::{Phase, Pod, PodEvent, Report};
use crate::reactor::{logs, send};
use crate::state::{ENDED_PODS_MAX, EndedPod, EndedRecord, LeftPod, State};
use meros_wire::IdSource;

impl State {
    /// When a pod's statuses are due again: never while there is nobody to send them to.
    pub(super) fn resend_at_ms(&self, pod: &Pod) -> Option<u64> {
        if self.is_registered() { pod.outbox.due_ms() } else { None }
    }
}

impl Pod {
    /// A pod that an earlier process of this agent had begun: nothing of it runs now, and its end has to be told.
    pub(crate) fn left_behind(left: LeftPod, ids: &mut IdSource) -> Self {
        let LeftPod { launch, claim, ending, ended } = left;
        let mut pod = Self::new(launch.spec, launch.placement, launch.framework, claim);
        pod.phase = Phase::Ended;
        pod.last = match ending {
            Some(report) => report.status,
            None => compose(&pod, ended.map_or_else(lost, |ended| pod.ending(ended)), ids, 0),
        };
        let last = pod.last.clone();
        pod.outbox.push(last, 0);
        pod
    }
}

fn lost() -> Report {
    Report {
        state: TaskState::Lost,
        reason: StatusReason::AgentRestarted,
        message: "its agent was killed, and ended what was left of it when it came back".to_owned(),
        ..Report::default()
    }
}

fn compose(pod: &Pod, report: Report, ids: &mut IdSource, unix_ms: u64) -> StatusUpdate {
    StatusUpdate {
        update: ids.next_uuid(),
        pod: pod.id(),
        member: String::new(),
        agent: None,
        state: report.state,
        source: StatusSource::Agent,
        reason: report.reason,
        message: report.message,
        unix_ms,
        exit: report.exit,
        placement: pod.placement.clone(),
        pinning: report.pinning,
    }
}

/// Lets an event move a pod, and carries out and tells what comes of it.
pub(super) fn advance(state: &mut State, id: PodId, event: PodEvent, now: Now, effects: &mut Vec<Effect>) {
    let Some(pod) = state.pods.get_mut(&id) else { return };
    let span = tracing::info_span!("pod", %id);
    let _entered = span.enter();
    let step = pod.on(event, now);
    effects.extend(step.effects);
    for told in step.reports {
        report(state, id, told, now, effects);
    }
}

/// Tells a status, now and until it is acknowledged.
pub(super) fn report(state: &mut State, id: PodId, report: Report, now: Now, effects: &mut Vec<Effect>) {
    let agent = state.agent;
    let Some(pod) = state.pods.get_mut(&id) else { return };
    tracing::info!(state = report.state.name(), exit = ?report.exit, "{}", report.message);
    let status = StatusUpdate { agent, ..compose(pod, report, &mut state.ids, now.unix_ms) };
    pod.last = status.clone();
    pod.outbox.push(status.clone(), now.mono_ms);
    let (framework, claim) = (pod.framework, pod.claim);
    if status.state.is_terminal() {
        let report = Box::new(ReportStatus { framework, status: status.clone() });
        effects.push(Effect::KeepEnding { report });
        logs::pod_ended(state, id, effects);
    }
    if state.is_registered() {
        tell(state, framework, claim, status, effects);
    }
}

fn tell(state: &State, framework: u32, claim: ClaimTag, status: StatusUpdate, effects: &mut Vec<Effect>) {
    let key = status.update;
    // An earlier process of this agent may have made it before it knew its number.
    let status = StatusUpdate { agent: state.agent, ..status };
    send(state, key, claim, Message::ReportStatus(ReportStatus { framework, status }), effects);
}

/// Answers an order about a pod that was begun before with its latest status. False: no such pod.
pub(super) fn answer_if_known(state: &State, id: PodId, effects: &mut Vec<Effect>) -> bool {
    if let Some(pod) = state.pods.get(&id) {
        tell(state, pod.framework, pod.claim, pod.last.clone(), effects);
        return true;
    }
    let ended = state.ended.iter().find(|ended| ended.pod == id);
    let Some(record) = ended.and_then(|ended| ended.record.as_ref()) else { return false };
    tell(state, record.framework, record.claim, record.last.clone(), effects);
    true
}

/// On a new connection: everything that was not acknowledged, oldest first.
pub(super) fn send_all_again(state: &mut State, now: Now, effects: &mut Vec<Effect>) {
    for pod in state.pods.values_mut() {
        pod.outbox.start_waiting(now.mono_ms);
    }
    for pod in state.pods.values() {
        tell_outbox(state, pod, effects);
    }
}

fn tell_outbox(state: &State, pod: &Pod, effects: &mut Vec<Effect>) {
    for status in pod.outbox.iter() {
        tell(state, pod.framework, pod.claim, status.clone(), effects);
    }
}

/// The master has dealt with an update. With the last one the pod is forgotten; its logs stay for a while.
pub(super) fn acknowledged(state: &mut State, acknowledged: AcknowledgeStatus, now: Now, effects: &mut Vec<Effect>) {
    let Some(pod) = state.pods.get_mut(&acknowledged.pod) else { return };
    let Some(status) = pod.outbox.acknowledge(acknowledged.update, now.mono_ms) else { return };
    if status.state.is_terminal() {
        forget(state, acknowledged.pod, effects);
    }
}

fn forget(state: &mut State, id: PodId, effects: &mut Vec<Effect>) {
    let Some(pod) = state.pods.remove(&id) else { return };
    effects.push(Effect::Forget { pod: id });
    let member = pod.member().map(|member| member.name.clone()).unwrap_or_default();
    let record = EndedRecord { framework: pod.framework, claim: pod.claim, last: pod.last };
    state.ended.push_back(EndedPod { pod: id, member, record: Some(record) });
    while state.ended.len() > ENDED_PODS_MAX {
        let oldest = state.ended.pop_front();
        effects.extend(oldest.map(|oldest| Effect::DropLogs { pod: oldest.pod }));
    }
}

/// Deadlines of pods, then statuses that are due again.
pub(super) fn tick(state: &mut State, now: Now, effects: &mut Vec<Effect>) {
    let due = |pod: &&Pod| pod.deadline_ms().is_some_and(|at| at <= now.mono_ms);
    let pods: Vec<PodId> = state.pods.values().filter(due).map(Pod::id).collect();
    for pod in pods {
        advance(state, pod, PodEvent::Tick, now, effects);
    }
    if !state.is_registered() {
        return;
    }
    let again: Vec<PodId> =
        state.pods.values_mut().filter_map(|pod| pod.outbox.take_due(now.mono_ms).then(|| pod.id())).collect();
    for pod in again.iter().filter_map(|id| state.pods.get(id)) {
        tell_outbox(state, pod, effects);
    }
}
