//! What the tests of attributes share: agents in racks.

use super::{CORE, Fixture, NUMA_NODE, first, spec, told};
use crate::attribute::{Attribute, AttributeValue, Text, meros_agent_set_attributes};
use crate::pointer::{In, Out};
use crate::siting_codes::AttributeKind;
use crate::status::Status;
use crate::value_room::ValueRoom;

/// The name of the attribute that tells the rack.
pub(super) const RACK: u32 = 1;

pub(super) fn text(text: &str) -> Text {
    // SAFETY: the bytes of a text, alive for the calls; the tests uphold it by texts that are static or in a local.
    Text { bytes: unsafe { In::new(text.as_ptr().cast()) }, len: text.len() }
}

/// What a text says.
pub(super) fn said(text: &Text) -> String {
    let bytes = text.bytes.array(text.len, "text").unwrap();
    String::from_utf8(bytes.iter().map(|byte| byte.to_ne_bytes()[0]).collect()).unwrap()
}

pub(super) fn of_text(name: u32, text: &[Text]) -> Attribute {
    let (kind, texts, texts_len) = (AttributeKind::Text as u32, first(text), text.len());
    Attribute { name, reserved: 0, value: AttributeValue { kind, texts, texts_len, ..AttributeValue::ZERO } }
}

pub(super) fn told_of(fixture: &Fixture, agent: u32, attributes: &[Attribute]) -> (Status, String) {
    told(|message| meros_agent_set_attributes(fixture.table(), agent, first(attributes), attributes.len(), message))
}

/// Three agents in racks "a", "a" and "b".
pub(super) fn racks() -> Fixture {
    let fixture = Fixture::of_agents(&spec(&[CORE; 4], &[NUMA_NODE]), 3);
    for (agent, rack) in (0..).zip(["a", "a", "b"]) {
        tell_rack(&fixture, agent, rack);
    }
    fixture
}

pub(super) fn tell_rack(fixture: &Fixture, agent: u32, rack: &str) {
    assert_eq!(told_of(fixture, agent, &[of_text(RACK, &[text(rack)])]), (Status::Ok, String::new()));
}

pub(super) const NO_ROOM: ValueRoom = ValueRoom {
    texts: Out::null(),
    texts_capacity: 0,
    texts_len: 0,
    spans: Out::null(),
    spans_capacity: 0,
    spans_len: 0,
    bytes: Out::null(),
    bytes_capacity: 0,
    bytes_len: 0,
};
