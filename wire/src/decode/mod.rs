//! Frames to plain Rust. Every byte is hostile until it is checked.
//!
//! 1. The whole flatbuffer is verified before a field is read: offsets, UTF-8, depth, number of tables, and the size it would
//!    have if everything it refers to twice were there twice ([`View::verify`]). So what a frame makes us allocate is bounded
//!    by a small multiple of its length.
//! 2. What fails there, or in the envelope, ends the connection. What fails later (a missing field, a value out of range, a kind or
//!    bit that is not known) makes one message unreadable, naming the field.
//! 3. Unknown enum values are refused by name, but for those whose schema gives a fallback.
//!
//! Hot messages are vectors of structs: [`View`] reads them where they lie.

mod agent;
mod common;
mod control;
mod framework;
mod machine;
mod offers;
mod operator;
mod pod;
mod status;
#[cfg(test)]
mod tests;
mod verify;

use crate::error::DecodeError;
use crate::frame::{Frame, Payload};
use crate::generated::meros::wire as fb;
use crate::message::{AcknowledgeStatus, Envelope, Message, OfferId};
use crate::version::WIRE_VERSION;

/// Outcome of reading a part of a frame.
type Result<T> = core::result::Result<T, DecodeError>;

/// Reads one whole frame, its length prefix included.
///
/// # Errors
/// When it is unsound, or its envelope is: the peer is not to be talked to any more.
pub fn frame(bytes: &[u8]) -> Result<Frame<'_>> {
    let view = View::verify(bytes)?;
    Ok(Frame { envelope: view.envelope()?, payload: view.payload()? })
}

/// A frame whose flatbuffer is verified.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    root: fb::Frame<'a>,
}

impl<'a> View<'a> {
    /// Verifies a whole frame, its length prefix included.
    ///
    /// # Errors
    /// [`DecodeError::Unsound`].
    pub fn verify(bytes: &'a [u8]) -> Result<Self> {
        verify::root(bytes).map(|root| Self { root })
    }

    /// What stands beside the payload.
    ///
    /// # Errors
    /// When it is missing or makes no sense.
    pub fn envelope(&self) -> Result<Envelope> {
        common::envelope(self.root).map_err(|error| error.within("envelope"))
    }

    /// The offers that a [`Message::Rescind`], [`Message::Decline`] or [`Message::Accept`] names, read in place; `None` for
    /// any other payload.
    pub fn offer_ids(&self) -> Option<impl ExactSizeIterator<Item = OfferId> + use<'a>> {
        let offers = match self.root.payload_type() {
            fb::Payload::Rescind => self.root.payload_as_rescind()?.offers(),
            fb::Payload::Decline => self.root.payload_as_decline()?.offers(),
            fb::Payload::Accept => self.root.payload_as_accept()?.offers(),
            _ => return None,
        };
        Some(offers.unwrap_or_default().iter().map(|offer| OfferId(offer.value())))
    }

    /// A [`Message::AcknowledgeStatus`], read in place; `None` for any other payload.
    #[must_use]
    pub fn acknowledgement(&self) -> Option<AcknowledgeStatus> {
        agent::acknowledge_status(self.root.payload_as_acknowledge_status()?).ok()
    }

    /// The payload as plain Rust.
    ///
    /// # Errors
    /// When there is none, or one of the channel's own makes no sense.
    pub fn payload(&self) -> Result<Payload<'a>> {
        if let Some(payload) = control::payload(self.root)? {
            return Ok(payload);
        }
        Ok(self.message().map_or_else(Payload::Unreadable, Payload::Message))
    }

    fn message(&self) -> Result<Message> {
        let must_understand = self.root.envelope().map_or(0, fb::EnvelopeV1::must_understand);
        // The envelope has given no bit away yet.
        common::understood(must_understand, 0).map_err(|error| error.within("envelope"))?;
        message(self.root)
    }
}

/// The payload's table, which the verifier saw when the kind is one that the schema knows.
macro_rules! table {
    ($root:ident.$payload_as:ident) => {
        common::required($root.$payload_as(), "payload")?
    };
}

/// Reads a message's table.
fn message(root: fb::Frame<'_>) -> Result<Message> {
    use fb::Payload as Kind;
    Ok(match root.payload_type() {
        Kind::Register => Message::Register(agent::register(table!(root.payload_as_register))?),
        Kind::Registered => Message::Registered(agent::registered(table!(root.payload_as_registered))),
        Kind::Launch => Message::Launch(agent::launch(table!(root.payload_as_launch))?),
        Kind::KillPod => Message::KillPod(agent::kill_pod(table!(root.payload_as_kill_pod))?),
        Kind::PoolOrder => Message::PoolOrder(agent::pool_order(table!(root.payload_as_pool_order))?),
        Kind::PoolConfirmed => Message::PoolConfirmed(agent::pool_confirmed(table!(root.payload_as_pool_confirmed))),
        Kind::ReportStatus => Message::ReportStatus(agent::report_status(table!(root.payload_as_report_status))?),
        Kind::AcknowledgeStatus => {
            Message::AcknowledgeStatus(agent::acknowledge_status(table!(root.payload_as_acknowledge_status))?)
        }
        Kind::Subscribe => Message::Subscribe(framework::subscribe(table!(root.payload_as_subscribe))),
        Kind::Subscribed => Message::Subscribed(framework::subscribed(table!(root.payload_as_subscribed))),
        Kind::Offers => Message::Offers(offers::offers(table!(root.payload_as_offers))?),
        Kind::Rescind => Message::Rescind(framework::rescind(table!(root.payload_as_rescind))),
        Kind::Accept => Message::Accept(framework::accept(table!(root.payload_as_accept))?),
        Kind::Decline => Message::Decline(framework::decline(table!(root.payload_as_decline))),
        Kind::Suppress => Message::Suppress,
        Kind::Revive => Message::Revive,
        Kind::Place => Message::Place(framework::place(table!(root.payload_as_place))?),
        Kind::Kill => Message::Kill(framework::kill(table!(root.payload_as_kill))?),
        Kind::Reconcile => Message::Reconcile(framework::reconcile(table!(root.payload_as_reconcile))),
        Kind::Update => Message::Update(framework::update(table!(root.payload_as_update))?),
        Kind::Query => Message::Query(operator::query(table!(root.payload_as_query))),
        Kind::Listing => Message::Listing(operator::listing(table!(root.payload_as_listing))?),
        Kind::Refusal => Message::Refusal(operator::refusal(table!(root.payload_as_refusal))),
        unknown => {
            return Err(common::unknown("payload", format!("message kind {}", unknown.0)));
        }
    })
}

impl DecodeError {
    /// The same, one level further out.
    fn within(mut self, outer: &str) -> Self {
        let (Self::Unsound { field, .. }
        | Self::Missing { field }
        | Self::Invalid { field, .. }
        | Self::NotUnderstood { field, .. }) = &mut self;
        let dot = if field.is_empty() || field.starts_with('[') { "" } else { "." };
        *field = format!("{outer}{dot}{field}");
        self
    }

    fn missing(field: &str) -> Self {
        Self::Missing { field: field.to_owned() }
    }

    fn invalid(field: &str, problem: impl Into<String>) -> Self {
        Self::Invalid { field: field.to_owned(), problem: problem.into() }
    }

    fn not_understood(field: &str, what: impl Into<String>) -> Self {
        Self::NotUnderstood { field: field.to_owned(), what: what.into(), version: WIRE_VERSION }
    }
}
