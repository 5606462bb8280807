//! Value room: where the values of attributes go that are read: texts, their bytes and spans, in arrays of the caller's.

use core::ffi::c_char;

use meros_alloc_core as alloc;

use crate::attribute::{Attribute, AttributeValue, Text};
use crate::extras_spec::Span;
use crate::pointer::{Argument, In, Out, Places, plain};
use crate::siting_codes::AttributeKind;

/// Arrays of the caller's that values which are read point into; each may be NULL when its capacity is 0. What has no room there is NULL
/// where it would be pointed at.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ValueRoom {
    /// Texts.
    pub texts: Out<Text>,
    /// The room of `texts`.
    pub texts_capacity: usize,
    /// How many texts there are. Set by the library.
    pub texts_len: usize,
    /// Spans of ranges.
    pub spans: Out<Span>,
    /// The room of `spans`.
    pub spans_capacity: usize,
    /// How many spans there are. Set by the library.
    pub spans_len: usize,
    /// The texts' bytes; no 0 follows a text.
    pub bytes: Out<c_char>,
    /// The room of `bytes`.
    pub bytes_capacity: usize,
    /// How many bytes there are. Set by the library.
    pub bytes_len: usize,
}

plain!(ValueRoom);

/// Writes values into a room, one after the other.
#[derive(Debug)]
pub(crate) struct ValueWriter<'a> {
    room: &'a ValueRoom,
    texts: Places<'a, Text>,
    spans: Places<'a, Span>,
    bytes: Places<'a, c_char>,
    /// What there was so far, with room or not.
    texts_len: usize,
    spans_len: usize,
    bytes_len: usize,
}

impl<'a> ValueWriter<'a> {
    pub(crate) fn new(room: &'a ValueRoom) -> Result<Self, Argument> {
        Ok(Self {
            room,
            texts: room.texts.array(room.texts_capacity, "room.texts")?,
            spans: room.spans.array(room.spans_capacity, "room.spans")?,
            bytes: room.bytes.array(room.bytes_capacity, "room.bytes")?,
            texts_len: 0,
            spans_len: 0,
            bytes_len: 0,
        })
    }

    /// An attribute as C sees it.
    pub(crate) fn attribute(&mut self, (name, value): (alloc::NameId, &alloc::AttributeValue)) -> Attribute {
        Attribute { name: name.get(), reserved: 0, value: self.value(value) }
    }

    /// A value as C sees it.
    pub(crate) fn value(&mut self, value: &alloc::AttributeValue) -> AttributeValue {
        match value {
            alloc::AttributeValue::Text(text) => self.of_texts(AttributeKind::Text, core::slice::from_ref(text)),
            alloc::AttributeValue::Set(texts) => self.of_texts(AttributeKind::Set, texts),
            alloc::AttributeValue::ScalarMilli(milli) => {
                AttributeValue { kind: AttributeKind::Scalar as u32, scalar_milli: *milli, ..AttributeValue::ZERO }
            }
            alloc::AttributeValue::Ranges(spans) => {
                let (spans, spans_len) = self.put_spans(spans);
                AttributeValue { kind: AttributeKind::Ranges as u32, spans, spans_len, ..AttributeValue::ZERO }
            }
        }
    }

    fn of_texts(&mut self, kind: AttributeKind, texts: &[Box<str>]) -> AttributeValue {
        let (texts, texts_len) = self.put_texts(texts);
        AttributeValue { kind: kind as u32, texts, texts_len, ..AttributeValue::ZERO }
    }

    fn put_texts(&mut self, texts: &[Box<str>]) -> (In<Text>, usize) {
        let begin = self.texts_len;
        for text in texts {
            let text = self.put_bytes(text);
            self.texts.put(self.texts_len, text);
            self.texts_len += 1;
        }
        if self.texts.holds(self.texts_len) { (self.room.texts.from(begin), texts.len()) } else { (none(), 0) }
    }

    fn put_bytes(&mut self, text: &str) -> Text {
        let begin = self.bytes_len;
        for byte in text.bytes() {
            self.bytes.put(self.bytes_len, c_char::from_ne_bytes([byte]));
            self.bytes_len += 1;
        }
        let fits = self.bytes.holds(self.bytes_len);
        if fits { Text { bytes: self.room.bytes.from(begin), len: text.len() } } else { Text { bytes: none(), len: 0 } }
    }

    fn put_spans(&mut self, spans: &[alloc::NumberSpan]) -> (In<Span>, usize) {
        let begin = self.spans_len;
        for &alloc::NumberSpan { first, last } in spans {
            self.spans.put(self.spans_len, Span { first, last });
            self.spans_len += 1;
        }
        if self.spans.holds(self.spans_len) { (self.room.spans.from(begin), spans.len()) } else { (none(), 0) }
    }

    /// Sets the lengths, and tells whether all had room.
    pub(crate) const fn finish(self, told: &mut ValueRoom) -> bool {
        (told.texts_len, told.spans_len, told.bytes_len) = (self.texts_len, self.spans_len, self.bytes_len);
        self.texts.holds(self.texts_len) && self.spans.holds(self.spans_len) && self.bytes.holds(self.bytes_len)
    }
}

fn none<T>() -> In<T> {
    Out::null().read()
}
