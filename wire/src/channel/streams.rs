//! The byte streams of one connection: who may write how much, and which streams there are.
//!
//! 1. The side that connected numbers its streams 1, 3, 5 …, the side that accepted 2, 4, 6 …; numbers are never used again.
//! 2. A writer never has more bytes under way than the window that the reader announced: the hello's at first, then what each
//!    window frame adds. The reader adds what its own reader consumed, in steps of half a window.
//! 3. Each direction ends by itself; a stream is gone when both have, or when either side resets it. Frames of a stream that is gone
//!    may still be under way, and are ignored; frames of one that never was break the connection.

use std::collections::BTreeMap;

use crate::error::{LinkError, SendError};
use crate::event::StreamId;

/// One stream.
#[derive(Debug)]
struct Stream {
    /// Bytes that may still be written before the peer says more.
    send_window: u64,
    /// Bytes that the peer may still write.
    receive_window: u64,
    /// Bytes delivered and not consumed.
    unconsumed: u64,
    /// Bytes consumed, and not yet given back to the peer's window.
    unreported: u64,
    ended_here: bool,
    ended_there: bool,
    /// A write was accepted in part; its writer waits.
    blocked: bool,
}

/// All streams of one connection.
#[derive(Debug)]
pub(super) struct Streams {
    /// Next number on this side.
    next_here: u64,
    /// The last number that the peer took; it may take any above of its parity.
    last_there: u64,
    /// Streams that this side opened and that are not gone.
    open_here: usize,
    /// Streams that the peer opened and that are not gone.
    open_there: usize,
    window_bytes: u64,
    /// Window of a new stream in the peer's hello.
    peer_window_bytes: u64,
    table: BTreeMap<StreamId, Stream>,
    blocked: usize,
}

/// What to do with a stream that the peer opens.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Admitted,
    /// One too many.
    Full,
}

impl Streams {
    pub(super) fn new(connected: bool, window_bytes: usize) -> Self {
        Self {
            next_here: if connected { 1 } else { 2 },
            last_there: 0,
            open_here: 0,
            open_there: 0,
            window_bytes: u64::from(window(window_bytes)),
            peer_window_bytes: 0,
            table: BTreeMap::new(),
            blocked: 0,
        }
    }

    /// What the peer's hello says of its windows.
    pub(super) const fn set_peer_window(&mut self, bytes: u32) {
        self.peer_window_bytes = bytes as u64;
    }

    /// A new stream of this side.
    pub(super) fn open(&mut self, limit: usize) -> Result<StreamId, SendError> {
        if self.open_here >= limit {
            return Err(SendError::TooManyStreams { limit });
        }
        let stream = StreamId(self.next_here);
        self.next_here += 2;
        self.open_here += 1;
        self.insert(stream);
        Ok(stream)
    }

    /// A new stream of the peer.
    pub(super) fn open_there(&mut self, stream: StreamId, limit: usize) -> Result<Admission, LinkError> {
        if self.is_ours(stream) {
            return Err(LinkError::StreamProtocol { stream, problem: "opened with a number of the other side" });
        }
        if stream.0 <= self.last_there {
            return Err(LinkError::StreamProtocol { stream, problem: "opened twice or out of order" });
        }
        self.last_there = stream.0;
        if self.open_there >= limit {
            return Ok(Admission::Full);
        }
        self.open_there += 1;
        self.insert(stream);
        Ok(Admission::Admitted)
    }

    /// By its number: ours are of one parity, the peer's of the other.
    const fn is_ours(&self, stream: StreamId) -> bool {
        stream.0 % 2 == self.next_here % 2
    }

    fn insert(&mut self, stream: StreamId) {
        let state = Stream {
            send_window: self.peer_window_bytes,
            receive_window: self.window_bytes,
            unconsumed: 0,
            unreported: 0,
            ended_here: false,
            ended_there: false,
            blocked: false,
        };
        self.table.insert(stream, state);
    }

    /// The stream, for this side's calls.
    fn writable(&mut self, stream: StreamId) -> Result<&mut Stream, SendError> {
        match self.table.get_mut(&stream) {
            None => Err(SendError::UnknownStream(stream)),
            Some(state) if state.ended_here => Err(SendError::StreamEnded(stream)),
            Some(state) => Ok(state),
        }
    }

    /// The stream, for the peer's frames; `None`: gone, so ignore the frame.
    fn readable(&mut self, stream: StreamId) -> Result<Option<&mut Stream>, LinkError> {
        let was_opened = if self.is_ours(stream) { stream.0 < self.next_here } else { stream.0 <= self.last_there };
        if stream.0 == 0 || !was_opened {
            return Err(LinkError::StreamProtocol { stream, problem: "never opened" });
        }
        Ok(self.table.get_mut(&stream))
    }

    /// May this side still write on it?
    pub(super) fn check_writable(&mut self, stream: StreamId) -> Result<(), SendError> {
        self.writable(stream).map(|_| ())
    }

    /// Takes `wanted` bytes out of the window, as far as it and `room` go; blocked when that is not all.
    pub(super) fn reserve(&mut self, stream: StreamId, wanted: usize, room: usize) -> Result<usize, SendError> {
        let state = self.writable(stream)?;
        let window = usize::try_from(state.send_window).unwrap_or(usize::MAX);
        let granted = wanted.min(window).min(room);
        state.send_window -= granted as u64;
        if granted < wanted && !state.blocked {
            state.blocked = true;
            self.blocked += 1;
        }
        Ok(granted)
    }

    /// The peer's window grew.
    pub(super) fn widen(&mut self, stream: StreamId, bytes: u32) -> Result<(), LinkError> {
        if let Some(state) = self.readable(stream)? {
            state.send_window = state.send_window.saturating_add(u64::from(bytes));
        }
        Ok(())
    }

    /// The streams whose writers may go on, no longer blocked.
    pub(super) fn take_unblocked(&mut self) -> Vec<StreamId> {
        if self.blocked == 0 {
            return Vec::new();
        }
        let mut unblocked = Vec::new();
        for (stream, state) in &mut self.table {
            if state.blocked && state.send_window > 0 {
                state.blocked = false;
                unblocked.push(*stream);
            }
        }
        self.blocked -= unblocked.len();
        unblocked
    }

    /// Bytes came. `false`: the stream is gone, drop them.
    pub(super) fn receive(&mut self, stream: StreamId, bytes: usize) -> Result<bool, LinkError> {
        let Some(state) = self.readable(stream)? else {
            return Ok(false);
        };
        if state.ended_there {
            return Err(LinkError::StreamProtocol { stream, problem: "bytes after its end" });
        }
        let Some(left) = state.receive_window.checked_sub(bytes as u64) else {
            return Err(LinkError::WindowExceeded { stream, got: bytes, window: state.receive_window });
        };
        state.receive_window = left;
        state.unconsumed += bytes as u64;
        Ok(true)
    }

    /// The reader dealt with so many bytes. Returns what to add to the peer's window, once that is worth a frame.
    pub(super) fn consumed(&mut self, stream: StreamId, bytes: usize) -> Option<u32> {
        let worth_a_frame = (self.window_bytes / 2).max(1);
        let state = self.table.get_mut(&stream)?;
        assert!(bytes as u64 <= state.unconsumed, "stream {stream} has not delivered {bytes} bytes");
        state.unconsumed -= bytes as u64;
        state.unreported += bytes as u64;
        if state.ended_there || state.unreported < worth_a_frame {
            return None;
        }
        let report = u32::try_from(state.unreported).unwrap_or(u32::MAX);
        state.unreported -= u64::from(report);
        state.receive_window += u64::from(report);
        Some(report)
    }

    /// This side writes no more.
    pub(super) fn end_here(&mut self, stream: StreamId) -> Result<(), SendError> {
        let state = self.writable(stream)?;
        state.ended_here = true;
        if state.ended_there {
            self.remove(stream);
        }
        Ok(())
    }

    /// The peer writes no more. `false`: the stream is gone already.
    pub(super) fn end_there(&mut self, stream: StreamId) -> Result<bool, LinkError> {
        let Some(state) = self.readable(stream)? else {
            return Ok(false);
        };
        if state.ended_there {
            return Err(LinkError::StreamProtocol { stream, problem: "ended twice" });
        }
        state.ended_there = true;
        if state.ended_here {
            self.remove(stream);
        }
        Ok(true)
    }

    /// The peer gave it up, or resized it. `false`: the stream is gone already.
    pub(super) fn is_open(&mut self, stream: StreamId) -> Result<bool, LinkError> {
        self.readable(stream).map(|state| state.is_some())
    }

    /// Forgets the stream. `false`: it is gone already.
    pub(super) fn remove(&mut self, stream: StreamId) -> bool {
        let Some(state) = self.table.remove(&stream) else {
            return false;
        };
        self.blocked -= usize::from(state.blocked);
        if self.is_ours(stream) {
            self.open_here -= 1;
        } else {
            self.open_there -= 1;
        }
        true
    }

    /// Forgets all of them.
    pub(super) fn clear(&mut self) {
        self.table.clear();
        (self.open_here, self.open_there, self.blocked) = (0, 0, 0);
    }
}

/// A window as the wire counts it.
pub(super) fn window(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
