//! Texts, vectors, ids, the envelope, labels and resources.

use flatbuffers::{Follow, ForwardsUOffset, Vector};

use super::Result;
use crate::error::DecodeError;
use crate::generated::meros::wire as fb;
use crate::message::{
    ClaimTag, DeviceShare, Envelope, InclusiveRange, Label, PodId, Reservation, Resource, ResourceValue, TraceContext,
    Uuid,
};

pub(super) fn required<T>(value: Option<T>, field: &str) -> Result<T> {
    value.ok_or_else(|| DecodeError::missing(field))
}

/// The error for a kind, value or bit that a newer writer knows.
pub(super) fn unknown(field: &str, what: String) -> DecodeError {
    DecodeError::not_understood(field, what)
}

/// Refuses `must_understand` bits outside of `known`.
pub(super) fn understood(must_understand: u64, known: u64) -> Result<()> {
    match must_understand & !known {
        0 => Ok(()),
        unknown_bits => Err(unknown("must_understand", format!("bit {}", unknown_bits.trailing_zeros()))),
    }
}

pub(super) fn text(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

pub(super) fn texts(texts: Option<Vector<'_, ForwardsUOffset<&str>>>) -> Vec<String> {
    texts.unwrap_or_default().iter().map(str::to_owned).collect()
}

/// A table that must be there, its errors under its name.
pub(super) fn part<T, O>(table: Option<T>, field: &str, read: impl FnOnce(T) -> Result<O>) -> Result<O> {
    read(required(table, field)?).map_err(|error| error.within(field))
}

/// Every table of a vector, its errors under its name and index.
pub(super) fn tables<'a, T, O>(
    tables: Option<Vector<'a, ForwardsUOffset<T>>>,
    field: &str,
    mut read: impl FnMut(T) -> Result<O>,
) -> Result<Vec<O>>
where
    T: Follow<'a, Inner = T> + 'a,
{
    let read_one =
        |(index, table)| read(table).map_err(|error: DecodeError| error.within(&format!("{field}[{index}]")));
    tables.unwrap_or_default().iter().enumerate().map(read_one).collect()
}

/// Every number of a vector.
pub(super) fn numbers(numbers: Option<Vector<'_, u32>>) -> Vec<u32> {
    numbers.unwrap_or_default().iter().collect()
}

/// Every number of a vector that must ascend.
pub(super) fn ascending_numbers(vector: Option<Vector<'_, u32>>, field: &str) -> Result<Vec<u32>> {
    let numbers = numbers(vector);
    ascending(&numbers, field)?;
    Ok(numbers)
}

fn ascending<T: PartialOrd>(values: &[T], field: &str) -> Result<()> {
    if values.is_sorted_by(|before, after| before < after) {
        return Ok(());
    }
    Err(DecodeError::invalid(field, "must ascend, each once"))
}

pub(super) fn uuid(uuid: &fb::UuidV1) -> Uuid {
    Uuid(uuid.0)
}

pub(super) fn pod_id(pod: Option<&fb::UuidV1>) -> Result<PodId> {
    required(pod, "pod").map(|pod| PodId(uuid(pod)))
}

pub(super) fn pods(pods: Option<Vector<'_, fb::UuidV1>>) -> Vec<PodId> {
    pods.unwrap_or_default().iter().map(|pod| PodId(uuid(pod))).collect()
}

pub(super) fn claim(high: u64, low: u64) -> ClaimTag {
    ClaimTag(u128::from(high) << 64 | u128::from(low))
}

pub(super) fn envelope(root: fb::Frame<'_>) -> Result<Envelope> {
    let envelope = required(root.envelope(), "")?;
    let flags = envelope.trace_flags();
    let flags = u8::try_from(flags)
        .map_err(|_| DecodeError::invalid("trace.flags", format!("{flags:#x} is more than eight bits")))?;
    Ok(Envelope {
        cluster: uuid(envelope.cluster()),
        term: envelope.term(),
        incarnation: envelope.incarnation(),
        topology_hash: envelope.topology_hash(),
        sequence: envelope.sequence(),
        acknowledgement: envelope.acknowledgement(),
        idempotency_key: uuid(envelope.idempotency_key()),
        claim: claim(envelope.claim_high(), envelope.claim_low()),
        principal: text(root.principal()),
        trace: TraceContext { trace: uuid(envelope.trace()), parent_span: envelope.parent_span(), flags },
        must_understand: envelope.must_understand(),
    })
}

pub(super) fn labels(labels: Option<Vector<'_, ForwardsUOffset<fb::Label<'_>>>>) -> Vec<Label> {
    let label = |label: fb::Label<'_>| Label { key: text(label.key()), value: text(label.value()) };
    labels.unwrap_or_default().iter().map(label).collect()
}

pub(super) fn resources(
    resources: Option<Vector<'_, ForwardsUOffset<fb::Resource<'_>>>>,
    field: &str,
) -> Result<Vec<Resource>> {
    tables(resources, field, resource)
}

fn resource(resource: fb::Resource<'_>) -> Result<Resource> {
    Ok(Resource {
        name: text(resource.name()),
        value: value(resource)?,
        reservations: tables(resource.reservations(), "reservations", |table| Ok(reservation(table)))?,
        revocable: resource.revocable(),
        shared: resource.shared(),
    })
}

fn value(resource: fb::Resource<'_>) -> Result<ResourceValue> {
    Ok(match resource.kind() {
        fb::ResourceKind::ScalarMilli => ResourceValue::ScalarMilli(resource.scalar_milli()),
        fb::ResourceKind::Ranges => ResourceValue::Ranges(ranges(resource)?),
        fb::ResourceKind::Set => {
            let set = texts(resource.set());
            ascending(&set, "set")?;
            ResourceValue::Set(set)
        }
        fb::ResourceKind::Devices => ResourceValue::Devices(tables(resource.devices(), "devices", device_share)?),
        other => return Err(unknown("kind", format!("resource kind {}", other.0))),
    })
}

fn ranges(resource: fb::Resource<'_>) -> Result<Vec<InclusiveRange>> {
    let range = |range: &fb::InclusiveRangeV1| InclusiveRange { begin: range.begin(), end: range.end() };
    let ranges: Vec<_> = resource.ranges().unwrap_or_default().iter().map(range).collect();
    ascending_ranges(&ranges, "ranges")?;
    Ok(ranges)
}

pub(super) fn ascending_ranges(ranges: &[InclusiveRange], field: &str) -> Result<()> {
    if ranges.iter().any(|range| range.begin > range.end) {
        return Err(DecodeError::invalid(field, "one ends before it begins"));
    }
    if !ranges.is_sorted_by(|before, after| before.end < after.begin) {
        return Err(DecodeError::invalid(field, "must ascend without overlapping"));
    }
    Ok(())
}

fn device_share(share: fb::DeviceShare<'_>) -> Result<DeviceShare> {
    let share_milli = share.share_milli();
    if !(1..=1000).contains(&share_milli) {
        return Err(DecodeError::invalid("share_milli", format!("{share_milli} is not from 1 to 1000")));
    }
    Ok(DeviceShare { device: text(share.device()), share_milli })
}

fn reservation(reservation: fb::Reservation<'_>) -> Reservation {
    Reservation {
        role: text(reservation.role()),
        principal: text(reservation.principal()),
        labels: labels(reservation.labels()),
    }
}
