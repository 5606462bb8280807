//! The one place where a client reads the clocks.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::event::Now;

/// Both clocks; the monotonic one counts from the start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "a driver is who reads the clock")]
    pub(super) fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub(super) fn mono_ms(self) -> u64 {
        millis(self.start.elapsed())
    }

    pub(super) fn now(self) -> Now {
        Now { mono_ms: self.mono_ms(), unix_ms: millis(unix_time()) }
    }
}

/// Seconds of Unix time, for the validity of certificates.
pub(super) fn unix_s() -> u64 {
    unix_time().as_secs()
}

#[expect(clippy::disallowed_methods, reason = "a driver is who reads the clock")]
fn unix_time() -> Duration {
    // Before 1970 every certificate is refused, which is as good as can be done with such a clock.
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
