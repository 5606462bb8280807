//! The channel's own payloads. One that makes no sense ends the connection, but for a stream of unknown purpose.

use std::borrow::Cow;

use super::Result;
use super::common::{part, pod_id, required, text, understood, unknown};
use crate::error::DecodeError;
use crate::event::{CloseCode, StreamId};
use crate::frame::{Control, Goaway, Hello, Payload};
use crate::generated::meros::wire as fb;
use crate::message::{LogsRequest, Output, StreamPurpose};

/// Payload kinds from here on are messages.
const FIRST_MESSAGE: u8 = fb::Payload::Register.0;

/// `None` for messages.
pub(super) fn payload(root: fb::Frame<'_>) -> Result<Option<Payload<'_>>> {
    let kind = root.payload_type();
    if kind.0 >= FIRST_MESSAGE {
        return Ok(None);
    }
    understood(root.envelope().map_or(0, fb::EnvelopeV1::must_understand), 0)?;
    if let Some(open) = root.payload_as_stream_open() {
        return Ok(Some(stream_open(open)));
    }
    control(root, kind).map(|control| Some(Payload::Control(control)))
}

fn control(root: fb::Frame<'_>, kind: fb::Payload) -> Result<Control<'_>> {
    use fb::Payload as Kind;
    Ok(match kind {
        Kind::Hello => Control::Hello(hello(required(root.payload_as_hello(), "payload")?)),
        Kind::Goaway => Control::Goaway(goaway(required(root.payload_as_goaway(), "payload")?)),
        Kind::Ping => Control::Ping,
        Kind::Acknowledge => Control::Acknowledge,
        Kind::StreamData => stream_data(required(root.payload_as_stream_data(), "payload")?)?,
        Kind::StreamWindow => {
            let window = required(root.payload_as_stream_window(), "payload")?;
            Control::StreamWindow { stream: StreamId(window.stream()), bytes: window.bytes() }
        }
        Kind::StreamEnd => {
            let end = required(root.payload_as_stream_end(), "payload")?;
            Control::StreamEnd { stream: StreamId(end.stream()) }
        }
        Kind::StreamReset => {
            let reset = required(root.payload_as_stream_reset(), "payload")?;
            Control::StreamReset { stream: StreamId(reset.stream()), reason: text(reset.reason()) }
        }
        Kind::StreamResize => {
            let resize = required(root.payload_as_stream_resize(), "payload")?;
            Control::StreamResize { stream: StreamId(resize.stream()), rows: resize.rows(), columns: resize.columns() }
        }
        Kind::NONE => return Err(DecodeError::missing("payload")),
        other => return Err(unknown("payload", format!("frame kind {}", other.0))),
    })
}

fn hello(hello: fb::Hello<'_>) -> Hello {
    Hello {
        min_version: hello.min_version(),
        max_version: hello.max_version(),
        role: hello.role().0,
        name: text(hello.name()),
        max_frame_bytes: hello.max_frame_bytes(),
        max_streams: hello.max_streams(),
        stream_window_bytes: hello.stream_window_bytes(),
        heartbeat_ms: hello.heartbeat_ms(),
    }
}

/// A code that a newer writer knows is read as normal: the peer leaves, and the message still says why.
fn goaway(goaway: fb::Goaway<'_>) -> Goaway {
    Goaway {
        code: match goaway.code() {
            fb::CloseCode::Version => CloseCode::Version,
            fb::CloseCode::Cluster => CloseCode::Cluster,
            fb::CloseCode::NotAllowed => CloseCode::NotAllowed,
            fb::CloseCode::Protocol => CloseCode::Protocol,
            fb::CloseCode::Timeout => CloseCode::Timeout,
            fb::CloseCode::Limits => CloseCode::Limits,
            fb::CloseCode::Replaced => CloseCode::Replaced,
            _ => CloseCode::Normal,
        },
        message: text(goaway.message()),
        min_version: goaway.min_version(),
        max_version: goaway.max_version(),
    }
}

fn stream_data(data: fb::StreamData<'_>) -> Result<Control<'_>> {
    let bytes = data.bytes().filter(|bytes| !bytes.is_empty());
    let bytes = required(bytes, "bytes")?.bytes();
    Ok(Control::StreamData { stream: StreamId(data.stream()), bytes: Cow::Borrowed(bytes) })
}

fn stream_open(open: fb::StreamOpen<'_>) -> Payload<'static> {
    let stream = StreamId(open.stream());
    match purpose(open) {
        Ok(purpose) => Payload::Control(Control::StreamOpen { stream, purpose }),
        Err(error) => Payload::UnreadablePurpose { stream, error: error.within("purpose") },
    }
}

fn purpose(open: fb::StreamOpen<'_>) -> Result<StreamPurpose> {
    match open.purpose_type() {
        fb::Purpose::LogsRequest => part(open.purpose_as_logs_request(), "", logs).map(StreamPurpose::Logs),
        fb::Purpose::NONE => Err(DecodeError::missing("")),
        other => Err(unknown("", format!("stream purpose {}", other.0))),
    }
}

fn logs(logs: fb::LogsRequest<'_>) -> Result<LogsRequest> {
    Ok(LogsRequest {
        pod: pod_id(logs.pod())?,
        member: text(logs.member()),
        output: match logs.output() {
            fb::Output::Stdout => Output::Stdout,
            fb::Output::Stderr => Output::Stderr,
            other => return Err(unknown("output", format!("output {}", other.0))),
        },
        offset_bytes: logs.offset_bytes(),
        follow: logs.follow_(),
    })
}
