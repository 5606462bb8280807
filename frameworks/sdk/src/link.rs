//! The life of a session's connection: ask for it, lose it, wait, ask again.
//!
//! States: `Idle` (not started, or closed for good), `Waiting` (until a moment on the monotonic clock), `Connecting`,
//! `Open`. Each failure doubles the wait from [`BACKOFF_MIN_MS`] to [`BACKOFF_MAX_MS`]; half of it is jitter, so that a
//! thousand clients of a restarted master do not come back in one instant. A connection that opened resets it.

use meros_wire::message::{Envelope, Message, Uuid};

use crate::event::{Effect, Now};
use meros_wire::IdSource;

/// The wait after a first failure.
pub const BACKOFF_MIN_MS: u64 = 100;
/// No wait is longer.
pub const BACKOFF_MAX_MS: u64 = 5_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Waiting { until_ms: u64 },
    Connecting,
    Open,
}

/// Connection state that both kinds of session share.
#[derive(Debug)]
pub(crate) struct Link {
    phase: Phase,
    failures: u32,
    opened_before: bool,
    cluster: Uuid,
    highest_term: u64,
    /// Messages sent on this connection: the sequence of the last, as the channel counts them.
    sent: u64,
    pub(crate) ids: IdSource,
}

impl Link {
    pub(crate) const fn new(cluster: Uuid, seed: u64) -> Self {
        Self {
            phase: Phase::Idle,
            failures: 0,
            opened_before: false,
            cluster,
            highest_term: 0,
            sent: 0,
            ids: IdSource::new(seed),
        }
    }

    pub(crate) const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// Asks for the first connection; nothing when there is one already.
    pub(crate) fn start<N>(&mut self, effects: &mut Vec<Effect<N>>) {
        if self.phase == Phase::Idle {
            self.connect(effects);
        }
    }

    fn connect<N>(&mut self, effects: &mut Vec<Effect<N>>) {
        self.phase = Phase::Connecting;
        effects.push(Effect::Connect);
    }

    /// The connection is open; true when it is not the first.
    pub(crate) const fn opened(&mut self) -> bool {
        self.phase = Phase::Open;
        self.failures = 0;
        self.sent = 0;
        core::mem::replace(&mut self.opened_before, true)
    }

    /// The connection is gone; tells how long the wait is, or `None` when the session was closed by its user.
    pub(crate) fn closed(&mut self, now: Now) -> Option<u64> {
        if self.phase == Phase::Idle {
            return None;
        }
        let full_ms = (BACKOFF_MIN_MS << self.failures.min(16)).min(BACKOFF_MAX_MS);
        let wait_ms = full_ms / 2 + self.ids.up_to(full_ms / 2);
        self.failures = self.failures.saturating_add(1);
        self.phase = Phase::Waiting { until_ms: now.mono_ms.saturating_add(wait_ms) };
        Some(wait_ms)
    }

    /// Connects again when the wait is over.
    pub(crate) fn tick<N>(&mut self, now: Now, effects: &mut Vec<Effect<N>>) {
        if let Phase::Waiting { until_ms } = self.phase
            && until_ms <= now.mono_ms
        {
            self.connect(effects);
        }
    }

    pub(crate) const fn next_deadline_ms(&self) -> Option<u64> {
        match self.phase {
            Phase::Waiting { until_ms } => Some(until_ms),
            _ => None,
        }
    }

    /// Ends the connection for good.
    pub(crate) fn stop<N>(&mut self, reason: &str, effects: &mut Vec<Effect<N>>) {
        if matches!(self.phase, Phase::Open | Phase::Connecting) {
            effects.push(Effect::Close { reason: reason.to_owned() });
        }
        self.phase = Phase::Idle;
    }

    /// Remembers what every message of a master carries.
    pub(crate) fn heard(&mut self, envelope: &Envelope) {
        self.highest_term = self.highest_term.max(envelope.term);
    }

    /// Sends a message with a key of its own; tells its sequence on this connection.
    pub(crate) fn send<N>(&mut self, message: Message, effects: &mut Vec<Effect<N>>) -> u64 {
        let key = self.ids.next_uuid();
        self.send_as(key, message, effects)
    }

    /// Sends a message that was, or may be, sent more than once under one key.
    pub(crate) fn send_as<N>(&mut self, key: Uuid, message: Message, effects: &mut Vec<Effect<N>>) -> u64 {
        let envelope =
            Envelope { cluster: self.cluster, term: self.highest_term, idempotency_key: key, ..Envelope::default() };
        effects.push(Effect::Send { envelope: Box::new(envelope), message: Box::new(message) });
        self.sent += 1;
        self.sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mono_ms: u64) -> Now {
        Now { mono_ms, unix_ms: 0 }
    }

    #[test]
    fn waits_double_up_to_the_limit_and_start_again_after_an_opening() {
        let mut link = Link::new(Uuid::NIL, 1);
        let mut effects: Vec<Effect<()>> = Vec::new();
        link.start(&mut effects);
        for attempt in 0..20_u32 {
            let full_ms = (BACKOFF_MIN_MS << attempt.min(10)).min(BACKOFF_MAX_MS);
            let wait_ms = link.closed(at(0)).expect("not closed for good");
            assert!((full_ms / 2..=full_ms).contains(&wait_ms), "attempt {attempt}: {wait_ms} ms");
            link.tick(at(wait_ms - 1), &mut effects);
            assert_eq!(link.next_deadline_ms(), Some(wait_ms));
            link.tick(at(wait_ms), &mut effects);
            assert_eq!(link.next_deadline_ms(), None);
        }
        assert!(!link.opened());
        assert!(link.closed(at(0)).expect("not closed for good") <= BACKOFF_MIN_MS);
        assert!(link.opened());
    }

    #[test]
    fn a_link_closed_by_its_user_stays_closed() {
        let mut link = Link::new(Uuid::NIL, 1);
        let mut effects: Vec<Effect<()>> = Vec::new();
        link.start(&mut effects);
        link.stop("done", &mut effects);
        assert_eq!(link.closed(at(0)), None);
        assert_eq!(link.next_deadline_ms(), None);
        assert_eq!(effects, [Effect::Connect, Effect::Close { reason: "done".to_owned() }]);
    }
}
