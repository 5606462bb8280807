//! Between a master and its operators.

use flatbuffers::WIPOffset;

use super::Builder;
use super::agent::pool_order;
use super::common::{tables, text, texts, uuid};
use super::machine::machine;
use super::pod::pod_spec;
use super::status::status;
use crate::generated::meros::wire as fb;
use crate::message::{AgentView, FrameworkView, Listing, PodView, Query, Refusal, RefusalCode};

pub(super) fn query(b: &mut Builder, query: &Query) -> WIPOffset<fb::Query<'static>> {
    let pod = query.pod.map(|pod| uuid(pod.0));
    fb::Query::create(b, &fb::QueryArgs { request: query.request, pod: pod.as_ref(), watch: query.watch })
}

pub(super) fn listing(b: &mut Builder, listing: &Listing) -> WIPOffset<fb::Listing<'static>> {
    let args = fb::ListingArgs {
        request: listing.request,
        agents: tables(b, &listing.agents, agent_view),
        frameworks: tables(b, &listing.frameworks, framework_view),
        pods: tables(b, &listing.pods, pod_view),
    };
    fb::Listing::create(b, &args)
}

fn agent_view(b: &mut Builder, view: &AgentView) -> WIPOffset<fb::AgentView<'static>> {
    let args = fb::AgentViewArgs {
        agent: view.agent.0,
        connected: view.connected,
        machine: Some(machine(b, &view.machine)),
        pools: tables(b, &view.pools, pool_order),
    };
    fb::AgentView::create(b, &args)
}

fn framework_view(b: &mut Builder, view: &FrameworkView) -> WIPOffset<fb::FrameworkView<'static>> {
    let args = fb::FrameworkViewArgs {
        framework: view.framework.0,
        name: text(b, &view.name),
        roles: texts(b, &view.roles),
        connected: view.connected,
        offers: view.offers,
    };
    fb::FrameworkView::create(b, &args)
}

fn pod_view(b: &mut Builder, view: &PodView) -> WIPOffset<fb::PodView<'static>> {
    let args = fb::PodViewArgs {
        spec: Some(pod_spec(b, &view.spec)),
        framework: view.framework.0,
        status: Some(status(b, &view.status)),
    };
    fb::PodView::create(b, &args)
}

pub(super) fn refusal(b: &mut Builder, refusal: &Refusal) -> WIPOffset<fb::Refusal<'static>> {
    let args = fb::RefusalArgs {
        request: refusal.request,
        code: match refusal.code {
            RefusalCode::Invalid => fb::RefusalCode::Invalid,
            RefusalCode::NotSupported => fb::RefusalCode::NotSupported,
            RefusalCode::NotUnderstood => fb::RefusalCode::NotUnderstood,
            RefusalCode::NotAllowed => fb::RefusalCode::NotAllowed,
            RefusalCode::OutOfTurn => fb::RefusalCode::OutOfTurn,
            RefusalCode::NotFound => fb::RefusalCode::NotFound,
            RefusalCode::StaleTerm => fb::RefusalCode::StaleTerm,
            RefusalCode::Busy => fb::RefusalCode::Busy,
        },
        field: text(b, &refusal.field),
        message: text(b, &refusal.message),
    };
    fb::Refusal::create(b, &args)
}
