//! Attributes: told, read back as they were told, and refused by name when they cannot be meant.

use super::siting::{NO_ROOM, RACK, of_text, racks, said, text, told_of};
use super::{Fixture, bytes_of, first, first_mut, none, ok, output, told, wild};
use crate::agent::{meros_agent_remove, meros_agents};
use crate::attribute::{Attribute, AttributeValue, Attributes, Text, meros_agent_add_with, meros_attributes_read};
use crate::extras_spec::Span;
use crate::pointer::Out;
use crate::siting_codes::AttributeKind;
use crate::status::Status;
use crate::value_room::ValueRoom;

const RATE: u32 = 2;
const PORTS: u32 = 3;
const ZONES: u32 = 4;

fn attribute(name: u32, kind: AttributeKind) -> Attribute {
    Attribute { name, reserved: 0, value: AttributeValue { kind: kind as u32, ..AttributeValue::ZERO } }
}

/// One attribute of each kind, in no order.
fn of_each_kind(texts: &[Text; 4], spans: &[Span; 2]) -> [Attribute; 4] {
    let mut zones = attribute(ZONES, AttributeKind::Set);
    (zones.value.texts, zones.value.texts_len) = (first(&texts[1..]), 3);
    let mut ports = attribute(PORTS, AttributeKind::Ranges);
    (ports.value.spans, ports.value.spans_len) = (first(spans), 2);
    let mut rate = attribute(RATE, AttributeKind::Scalar);
    rate.value.scalar_milli = -1500;
    [zones, ports, of_text(RACK, &texts[..1]), rate]
}

/// The caller's arrays.
struct Arrays {
    values: [Attribute; 4],
    texts: [Text; 3],
    spans: [Span; 1],
    bytes: [core::ffi::c_char; 7],
}

impl Arrays {
    fn new() -> Self {
        let (values, span) = ([attribute(99, AttributeKind::Set); 4], Span { first: 0, last: 0 });
        Self { values, texts: [text(""); 3], spans: [span], bytes: [0; 7] }
    }

    fn attributes(&mut self) -> Attributes {
        let room = ValueRoom {
            texts: first_mut(&mut self.texts),
            texts_capacity: 3,
            spans: first_mut(&mut self.spans),
            spans_capacity: 1,
            bytes: first_mut(&mut self.bytes),
            bytes_capacity: 7,
            ..NO_ROOM
        };
        Attributes { values: first_mut(&mut self.values), values_capacity: 4, room, ..nowhere() }
    }
}

fn nowhere() -> Attributes {
    let size = bytes_of::<Attributes>();
    Attributes { size, reserved: 0, values: Out::null(), values_capacity: 0, values_len: 9, room: NO_ROOM }
}

fn read(fixture: &Fixture, attributes: &mut Attributes) -> (Status, String) {
    told(|message| meros_attributes_read(fixture.table(), 0, output(attributes), message))
}

#[test]
fn attributes_of_each_kind_are_read_as_they_were_told() {
    let (fixture, mut arrays, mut asked) = (Fixture::new(), Arrays::new(), nowhere());
    let texts = [text("ä1"), text("z"), text("yy"), text("z")];
    let spans = [Span { first: 11, last: 20 }, Span { first: 5, last: 10 }];
    assert_eq!(told_of(&fixture, 0, &of_each_kind(&texts, &spans)).0, Status::Ok);
    assert_eq!(read(&fixture, &mut asked).0, Status::TooSmall);
    assert_eq!((asked.values_len, asked.room.texts_len), (4, 3));
    assert_eq!((asked.room.spans_len, asked.room.bytes_len), (1, 6));

    let mut found = arrays.attributes();
    assert_eq!(read(&fixture, &mut found), (Status::Ok, String::new()));
    let values = arrays.values.map(|attribute| (attribute.name, attribute.value));
    assert_eq!(values.map(|(name, _)| name), [RACK, RATE, PORTS, ZONES]);
    assert_eq!(values.map(|(_, value)| value.kind), [0, 1, 2, 3]);
    let texts =
        |value: &AttributeValue| value.texts.array(value.texts_len, "texts").unwrap().iter().map(said).collect();
    assert_eq!((texts(&values[0].1), values[1].1.scalar_milli), (vec!["ä1".to_owned()], -1500));
    let span = values[2].1.spans.array(1, "spans").unwrap()[0];
    assert_eq!((span.first, span.last, values[2].1.spans_len), (5, 20, 1), "what touches is one");
    assert_eq!(texts(&values[3].1), vec!["yy".to_owned(), "z".to_owned()], "sorted, none twice");

    // The same once more, of another agent.
    let mut agent = 9;
    ok(|message| {
        let (attributes, agent) = (first(&arrays.values), output(&mut agent));
        meros_agent_add_with(fixture.table(), fixture.shape.read(), attributes, 4, agent, message)
    });
    let mut again = Arrays::new();
    ok(|message| meros_attributes_read(fixture.table(), agent, output(&mut again.attributes()), message));
    assert_eq!(texts(&again.values[3].value), ["yy", "z"]);
}

#[test]
fn what_has_no_room_is_not_pointed_at() {
    let fixture = Fixture::new();
    let texts = [text("a1"), text("z"), text("yy"), text("z")];
    let spans = [Span { first: 11, last: 20 }, Span { first: 5, last: 10 }];
    assert_eq!(told_of(&fixture, 0, &of_each_kind(&texts, &spans)).0, Status::Ok);
    let short = |change: fn(&mut Attributes)| {
        // On the heap: what is read points into the arrays, which are handed on.
        let mut arrays = Box::new(Arrays::new());
        let mut found = arrays.attributes();
        change(&mut found);
        assert_eq!(read(&fixture, &mut found).0, Status::TooSmall);
        assert_eq!((found.values_len, found.room.texts_len), (4, 3));
        assert_eq!((found.room.spans_len, found.room.bytes_len), (1, 5));
        arrays
    };
    let arrays = short(|found| found.room.bytes_capacity = 2);
    let texts = arrays.values[0].value.texts.array(1, "texts").unwrap();
    assert_eq!(said(&texts[0]), "a1");
    let set = arrays.values[3].value.texts.array(2, "texts").unwrap();
    assert!(set.iter().all(|text| text.len == 0 && text.bytes.is_null()));
    let arrays = short(|found| found.room.texts_capacity = 2);
    assert_eq!((arrays.values[0].value.texts_len, arrays.values[3].value.texts_len), (1, 0));
    assert!(arrays.values[3].value.texts.is_null());
    let arrays = short(|found| found.room.spans_capacity = 0);
    assert!(arrays.values[2].value.spans_len == 0 && arrays.values[2].value.spans.is_null());
    let arrays = short(|found| found.values_capacity = 3);
    assert_eq!((arrays.values[2].name, arrays.values[3].name), (PORTS, 99));
}

#[test]
fn attributes_go_when_they_are_told_anew_or_the_agent_goes() {
    let (fixture, mut asked) = (racks(), nowhere());
    assert_eq!(told_of(&fixture, 0, &[]).0, Status::Ok);
    assert_eq!((read(&fixture, &mut asked).0, asked.values_len), (Status::Ok, 0));
    ok(|message| meros_agent_remove(fixture.table(), 0, Out::null(), message));
    let (status, text) = read(&fixture, &mut asked);
    assert_eq!((status, text.as_str()), (Status::Gone, "agent a0 is unknown"));
    assert_eq!(told_of(&fixture, 7, &[]).0, Status::Gone);
}

#[test]
fn attributes_that_cannot_be_meant() {
    let (fixture, texts) = (racks(), [text("a"), text("b")]);
    let (span, bad) = ([Span { first: 2, last: 1 }], [-1; 1]);
    let refused = |expected: &str, change: &dyn Fn(&mut Attribute)| {
        let mut attributes = [of_text(RACK, &texts[..1]), attribute(RATE, AttributeKind::Scalar)];
        change(&mut attributes[0]);
        let (status, text) = told_of(&fixture, 0, &attributes);
        assert_eq!(status, Status::InvalidArgument, "{text}");
        assert!(text.contains(expected), "`{text}` does not say `{expected}`");
    };
    refused("attribute #2 has two values", &|attribute| attribute.name = RATE);
    refused("attributes.reserved is not used yet", &|attribute| attribute.reserved = 1);
    refused("attributes.value.reserved is not used yet", &|attribute| attribute.value.reserved = 1);
    refused("attributes.value.kind is 4: give at most 3", &|attribute| attribute.value.kind = 4);
    refused("attributes.value.scalar_milli has no meaning", &|attribute| attribute.value.scalar_milli = 1);
    refused("attributes.value.texts_len has no meaning", &|attribute| attribute.value.kind = 1);
    refused("attributes.value.spans_len has no meaning", &|attribute| attribute.value.spans_len = 1);
    refused("attributes.value.texts has not just one element", &|attribute| attribute.value.texts_len = 0);
    refused("attributes.value.texts has not just one element", &|attribute| attribute.value.texts_len = 2);
    refused("attributes.value.texts is null", &|attribute| attribute.value.texts = none());
    refused("attributes.value.texts is longer than memory", &|attribute| attribute.value.texts_len = usize::MAX);
    let null = [Text { bytes: none(), len: 1 }];
    refused("attributes.value.texts.bytes is null", &|attribute| attribute.value.texts = first(&null));
    let endless = [Text { len: usize::MAX, ..text("a") }];
    refused("attributes.value.texts.bytes is longer", &|attribute| attribute.value.texts = first(&endless));
    let raw = [Text { bytes: first(&bad), len: 1 }];
    refused("attributes.value.texts.bytes is not UTF-8", &|attribute| attribute.value.texts = first(&raw));
    refused("a span of attribute #1 ends before it begins", &|rack| {
        rack.value = AttributeValue { kind: 2, spans: first(&span), spans_len: 1, ..AttributeValue::ZERO };
    });
    let mut arrays = Arrays::new();
    assert_eq!(read(&fixture, &mut arrays.attributes()).0, Status::Ok);
    assert_eq!(said(&arrays.values[0].value.texts.array(1, "texts").unwrap()[0]), "a", "nothing was changed");
}

#[test]
fn an_agent_whose_attributes_cannot_be_meant_is_not_added() {
    let (fixture, mut agent, mut len) = (Fixture::new(), 9, 0);
    let add = |attributes, len, agent| {
        told(|message| meros_agent_add_with(fixture.table(), fixture.shape.read(), attributes, len, agent, message)).1
    };
    assert_eq!(add(none(), 1, output(&mut agent)), "attributes is null");
    assert_eq!(add(wild(4).read(), 1, output(&mut agent)), "attributes is not aligned for its type");
    assert_eq!(add(none(), 0, Out::null()), "agent is null");
    let twice = [attribute(RATE, AttributeKind::Scalar); 2];
    assert!(add(first(&twice), 2, output(&mut agent)).starts_with("attribute #2 has two values"));
    ok(|message| meros_agents(fixture.table(), output(&mut agent), 1, output(&mut len), message));
    assert_eq!((agent, len), (0, 1));
}

#[test]
fn a_place_for_attributes_is_checked() {
    let fixture = Fixture::new();
    for (expected, change) in [
        ("attributes.size is 8", (|attributes| attributes.size = 8) as fn(&mut Attributes)),
        ("attributes.reserved is not used yet", |attributes| attributes.reserved = 1),
        ("attributes.values is null", |attributes| attributes.values_capacity = 1),
        ("room.texts is null", |attributes| attributes.room.texts_capacity = 1),
        ("room.spans is null", |attributes| attributes.room.spans_capacity = 1),
        ("room.bytes is null", |attributes| attributes.room.bytes_capacity = 1),
    ] {
        let mut attributes = nowhere();
        change(&mut attributes);
        let (status, text) = read(&fixture, &mut attributes);
        assert_eq!(status, Status::InvalidArgument, "{text}");
        assert!(text.starts_with(expected), "`{text}` does not say `{expected}`");
    }
    let null = told(|message| meros_attributes_read(fixture.table(), 0, Out::null(), message));
    assert_eq!(null.1, "attributes is null");
    let null = told(|message| meros_attributes_read(none(), 0, output(&mut nowhere()), message));
    assert_eq!(null.1, "table is null");
}
