//! What the peer's frames do.

use super::streams::Admission;
use super::{Channel, HELLO_BYTES, MIN_HEARTBEAT_MS, PeerLimits, Phase};
use crate::decode;
use crate::error::{DecodeError, LinkError};
use crate::event::{CloseReason, Event, Peer, PeerHello, StreamId};
use crate::frame::{Control, Goaway, Hello, Payload};
use crate::link::Link;
use crate::message::{Envelope, StreamPurpose, Uuid};
use crate::version::{self, OLDEST_WIRE_VERSION, WIRE_VERSION};

/// A peer that takes less could not be told the smallest thing.
const MIN_FRAME_BYTES: u32 = 4 << 10;

impl Channel {
    /// Reads every frame that is whole by now.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<(), LinkError> {
        // The inbox lends the frames that change the rest of the channel.
        let mut inbox = core::mem::take(&mut self.inbox);
        if !self.is_closed() {
            inbox.append(bytes);
        }
        while !self.is_closed() {
            let limit = match self.phase {
                Phase::Greeting => self.limits.max_frame_bytes.min(HELLO_BYTES),
                Phase::Open(_) | Phase::Closed => self.limits.max_frame_bytes,
            };
            match inbox.next_frame(limit, self.clock.now_ms)? {
                Some(frame) => self.read_frame(frame)?,
                None => {
                    self.inbox = inbox;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn read_frame(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        let frame = decode::frame(frame).map_err(LinkError::Malformed)?;
        self.clock.heard_ms = self.clock.now_ms;
        match (frame.payload, &self.phase) {
            (Payload::Control(Control::Goaway(goaway)), _) => {
                self.on_goaway(goaway);
                Ok(())
            }
            (Payload::Control(Control::Hello(hello)), Phase::Greeting) => self.on_hello(&hello, frame.envelope.cluster),
            (payload, Phase::Open(peer)) => {
                check_cluster(peer.cluster, frame.envelope.cluster)?;
                self.on_acknowledgement(frame.envelope.acknowledgement)?;
                self.on_payload(frame.envelope, payload)
            }
            (payload, _) => Err(LinkError::OutOfTurn { frame: name(&payload), when: "before the hello" }),
        }
    }

    fn on_goaway(&mut self, goaway: Goaway) {
        self.end(CloseReason::Peer { code: goaway.code, message: goaway.message });
    }

    fn on_hello(&mut self, hello: &Hello, cluster: Uuid) -> Result<(), LinkError> {
        let version = common_version(hello)?;
        check_cluster(self.identity.cluster, cluster)?;
        let role = self.certified_role(hello.role)?;
        if hello.max_frame_bytes < MIN_FRAME_BYTES {
            let problem = format!("{} is below {MIN_FRAME_BYTES}", hello.max_frame_bytes);
            return Err(LinkError::Malformed(DecodeError::Invalid {
                field: "hello.max_frame_bytes".to_owned(),
                problem,
            }));
        }
        let asked_ms = u64::from(hello.heartbeat_ms).max(MIN_HEARTBEAT_MS);
        self.streams.set_peer_window(hello.stream_window_bytes);
        self.phase = Phase::Open(PeerLimits {
            cluster: if self.identity.cluster.is_nil() { cluster } else { self.identity.cluster },
            max_frame_bytes: usize::try_from(hello.max_frame_bytes).unwrap_or(usize::MAX),
            max_streams: usize::try_from(hello.max_streams).unwrap_or(usize::MAX),
            heartbeat_ms: self.limits.heartbeat_ms.max(1).min(asked_ms),
        });
        let principal = self.certified.as_ref().map(|principal| principal.name.clone());
        let peer = PeerHello { cluster, role, name: hello.name.clone(), version, principal };
        self.events.push_back(Event::Opened { peer });
        Ok(())
    }

    /// The role in the hello, which the certificate must say too.
    fn certified_role(&self, role: u8) -> Result<Peer, LinkError> {
        let role = Peer::from_number(role).ok_or_else(|| {
            let (what, version) = (format!("peer role {role}"), WIRE_VERSION);
            LinkError::Malformed(DecodeError::NotUnderstood { field: "hello.role".to_owned(), what, version })
        })?;
        match &self.certified {
            Some(principal) if principal.role != role => {
                Err(LinkError::RoleMismatch { hello: role, certificate: principal.role })
            }
            Some(_) | None => Ok(role),
        }
    }

    fn on_acknowledgement(&mut self, got: u64) -> Result<(), LinkError> {
        let sequences = &mut self.sequences;
        if got > sequences.sent {
            return Err(LinkError::AcknowledgementOfUnsent { got, sent: sequences.sent });
        }
        if got > sequences.acknowledged {
            sequences.acknowledged = got;
            self.events.push_back(Event::Acknowledged { sequence: got });
        }
        Ok(())
    }

    fn on_payload(&mut self, envelope: Envelope, payload: Payload<'_>) -> Result<(), LinkError> {
        match payload {
            Payload::Message(message) => {
                let envelope = self.on_message(envelope)?;
                self.events.push_back(Event::Message { envelope, message });
                Ok(())
            }
            Payload::Unreadable(error) => {
                let envelope = self.on_message(envelope)?;
                self.events.push_back(Event::Unreadable { envelope, error });
                Ok(())
            }
            Payload::UnreadablePurpose { stream, error } => self.on_stream_open(stream, Err(error)),
            Payload::Control(control) => self.on_control(control),
        }
    }

    /// Counts a message, and believes its principal only from those who may speak for others.
    fn on_message(&mut self, mut envelope: Envelope) -> Result<Envelope, LinkError> {
        let (expected, got) = (self.sequences.received + 1, envelope.sequence);
        if got > expected {
            return Err(LinkError::SequenceGap { expected, got });
        }
        if got < expected {
            return Err(LinkError::SequenceRepeated { expected, got });
        }
        self.sequences.received = got;
        if let Some(principal) = &self.certified
            && principal.role != Peer::Master
        {
            envelope.principal.clone_from(&principal.name);
        }
        Ok(envelope)
    }

    fn on_control(&mut self, control: Control<'_>) -> Result<(), LinkError> {
        match control {
            Control::Ping | Control::Acknowledge => Ok(()),
            Control::Hello(_) | Control::Goaway(_) => {
                Err(LinkError::OutOfTurn { frame: control.name(), when: "after the hello" })
            }
            Control::StreamOpen { stream, purpose } => self.on_stream_open(stream, Ok(purpose)),
            Control::StreamData { stream, bytes } => {
                if self.streams.receive(stream, bytes.len())? {
                    self.events.push_back(Event::StreamData { stream, bytes: bytes.into_owned() });
                }
                Ok(())
            }
            Control::StreamWindow { stream, bytes } => {
                self.streams.widen(stream, bytes)?;
                self.wake_writers();
                Ok(())
            }
            Control::StreamEnd { stream } => {
                if self.streams.end_there(stream)? {
                    self.events.push_back(Event::StreamEnded { stream });
                }
                Ok(())
            }
            Control::StreamReset { stream, reason } => {
                if self.streams.is_open(stream)? && self.streams.remove(stream) {
                    self.events.push_back(Event::StreamReset { stream, reason });
                }
                Ok(())
            }
            Control::StreamResize { stream, rows, columns } => {
                if self.streams.is_open(stream)? {
                    self.events.push_back(Event::StreamResized { stream, rows, columns });
                }
                Ok(())
            }
        }
    }

    fn on_stream_open(
        &mut self,
        stream: StreamId,
        purpose: Result<StreamPurpose, DecodeError>,
    ) -> Result<(), LinkError> {
        let admission = self.streams.open_there(stream, self.limits.max_streams)?;
        match (admission, purpose) {
            (Admission::Admitted, Ok(purpose)) => self.events.push_back(Event::StreamOpened { stream, purpose }),
            (Admission::Admitted, Err(error)) => self.reset_stream(stream, &error.to_string()),
            (Admission::Full, _) => {
                let reason = format!("no more than {} streams at once", self.limits.max_streams);
                self.answer(&Control::StreamReset { stream, reason });
            }
        }
        Ok(())
    }
}

fn common_version(hello: &Hello) -> Result<u16, LinkError> {
    let (ours, theirs) = ((OLDEST_WIRE_VERSION, WIRE_VERSION), (hello.min_version, hello.max_version));
    version::common(ours, theirs).ok_or(LinkError::NoCommonVersion {
        ours_min: ours.0,
        ours_max: ours.1,
        theirs_min: theirs.0,
        theirs_max: theirs.1,
    })
}

/// Nil is the cluster of a side that does not know one yet, and of frames that leave it out.
fn check_cluster(ours: Uuid, theirs: Uuid) -> Result<(), LinkError> {
    if ours.is_nil() || theirs.is_nil() || ours == theirs {
        return Ok(());
    }
    Err(LinkError::WrongCluster { ours, theirs })
}

const fn name(payload: &Payload<'_>) -> &'static str {
    match payload {
        Payload::Control(control) => control.name(),
        Payload::Message(message) => message.name(),
        Payload::Unreadable(_) => "message",
        Payload::UnreadablePurpose { .. } => "StreamOpen",
    }
}
