//! Between a master and its agents.

use super::Result;
use super::common::{ascending_numbers, claim, part, pod_id, pods, required, tables, uuid};
use super::machine::machine;
use super::pod::{placement, pod_spec};
use super::status::{state, status};
use crate::generated::meros::wire as fb;
use crate::message::{
    AcknowledgeStatus, AgentId, KillPod, Launch, PodId, PoolConfirmed, PoolOrder, Register, Registered, ReportStatus,
    RunningPod,
};

pub(super) fn register(register: fb::Register<'_>) -> Result<Register> {
    Ok(Register {
        agent_uuid: uuid(required(register.agent_uuid(), "agent_uuid")?),
        incarnation: register.incarnation(),
        highest_term: register.highest_term(),
        machine: part(register.machine(), "machine", machine)?,
        pods: tables(register.pods(), "pods", running_pod)?,
        pools: tables(register.pools(), "pools", pool_order)?,
    })
}

fn running_pod(pod: fb::RunningPod<'_>) -> Result<RunningPod> {
    Ok(RunningPod {
        spec: part(pod.spec(), "spec", pod_spec)?,
        placement: part(pod.placement(), "placement", placement)?,
        claim: claim(pod.claim_high(), pod.claim_low()),
        framework: pod.framework(),
        state: state(pod.state())?,
    })
}

pub(super) fn registered(registered: fb::Registered<'_>) -> Registered {
    Registered {
        agent: AgentId(registered.agent()),
        heartbeat_ms: registered.heartbeat_ms(),
        unwanted: pods(registered.unwanted()),
    }
}

pub(super) fn launch(launch: fb::Launch<'_>) -> Result<Launch> {
    Ok(Launch {
        spec: part(launch.spec(), "spec", pod_spec)?,
        placement: part(launch.placement(), "placement", placement)?,
        framework: launch.framework(),
    })
}

pub(super) fn kill_pod(kill: fb::KillPod<'_>) -> Result<KillPod> {
    Ok(KillPod { pod: pod_id(kill.pod())?, grace_ms: kill.grace_ms() })
}

pub(super) fn pool_order(order: fb::PoolOrder<'_>) -> Result<PoolOrder> {
    Ok(PoolOrder { pool: order.pool(), pus: ascending_numbers(order.pus(), "pus")?, epoch: order.epoch() })
}

pub(super) fn pool_confirmed(confirmed: fb::PoolConfirmed<'_>) -> PoolConfirmed {
    PoolConfirmed { pool: confirmed.pool(), epoch: confirmed.epoch() }
}

pub(super) fn report_status(report: fb::ReportStatus<'_>) -> Result<ReportStatus> {
    Ok(ReportStatus { framework: report.framework(), status: part(report.status(), "status", status)? })
}

pub(super) fn acknowledge_status(acknowledged: fb::AcknowledgeStatus<'_>) -> Result<AcknowledgeStatus> {
    let acknowledgement = required(acknowledged.acknowledgement(), "acknowledgement")?;
    Ok(AcknowledgeStatus { pod: PodId(uuid(acknowledgement.pod())), update: uuid(acknowledgement.update()) })
}
