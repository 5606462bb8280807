//! Between a master and its frameworks.

use flatbuffers::Vector;

use super::Result;
use super::common::{part, pod_id, pods, tables, text, texts};
use super::pod::pod_spec;
use super::status::status;
use crate::generated::meros::wire as fb;
use crate::message::{
    Accept, Decline, FrameworkId, Kill, OfferId, Place, Reconcile, Rescind, Subscribe, Subscribed, Update,
};

pub(super) fn subscribe(subscribe: fb::Subscribe<'_>) -> Subscribe {
    Subscribe {
        framework: subscribe.framework().map(FrameworkId),
        name: text(subscribe.name()),
        roles: texts(subscribe.roles()),
        failover_timeout_ms: subscribe.failover_timeout_ms(),
        suppressed: subscribe.suppressed(),
    }
}

pub(super) fn subscribed(subscribed: fb::Subscribed<'_>) -> Subscribed {
    Subscribed { framework: FrameworkId(subscribed.framework()), heartbeat_ms: subscribed.heartbeat_ms() }
}

fn offer_ids(offers: Option<Vector<'_, fb::OfferIdV1>>) -> Vec<OfferId> {
    offers.unwrap_or_default().iter().map(|offer| OfferId(offer.value())).collect()
}

pub(super) fn rescind(rescind: fb::Rescind<'_>) -> Rescind {
    Rescind { offers: offer_ids(rescind.offers()) }
}

pub(super) fn accept(accept: fb::Accept<'_>) -> Result<Accept> {
    Ok(Accept {
        offers: offer_ids(accept.offers()),
        pods: tables(accept.pods(), "pods", pod_spec)?,
        refuse_ms: accept.refuse_ms(),
    })
}

pub(super) fn decline(decline: fb::Decline<'_>) -> Decline {
    Decline { offers: offer_ids(decline.offers()), refuse_ms: decline.refuse_ms() }
}

pub(super) fn place(place: fb::Place<'_>) -> Result<Place> {
    Ok(Place { pods: tables(place.pods(), "pods", pod_spec)? })
}

pub(super) fn kill(kill: fb::Kill<'_>) -> Result<Kill> {
    Ok(Kill { pod: pod_id(kill.pod())?, grace_ms: kill.grace_ms() })
}

pub(super) fn reconcile(reconcile: fb::Reconcile<'_>) -> Reconcile {
    Reconcile { pods: pods(reconcile.pods()) }
}

pub(super) fn update(update: fb::Update<'_>) -> Result<Update> {
    Ok(Update { status: part(update.status(), "status", status)? })
}
