//! Frames that no encoder of ours writes: what is refused, and under which field's name.

use flatbuffers::{FlatBufferBuilder, UnionWIPOffset, WIPOffset};

use super::*;
use crate::frame::Control;
use crate::message::{StatusReason, Uuid};

mod offers;

type Builder = FlatBufferBuilder<'static>;

fn finish(mut b: Builder, payload_type: fb::Payload, payload: WIPOffset<UnionWIPOffset>) -> Vec<u8> {
    let envelope = fb::EnvelopeV1::default();
    let args = fb::FrameArgs { envelope: Some(&envelope), payload_type, payload: Some(payload), principal: None };
    let root = fb::Frame::create(&mut b, &args);
    b.finish_size_prefixed(root, Some(fb::FRAME_IDENTIFIER));
    b.finished_data().to_vec()
}

/// What makes the payload unreadable.
#[track_caller]
fn unreadable(bytes: &[u8]) -> DecodeError {
    match frame(bytes).map(|frame| frame.payload) {
        Ok(Payload::Unreadable(error)) => error,
        other => panic!("not unreadable: {other:?}"),
    }
}

fn not_understood(field: &str, what: &str) -> DecodeError {
    DecodeError::not_understood(field, what)
}

/// A `Place` of one pod with one member.
fn place(pod: &fb::PodSpecArgs<'_>, member: &fb::MemberSpecArgs<'_>, resources: &fb::MemberResourcesArgs) -> Vec<u8> {
    let mut b = Builder::new();
    let command = fb::Command::create(&mut b, &fb::CommandArgs::default());
    let root = fb::Root::create(&mut b, &fb::RootArgs::default());
    let resources = fb::MemberResources::create(&mut b, resources);
    let member = fb::MemberSpec::create(
        &mut b,
        &fb::MemberSpecArgs {
            must_understand: member.must_understand,
            kind: member.kind,
            command: Some(command),
            root: Some(root),
            resources: Some(resources),
            ..fb::MemberSpecArgs::default()
        },
    );
    let members = b.create_vector(&[member]);
    let wish = fb::PlacementWish::create(&mut b, &fb::PlacementWishArgs::default());
    let spec = fb::PodSpec::create(
        &mut b,
        &fb::PodSpecArgs {
            must_understand: pod.must_understand,
            pod: pod.pod,
            members: Some(members),
            wish: Some(wish),
            ..fb::PodSpecArgs::default()
        },
    );
    let pods = b.create_vector(&[spec]);
    let place = fb::Place::create(&mut b, &fb::PlaceArgs { pods: Some(pods) });
    finish(b, fb::Payload::Place, place.as_union_value())
}

const POD: fb::UuidV1 = fb::UuidV1([1; 16]);

fn pod() -> fb::PodSpecArgs<'static> {
    fb::PodSpecArgs { pod: Some(&POD), ..fb::PodSpecArgs::default() }
}

fn shared() -> fb::MemberResourcesArgs {
    fb::MemberResourcesArgs { shared_cpu_milli: Some(100), ..fb::MemberResourcesArgs::default() }
}

#[test]
fn unknown_bits_are_refused_by_name() {
    let bits = 1 << 33 | crate::message::features::ROOT_FOLDER;
    let spec = fb::PodSpecArgs { must_understand: bits, ..pod() };
    let bytes = place(&spec, &fb::MemberSpecArgs::default(), &shared());
    assert_eq!(unreadable(&bytes), not_understood("pods[0].must_understand", "bit 33"));
    let member = fb::MemberSpecArgs { must_understand: 1 << 9, ..fb::MemberSpecArgs::default() };
    let bytes = place(&pod(), &member, &shared());
    let error = unreadable(&bytes);
    assert_eq!(error, not_understood("pods[0].members[0].must_understand", "bit 9"));
    assert_eq!(error.refusal().code, crate::message::RefusalCode::NotUnderstood);
    assert_eq!(error.refusal().field, "pods[0].members[0].must_understand");
}

#[test]
fn unknown_values_are_refused_by_name() {
    let member = fb::MemberSpecArgs { kind: fb::MemberKind(77), ..fb::MemberSpecArgs::default() };
    let bytes = place(&pod(), &member, &shared());
    assert_eq!(unreadable(&bytes), not_understood("pods[0].members[0].kind", "member kind 77"));
}

#[test]
fn missing_and_contradicting_fields_are_named() {
    let bytes = place(&fb::PodSpecArgs::default(), &fb::MemberSpecArgs::default(), &shared());
    assert_eq!(unreadable(&bytes), DecodeError::missing("pods[0].pod"));
    let bytes = place(&pod(), &fb::MemberSpecArgs::default(), &fb::MemberResourcesArgs::default());
    assert_eq!(unreadable(&bytes), DecodeError::missing("pods[0].members[0].resources.cpus"));
    let both = fb::MemberResourcesArgs { exclusive_pus: Some(1), ..shared() };
    let bytes = place(&pod(), &fb::MemberSpecArgs::default(), &both);
    assert_eq!(
        unreadable(&bytes),
        DecodeError::invalid("pods[0].members[0].resources.cpus", "either exclusive or shared, not both")
    );
}

#[test]
fn an_unknown_reason_of_a_status_is_read_as_none() {
    let mut b = Builder::new();
    let placement = fb::Placement::create(&mut b, &fb::PlacementArgs::default());
    let args = fb::StatusUpdateArgs {
        update: Some(&POD),
        pod: Some(&POD),
        state: fb::TaskState::Running,
        reason: fb::StatusReason(200),
        placement: Some(placement),
        ..fb::StatusUpdateArgs::default()
    };
    let status = fb::StatusUpdate::create(&mut b, &args);
    let update = fb::Update::create(&mut b, &fb::UpdateArgs { status: Some(status) });
    let bytes = finish(b, fb::Payload::Update, update.as_union_value());
    let Ok(Payload::Message(Message::Update(update))) = frame(&bytes).map(|frame| frame.payload) else {
        panic!("not read")
    };
    assert_eq!((update.status.reason, update.status.pod.0), (StatusReason::None, Uuid([1; 16])));
}

#[test]
fn a_message_kind_of_the_future_is_unreadable_and_a_frame_kind_is_the_end() {
    let mut b = Builder::new();
    let payload = fb::Ping::create(&mut b, &fb::PingArgs {}).as_union_value();
    let bytes = finish(b, fb::Payload(200), payload);
    assert_eq!(unreadable(&bytes), not_understood("payload", "message kind 200"));
    let mut b = Builder::new();
    let payload = fb::Ping::create(&mut b, &fb::PingArgs {}).as_union_value();
    assert_eq!(frame(&finish(b, fb::Payload(31), payload)), Err(not_understood("payload", "frame kind 31")));
}

#[test]
fn a_stream_purpose_of_the_future_is_unreadable() {
    let mut b = Builder::new();
    let purpose = fb::Ping::create(&mut b, &fb::PingArgs {}).as_union_value();
    let args = fb::StreamOpenArgs { stream: 3, purpose_type: fb::Purpose(9), purpose: Some(purpose) };
    let open = fb::StreamOpen::create(&mut b, &args).as_union_value();
    let stream = crate::event::StreamId(3);
    let error = not_understood("purpose", "stream purpose 9");
    let bytes = finish(b, fb::Payload::StreamOpen, open);
    assert_eq!(frame(&bytes).map(|frame| frame.payload), Ok(Payload::UnreadablePurpose { stream, error }));
}

#[test]
fn a_frame_needs_an_envelope_and_a_payload() {
    let mut b = Builder::new();
    let root = fb::Frame::create(&mut b, &fb::FrameArgs::default());
    b.finish_size_prefixed(root, Some(fb::FRAME_IDENTIFIER));
    assert_eq!(frame(b.finished_data()), Err(DecodeError::missing("envelope")));
    let mut b = Builder::new();
    let envelope = fb::EnvelopeV1::default();
    let root = fb::Frame::create(&mut b, &fb::FrameArgs { envelope: Some(&envelope), ..fb::FrameArgs::default() });
    b.finish_size_prefixed(root, Some(fb::FRAME_IDENTIFIER));
    assert_eq!(frame(b.finished_data()), Err(DecodeError::missing("payload")));
}

#[test]
fn an_empty_piece_of_a_stream_is_no_frame() {
    let bytes = crate::encode::Encoder::default()
        .control(
            &Envelope::default(),
            &Control::StreamData { stream: crate::event::StreamId(1), bytes: std::borrow::Cow::Borrowed(&[]) },
        )
        .to_vec();
    assert_eq!(frame(&bytes), Err(DecodeError::missing("bytes")));
}

#[test]
fn a_small_frame_cannot_come_to_many_tables() {
    let mut b = Builder::new();
    let key = b.create_string(&"k".repeat(1_000));
    let label = fb::Label::create(&mut b, &fb::LabelArgs { key: Some(key), value: Some(key) });
    let labels = b.create_vector(&vec![label; 10_000]);
    let machine =
        fb::Machine::create(&mut b, &fb::MachineArgs { attributes: Some(labels), ..fb::MachineArgs::default() });
    let args = fb::RegisterArgs { agent_uuid: Some(&POD), machine: Some(machine), ..fb::RegisterArgs::default() };
    let register = fb::Register::create(&mut b, &args);
    let bytes = finish(b, fb::Payload::Register, register.as_union_value());
    let error = frame(&bytes).unwrap_err();
    assert!(matches!(&error, DecodeError::Unsound { problem, .. } if problem.contains("too often")), "{error}");
}

#[test]
fn unsound_frames_name_the_field() {
    let mut b = Builder::new();
    let bad = b.create_vector(&[0xff_u8, 0xfe, 0]);
    let name = WIPOffset::<&str>::new(bad.value());
    let args = fb::SubscribeArgs { name: Some(name), ..fb::SubscribeArgs::default() };
    let subscribe = fb::Subscribe::create(&mut b, &args);
    let error = frame(&finish(b, fb::Payload::Subscribe, subscribe.as_union_value())).unwrap_err();
    assert_eq!(error.field(), "frame.payload.name");
}

#[test]
fn numbers_out_of_range_are_refused() {
    let ranges = |pairs: &[(u64, u64)]| {
        let mut b = Builder::new();
        let ranges: Vec<_> = pairs.iter().map(|(begin, end)| fb::InclusiveRangeV1::new(*begin, *end)).collect();
        let ranges = Some(b.create_vector(&ranges));
        let args = fb::ResourceArgs { kind: fb::ResourceKind::Ranges, ranges, ..fb::ResourceArgs::default() };
        let resource = fb::Resource::create(&mut b, &args);
        let resources = Some(b.create_vector(&[resource]));
        let machine = fb::Machine::create(&mut b, &fb::MachineArgs { resources, ..fb::MachineArgs::default() });
        let args = fb::RegisterArgs { agent_uuid: Some(&POD), machine: Some(machine), ..fb::RegisterArgs::default() };
        let register = fb::Register::create(&mut b, &args);
        finish(b, fb::Payload::Register, register.as_union_value())
    };
    let field = "machine.resources[0].ranges";
    assert_eq!(unreadable(&ranges(&[(5, 4)])), DecodeError::invalid(field, "one ends before it begins"));
    let overlapping = unreadable(&ranges(&[(1, 5), (5, 9)]));
    assert_eq!(overlapping, DecodeError::invalid(field, "must ascend without overlapping"));
    assert!(matches!(frame(&ranges(&[(1, 4), (5, 9)])).unwrap().payload, Payload::Message(_)));
}
