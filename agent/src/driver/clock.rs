//! The only place of the agent that reads a clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::event::Now;

/// Both clocks; the monotonic one counts from the clock's making.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the driver reads the clock for everybody else")]
        let start = Instant::now();
        Self { start }
    }

    pub(crate) fn now(self) -> Now {
        let mono_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now { mono_ms, unix_ms: unix_ms() }
    }
}

fn unix_ms() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the driver reads the clock for everybody else")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Seconds of Unix time, for certificates.
pub(crate) fn unix_s() -> u64 {
    unix_ms() / 1_000
}
