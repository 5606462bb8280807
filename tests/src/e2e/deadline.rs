//! How long to wait: the one reader of the clock in this harness.

use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine; reached only when something is wrong.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A point in time after which waiting has failed.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// So long from now.
    #[must_use]
    pub fn after(patience: Duration) -> Self {
        Self(now() + patience)
    }

    /// The usual patience from now.
    #[must_use]
    pub fn usual() -> Self {
        Self::after(PATIENCE)
    }

    /// What is left of it; `None` when it is over.
    #[must_use]
    pub fn left(self) -> Option<Duration> {
        self.0.checked_duration_since(now()).filter(|left| !left.is_zero())
    }
}

/// How long something took.
#[derive(Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// From now.
    #[must_use]
    pub fn start() -> Self {
        Self(now())
    }

    /// Since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        now().saturating_duration_since(self.0)
    }

    /// The same in milliseconds, for links.
    #[must_use]
    pub fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Seconds of Unix time, for certificates.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the harness is the driver here: it reads the clock once, in this file")]
pub fn unix_s() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

#[expect(clippy::disallowed_methods, reason = "the harness is the driver here: it reads the clock once, in this file")]
fn now() -> Instant {
    Instant::now()
}
