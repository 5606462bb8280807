//! Group: claims that know of each other, a service's replicas for one, and the rules by which a placement minds them.
//!
//! A group counts its members per value of its key: per agent, or per value of an attribute (a rack, a zone). A claim becomes a member
//! when it is placed with a [`Selection`](crate::Selection) that joins the group, and is one until it is released; a piece that is
//! split off is none. It counts where it was placed, also when the agent's attribute changes later.

use core::fmt;
use std::collections::BTreeMap;

use crate::attributes::AttributeValue;
use crate::ids::{AgentId, NameId};
use crate::membership::{AGENT_KEY, GENERATION_MASK, Groups, Head, MAX_GROUPS, MAX_KEYS, MAX_VALUES};
use crate::part::Part;
use crate::table::{Table, TableError};
use crate::topology::Topology;
use crate::validate::ValidateError;

/// A group. Prints as `g5.1`: a place, and how often it had been used before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(u32);

impl GroupId {
    const fn new(at: u32, generation: u32) -> Self {
        Self((generation & GENERATION_MASK) << 20 | at)
    }

    /// The id as a number, for a message or a file.
    #[must_use]
    pub const fn as_u32(self) -> u32 {
        self.0
    }

    /// The id from a number. Every number is safe: one that names no group is answered so.
    #[must_use]
    pub const fn from_u32(raw: u32) -> Self {
        Self(raw)
    }

    #[inline]
    pub(crate) const fn at(self) -> u32 {
        self.0 & (MAX_GROUPS - 1)
    }

    /// The head of the group, while it is the one that is meant.
    #[inline]
    pub(crate) fn head(self, groups: &Groups) -> Option<Head> {
        groups.head(self.at()).filter(|head| head.open && head.generation == self.0 >> 20)
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "g{}.{}", self.at(), self.0 >> 20)
    }
}

impl fmt::Debug for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// By what a group tells its members apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupKey {
    /// The agent they are on.
    Agent,
    /// Their agent's value of an attribute. Each value that any agent ever had of it keeps a number, and a counter in each such group,
    /// for as long as the table lives: for racks, zones and kinds, not for values that are new each time.
    Attribute(NameId),
}

/// What a group is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GroupSpec {
    /// By what its members are told apart.
    pub key: GroupKey,
}

/// A value of a group's key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupValue {
    /// Their agents do not have the attribute.
    Absent,
    /// An agent.
    Agent(AgentId),
    /// A value of the attribute.
    Attribute(AttributeValue),
}

/// What a placement minds of a group. On an agent that does not have the group's attribute only [`Rule::Apart`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// At most so many members per value, the new one included. Exact for who joins the group: of two that come at once, both
    /// asking for this, none goes beyond.
    AtMost {
        /// The group.
        group: GroupId,
        /// How many: 1 to 65,534, or placements are refused as [`Invalid::MostMembers`](crate::Invalid::MostMembers).
        members: u16,
    },
    /// Only beside members: on a value that has one.
    Near {
        /// The group.
        group: GroupId,
        /// While the group has no member, anywhere. Who joins the group as well is then its first member, or is not placed.
        or_first: bool,
    },
    /// Only away from members: on a value that has none. Of two that come at once and avoid each other's groups, one at least gives way.
    Apart {
        /// The group.
        group: GroupId,
    },
    /// The value with fewest members is preferred; of several such rules by the first.
    Spread {
        /// The group.
        group: GroupId,
        /// The most by which a value may come to exceed the one with fewest, of the values of all agents selected; at least 1,
        /// or placements are refused as [`Invalid::NoSkew`](crate::Invalid::NoSkew). Exact for who joins the group, as
        /// [`Rule::AtMost`] is, while values have at most 65,534 members; from then on as read beforehand.
        max_skew: Option<u16>,
    },
}

impl Rule {
    pub(crate) const fn group(self) -> GroupId {
        match self {
            Self::AtMost { group, .. }
            | Self::Near { group, .. }
            | Self::Apart { group }
            | Self::Spread { group, .. } => group,
        }
    }
}

/// Why a group cannot be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupError {
    /// There is no such group.
    NoSuchGroup(GroupId),
    /// Claims are members.
    HasMembers {
        /// The group.
        group: GroupId,
        /// How many.
        members: u32,
    },
}

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchGroup(group) => write!(f, "group {group} is unknown"),
            Self::HasMembers { group, members } => write!(f, "group {group} has {members} members: release them first"),
        }
    }
}

impl core::error::Error for GroupError {}

/// What only the holder of the table's lock knows of groups.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    /// The attribute of each key but the first, and the numbers of its values, from 1.
    attributes: Vec<(NameId, BTreeMap<AttributeValue, u32>)>,
    /// Groups that were used so far, with their key's number.
    groups: Vec<u16>,
    /// Groups that ended.
    ended: Vec<u32>,
}

impl Keys {
    /// The largest number of a key's values; an agent's own is its id plus one.
    fn most(&self, key: u16, table: &Table) -> u32 {
        match usize::from(key).checked_sub(1) {
            None => table.agent_ids(),
            Some(at) => u32::try_from(self.attributes[at].1.len()).unwrap_or(u32::MAX),
        }
    }

    /// The number of a value, perhaps a new one, for which all groups of the key then have room. 0 when there is no number left.
    fn number(&mut self, key: usize, value: &AttributeValue, groups: &Groups) -> u32 {
        let numbers = &mut self.attributes[key].1;
        if let Some(&number) = numbers.get(value) {
            return number;
        }
        let number = u32::try_from(numbers.len() + 1).unwrap_or(MAX_VALUES);
        let mut of_key = (0..).zip(&self.groups).filter(|(_, of)| usize::from(**of) == key + 1);
        if number >= MAX_VALUES || !of_key.all(|(at, _)| groups.make_room(at, number)) {
            return 0;
        }
        numbers.insert(value.clone(), number);
        number
    }
}

/// Groups.
impl Table {
    /// Adds a group without members.
    ///
    /// # Errors
    /// [`TableError::GroupsFull`], [`TableError::KeysFull`].
    pub fn add_group(&self, spec: GroupSpec) -> Result<GroupId, TableError> {
        let mut topology = self.topology();
        let key = match spec.key {
            GroupKey::Agent => AGENT_KEY,
            GroupKey::Attribute(name) => self.key_of(&mut topology, name)?,
        };
        let most = topology.keys.most(key, self);
        let keys = &mut topology.keys;
        let ended = keys.ended.iter().position(|at| keys.groups[*at as usize] == key);
        let new = u32::try_from(keys.groups.len()).unwrap_or(MAX_GROUPS);
        let at = ended.map_or(new, |ended| keys.ended[ended]);
        let head = self.groups().open(at, key, most).ok_or(TableError::GroupsFull { groups: MAX_GROUPS })?;
        match ended {
            Some(ended) => drop(keys.ended.swap_remove(ended)),
            None => keys.groups.push(key),
        }
        Ok(GroupId::new(at, head.generation))
    }

    /// The key of an attribute, perhaps a new one.
    fn key_of(&self, topology: &mut Topology, name: NameId) -> Result<u16, TableError> {
        let known = topology.keys.attributes.iter().position(|(of, _)| *of == name);
        let at = known.unwrap_or(topology.keys.attributes.len());
        let full = TableError::KeysFull { keys: MAX_KEYS - 1 };
        let key = u16::try_from(at + 1).ok().filter(|key| usize::from(*key) < MAX_KEYS).ok_or(full)?;
        if known.is_none() {
            topology.keys.attributes.push((name, BTreeMap::new()));
            self.groups().add_key(key);
            let agents: Vec<AgentId> = self.agents().collect();
            agents.into_iter().for_each(|agent| self.tell_key(topology, at, agent));
        }
        Ok(key)
    }

    /// Tells the groups which value of a key's attribute an agent has.
    fn tell_key(&self, topology: &mut Topology, at: usize, agent: AgentId) {
        let Topology { keys, facts, .. } = topology;
        let value = facts.get(agent.index(), keys.attributes[at].0);
        let number = value.map_or(0, |value| keys.number(at, value, self.groups()));
        self.groups().set_value(u16::try_from(at + 1).unwrap_or(0), agent, number);
    }

    /// Tells the groups which values an agent has.
    pub(crate) fn tell_keys(&self, topology: &mut Topology, agent: AgentId) {
        (0..topology.keys.attributes.len()).for_each(|at| self.tell_key(topology, at, agent));
    }

    /// Removes a group that has no members.
    ///
    /// # Errors
    /// [`GroupError`].
    pub fn remove_group(&self, group: GroupId) -> Result<(), GroupError> {
        let mut topology = self.topology();
        let head = group.head(self.groups()).ok_or(GroupError::NoSuchGroup(group))?;
        if !self.groups().close(group.at()) {
            let members = group.head(self.groups()).map_or(head.members, |head| head.members);
            return Err(GroupError::HasMembers { group, members });
        }
        topology.keys.ended.push(group.at());
        Ok(())
    }

    /// How many members a group has, per value that has any; `None` when there is no such group.
    #[must_use]
    pub fn members(&self, group: GroupId) -> Option<Vec<(GroupValue, u64)>> {
        let topology = self.topology();
        let head = group.head(self.groups())?;
        let count = |number| self.groups().count(group.at(), number);
        let mut members = vec![(GroupValue::Absent, count(0))];
        match usize::from(head.key).checked_sub(1) {
            None => {
                members.extend((0..self.agent_ids()).map(|at| (GroupValue::Agent(AgentId::new(at)), count(at + 1))))
            }
            Some(at) => members.extend(
                topology.keys.attributes[at]
                    .1
                    .iter()
                    .map(|(value, at)| (GroupValue::Attribute(value.clone()), count(*at))),
            ),
        }
        members.retain(|(_, count)| *count > 0);
        Some(members)
    }

    /// Compares all counters with the members that the records name. For the quiet state only.
    pub(crate) fn check_groups(&self) -> Result<(), ValidateError> {
        let topology = self.topology();
        let mut recorded = BTreeMap::<(u32, u32), u64>::new();
        if topology.keys.groups.is_empty() {
            return Ok(());
        }
        for claim in self.claims() {
            let _seen = self.read(claim, |part| {
                if let Part::Member { group, value, .. } = part {
                    *recorded.entry((group, value)).or_default() += 1;
                }
            });
        }
        for (at, key) in (0..).zip(&topology.keys.groups) {
            let Some(head) = self.groups().head(at) else { continue };
            let group = GroupId::new(at, head.generation);
            let mut all = 0;
            for value in 0..=topology.keys.most(*key, self) {
                let (recorded, counted) = (recorded.remove(&(at, value)).unwrap_or(0), self.groups().count(at, value));
                if recorded != counted {
                    return Err(ValidateError::Group { group, recorded, counted });
                }
                all += recorded;
            }
            if all != u64::from(head.members) {
                return Err(ValidateError::Group { group, recorded: all, counted: u64::from(head.members) });
            }
        }
        Ok(())
    }

    /// The group that a part is a membership in.
    pub(crate) fn group_of(&self, part: Part) -> Option<GroupId> {
        let Part::Member { group, .. } = part else { return None };
        self.groups().head(group).map(|head| GroupId::new(group, head.generation))
    }
}
