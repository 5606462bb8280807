//! Plain Rust to frames. Nothing can fail here but memory: what a peer takes is checked by the channel.
//!
//! Empty texts and vectors are left out; everything else is written, so that equal mirrors give equal bytes.

mod agent;
mod common;
mod control;
mod framework;
mod machine;
mod offers;
mod operator;
mod pod;
mod status;

use core::fmt;

use flatbuffers::{FlatBufferBuilder, UnionWIPOffset, WIPOffset};

use crate::frame::Control;
use crate::generated::meros::wire as fb;
use crate::message::{Envelope, Message};
use crate::offers::OffersWriter;

/// Writes into one builder after the other's reset.
type Builder = FlatBufferBuilder<'static>;

/// A payload in the builder, with its kind.
type Payload = (fb::Payload, WIPOffset<UnionWIPOffset>);

/// Encodes one frame after another, keeping its memory.
#[derive(Default)]
pub struct Encoder {
    builder: Builder,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").finish_non_exhaustive()
    }
}

impl Encoder {
    /// A frame with a message, its length prefix included.
    pub fn message(&mut self, envelope: &Envelope, message: &Message) -> &[u8] {
        self.builder.reset();
        let payload = payload_of(&mut self.builder, message);
        self.finish(envelope, payload)
    }

    /// A frame with the offers of a writer, its length prefix included: byte for byte what [`message`](Encoder::message) makes
    /// of the same offers with the texts in the same order.
    pub fn offers(&mut self, envelope: &Envelope, offers: &OffersWriter) -> &[u8] {
        self.builder.reset();
        let payload = offers::offers(&mut self.builder, offers).as_union_value();
        self.finish(envelope, (fb::Payload::Offers, payload))
    }

    /// A frame with one of the channel's own payloads, its length prefix included.
    pub fn control(&mut self, envelope: &Envelope, control: &Control<'_>) -> &[u8] {
        self.builder.reset();
        let payload = control::payload(&mut self.builder, control);
        self.finish(envelope, payload)
    }

    fn finish(&mut self, envelope: &Envelope, (payload_type, payload): Payload) -> &[u8] {
        let principal = common::text(&mut self.builder, &envelope.principal);
        let envelope = common::envelope(envelope);
        let args = fb::FrameArgs { envelope: Some(&envelope), principal, payload_type, payload: Some(payload) };
        let root = fb::Frame::create(&mut self.builder, &args);
        self.builder.finish_size_prefixed(root, Some(fb::FRAME_IDENTIFIER));
        self.builder.finished_data()
    }
}

/// Writes a message's table.
fn payload_of(b: &mut Builder, message: &Message) -> Payload {
    use fb::Payload as Kind;
    match message {
        Message::Register(it) => (Kind::Register, agent::register(b, it).as_union_value()),
        Message::Registered(it) => (Kind::Registered, agent::registered(b, it).as_union_value()),
        Message::Launch(it) => (Kind::Launch, agent::launch(b, it).as_union_value()),
        Message::KillPod(it) => (Kind::KillPod, agent::kill_pod(b, it).as_union_value()),
        Message::PoolOrder(it) => (Kind::PoolOrder, agent::pool_order(b, it).as_union_value()),
        Message::PoolConfirmed(it) => (Kind::PoolConfirmed, agent::pool_confirmed(b, it).as_union_value()),
        Message::ReportStatus(it) => (Kind::ReportStatus, agent::report_status(b, it).as_union_value()),
        Message::AcknowledgeStatus(it) => (Kind::AcknowledgeStatus, agent::acknowledge_status(b, it).as_union_value()),
        Message::Subscribe(it) => (Kind::Subscribe, framework::subscribe(b, it).as_union_value()),
        Message::Subscribed(it) => (Kind::Subscribed, framework::subscribed(b, it).as_union_value()),
        Message::Offers(it) => (Kind::Offers, offers::offers(b, &OffersWriter::of(it)).as_union_value()),
        Message::Rescind(it) => (Kind::Rescind, framework::rescind(b, it).as_union_value()),
        Message::Accept(it) => (Kind::Accept, framework::accept(b, it).as_union_value()),
        Message::Decline(it) => (Kind::Decline, framework::decline(b, it).as_union_value()),
        Message::Suppress => (Kind::Suppress, fb::Suppress::create(b, &fb::SuppressArgs {}).as_union_value()),
        Message::Revive => (Kind::Revive, fb::Revive::create(b, &fb::ReviveArgs {}).as_union_value()),
        Message::Place(it) => (Kind::Place, framework::place(b, it).as_union_value()),
        Message::Kill(it) => (Kind::Kill, framework::kill(b, it).as_union_value()),
        Message::Reconcile(it) => (Kind::Reconcile, framework::reconcile(b, it).as_union_value()),
        Message::Update(it) => (Kind::Update, framework::update(b, it).as_union_value()),
        Message::Query(it) => (Kind::Query, operator::query(b, it).as_union_value()),
        Message::Listing(it) => (Kind::Listing, operator::listing(b, it).as_union_value()),
        Message::Refusal(it) => (Kind::Refusal, operator::refusal(b, it).as_union_value()),
    }
}
