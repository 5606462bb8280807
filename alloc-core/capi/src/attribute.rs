//! Attributes: what is told of an agent, by name, for selections to choose agents by.

use core::ffi::c_char;

use meros_alloc_core as alloc;

use crate::boundary::call;
use crate::codes::pick;
use crate::extras_spec::{Span, spans_of};
use crate::message::Message;
use crate::pointer::{Argument, In, Out, growing, not_of_kind, plain, unused};
use crate::shape::Shape;
use crate::siting_codes::AttributeKind;
use crate::status::{No, Status};
use crate::table::Table;
use crate::value_room::{ValueRoom, ValueWriter};

/// A text in UTF-8. No 0 need follow it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// The text; may be NULL when `len` is 0.
    pub bytes: In<c_char>,
    /// Its length in bytes, without any 0 after it.
    pub len: usize,
}

/// The value of an attribute. What has no meaning beside its kind is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct AttributeValue {
    /// A meros_attribute_kind.
    pub kind: u32,
    /// 0.
    pub reserved: u32,
    /// Of a scalar: the number, in thousandths.
    pub scalar_milli: i64,
    /// Of a text: one. Of a set: its texts, in any order; the library sorts them.
    pub texts: In<Text>,
    /// How many texts.
    pub texts_len: usize,
    /// Of ranges: the numbers, in any order; the library sorts them and makes one of those that touch.
    pub spans: In<Span>,
    /// How many spans.
    pub spans_len: usize,
}

/// An attribute of an agent.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    /// Its name: a number that the caller gives each name once.
    pub name: u32,
    /// 0.
    pub reserved: u32,
    /// Its value.
    pub value: AttributeValue,
}

/// All attributes of an agent, in the caller's arrays.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Attributes {
    /// sizeof(meros_attributes).
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// The caller's array for the attributes, sorted by name; may be NULL when `values_capacity` is 0.
    pub values: Out<Attribute>,
    /// Its room.
    pub values_capacity: usize,
    /// How many attributes there are. Set by the library.
    pub values_len: usize,
    /// Where what the values point at goes.
    pub room: ValueRoom,
}

impl AttributeValue {
    /// Of a text that is none.
    pub(crate) const ZERO: Self = Self {
        kind: 0,
        reserved: 0,
        scalar_milli: 0,
        texts: Out::null().read(),
        texts_len: 0,
        spans: Out::null().read(),
        spans_len: 0,
    };
}

plain!(Text, AttributeValue, Attribute);
growing!(Attributes);

/// As meros_agent_add, an agent of which these attributes are told before it takes its first claim. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_agent_add_with(
    table: In<Table>,
    shape: In<Shape>,
    attributes: In<Attribute>,
    len: usize,
    agent: Out<u32>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, table, shape) = (agent.place("agent")?, table.handle("table")?, shape.handle("shape")?);
        place.put(table.0.add_agent_with(shape.0.clone(), attributes_of(attributes, len)?)?.get());
        Ok(())
    })
}

/// Tells an agent's attributes, in place of those told before; none for `len` 0. They go when the agent goes. Selections see it at their
/// next use; claims stay where they are. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_agent_set_attributes(
    table: In<Table>,
    agent: u32,
    attributes: In<Attribute>,
    len: usize,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (table, attributes) = (table.handle("table")?, attributes_of(attributes, len)?);
        Ok(table.0.set_attributes(alloc::AgentId::new(agent), attributes)?)
    })
}

/// An agent's attributes. `attributes` brings its arrays along, and comes back with their lengths; `MEROS_TOO_SMALL` when one was too
/// short. What was read may be told again as it is. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_attributes_read(
    table: In<Table>,
    agent: u32,
    attributes: Out<Attributes>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let mut told = attributes.read().growing("attributes")?;
        unused("attributes.reserved", &[u64::from(told.reserved)])?;
        let (room, frame) = (told, attributes.growing("attributes")?);
        let mut places = room.values.array(room.values_capacity, "attributes.values")?;
        let mut writer = ValueWriter::new(&room.room)?;
        let agent = alloc::AgentId::new(agent);
        let found = table.handle("table")?.0.attributes(agent).ok_or(No::UnknownAgent(agent))?;
        told.values_len = places.fill(found.iter().map(|attribute| writer.attribute(attribute)));
        let values_fit = writer.finish(&mut told.room);
        frame.put(told);
        if values_fit && places.holds(told.values_len) { Ok(()) } else { Err(No::TooSmall) }
    })
}

fn attributes_of(attributes: In<Attribute>, len: usize) -> Result<alloc::Attributes, No> {
    let attributes = attributes.array(len, "attributes")?;
    let values = attributes.iter().map(|attribute| {
        unused("attributes.reserved", &[u64::from(attribute.reserved)])?;
        Ok((alloc::NameId::new(attribute.name), value_of(&attribute.value)?))
    });
    Ok(alloc::Attributes::new(values.collect::<Result<Vec<_>, Argument>>()?)?)
}

fn value_of(value: &AttributeValue) -> Result<alloc::AttributeValue, Argument> {
    let AttributeValue { kind, reserved, scalar_milli, texts, texts_len, spans, spans_len } = *value;
    unused("attributes.value.reserved", &[u64::from(reserved)])?;
    use AttributeKind as Kind;
    let kind = pick("attributes.value.kind", kind, &[Kind::Text, Kind::Scalar, Kind::Ranges, Kind::Set])?;
    let (of_texts, of_scalar) = (matches!(kind, Kind::Text | Kind::Set), matches!(kind, Kind::Scalar));
    let of_spans = matches!(kind, Kind::Ranges);
    not_of_kind("attributes.value.scalar_milli", &[if of_scalar { 0 } else { scalar_milli.cast_unsigned() }])?;
    not_of_kind("attributes.value.texts_len", &[if of_texts { 0 } else { texts_len as u64 }])?;
    not_of_kind("attributes.value.spans_len", &[if of_spans { 0 } else { spans_len as u64 }])?;
    let texts = texts_of(texts, texts_len, ["attributes.value.texts", "attributes.value.texts.bytes"])?;
    Ok(match kind {
        Kind::Text => alloc::AttributeValue::text(one_of(&texts)?),
        Kind::Scalar => alloc::AttributeValue::ScalarMilli(scalar_milli),
        Kind::Ranges => {
            let spans = spans_of(spans, spans_len, "attributes.value.spans")?;
            let number_span = |span: alloc::Span| alloc::NumberSpan { first: span.first, last: span.last };
            alloc::AttributeValue::Ranges(spans.into_iter().map(number_span).collect())
        }
        Kind::Set => alloc::AttributeValue::set(texts.iter().map(String::as_str)),
    })
}

fn one_of(texts: &[String]) -> Result<&str, Argument> {
    if let [text] = texts { Ok(text) } else { Err(Argument::NotOne("attributes.value.texts")) }
}

/// Texts of the caller's, copied; the names are of the list and of the bytes in it.
pub(crate) fn texts_of(texts: In<Text>, len: usize, names: [&'static str; 2]) -> Result<Vec<String>, Argument> {
    let [list, name] = names;
    let copied = |text: &Text| {
        let bytes = text.bytes.array(text.len, name)?;
        String::from_utf8(bytes.iter().map(|byte| byte.to_ne_bytes()[0]).collect()).map_err(|_| Argument::NotUtf8(name))
    };
    texts.array(len, list)?.iter().map(copied).collect()
}
