//! A pod's statuses that the master has not acknowledged, oldest first.
//!
//! Each is sent when it is made, sent again when the agent registers again, and from time to time in between: after
//! [`RESEND_MIN_MS`], then after twice as long each time up to [`RESEND_MAX_MS`]. News of the pod, an acknowledgement or a
//! new connection start the waits anew.

use std::collections::VecDeque;

use meros_wire::message::{StatusUpdate, Uuid};

/// The first wait for an acknowledgement.
pub(crate) const RESEND_MIN_MS: u64 = 10_000;
/// No wait is longer.
pub(crate) const RESEND_MAX_MS: u64 = 600_000;

/// Statuses on their way, and when to send them again.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: VecDeque<StatusUpdate>,
    wait_ms: u64,
    due_ms: Option<u64>,
}

impl Outbox {
    /// Adds a status that is being sent now.
    pub(crate) fn push(&mut self, status: StatusUpdate, now_ms: u64) {
        self.waiting.push_back(status);
        self.start_waiting(now_ms);
    }

    /// Takes out an acknowledged status.
    pub(crate) fn acknowledge(&mut self, update: Uuid, now_ms: u64) -> Option<StatusUpdate> {
        let at = self.waiting.iter().position(|status| status.update == update)?;
        let status = self.waiting.remove(at);
        self.start_waiting(now_ms);
        status
    }

    /// Starts the waits anew, as on a new connection.
    pub(crate) fn start_waiting(&mut self, now_ms: u64) {
        self.wait_ms = RESEND_MIN_MS;
        self.due_ms = (!self.waiting.is_empty()).then(|| now_ms.saturating_add(RESEND_MIN_MS));
    }

    /// Whether it is time to send all again; if so, the next time is set.
    pub(crate) fn take_due(&mut self, now_ms: u64) -> bool {
        if self.due_ms.is_none_or(|due_ms| due_ms > now_ms) {
            return false;
        }
        self.wait_ms = self.wait_ms.saturating_mul(2).clamp(RESEND_MIN_MS, RESEND_MAX_MS);
        self.due_ms = Some(now_ms.saturating_add(self.wait_ms));
        true
    }

    pub(crate) const fn due_ms(&self) -> Option<u64> {
        self.due_ms
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &StatusUpdate> {
        self.waiting.iter()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(mark: u8) -> StatusUpdate {
        StatusUpdate { update: Uuid([mark; 16]), ..StatusUpdate::default() }
    }

    #[test]
    fn waits_double_from_ten_seconds_to_ten_minutes() {
        let mut outbox = Outbox::default();
        outbox.push(status(1), 0);
        let mut now_ms = 0;
        for wait_ms in [10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 600_000, 600_000] {
            assert!(!outbox.take_due(now_ms + wait_ms - 1));
            now_ms += wait_ms;
            assert!(outbox.take_due(now_ms), "after {wait_ms} ms");
        }
    }

    #[test]
    fn an_acknowledgement_takes_out_its_own_status_only() {
        let mut outbox = Outbox::default();
        outbox.push(status(1), 0);
        outbox.push(status(2), 0);
        assert_eq!(outbox.acknowledge(Uuid([2; 16]), 5), Some(status(2)));
        assert_eq!(outbox.acknowledge(Uuid([2; 16]), 5), None);
        assert_eq!(outbox.iter().count(), 1);
        assert_eq!(outbox.due_ms(), Some(10_005));
        outbox.acknowledge(Uuid([1; 16]), 6);
        assert!(outbox.is_empty());
        assert_eq!(outbox.due_ms(), None);
    }
}
