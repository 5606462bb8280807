//! Texts, vectors, ids, the envelope, labels and resources.

use flatbuffers::{ForwardsUOffset, Push, Vector, WIPOffset};

use super::Builder;
use crate::generated::meros::wire as fb;
use crate::message::{Envelope, Label, PodId, Reservation, Resource, ResourceValue, Uuid};

/// A vector of tables or texts under construction.
pub(super) type Tables<T> = Option<WIPOffset<Vector<'static, ForwardsUOffset<T>>>>;

/// A vector of numbers or structs under construction.
pub(super) type Items<T> = Option<WIPOffset<Vector<'static, T>>>;

/// A text; nothing when it is empty.
pub(super) fn text(b: &mut Builder, text: &str) -> Option<WIPOffset<&'static str>> {
    (!text.is_empty()).then(|| b.create_string(text))
}

/// A vector of texts; nothing when it is empty.
pub(super) fn texts(b: &mut Builder, texts: &[String]) -> Tables<&'static str> {
    tables(b, texts, |b, text| b.create_string(text))
}

/// A vector of tables; nothing when it is empty.
pub(super) fn tables<T, O>(
    b: &mut Builder,
    items: &[T],
    mut each: impl FnMut(&mut Builder, &T) -> WIPOffset<O>,
) -> Tables<O> {
    if items.is_empty() {
        return None;
    }
    let offsets: Vec<WIPOffset<O>> = items.iter().map(|item| each(b, item)).collect();
    Some(b.create_vector(&offsets))
}

/// A vector of numbers or structs; nothing when it is empty.
pub(super) fn items<T: Push + Copy>(b: &mut Builder, items: &[T]) -> Items<T::Output> {
    (!items.is_empty()).then(|| b.create_vector(items))
}

pub(super) fn uuid(uuid: Uuid) -> fb::UuidV1 {
    fb::UuidV1(uuid.0)
}

pub(super) fn pods(b: &mut Builder, pods: &[PodId]) -> Items<fb::UuidV1> {
    let pods: Vec<fb::UuidV1> = pods.iter().map(|pod| uuid(pod.0)).collect();
    items(b, &pods)
}

/// High and low half of a claim.
pub(super) fn halves(value: u128) -> (u64, u64) {
    let low = value & u128::from(u64::MAX);
    (u64::try_from(value >> 64).unwrap_or_default(), u64::try_from(low).unwrap_or_default())
}

pub(super) fn envelope(envelope: &Envelope) -> fb::EnvelopeV1 {
    let (claim_high, claim_low) = halves(envelope.claim.0);
    fb::EnvelopeV1::new(
        &uuid(envelope.cluster),
        &uuid(envelope.idempotency_key),
        &uuid(envelope.trace.trace),
        envelope.trace.parent_span,
        claim_high,
        claim_low,
        envelope.term,
        envelope.incarnation,
        envelope.topology_hash,
        envelope.sequence,
        envelope.acknowledgement,
        envelope.must_understand,
        u64::from(envelope.trace.flags),
        &[0; 4],
    )
}

pub(super) fn labels(b: &mut Builder, labels: &[Label]) -> Tables<fb::Label<'static>> {
    tables(b, labels, |b, label| {
        let (key, value) = (text(b, &label.key), text(b, &label.value));
        fb::Label::create(b, &fb::LabelArgs { key, value })
    })
}

pub(super) fn resources(b: &mut Builder, resources: &[Resource]) -> Tables<fb::Resource<'static>> {
    tables(b, resources, resource)
}

fn resource(b: &mut Builder, resource: &Resource) -> WIPOffset<fb::Resource<'static>> {
    let name = text(b, &resource.name);
    let reservations = tables(b, &resource.reservations, reservation);
    let common = fb::ResourceArgs {
        name,
        reservations,
        revocable: resource.revocable,
        shared: resource.shared,
        ..fb::ResourceArgs::default()
    };
    let args = match &resource.value {
        ResourceValue::ScalarMilli(scalar_milli) => {
            fb::ResourceArgs { kind: fb::ResourceKind::ScalarMilli, scalar_milli: *scalar_milli, ..common }
        }
        ResourceValue::Ranges(ranges) => {
            let ranges: Vec<_> = ranges.iter().map(|range| fb::InclusiveRangeV1::new(range.begin, range.end)).collect();
            fb::ResourceArgs { kind: fb::ResourceKind::Ranges, ranges: items(b, &ranges), ..common }
        }
        ResourceValue::Set(set) => fb::ResourceArgs { kind: fb::ResourceKind::Set, set: texts(b, set), ..common },
        ResourceValue::Devices(devices) => {
            let devices = tables(b, devices, |b, share| {
                let device = text(b, &share.device);
                fb::DeviceShare::create(b, &fb::DeviceShareArgs { device, share_milli: share.share_milli })
            });
            fb::ResourceArgs { kind: fb::ResourceKind::Devices, devices, ..common }
        }
    };
    fb::Resource::create(b, &args)
}

fn reservation(b: &mut Builder, reservation: &Reservation) -> WIPOffset<fb::Reservation<'static>> {
    let role = text(b, &reservation.role);
    let principal = text(b, &reservation.principal);
    let labels = labels(b, &reservation.labels);
    fb::Reservation::create(b, &fb::ReservationArgs { role, principal, labels })
}
