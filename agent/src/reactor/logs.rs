//! Log streams: a member's output file, sent over a stream from an offset on.
//!
//! 1. One read or one write is under way per reader, of at most [`CHUNK_BYTES`]: a slow master slows the reading down, and
//!    never makes memory grow.
//! 2. At the end of the file, a reader that follows looks again after [`IDLE_MIN_MS`], doubling to [`IDLE_MAX_MS`] (a look is
//!    one pread of an open file, some microseconds), and at once when the pod ends. The first read begun after the end that
//!    finds nothing more ends the stream.
//! 3. A member that has not written, or not begun, has an empty file.

use meros_wire::StreamId;
use meros_wire::message::{LogsRequest, PodId, StreamPurpose};

use crate::effect::Effect;
use crate::event::{LogError, Now, ReaderId};
use crate::state::State;

/// What one read asks for.
pub(crate) const CHUNK_BYTES: usize = 64 * 1024;
/// The first wait at the end of a file.
pub(crate) const IDLE_MIN_MS: u64 = 20;
/// No wait is longer.
pub(crate) const IDLE_MAX_MS: u64 = 250;

/// One log stream.
#[derive(Debug)]
pub(crate) struct Reader {
    stream: StreamId,
    request: LogsRequest,
    doing: Doing,
    wait_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// A read is under way. `after_end`: it began when the member had ended, so nothing can follow what it finds.
    Reading { after_end: bool },
    /// So many bytes wait for room in the master's window.
    Writing { left: usize },
    /// At the end of the file, for now.
    Idle { until_ms: u64 },
}

impl Reader {
    pub(super) const fn read_at_ms(&self) -> Option<u64> {
        match self.doing {
            Doing::Idle { until_ms } => Some(until_ms),
            Doing::Reading { .. } | Doing::Writing { .. } => None,
        }
    }
}

pub(super) fn opened(state: &mut State, stream: StreamId, purpose: StreamPurpose, effects: &mut Vec<Effect>) {
    let StreamPurpose::Logs(request) = purpose;
    if !state.is_registered() || state.streams.contains_key(&stream) {
        let reason = "no stream is expected here".to_owned();
        return effects.push(Effect::StreamReset { stream, reason });
    }
    let request = match find_member(state, request) {
        Ok(request) => request,
        Err(reason) => return effects.push(Effect::StreamReset { stream, reason }),
    };
    state.next_reader += 1;
    let reader = ReaderId(state.next_reader);
    tracing::debug!(pod = %request.pod, ?reader, follow = request.follow, "log stream opened");
    let doing = Doing::Idle { until_ms: 0 };
    state.readers.insert(reader, Reader { stream, request, doing, wait_ms: IDLE_MIN_MS });
    state.streams.insert(stream, reader);
    start_read(state, reader, effects);
}

/// The request with its member's name filled in.
fn find_member(state: &State, request: LogsRequest) -> Result<LogsRequest, String> {
    let Some(name) = member_of(state, request.pod) else {
        return Err(format!("no pod {} here, nor its logs", request.pod));
    };
    if request.member.is_empty() || request.member == name {
        let member = name.to_owned();
        return Ok(LogsRequest { member, ..request });
    }
    Err(format!("pod {} has no member {}; it has {name}", request.pod, request.member))
}

fn member_of(state: &State, pod: PodId) -> Option<&str> {
    if let Some(known) = state.pods.get(&pod) {
        return known.member().map(|member| member.name.as_str());
    }
    state.ended.iter().find(|ended| ended.pod == pod).map(|ended| ended.member.as_str())
}

fn has_ended(state: &State, pod: PodId) -> bool {
    state.pods.get(&pod).is_none_or(|known| known.last.state.is_terminal())
}

fn start_read(state: &mut State, id: ReaderId, effects: &mut Vec<Effect>) {
    let Some(pod) = state.readers.get(&id).map(|reader| reader.request.pod) else { return };
    let after_end = has_ended(state, pod);
    let Some(reader) = state.readers.get_mut(&id) else { return };
    reader.doing = Doing::Reading { after_end };
    let request = &reader.request;
    effects.push(Effect::ReadLog {
        reader: id,
        pod,
        member: request.member.clone(),
        output: request.output,
        offset_bytes: request.offset_bytes,
        count_max: CHUNK_BYTES,
    });
}

pub(super) fn read(
    state: &mut State,
    id: ReaderId,
    result: Result<Vec<u8>, LogError>,
    now: Now,
    effects: &mut Vec<Effect>,
) {
    let Some(reader) = state.readers.get_mut(&id) else { return };
    let Doing::Reading { after_end } = reader.doing else { return };
    let stream = reader.stream;
    match result {
        Ok(bytes) if !bytes.is_empty() => {
            reader.request.offset_bytes = reader.request.offset_bytes.saturating_add(bytes.len() as u64);
            reader.wait_ms = IDLE_MIN_MS;
            reader.doing = Doing::Writing { left: bytes.len() };
            effects.push(Effect::StreamWrite { stream, bytes });
        }
        Ok(_) if after_end || !reader.request.follow => {
            effects.push(Effect::StreamEnd { stream });
            drop_reader(state, id, effects);
        }
        Ok(_) => {
            reader.doing = Doing::Idle { until_ms: now.mono_ms.saturating_add(reader.wait_ms) };
            reader.wait_ms = reader.wait_ms.saturating_mul(2).min(IDLE_MAX_MS);
            // The member may have ended while the read was under way.
            let pod = reader.request.pod;
            if has_ended(state, pod) {
                start_read(state, id, effects);
            }
        }
        Err(error) => {
            let reason = format!("cannot read {}: {}", error.path.display(), error.message);
            effects.push(Effect::StreamReset { stream, reason });
            drop_reader(state, id, effects);
        }
    }
}

pub(super) fn written(state: &mut State, stream: StreamId, count: usize, effects: &mut Vec<Effect>) {
    let Some(id) = state.streams.get(&stream).copied() else { return };
    let Some(reader) = state.readers.get_mut(&id) else { return };
    let Doing::Writing { left } = reader.doing else { return };
    let left = left.saturating_sub(count);
    reader.doing = Doing::Writing { left };
    if left == 0 {
        start_read(state, id, effects);
    }
}

/// A log stream carries nothing this way; what comes is let through to nowhere, so that the sender is not stuck.
pub(super) fn discard(state: &State, stream: StreamId, count: usize, effects: &mut Vec<Effect>) {
    if state.streams.contains_key(&stream) {
        effects.push(Effect::StreamConsumed { stream, count });
    }
}

pub(super) fn reset(state: &mut State, stream: StreamId, reason: &str, effects: &mut Vec<Effect>) {
    if let Some(id) = state.streams.get(&stream).copied() {
        tracing::debug!(reader = ?id, "log stream reset: {reason}");
        drop_reader(state, id, effects);
    }
}

fn drop_reader(state: &mut State, id: ReaderId, effects: &mut Vec<Effect>) {
    if let Some(reader) = state.readers.remove(&id) {
        state.streams.remove(&reader.stream);
        effects.push(Effect::CloseLog { reader: id });
    }
}

/// The connection is gone, and every stream with it.
pub(super) fn drop_all(state: &mut State, effects: &mut Vec<Effect>) {
    let readers: Vec<ReaderId> = state.readers.keys().copied().collect();
    for reader in readers {
        drop_reader(state, reader, effects);
    }
}

/// Nothing more will be written: whoever waits at the end of the file looks once more.
pub(super) fn pod_ended(state: &mut State, pod: PodId, effects: &mut Vec<Effect>) {
    let waiting = |reader: &Reader| reader.request.pod == pod && matches!(reader.doing, Doing::Idle { .. });
    look_again(state, waiting, effects);
}

pub(super) fn tick(state: &mut State, now: Now, effects: &mut Vec<Effect>) {
    look_again(state, |reader| reader.read_at_ms().is_some_and(|at| at <= now.mono_ms), effects);
}

fn look_again(state: &mut State, which: impl Fn(&Reader) -> bool, effects: &mut Vec<Effect>) {
    let readers: Vec<ReaderId> = state.readers.iter().filter(|(_, reader)| which(reader)).map(|(id, _)| *id).collect();
    for reader in readers {
        start_read(state, reader, effects);
    }
}
