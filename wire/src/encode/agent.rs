//! Between a master and its agents.

use flatbuffers::WIPOffset;

use super::Builder;
use super::common::{halves, items, pods, tables, uuid};
use super::machine::machine;
use super::pod::{placement, pod_spec};
use super::status::{state, status};
use crate::generated::meros::wire as fb;
use crate::message::{
    AcknowledgeStatus, KillPod, Launch, PoolConfirmed, PoolOrder, Register, Registered, ReportStatus, RunningPod,
};

pub(super) fn register(b: &mut Builder, register: &Register) -> WIPOffset<fb::Register<'static>> {
    let args = fb::RegisterArgs {
        agent_uuid: Some(&uuid(register.agent_uuid)),
        incarnation: register.incarnation,
        highest_term: register.highest_term,
        machine: Some(machine(b, &register.machine)),
        pods: tables(b, &register.pods, running_pod),
        pools: tables(b, &register.pools, pool_order),
    };
    fb::Register::create(b, &args)
}

fn running_pod(b: &mut Builder, pod: &RunningPod) -> WIPOffset<fb::RunningPod<'static>> {
    let (claim_high, claim_low) = halves(pod.claim.0);
    let args = fb::RunningPodArgs {
        spec: Some(pod_spec(b, &pod.spec)),
        placement: Some(placement(b, &pod.placement)),
        claim_high,
        claim_low,
        framework: pod.framework,
        state: state(pod.state),
    };
    fb::RunningPod::create(b, &args)
}

pub(super) fn registered(b: &mut Builder, registered: &Registered) -> WIPOffset<fb::Registered<'static>> {
    let unwanted = pods(b, &registered.unwanted);
    let args = fb::RegisteredArgs { agent: registered.agent.0, heartbeat_ms: registered.heartbeat_ms, unwanted };
    fb::Registered::create(b, &args)
}

pub(super) fn launch(b: &mut Builder, launch: &Launch) -> WIPOffset<fb::Launch<'static>> {
    let args = fb::LaunchArgs {
        spec: Some(pod_spec(b, &launch.spec)),
        placement: Some(placement(b, &launch.placement)),
        framework: launch.framework,
    };
    fb::Launch::create(b, &args)
}

pub(super) fn kill_pod(b: &mut Builder, kill: &KillPod) -> WIPOffset<fb::KillPod<'static>> {
    fb::KillPod::create(b, &fb::KillPodArgs { pod: Some(&uuid(kill.pod.0)), grace_ms: kill.grace_ms })
}

pub(super) fn pool_order(b: &mut Builder, order: &PoolOrder) -> WIPOffset<fb::PoolOrder<'static>> {
    let pus = items(b, &order.pus);
    fb::PoolOrder::create(b, &fb::PoolOrderArgs { pool: order.pool, pus, epoch: order.epoch })
}

pub(super) fn pool_confirmed(b: &mut Builder, confirmed: &PoolConfirmed) -> WIPOffset<fb::PoolConfirmed<'static>> {
    fb::PoolConfirmed::create(b, &fb::PoolConfirmedArgs { pool: confirmed.pool, epoch: confirmed.epoch })
}

pub(super) fn report_status(b: &mut Builder, report: &ReportStatus) -> WIPOffset<fb::ReportStatus<'static>> {
    let status = Some(status(b, &report.status));
    fb::ReportStatus::create(b, &fb::ReportStatusArgs { framework: report.framework, status })
}

pub(super) fn acknowledge_status(
    b: &mut Builder,
    acknowledged: &AcknowledgeStatus,
) -> WIPOffset<fb::AcknowledgeStatus<'static>> {
    let acknowledgement = fb::AcknowledgementV1::new(&uuid(acknowledged.pod.0), &uuid(acknowledged.update));
    fb::AcknowledgeStatus::create(b, &fb::AcknowledgeStatusArgs { acknowledgement: Some(&acknowledgement) })
}
