//! Statuses.

use flatbuffers::WIPOffset;

use super::Builder;
use super::common::{text, uuid};
use super::pod::placement;
use crate::generated::meros::wire as fb;
use crate::message::{Exit, Pinning, StatusReason, StatusSource, StatusUpdate, TaskState};

pub(super) fn status(b: &mut Builder, status: &StatusUpdate) -> WIPOffset<fb::StatusUpdate<'static>> {
    let (exit_code, exit_signal) = match status.exit {
        Some(Exit::Code(code)) => (Some(code), None),
        Some(Exit::Signal(signal)) => (None, Some(signal)),
        None => (None, None),
    };
    let args = fb::StatusUpdateArgs {
        update: Some(&uuid(status.update)),
        pod: Some(&uuid(status.pod.0)),
        member: text(b, &status.member),
        agent: status.agent.map(|agent| agent.0),
        state: state(status.state),
        source: match status.source {
            StatusSource::Master => fb::StatusSource::Master,
            StatusSource::Agent => fb::StatusSource::Agent,
            StatusSource::Executor => fb::StatusSource::Executor,
        },
        reason: reason(status.reason),
        message: text(b, &status.message),
        unix_ms: status.unix_ms,
        exit_code,
        exit_signal,
        placement: Some(placement(b, &status.placement)),
        pinning: status.pinning.as_ref().map(|read| pinning(b, read)),
    };
    fb::StatusUpdate::create(b, &args)
}

fn pinning(b: &mut Builder, pinning: &Pinning) -> WIPOffset<fb::Pinning<'static>> {
    let args = fb::PinningArgs { cpuset: text(b, &pinning.cpuset), mems: text(b, &pinning.mems) };
    fb::Pinning::create(b, &args)
}

pub(super) const fn state(state: TaskState) -> fb::TaskState {
    match state {
        TaskState::Waiting => fb::TaskState::Waiting,
        TaskState::Staging => fb::TaskState::Staging,
        TaskState::Starting => fb::TaskState::Starting,
        TaskState::Running => fb::TaskState::Running,
        TaskState::Killing => fb::TaskState::Killing,
        TaskState::Finished => fb::TaskState::Finished,
        TaskState::Failed => fb::TaskState::Failed,
        TaskState::Killed => fb::TaskState::Killed,
        TaskState::Error => fb::TaskState::Error,
        TaskState::Lost => fb::TaskState::Lost,
        TaskState::Dropped => fb::TaskState::Dropped,
        TaskState::Unreachable => fb::TaskState::Unreachable,
        TaskState::Gone => fb::TaskState::Gone,
        TaskState::GoneByOperator => fb::TaskState::GoneByOperator,
        TaskState::Unknown => fb::TaskState::Unknown,
    }
}

const fn reason(reason: StatusReason) -> fb::StatusReason {
    match reason {
        StatusReason::None => fb::StatusReason::None,
        StatusReason::InsufficientResources => fb::StatusReason::InsufficientResources,
        StatusReason::NeverFits => fb::StatusReason::NeverFits,
        StatusReason::InvalidRequest => fb::StatusReason::InvalidRequest,
        StatusReason::InvalidOffers => fb::StatusReason::InvalidOffers,
        StatusReason::Refused => fb::StatusReason::Refused,
        StatusReason::RootUnusable => fb::StatusReason::RootUnusable,
        StatusReason::ExecFailed => fb::StatusReason::ExecFailed,
        StatusReason::LaunchFailed => fb::StatusReason::LaunchFailed,
        StatusReason::Exited => fb::StatusReason::Exited,
        StatusReason::Signaled => fb::StatusReason::Signaled,
        StatusReason::MemoryLimit => fb::StatusReason::MemoryLimit,
        StatusReason::KillRequested => fb::StatusReason::KillRequested,
        StatusReason::SupervisorLost => fb::StatusReason::SupervisorLost,
        StatusReason::AgentDisconnected => fb::StatusReason::AgentDisconnected,
        StatusReason::AgentRestarted => fb::StatusReason::AgentRestarted,
        StatusReason::AgentRemoved => fb::StatusReason::AgentRemoved,
        StatusReason::FrameworkRemoved => fb::StatusReason::FrameworkRemoved,
        StatusReason::Reconciliation => fb::StatusReason::Reconciliation,
    }
}
