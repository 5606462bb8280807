//! Between a master and its operators.

use super::Result;
use super::agent::pool_order;
use super::common::{part, tables, text, texts, uuid};
use super::machine::machine;
use super::pod::pod_spec;
use super::status::status;
use crate::generated::meros::wire as fb;
use crate::message::{
    AgentId, AgentView, FrameworkId, FrameworkView, Listing, PodId, PodView, Query, Refusal, RefusalCode,
};

pub(super) fn query(query: fb::Query<'_>) -> Query {
    Query { request: query.request(), pod: query.pod().map(|pod| PodId(uuid(pod))), watch: query.watch() }
}

pub(super) fn listing(listing: fb::Listing<'_>) -> Result<Listing> {
    Ok(Listing {
        request: listing.request(),
        agents: tables(listing.agents(), "agents", agent_view)?,
        frameworks: tables(listing.frameworks(), "frameworks", |table| Ok(framework_view(table)))?,
        pods: tables(listing.pods(), "pods", pod_view)?,
    })
}

fn agent_view(view: fb::AgentView<'_>) -> Result<AgentView> {
    Ok(AgentView {
        agent: AgentId(view.agent()),
        connected: view.connected(),
        machine: part(view.machine(), "machine", machine)?,
        pools: tables(view.pools(), "pools", pool_order)?,
    })
}

fn framework_view(view: fb::FrameworkView<'_>) -> FrameworkView {
    FrameworkView {
        framework: FrameworkId(view.framework()),
        name: text(view.name()),
        roles: texts(view.roles()),
        connected: view.connected(),
        offers: view.offers(),
    }
}

fn pod_view(view: fb::PodView<'_>) -> Result<PodView> {
    Ok(PodView {
        spec: part(view.spec(), "spec", pod_spec)?,
        framework: FrameworkId(view.framework()),
        status: part(view.status(), "status", status)?,
    })
}

/// A code that a newer writer knows is read as invalid: the message still says what is wrong.
pub(super) fn refusal(refusal: fb::Refusal<'_>) -> Refusal {
    Refusal {
        request: refusal.request(),
        code: match refusal.code() {
            fb::RefusalCode::NotSupported => RefusalCode::NotSupported,
            fb::RefusalCode::NotUnderstood => RefusalCode::NotUnderstood,
            fb::RefusalCode::NotAllowed => RefusalCode::NotAllowed,
            fb::RefusalCode::OutOfTurn => RefusalCode::OutOfTurn,
            fb::RefusalCode::NotFound => RefusalCode::NotFound,
            fb::RefusalCode::StaleTerm => RefusalCode::StaleTerm,
            fb::RefusalCode::Busy => RefusalCode::Busy,
            _ => RefusalCode::Invalid,
        },
        field: text(refusal.field()),
        message: text(refusal.message()),
    }
}
