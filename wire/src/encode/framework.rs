//! Between a master and its frameworks.

use flatbuffers::WIPOffset;

use super::Builder;
use super::common::{Items, items, pods, tables, text, texts, uuid};
use super::pod::pod_spec;
use super::status::status;
use crate::generated::meros::wire as fb;
use crate::message::{Accept, Decline, Kill, OfferId, Place, Reconcile, Rescind, Subscribe, Subscribed, Update};

pub(super) fn subscribe(b: &mut Builder, subscribe: &Subscribe) -> WIPOffset<fb::Subscribe<'static>> {
    let args = fb::SubscribeArgs {
        framework: subscribe.framework.map(|framework| framework.0),
        name: text(b, &subscribe.name),
        roles: texts(b, &subscribe.roles),
        failover_timeout_ms: subscribe.failover_timeout_ms,
        suppressed: subscribe.suppressed,
    };
    fb::Subscribe::create(b, &args)
}

pub(super) fn subscribed(b: &mut Builder, subscribed: &Subscribed) -> WIPOffset<fb::Subscribed<'static>> {
    let args = fb::SubscribedArgs { framework: subscribed.framework.0, heartbeat_ms: subscribed.heartbeat_ms };
    fb::Subscribed::create(b, &args)
}

fn offer_ids(b: &mut Builder, offers: &[OfferId]) -> Items<fb::OfferIdV1> {
    let ids: Vec<_> = offers.iter().map(|offer| fb::OfferIdV1::new(offer.0)).collect();
    items(b, &ids)
}

pub(super) fn rescind(b: &mut Builder, rescind: &Rescind) -> WIPOffset<fb::Rescind<'static>> {
    let offers = offer_ids(b, &rescind.offers);
    fb::Rescind::create(b, &fb::RescindArgs { offers })
}

pub(super) fn accept(b: &mut Builder, accept: &Accept) -> WIPOffset<fb::Accept<'static>> {
    let args = fb::AcceptArgs {
        offers: offer_ids(b, &accept.offers),
        pods: tables(b, &accept.pods, pod_spec),
        refuse_ms: accept.refuse_ms,
    };
    fb::Accept::create(b, &args)
}

pub(super) fn decline(b: &mut Builder, decline: &Decline) -> WIPOffset<fb::Decline<'static>> {
    let offers = offer_ids(b, &decline.offers);
    fb::Decline::create(b, &fb::DeclineArgs { offers, refuse_ms: decline.refuse_ms })
}

pub(super) fn place(b: &mut Builder, place: &Place) -> WIPOffset<fb::Place<'static>> {
    let pods = tables(b, &place.pods, pod_spec);
    fb::Place::create(b, &fb::PlaceArgs { pods })
}

pub(super) fn kill(b: &mut Builder, kill: &Kill) -> WIPOffset<fb::Kill<'static>> {
    fb::Kill::create(b, &fb::KillArgs { pod: Some(&uuid(kill.pod.0)), grace_ms: kill.grace_ms })
}

pub(super) fn reconcile(b: &mut Builder, reconcile: &Reconcile) -> WIPOffset<fb::Reconcile<'static>> {
    let pods = pods(b, &reconcile.pods);
    fb::Reconcile::create(b, &fb::ReconcileArgs { pods })
}

pub(super) fn update(b: &mut Builder, update: &Update) -> WIPOffset<fb::Update<'static>> {
    let status = Some(status(b, &update.status));
    fb::Update::create(b, &fb::UpdateArgs { status })
}
