//! Message: text in the caller's buffer, cut where it ends, without an allocation of ours.

use core::ffi::c_char;
use core::fmt::{self, Write};

use crate::pointer::{Argument, Out, Place, Places, plain};

/// A buffer for text. A function that takes one sets `length` and, where `capacity` is not 0, writes UTF-8 that ends with a 0.
/// It is cut between characters when it does not fit: `length` tells what there would be, without the 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// The buffer; may be NULL when `capacity` is 0.
    pub text: Out<c_char>,
    /// Bytes of the buffer.
    pub capacity: usize,
    /// Bytes of the whole text. Set by the library.
    pub length: usize,
}

plain!(Message);

/// A message that is being written.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    place: Place<'a, Message>,
    text: Out<c_char>,
    capacity: usize,
    /// What was written into the buffer.
    written: usize,
    length: usize,
}

impl<'a> Writer<'a> {
    /// Checks the message; `None` where the caller wants none.
    pub(crate) fn new(message: &'a Out<Message>) -> Result<Option<Self>, Argument> {
        if message.is_null() {
            return Ok(None);
        }
        let place = message.place("message")?;
        let message = message.read();
        let Message { text, capacity, .. } = message.array(1, "message")?[0];
        text.array(capacity, "message.text")?;
        Ok(Some(Self { place, text, capacity, written: 0, length: 0 }))
    }

    /// Writes a text and ends the message.
    pub(crate) fn finish(mut self, text: impl fmt::Display) {
        // Writing into a buffer cannot fail: what does not fit is counted only.
        let _ = write!(self, "{text}");
        let Self { place, text, capacity, written, length } = self;
        if let Ok(mut bytes) = text.array(capacity, "message.text") {
            bytes.put(written, 0);
        }
        place.put(Message { text, capacity, length });
    }

    /// How much of a piece has room, beside the 0 at the end; nothing once something was cut.
    fn room(&self, piece: &str) -> usize {
        if self.written < self.length {
            return 0;
        }
        let room = self.capacity.saturating_sub(1).saturating_sub(self.written);
        (0..=room.min(piece.len())).rev().find(|at| piece.is_char_boundary(*at)).unwrap_or(0)
    }
}

impl Write for Writer<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let room = self.room(piece);
        if let Ok(mut bytes) = self.text.array(self.capacity, "message.text") {
            put_bytes(&mut bytes, self.written, &piece.as_bytes()[..room]);
        }
        self.written += room;
        self.length += piece.len();
        Ok(())
    }
}

fn put_bytes(to: &mut Places<'_, c_char>, from: usize, bytes: &[u8]) {
    for (at, byte) in (from..).zip(bytes) {
        to.put(at, c_char::from_ne_bytes([*byte]));
    }
}
