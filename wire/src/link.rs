//! One connection as its driver sees it: bytes in, events out; calls in, bytes out.
//!
//! Both layers have this face, so that reactors and drivers are written once: daemons put a
//! [`Connection`](crate::connection::Connection) behind it, the simulator and the fuzzers a bare
//! [`Channel`](crate::channel::Channel).
//!
//! Rules for the driver:
//! 1. At each wake-up: [`receive`](Link::receive) what the transport has, then [`tick`](Link::tick) if
//!    [`next_deadline_ms`](Link::next_deadline_ms) has passed (in this order: a sleeping process must not take its own sleep for
//!    the peer's silence), then take [`next_event`](Link::next_event) until it is `None`, then send
//!    [`output`](Link::output) and [`consume`](Link::consume) what the transport took; both may make events (room
//!    again), to be taken then or at
//!    the next wake-up.
//! 2. Who cannot deliver an event does not take it, and does not read the transport until it can: that is the back-pressure. Events
//!    hold no more than one `receive` brought and the streams' windows.
//! 3. After [`Event::Closed`]: send what is left of `output`, close the transport, drop the link.
//! 4. Times are milliseconds of one monotonic clock, the same at every call; calls without a time happen at the last one told.

use crate::error::{LinkError, SendError};
use crate::event::{CloseCode, Event, StreamId};
use crate::message::{Envelope, Message, StreamPurpose};
use crate::offers::OffersWriter;

/// One connection, without its transport. See the [module](self) for the rules.
pub trait Link {
    /// Bytes from the transport, in any pieces.
    ///
    /// # Errors
    /// When they end the connection. The same is told by [`Event::Closed`], after the events that came before it, so a driver may
    /// ignore the result. Bytes after the end are ignored.
    fn receive(&mut self, bytes: &[u8], now_ms: u64) -> Result<(), LinkError>;

    /// The transport has ended or failed; no more bytes will come or go.
    fn disconnected(&mut self);

    /// The oldest event not yet taken.
    fn next_event(&mut self) -> Option<Event>;

    /// Bytes for the transport; empty: none now. The same bytes come again until [`consume`](Link::consume)d.
    fn output(&mut self) -> &[u8];

    /// The transport took that many bytes of the latest [`output`](Link::output).
    ///
    /// # Panics
    /// When there were not as many.
    fn consume(&mut self, bytes: usize);

    /// Time has passed: heartbeats, acknowledgements, timeouts.
    fn tick(&mut self, now_ms: u64);

    /// When [`tick`](Link::tick) is due next; `None`: the connection is over.
    fn next_deadline_ms(&self) -> Option<u64>;

    /// Sends a message. The channel fills the envelope's `sequence` and `acknowledgement`, and `cluster` when it is nil.
    /// Returns the sequence, which [`Event::Acknowledged`] will reach.
    ///
    /// # Errors
    /// [`SendError::NotOpen`], [`SendError::Closed`], [`SendError::Full`], [`SendError::TooLarge`]; nothing was sent then.
    fn send(&mut self, envelope: &Envelope, message: &Message) -> Result<u64, SendError>;

    /// Sends the offers of a writer, which keeps them: as [`send`](Link::send) sends [`Message::Offers`].
    ///
    /// # Errors
    /// As [`send`](Link::send).
    fn send_offers(&mut self, envelope: &Envelope, offers: &OffersWriter) -> Result<u64, SendError>;

    /// Opens a byte stream.
    ///
    /// # Errors
    /// [`SendError::NotOpen`], [`SendError::Closed`], [`SendError::Full`], [`SendError::TooManyStreams`].
    fn open_stream(&mut self, purpose: &StreamPurpose) -> Result<StreamId, SendError>;

    /// Writes to a stream. Returns how many bytes were accepted: the peer's window and the room in the output bound it. After
    /// fewer than given, [`Event::StreamWritable`] tells when to go on.
    ///
    /// # Errors
    /// [`SendError::UnknownStream`], [`SendError::StreamEnded`], [`SendError::Closed`].
    fn write_stream(&mut self, stream: StreamId, bytes: &[u8]) -> Result<usize, SendError>;

    /// That many bytes of [`Event::StreamData`] are dealt with: the peer may send as many more. Of a stream that is gone: nothing.
    ///
    /// # Panics
    /// When the stream had not delivered as many.
    fn consumed(&mut self, stream: StreamId, bytes: usize);

    /// This side will write no more on the stream; the peer still may. Both ended: the stream is gone.
    ///
    /// # Errors
    /// [`SendError::UnknownStream`], [`SendError::StreamEnded`], [`SendError::Closed`].
    fn end_stream(&mut self, stream: StreamId) -> Result<(), SendError>;

    /// Gives the stream up, both directions at once; what is under way on it is dropped. Of a stream that is gone: nothing.
    fn reset_stream(&mut self, stream: StreamId, reason: &str);

    /// Tells the size of this side's terminal.
    ///
    /// # Errors
    /// [`SendError::UnknownStream`], [`SendError::StreamEnded`], [`SendError::Closed`].
    fn resize_stream(&mut self, stream: StreamId, rows: u16, columns: u16) -> Result<(), SendError>;

    /// Says goodbye; [`Event::Closed`] follows what was already to be taken. Closed already: nothing.
    fn close(&mut self, code: CloseCode, message: &str);

    /// True once the connection is over, even if [`Event::Closed`] is not yet taken.
    fn is_closed(&self) -> bool;
}
