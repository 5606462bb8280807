//! The flatbuffers verifier with our limits, and its errors in our words.

use flatbuffers::{ErrorTraceDetail, InvalidFlatbuffer, VerifierOptions};

use super::Result;
use crate::error::DecodeError;
use crate::generated::meros::wire as fb;

/// Tables within tables: the schema needs 8.
const MAX_DEPTH: usize = 16;

/// Bytes that a table takes at least when it is referred to once: its own offset and the one to it.
const MIN_TABLE_BYTES: usize = 8;

/// How often the frame's own length a frame may come to when everything it refers to twice is counted twice. Tables of one
/// kind share a vtable, so an honest frame comes to a few times its length.
const MAX_EXPANSION: usize = 8;

/// Verified before any field is read.
pub(super) fn root(bytes: &[u8]) -> Result<fb::Frame<'_>> {
    let options = VerifierOptions {
        max_depth: MAX_DEPTH,
        max_tables: bytes.len() / MIN_TABLE_BYTES,
        max_apparent_size: bytes.len().saturating_mul(MAX_EXPANSION),
        ignore_missing_null_terminator: false,
    };
    fb::size_prefixed_root_as_frame_with_opts(&options, bytes).map_err(|error| unsound(&error))
}

fn unsound(error: &InvalidFlatbuffer) -> DecodeError {
    let (trace, problem): (&[ErrorTraceDetail], String) = match error {
        InvalidFlatbuffer::MissingRequiredField { required, error_trace } => {
            (error_trace.as_ref(), format!("{required} is missing"))
        }
        InvalidFlatbuffer::InconsistentUnion { error_trace, .. } => {
            (error_trace.as_ref(), "a kind without a value, or a value without a kind".to_owned())
        }
        InvalidFlatbuffer::Utf8Error { error_trace, error, .. } => (error_trace.as_ref(), error.to_string()),
        InvalidFlatbuffer::MissingNullTerminator { error_trace, .. } => {
            (error_trace.as_ref(), "a text without its final zero".to_owned())
        }
        InvalidFlatbuffer::Unaligned { error_trace, position, .. } => {
            (error_trace.as_ref(), format!("not aligned, at byte {position}"))
        }
        InvalidFlatbuffer::RangeOutOfBounds { error_trace, range } => {
            (error_trace.as_ref(), format!("bytes {range:?} are not in the frame"))
        }
        InvalidFlatbuffer::SignedOffsetOutOfBounds { error_trace, position, .. } => {
            (error_trace.as_ref(), format!("an offset out of the frame, at byte {position}"))
        }
        InvalidFlatbuffer::TooManyTables => (&[], "more tables than a frame of its length can hold".to_owned()),
        InvalidFlatbuffer::ApparentSizeTooLarge => (&[], "refers to the same parts too often".to_owned()),
        InvalidFlatbuffer::DepthLimitReached => (&[], format!("tables nested deeper than {MAX_DEPTH}")),
    };
    DecodeError::Unsound { field: path(trace), problem }
}

/// `payload.pods[3].name`. The trace has the innermost step first.
fn path(trace: &[ErrorTraceDetail]) -> String {
    let mut path = "frame".to_owned();
    for step in trace.iter().rev() {
        match step {
            ErrorTraceDetail::TableField { field_name, .. } => {
                path.push('.');
                path.push_str(field_name.as_ref());
            }
            ErrorTraceDetail::VectorElement { index, .. } => path.push_str(&format!("[{index}]")),
            ErrorTraceDetail::UnionVariant { .. } => {}
        }
    }
    path
}
