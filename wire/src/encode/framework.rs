//! Between a master and its frameworks.

use std::collections::HashMap;

use flatbuffers::WIPOffset;

use super::Builder;
use super::common::{Items, items, pods, tables, text, texts, uuid};
use super::pod::pod_spec;
use super::status::status;
use crate::generated::meros::wire as fb;
use crate::message::{Accept, Decline, Kill, Offer, OfferId, Place, Reconcile, Rescind, Subscribe, Subscribed, Update};

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

/// Each different text of a message once, numbered in the order of first use.
#[derive(Default)]
struct Texts<'a> {
    numbers: HashMap<&'a str, u32>,
    in_order: Vec<&'a str>,
}

impl<'a> Texts<'a> {
    fn number(&mut self, text: &'a str) -> u32 {
        let next = count(self.in_order.len());
        *self.numbers.entry(text).or_insert_with(|| {
            self.in_order.push(text);
            next
        })
    }
}

/// A length as the schema counts. A message of four billion parts is far above any frame limit.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

pub(super) fn offers(b: &mut Builder, offers: &[Offer]) -> WIPOffset<fb::Offers<'static>> {
    let mut texts = Texts::default();
    let mut structs = Vec::with_capacity(offers.len());
    let (mut numa_nodes, mut attributes) = (Vec::new(), Vec::new());
    for offer in offers {
        structs.push(offer_struct(offer, &mut texts));
        numa_nodes.extend(offer.numa_nodes.iter().map(|part| {
            fb::OfferNumaNodeV1::new(
                part.mem_bytes,
                part.numa_node,
                part.exclusive_pus,
                part.pool_milli,
                part.exclusive_cores,
            )
        }));
        attributes.extend(
            offer
                .attributes
                .iter()
                .map(|label| fb::OfferAttributeV1::new(texts.number(&label.key), texts.number(&label.value))),
        );
    }
    let args = fb::OffersArgs {
        offers: items(b, &structs),
        numa_nodes: items(b, &numa_nodes),
        attributes: items(b, &attributes),
        texts: tables(b, &texts.in_order, |b, text| b.create_string(text)),
    };
    fb::Offers::create(b, &args)
}

fn offer_struct<'a>(offer: &'a Offer, texts: &mut Texts<'a>) -> fb::OfferV1 {
    fb::OfferV1::new(
        offer.offer.0,
        offer.mem_bytes,
        offer.agent.0,
        texts.number(&offer.hostname),
        texts.number(&offer.role),
        offer.exclusive_pus,
        offer.pool_milli,
        count(offer.numa_nodes.len()),
        count(offer.attributes.len()),
        offer.exclusive_cores,
    )
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
