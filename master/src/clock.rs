//! The one place where a master reads the clocks.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::event::Now;

/// Both clocks; the monotonic one counts from the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "this is where the driver reads the clock")]
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub(crate) fn now(self) -> Now {
        Now { mono_ms: millis(self.start.elapsed()), unix_ms: millis(self.unix()) }
    }

    /// The instant at which the monotonic clock shows `mono_ms`.
    pub(crate) fn instant(self, mono_ms: u64) -> Instant {
        self.start + Duration::from_millis(mono_ms)
    }

    pub(crate) fn unix_s(self) -> u64 {
        self.unix().as_secs()
    }

    #[expect(clippy::disallowed_methods, reason = "this is where the driver reads the clock")]
    #[expect(clippy::unused_self, reason = "whoever has no clock does not ask for the time")]
    fn unix(self) -> Duration {
        // A clock before 1970 is a broken one; times shown are then wrong, and nothing else is.
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
