//! Groups: claims that know of each other, and how many of them are where.

use meros_alloc_core as alloc;

use crate::attribute::AttributeValue;
use crate::boundary::call;
use crate::codes::{NONE, pick};
use crate::message::Message;
use crate::pointer::{In, Out, growing, not_of_kind, plain, unused};
use crate::siting_codes::{GroupKey, GroupValueKind};
use crate::status::{No, Status};
use crate::table::Table;
use crate::value_room::{ValueRoom, ValueWriter};

/// What a group is to be.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GroupSpec {
    /// sizeof(meros_group_spec).
    pub size: u32,
    /// A meros_group_key: by what its members are told apart.
    pub key: u32,
    /// The attribute's name, with `MEROS_GROUP_KEY_ATTRIBUTE`. Each value that any agent ever had of it keeps a counter in the group: for
    /// racks, zones and kinds, not for values that are new each time.
    pub attribute: u32,
    /// 0.
    pub reserved: u32,
}

/// A value of a group's key, and how many members are on it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GroupValue {
    /// How many, at least 1.
    pub members: u64,
    /// A meros_group_value_kind.
    pub kind: u32,
    /// The agent, where the value is one; else `MEROS_NONE`.
    pub agent: u32,
    /// The value of the attribute, where it is one; else zeroed.
    pub value: AttributeValue,
}

/// The members of a group, counted per value, in the caller's arrays.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GroupMembers {
    /// sizeof(meros_group_members).
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// The caller's array for the values, sorted; may be NULL when `values_capacity` is 0.
    pub values: Out<GroupValue>,
    /// Its room.
    pub values_capacity: usize,
    /// How many values have members. Set by the library.
    pub values_len: usize,
    /// Where what the values point at goes.
    pub room: ValueRoom,
}

plain!(GroupValue);
growing!(GroupSpec, GroupMembers);

/// Adds a group without members. Claims become members when they are placed by a selection that joins it, and when they are restored;
/// they count where they were placed until they are released. Any number may be the id of a group. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_group_add(
    table: In<Table>,
    spec: In<GroupSpec>,
    group: Out<u32>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let (place, table) = (group.place("group")?, table.handle("table")?);
        let GroupSpec { size: _, key, attribute, reserved } = spec.growing("spec")?;
        unused("spec.reserved", &[u64::from(reserved)])?;
        let key = match pick("spec.key", key, &[GroupKey::Agent, GroupKey::Attribute])? {
            GroupKey::Agent => not_of_kind("spec.attribute", &[attribute.into()]).map(|()| alloc::GroupKey::Agent)?,
            GroupKey::Attribute => alloc::GroupKey::Attribute(alloc::NameId::new(attribute)),
        };
        place.put(table.0.add_group(alloc::GroupSpec { key })?.as_u32());
        Ok(())
    })
}

/// Removes a group; `MEROS_REFUSED` while it has members. An unknown group is `MEROS_INVALID_ARGUMENT`, here as everywhere. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_group_remove(table: In<Table>, group: u32, message: Out<Message>) -> Status {
    call(message, || Ok(table.handle("table")?.0.remove_group(alloc::GroupId::from_u32(group))?))
}

/// How many members a group has, per value that has any. `members` brings its arrays along, and comes back with their lengths;
/// `MEROS_TOO_SMALL` when one was too short. Any thread.
// SAFETY: the prefix meros_ is this library's own: no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn meros_group_members_read(
    table: In<Table>,
    group: u32,
    members: Out<GroupMembers>,
    message: Out<Message>,
) -> Status {
    call(message, || {
        let mut told = members.read().growing("members")?;
        unused("members.reserved", &[u64::from(told.reserved)])?;
        let (room, frame) = (told, members.growing("members")?);
        let mut places = room.values.array(room.values_capacity, "members.values")?;
        let mut writer = ValueWriter::new(&room.room)?;
        let group = alloc::GroupId::from_u32(group);
        let found = table.handle("table")?.0.members(group).ok_or(alloc::GroupError::NoSuchGroup(group))?;
        told.values_len = places.fill(found.iter().map(|(value, members)| of_value(value, *members, &mut writer)));
        let values_fit = writer.finish(&mut told.room);
        frame.put(told);
        if values_fit && places.holds(told.values_len) { Ok(()) } else { Err(No::TooSmall) }
    })
}

fn of_value(value: &alloc::GroupValue, members: u64, writer: &mut ValueWriter<'_>) -> GroupValue {
    let (kind, agent, value) = match value {
        alloc::GroupValue::Absent => (GroupValueKind::Absent, NONE, AttributeValue::ZERO),
        alloc::GroupValue::Agent(agent) => (GroupValueKind::Agent, agent.get(), AttributeValue::ZERO),
        alloc::GroupValue::Attribute(value) => (GroupValueKind::Attribute, NONE, writer.value(value)),
    };
    GroupValue { members, kind: kind as u32, agent, value }
}
