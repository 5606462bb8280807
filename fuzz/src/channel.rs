//! A channel between a peer that does anything and a reader that makes any calls.
//!
//! The input is a script: a byte says what happens, the next ones how.

use std::borrow::Cow;

use meros_wire::encode::Encoder;
use meros_wire::frame::{Control, Goaway, Hello};
use meros_wire::message::{Envelope, LogsRequest, Message, Query, StreamPurpose};
use meros_wire::{Channel, CloseCode, Event, Identity, Limits, Link, Peer, StreamId};

/// Small limits, so that short scripts reach them.
fn limits() -> Limits {
    Limits {
        max_frame_bytes: 16 << 10,
        max_streams: 4,
        stream_window_bytes: 1_000,
        max_output_bytes: 4 << 10,
        ..Limits::default()
    }
}

/// The rest of the script.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A number, small most of the time.
    fn number(&mut self) -> Option<u64> {
        Some(match self.byte()? {
            255 => u64::MAX,
            254 => u64::from(u32::MAX),
            byte => u64::from(byte),
        })
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(self.byte()?) * 8;
        let (bytes, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        Some(bytes)
    }
}

/// The channel, its hostile peer, and what was seen so far.
struct Play {
    channel: Channel,
    encoder: Encoder,
    now_ms: u64,
    sequence: u64,
    opened: bool,
    closed: bool,
    /// Bytes delivered on streams and not consumed, newest last.
    delivered: Vec<(StreamId, usize)>,
}

/// Runs a script.
///
/// # Panics
/// When the channel breaks a promise: that is the finding.
pub fn channel(script: &[u8]) {
    let identity = Identity { cluster: Default::default(), role: Peer::Master, name: "fuzz".to_owned() };
    let mut play = Play {
        channel: Channel::server(identity, limits(), 0),
        encoder: Encoder::default(),
        now_ms: 0,
        sequence: 0,
        opened: false,
        closed: false,
        delivered: Vec::new(),
    };
    let mut script = Script(script);
    while play.step(&mut script).is_some() {
        play.check();
    }
    play.channel.disconnected();
    play.take_events();
    assert!(play.closed, "a connection that is over says so");
    assert_eq!(play.channel.next_deadline_ms(), None);
}

impl Play {
    /// `None` at the script's end.
    fn step(&mut self, script: &mut Script<'_>) -> Option<()> {
        match script.byte()? {
            0 => self.deliver(script.bytes()?),
            1 => self.hello(script)?,
            2 => self.message(script)?,
            3..=9 => self.control(script)?,
            10 => {
                self.now_ms += script.number()?.min(100_000);
                self.channel.tick(self.now_ms);
            }
            11 => self.take_events(),
            12 => {
                let waiting = self.channel.output().len();
                let taken = usize::try_from(script.number()?).unwrap_or(usize::MAX).min(waiting);
                self.channel.consume(taken);
            }
            _ => self.call(script)?,
        }
        Some(())
    }

    fn deliver(&mut self, bytes: &[u8]) {
        let _ = self.channel.receive(bytes, self.now_ms);
    }

    fn hello(&mut self, script: &mut Script<'_>) -> Option<()> {
        let hello = Hello {
            min_version: u16::from(script.byte()? / 64),
            max_version: u16::from(script.byte()? / 64),
            role: script.byte()?,
            name: "peer".to_owned(),
            max_frame_bytes: u32::try_from(script.number()?.min(1 << 20)).ok()? << 8,
            max_streams: u32::from(script.byte()?),
            stream_window_bytes: u32::from(script.byte()?),
            heartbeat_ms: u32::from(script.byte()?),
        };
        let frame = self.encoder.control(&Envelope::default(), &Control::Hello(hello)).to_vec();
        self.deliver(&frame);
        Some(())
    }

    fn message(&mut self, script: &mut Script<'_>) -> Option<()> {
        self.sequence = self.sequence.wrapping_add(script.number()?);
        let envelope = Envelope { sequence: self.sequence, acknowledgement: script.number()?, ..Envelope::default() };
        let message = Message::Query(Query { request: script.number()?, pod: None, watch: false });
        let frame = self.encoder.message(&envelope, &message).to_vec();
        self.deliver(&frame);
        Some(())
    }

    fn control(&mut self, script: &mut Script<'_>) -> Option<()> {
        let kind = script.byte()?;
        let stream = StreamId(script.number()?);
        let control = match kind % 8 {
            0 => Control::Ping,
            1 => Control::Goaway(Goaway::default()),
            2 => Control::StreamOpen { stream, purpose: purpose() },
            3 => Control::StreamData { stream, bytes: Cow::Borrowed(script.bytes()?) },
            4 => Control::StreamWindow { stream, bytes: u32::try_from(script.number()?).unwrap_or(u32::MAX) },
            5 => Control::StreamEnd { stream },
            6 => Control::StreamReset { stream, reason: "why not".to_owned() },
            _ => Control::StreamResize { stream, rows: 24, columns: 80 },
        };
        let frame = self.encoder.control(&Envelope::default(), &control).to_vec();
        self.deliver(&frame);
        Some(())
    }

    /// What this side's reader may do at any time.
    fn call(&mut self, script: &mut Script<'_>) -> Option<()> {
        let kind = script.byte()?;
        let stream = StreamId(script.number()?);
        match kind % 8 {
            0 => {
                let _ = self.channel.open_stream(&purpose());
            }
            1 => {
                let _ = self.channel.write_stream(stream, script.bytes()?);
            }
            2 => {
                let _ = self.channel.end_stream(stream);
            }
            3 => self.channel.reset_stream(stream, "enough"),
            4 => {
                let _ = self.channel.resize_stream(stream, 1, 2);
            }
            5 => {
                if let Some((stream, bytes)) = self.delivered.pop() {
                    self.channel.consumed(stream, bytes);
                }
            }
            6 => {
                let message = Message::Query(Query { request: 1, pod: None, watch: false });
                let _ = self.channel.send(&Envelope::default(), &message);
            }
            _ => self.channel.close(CloseCode::Normal, "done"),
        }
        Some(())
    }

    fn take_events(&mut self) {
        while let Some(event) = self.channel.next_event() {
            assert!(!self.closed, "nothing follows the end: {event:?}");
            match event {
                Event::Opened { .. } => {
                    assert!(!self.opened, "opened twice");
                    self.opened = true;
                }
                Event::Closed { .. } => {
                    self.closed = true;
                    continue;
                }
                Event::StreamData { stream, bytes } => {
                    assert!(!bytes.is_empty());
                    self.delivered.push((stream, bytes.len()));
                }
                _ => {}
            }
            assert!(self.opened, "nothing comes before the opening");
        }
    }

    /// What holds after every step.
    fn check(&mut self) {
        let most = limits().max_output_bytes + meros_wire::channel::CONTROL_BYTES + (8 << 10);
        assert!(self.channel.output().len() <= most, "the output grows with what the peer does");
        assert_eq!(self.channel.next_deadline_ms().is_none(), self.channel.is_closed());
    }
}

fn purpose() -> StreamPurpose {
    StreamPurpose::Logs(LogsRequest::default())
}
