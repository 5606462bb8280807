//! The one place where a command reads the clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds of Unix time, for the ages that people see.
#[expect(clippy::disallowed_methods, reason = "a command that ends at once has no reactor to be told the time")]
pub(crate) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
