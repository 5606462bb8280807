//! What every message carries besides its payload.

use super::id::Uuid;

/// The same on every message, whoever sends it; a field without meaning for a message is zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The cluster the sender belongs to; nil before it knows.
    pub cluster: Uuid,
    /// The leader's term: on a master's orders, the one it leads in; elsewhere the highest the sender has seen.
    pub term: u64,
    /// The agent's incarnation that the message speaks of (a changed machine is a new one).
    pub incarnation: u64,
    /// [`Machine::topology_hash`](super::machine::Machine::topology_hash) of that incarnation.
    pub topology_hash: u64,
    /// Set by the channel: 1 for the first message of a connection, then one more each.
    pub sequence: u64,
    /// Set by the channel: the highest sequence of the peer that was handed to its reader.
    pub acknowledgement: u64,
    /// One for each intended effect: a message sent again carries it again.
    pub idempotency_key: Uuid,
    /// The claim that a launch, a kill or a status belongs to.
    pub claim: ClaimTag,
    /// Who asks. Ignored when the peer's certificate names another.
    pub principal: String,
    /// W3C trace context, so that one request is one trace through every daemon.
    pub trace: TraceContext,
    /// Bits of what the reader must understand to act on the message; an unknown bit is refused by name.
    pub must_understand: u64,
}

/// A claim as the master names it to agents and frameworks; opaque to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClaimTag(pub u128);

/// Trace and parent span, as in W3C Trace Context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceContext {
    /// Nil: not traced.
    pub trace: Uuid,
    /// The sender's span.
    pub parent_span: u64,
    /// Bit 0: sampled.
    pub flags: u8,
}
