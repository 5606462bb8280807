//! Statuses.

use super::Result;
use super::common::{part, pod_id, required, text, unknown, uuid};
use super::pod::placement;
use crate::error::DecodeError;
use crate::generated::meros::wire as fb;
use crate::message::{AgentId, Exit, Pinning, StatusReason, StatusSource, StatusUpdate, TaskState};

pub(super) fn status(status: fb::StatusUpdate<'_>) -> Result<StatusUpdate> {
    Ok(StatusUpdate {
        update: uuid(required(status.update(), "update")?),
        pod: pod_id(status.pod())?,
        member: text(status.member()),
        agent: status.agent().map(AgentId),
        state: state(status.state())?,
        source: match status.source() {
            fb::StatusSource::Master => StatusSource::Master,
            fb::StatusSource::Agent => StatusSource::Agent,
            fb::StatusSource::Executor => StatusSource::Executor,
            other => return Err(unknown("source", format!("source {}", other.0))),
        },
        reason: reason(status.reason()),
        message: text(status.message()),
        unix_ms: status.unix_ms(),
        exit: exit(status)?,
        placement: part(status.placement(), "placement", placement)?,
        pinning: status.pinning().map(pinning),
    })
}

fn exit(status: fb::StatusUpdate<'_>) -> Result<Option<Exit>> {
    match (status.exit_code(), status.exit_signal()) {
        (None, None) => Ok(None),
        (Some(code), None) => Ok(Some(Exit::Code(code))),
        (None, Some(signal)) => Ok(Some(Exit::Signal(signal))),
        (Some(_), Some(_)) => Err(DecodeError::invalid("exit", "either a code or a signal, not both")),
    }
}

fn pinning(pinning: fb::Pinning<'_>) -> Pinning {
    Pinning { cpuset: text(pinning.cpuset()), mems: text(pinning.mems()) }
}

pub(super) fn state(state: fb::TaskState) -> Result<TaskState> {
    Ok(match state {
        fb::TaskState::Waiting => TaskState::Waiting,
        fb::TaskState::Staging => TaskState::Staging,
        fb::TaskState::Starting => TaskState::Starting,
        fb::TaskState::Running => TaskState::Running,
        fb::TaskState::Killing => TaskState::Killing,
        fb::TaskState::Finished => TaskState::Finished,
        fb::TaskState::Failed => TaskState::Failed,
        fb::TaskState::Killed => TaskState::Killed,
        fb::TaskState::Error => TaskState::Error,
        fb::TaskState::Lost => TaskState::Lost,
        fb::TaskState::Dropped => TaskState::Dropped,
        fb::TaskState::Unreachable => TaskState::Unreachable,
        fb::TaskState::Gone => TaskState::Gone,
        fb::TaskState::GoneByOperator => TaskState::GoneByOperator,
        fb::TaskState::Unknown => TaskState::Unknown,
        other => return Err(unknown("state", format!("task state {}", other.0))),
    })
}

/// A reason that a newer writer knows is read as none: the state and the message still say what happened.
const fn reason(reason: fb::StatusReason) -> StatusReason {
    match reason {
        fb::StatusReason::InsufficientResources => StatusReason::InsufficientResources,
        fb::StatusReason::NeverFits => StatusReason::NeverFits,
        fb::StatusReason::InvalidRequest => StatusReason::InvalidRequest,
        fb::StatusReason::InvalidOffers => StatusReason::InvalidOffers,
        fb::StatusReason::Refused => StatusReason::Refused,
        fb::StatusReason::RootUnusable => StatusReason::RootUnusable,
        fb::StatusReason::ExecFailed => StatusReason::ExecFailed,
        fb::StatusReason::LaunchFailed => StatusReason::LaunchFailed,
        fb::StatusReason::Exited => StatusReason::Exited,
        fb::StatusReason::Signaled => StatusReason::Signaled,
        fb::StatusReason::MemoryLimit => StatusReason::MemoryLimit,
        fb::StatusReason::KillRequested => StatusReason::KillRequested,
        fb::StatusReason::SupervisorLost => StatusReason::SupervisorLost,
        fb::StatusReason::AgentDisconnected => StatusReason::AgentDisconnected,
        fb::StatusReason::AgentRestarted => StatusReason::AgentRestarted,
        fb::StatusReason::AgentRemoved => StatusReason::AgentRemoved,
        fb::StatusReason::FrameworkRemoved => StatusReason::FrameworkRemoved,
        fb::StatusReason::Reconciliation => StatusReason::Reconciliation,
        _ => StatusReason::None,
    }
}
