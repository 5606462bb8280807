//! The channel's own payloads.

use flatbuffers::{UnionWIPOffset, WIPOffset};

use super::common::{items, text, uuid};
use super::{Builder, Payload};
use crate::event::CloseCode;
use crate::frame::{Control, Goaway, Hello};
use crate::generated::meros::wire as fb;
use crate::message::{LogsRequest, Output, StreamPurpose};

pub(super) fn payload(b: &mut Builder, control: &Control<'_>) -> Payload {
    use fb::Payload as Kind;
    match control {
        Control::Hello(it) => (Kind::Hello, hello(b, it).as_union_value()),
        Control::Goaway(it) => (Kind::Goaway, goaway(b, it).as_union_value()),
        Control::Ping => (Kind::Ping, fb::Ping::create(b, &fb::PingArgs {}).as_union_value()),
        Control::Acknowledge => {
            (Kind::Acknowledge, fb::Acknowledge::create(b, &fb::AcknowledgeArgs {}).as_union_value())
        }
        Control::StreamOpen { stream, purpose } => {
            let (purpose_type, purpose) = self::purpose(b, purpose);
            let args = fb::StreamOpenArgs { stream: stream.0, purpose_type, purpose: Some(purpose) };
            (Kind::StreamOpen, fb::StreamOpen::create(b, &args).as_union_value())
        }
        Control::StreamData { stream, bytes } => {
            let args = fb::StreamDataArgs { stream: stream.0, bytes: items(b, bytes) };
            (Kind::StreamData, fb::StreamData::create(b, &args).as_union_value())
        }
        Control::StreamWindow { stream, bytes } => {
            let args = fb::StreamWindowArgs { stream: stream.0, bytes: *bytes };
            (Kind::StreamWindow, fb::StreamWindow::create(b, &args).as_union_value())
        }
        Control::StreamEnd { stream } => {
            let args = fb::StreamEndArgs { stream: stream.0 };
            (Kind::StreamEnd, fb::StreamEnd::create(b, &args).as_union_value())
        }
        Control::StreamReset { stream, reason } => {
            let args = fb::StreamResetArgs { stream: stream.0, reason: text(b, reason) };
            (Kind::StreamReset, fb::StreamReset::create(b, &args).as_union_value())
        }
        Control::StreamResize { stream, rows, columns } => {
            let args = fb::StreamResizeArgs { stream: stream.0, rows: *rows, columns: *columns };
            (Kind::StreamResize, fb::StreamResize::create(b, &args).as_union_value())
        }
    }
}

fn hello(b: &mut Builder, hello: &Hello) -> WIPOffset<fb::Hello<'static>> {
    let args = fb::HelloArgs {
        min_version: hello.min_version,
        max_version: hello.max_version,
        role: fb::PeerRole(hello.role),
        name: text(b, &hello.name),
        max_frame_bytes: hello.max_frame_bytes,
        max_streams: hello.max_streams,
        stream_window_bytes: hello.stream_window_bytes,
        heartbeat_ms: hello.heartbeat_ms,
    };
    fb::Hello::create(b, &args)
}

fn goaway(b: &mut Builder, goaway: &Goaway) -> WIPOffset<fb::Goaway<'static>> {
    let args = fb::GoawayArgs {
        code: match goaway.code {
            CloseCode::Normal => fb::CloseCode::Normal,
            CloseCode::Version => fb::CloseCode::Version,
            CloseCode::Cluster => fb::CloseCode::Cluster,
            CloseCode::NotAllowed => fb::CloseCode::NotAllowed,
            CloseCode::Protocol => fb::CloseCode::Protocol,
            CloseCode::Timeout => fb::CloseCode::Timeout,
            CloseCode::Limits => fb::CloseCode::Limits,
            CloseCode::Replaced => fb::CloseCode::Replaced,
        },
        message: text(b, &goaway.message),
        min_version: goaway.min_version,
        max_version: goaway.max_version,
    };
    fb::Goaway::create(b, &args)
}

fn purpose(b: &mut Builder, purpose: &StreamPurpose) -> (fb::Purpose, WIPOffset<UnionWIPOffset>) {
    match purpose {
        StreamPurpose::Logs(it) => (fb::Purpose::LogsRequest, logs(b, it).as_union_value()),
    }
}

fn logs(b: &mut Builder, logs: &LogsRequest) -> WIPOffset<fb::LogsRequest<'static>> {
    let args = fb::LogsRequestArgs {
        pod: Some(&uuid(logs.pod.0)),
        member: text(b, &logs.member),
        output: match logs.output {
            Output::Stdout => fb::Output::Stdout,
            Output::Stderr => fb::Output::Stderr,
        },
        offset_bytes: logs.offset_bytes,
        follow_: logs.follow,
    };
    fb::LogsRequest::create(b, &args)
}
