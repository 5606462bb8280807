//! Predicate: a function of the caller's that is asked of agents.
//!
//! The caller's part of the contract, beside that of `pointer`: *the function is one of this signature, and stays for as long as the
//! selection; so does what the context leads to, which may be used on whatever thread uses the selection.*
//!
//! The core asks without holding a lock. A function that unwinds is a bug of the caller's; it is declared as one that may, so that this is
//! not undefined: an exception of another language ends the process, a panic of a Rust function is `MEROS_PANIC`.

use core::ffi::{c_char, c_void};

use meros_alloc_core as alloc;

use crate::attribute::{Attribute, Text};
use crate::extras_spec::Span;
use crate::pointer::{Argument, In, Out};
use crate::value_room::{ValueRoom, ValueWriter};

/// What C hands over: a function, or NULL, which means all agents.
pub(crate) type Asked =
    Option<unsafe extern "C-unwind" fn(context: Out<c_void>, agent: u32, attributes: In<Attribute>, len: usize) -> u32>;

/// A function of the caller's and its context.
#[derive(Debug)]
pub(crate) struct Predicate {
    asked: Asked,
    context: Out<c_void>,
}

// SAFETY: the context may be used on whatever thread uses the selection; the contract above, upheld by the C caller.
unsafe impl Send for Predicate {}
// SAFETY: as above, and a selection is used by one thread at a time; its lock sees to that.
unsafe impl Sync for Predicate {}

impl Predicate {
    pub(crate) const fn new(asked: Asked, context: Out<c_void>) -> Self {
        Self { asked, context }
    }

    /// Whether an agent is meant.
    pub(crate) fn means(&self, agent: alloc::AgentId, attributes: &alloc::Attributes) -> bool {
        let Some(asked) = self.asked else { return true };
        let Ok(lent) = Lent::new(attributes) else { return false };
        // SAFETY: a function of this signature, which gets what `lent` keeps for the call; the contract above, upheld by the C caller.
        let answer = unsafe { asked(self.context, agent.get(), lent.list(), lent.attributes.len()) };
        answer != 0
    }
}

/// Attributes as C sees them, and what they point at.
#[derive(Debug, Default)]
struct Lent {
    attributes: Vec<Attribute>,
    texts: Vec<Text>,
    spans: Vec<Span>,
    bytes: Vec<c_char>,
}

impl Lent {
    fn new(attributes: &alloc::Attributes) -> Result<Self, Argument> {
        let mut lent = Self::default();
        let room = lent.write(attributes)?;
        lent.texts.resize(room.texts_len, Text { bytes: Out::null().read(), len: 0 });
        lent.spans.resize(room.spans_len, Span { first: 0, last: 0 });
        lent.bytes.resize(room.bytes_len, 0);
        lent.write(attributes)?;
        Ok(lent)
    }

    /// Writes as much as there is room for; tells how much room is wanted.
    fn write(&mut self, attributes: &alloc::Attributes) -> Result<ValueRoom, Argument> {
        let room = ValueRoom {
            texts: start(&mut self.texts),
            texts_capacity: self.texts.len(),
            texts_len: 0,
            spans: start(&mut self.spans),
            spans_capacity: self.spans.len(),
            spans_len: 0,
            bytes: start(&mut self.bytes),
            bytes_capacity: self.bytes.len(),
            bytes_len: 0,
        };
        let (mut writer, mut told) = (ValueWriter::new(&room)?, room);
        self.attributes = attributes.iter().map(|attribute| writer.attribute(attribute)).collect();
        writer.finish(&mut told);
        Ok(told)
    }

    fn list(&self) -> In<Attribute> {
        // SAFETY: the elements of a vector that is not changed while it is lent; `means`, which keeps it for the call, upholds it.
        unsafe { In::new(self.attributes.as_ptr()) }
    }
}

fn start<T>(values: &mut Vec<T>) -> Out<T> {
    // SAFETY: the elements of a vector that only `Lent::write` writes until it is lent; `Lent::new` upholds it.
    unsafe { Out::new(values.as_mut_ptr()) }
}
