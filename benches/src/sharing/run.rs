//! Rounds of a bench.

use meros_alloc_core::{Allocator, FrameworkId, OfferId};

use crate::clock::median;

/// What was measured, round by round. The first round is kept apart: it is a cold one.
#[derive(Clone, Debug, Default)]
pub struct Rounds {
    cold: Option<f64>,
    warm: Vec<f64>,
}

impl Rounds {
    /// One more.
    pub fn add(&mut self, value: f64) {
        if self.cold.is_none() {
            self.cold = Some(value);
        } else {
            self.warm.push(value);
        }
    }

    /// The first.
    #[must_use]
    pub fn cold(&self) -> f64 {
        self.cold.unwrap_or(0.0)
    }

    /// The median of the others.
    #[must_use]
    pub fn median(&mut self) -> f64 {
        median(&mut self.warm)
    }
}

/// Declines offers one by one, as messages come; how many were not out.
pub fn decline_all(
    allocator: &mut Allocator,
    offers: &[(FrameworkId, OfferId)],
    refuse_ms: Option<u64>,
    now_ms: u64,
) -> usize {
    offers.iter().map(|(framework, offer)| allocator.decline(*framework, &[*offer], refuse_ms, now_ms)).sum()
}

/// A number from the environment, to narrow a bench.
#[must_use]
pub fn from_env(name: &str) -> Option<usize> {
    std::env::var(name).ok()?.parse().ok()
}
