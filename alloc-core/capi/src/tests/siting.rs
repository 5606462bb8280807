//! What the tests of attributes, groups and selections share: agents in racks, and selections of them.

use super::{
    CORE, Fixture, HOLDER, NUMA_NODE, TWO_PUS, bytes_of, first, first_mut, input, none, ok, output, spec, told,
};
use crate::answer::Answer;
use crate::attribute::{Attribute, AttributeValue, Text, meros_agent_set_attributes};
use crate::group::{GroupMembers, GroupSpec, GroupValue, meros_group_add, meros_group_members_read};
use crate::place_where::meros_place_where;
use crate::pointer::{In, Out};
use crate::rule::Rule;
use crate::selection::{Selection, SelectionSpec, meros_selection_free, meros_selection_new};
use crate::siting_codes::{AttributeKind, GroupKey};
use crate::status::Status;
use crate::table::meros_validate;
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

/// A new group by agent, or by rack.
pub(super) fn group_by(fixture: &Fixture, key: GroupKey) -> u32 {
    let attribute = if matches!(key, GroupKey::Attribute) { RACK } else { 0 };
    let (spec, mut group) = (GroupSpec { size: bytes_of::<GroupSpec>(), key: key as u32, attribute, reserved: 0 }, 0);
    ok(|message| meros_group_add(fixture.table(), input(&spec), output(&mut group), message));
    group
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

/// How many members a group has per value: by agent, or by text.
pub(super) fn members_of(fixture: &Fixture, group: u32) -> Vec<(String, u64)> {
    let mut values = [GroupValue { members: 0, kind: 9, agent: 9, value: AttributeValue::ZERO }; 4];
    let (mut texts, mut bytes) = ([text(""); 4], [0; 16]);
    let room = ValueRoom {
        texts: first_mut(&mut texts),
        texts_capacity: 4,
        bytes: first_mut(&mut bytes),
        bytes_capacity: 16,
        ..NO_ROOM
    };
    let (size, reserved) = (bytes_of::<GroupMembers>(), 0);
    let mut members = GroupMembers { size, reserved, values: Out::null(), values_capacity: 4, values_len: 9, room };
    members.values = first_mut(&mut values);
    ok(|message| meros_group_members_read(fixture.table(), group, output(&mut members), message));
    let value = |found: &GroupValue| match found.kind {
        0 => "absent".to_owned(),
        1 => format!("a{}", found.agent),
        _ => said(&found.value.texts.array(1, "texts").unwrap()[0]),
    };
    values[..members.values_len].iter().map(|found| (value(found), found.members)).collect()
}

/// A selection of all agents that neither joins nor minds anything.
pub(super) fn anywhere() -> SelectionSpec {
    SelectionSpec {
        size: bytes_of::<SelectionSpec>(),
        reserved: 0,
        constraints: none(),
        constraints_len: 0,
        groups: none(),
        groups_len: 0,
        rules: none(),
        rules_len: 0,
        predicate: None,
        context: Out::null(),
    }
}

/// A selection, freed in the end.
pub(super) struct Chosen(Out<Selection>);

impl Chosen {
    pub(super) fn new(fixture: &Fixture, spec: &SelectionSpec) -> Self {
        let mut made = Out::null();
        ok(|message| meros_selection_new(fixture.table(), input(spec), output(&mut made), message));
        Self(made)
    }

    /// Of all agents, for claims that join these groups and mind these rules.
    pub(super) fn in_company(fixture: &Fixture, groups: &[u32], rules: &[Rule]) -> Self {
        let (groups, groups_len) = (first(groups), groups.len());
        let (rules, rules_len) = (first(rules), rules.len());
        Self::new(fixture, &SelectionSpec { groups, groups_len, rules, rules_len, ..anywhere() })
    }

    pub(super) fn handle(&self) -> In<Selection> {
        self.0.read()
    }

    /// Places one pod.
    pub(super) fn place(&self, fixture: &Fixture) -> (Status, String, Answer) {
        let (members, mut answer) = ([TWO_PUS], Answer::default());
        let wanted = super::request(&members);
        let (status, text) = told(|message| {
            let (holder, request, answer) = (input(&HOLDER), input(&wanted), output(&mut answer));
            meros_place_where(fixture.table(), none(), holder, request, 0, self.handle(), answer, message)
        });
        assert_eq!(answer.status, status as u32);
        (status, text, answer)
    }

    /// Places one pod, which must work; tells the agent.
    pub(super) fn placed(&self, fixture: &Fixture) -> u32 {
        let (status, text, answer) = self.place(fixture);
        assert_eq!(status, Status::Ok, "{text}");
        answer.agent
    }
}

impl Drop for Chosen {
    fn drop(&mut self) {
        meros_selection_free(self.0);
    }
}

pub(super) fn validate(fixture: &Fixture) {
    ok(|message| meros_validate(fixture.table(), message));
}
