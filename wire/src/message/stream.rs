//! What a byte stream is for, said when it is opened.

use super::id::PodId;

/// The purpose of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamPurpose {
    /// A member's output, from its file.
    Logs(LogsRequest),
}

/// Which output, and from where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogsRequest {
    /// Whose.
    pub pod: PodId,
    /// Which member; empty: the only one.
    pub member: String,
    /// Which output.
    pub output: Output,
    /// From this byte on.
    pub offset_bytes: u64,
    /// Go on until the member ends.
    pub follow: bool,
}

/// Standard output or standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Output {
    /// File descriptor 1.
    #[default]
    Stdout,
    /// File descriptor 2.
    Stderr,
}
