//! Between a master and its frameworks.

use flatbuffers::{ForwardsUOffset, Vector};

use super::Result;
use super::common::{part, pod_id, pods, tables, text, texts};
use super::pod::pod_spec;
use super::status::status;
use crate::error::DecodeError;
use crate::generated::meros::wire as fb;
use crate::message::{
    Accept, AgentId, Decline, FrameworkId, Kill, Label, Offer, OfferId, OfferNumaNode, Place, Reconcile, Rescind,
    Subscribe, Subscribed, Update,
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

/// Bytes of text that one message may come to when each use of a shared text counts: a small frame could name one long
/// text a million times.
const MAX_OFFER_TEXT_BYTES: usize = 32 << 20;

/// The texts that offers share, read in place.
struct Texts<'a> {
    texts: Vector<'a, ForwardsUOffset<&'a str>>,
    room_bytes: usize,
}

impl Texts<'_> {
    fn get(&mut self, number: u32, field: &str) -> Result<String> {
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        if number >= self.texts.len() {
            return Err(DecodeError::invalid(field, format!("no text {number} among {}", self.texts.len())));
        }
        let text = self.texts.get(number);
        self.room_bytes = self.room_bytes.checked_sub(text.len()).ok_or_else(|| {
            DecodeError::invalid(field, format!("more than {MAX_OFFER_TEXT_BYTES} bytes of text: send fewer offers"))
        })?;
        Ok(text.to_owned())
    }
}

/// Takes the first `count` of what is left; the offers share one vector, in their order.
fn take<'v, T>(left: &mut &'v [T], count: u32, field: &str) -> Result<&'v [T]> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let Some((taken, rest)) = left.split_at_checked(count) else {
        return Err(DecodeError::invalid(field, format!("{count} where {} are left", left.len())));
    };
    *left = rest;
    Ok(taken)
}

pub(super) fn offers(offers: fb::Offers<'_>) -> Result<Vec<Offer>> {
    let mut texts = Texts { texts: offers.texts().unwrap_or_default(), room_bytes: MAX_OFFER_TEXT_BYTES };
    let numa_nodes: Vec<OfferNumaNode> = offers.numa_nodes().unwrap_or_default().iter().map(numa_node).collect();
    let attributes: Vec<(u32, u32)> =
        offers.attributes().unwrap_or_default().iter().map(|label| (label.key(), label.value())).collect();
    let (mut numa_nodes, mut attributes) = (numa_nodes.as_slice(), attributes.as_slice());
    let mut read = |read: &fb::OfferV1| offer(read, &mut texts, &mut numa_nodes, &mut attributes);
    let mut mirrors = Vec::new();
    for (index, hot) in offers.offers().unwrap_or_default().iter().enumerate() {
        mirrors.push(read(hot).map_err(|error| error.within(&format!("offers[{index}]")))?);
    }
    if !numa_nodes.is_empty() || !attributes.is_empty() {
        return Err(DecodeError::invalid("offers", "NUMA nodes or attributes that belong to no offer"));
    }
    Ok(mirrors)
}

fn offer(
    offer: &fb::OfferV1,
    texts: &mut Texts<'_>,
    numa_nodes: &mut &[OfferNumaNode],
    attributes: &mut &[(u32, u32)],
) -> Result<Offer> {
    let mut label = |&(key, value): &(u32, u32)| {
        Ok(Label { key: texts.get(key, "attributes.key")?, value: texts.get(value, "attributes.value")? })
    };
    let attributes =
        take(attributes, offer.attributes(), "attributes")?.iter().map(&mut label).collect::<Result<_>>()?;
    Ok(Offer {
        offer: OfferId(offer.offer()),
        agent: AgentId(offer.agent()),
        hostname: texts.get(offer.hostname(), "hostname")?,
        role: texts.get(offer.role(), "role")?,
        exclusive_cores: offer.exclusive_cores(),
        exclusive_pus: offer.exclusive_pus(),
        pool_milli: offer.pool_milli(),
        mem_bytes: offer.mem_bytes(),
        numa_nodes: take(numa_nodes, offer.numa_nodes(), "numa_nodes")?.to_vec(),
        attributes,
    })
}

fn numa_node(part: &fb::OfferNumaNodeV1) -> OfferNumaNode {
    OfferNumaNode {
        numa_node: part.numa_node(),
        exclusive_cores: part.exclusive_cores(),
        exclusive_pus: part.exclusive_pus(),
        pool_milli: part.pool_milli(),
        mem_bytes: part.mem_bytes(),
    }
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
