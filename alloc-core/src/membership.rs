//! Membership: the words of groups: how many claims are members of a group, in all and per value of its key.
//!
//! A **key** says which value an agent has: itself, or what it was told of one attribute. Values are numbers, 0 for an agent
//! that has none; of each key but the agent itself there is a column, a word per agent. A group has a head, `generation:20 | open:1 |
//! key:11 | members:32`, and a counter per value.
//!
//! Rule 1: a member is counted by a compare-and-swap that refuses beforehand what its limit does not allow, in the head and then in the
//! counter of its value; it leaves in reverse. So no two that come at once pass a limit together, and a head without members means that
//! all counters are at zero.
//! Rule 2: who joins only as the first is told by the head that it is.
//! Rule 3: a group ends in one step, while it has no members; from then on nobody joins. Its words serve the next group of the same key,
//! of another generation. Who joined sees in the head whether it is the group that was meant, and if it is, it stays that.
//! Rule 4: two that avoid each other's groups join first, and look at the other's counter after a SeqCst fence: one of them
//! at least sees the other, and undoes.

use crate::growing::Growing;
use crate::ids::AgentId;
use crate::sync::{self, Ordering, Word64, Zeroed, fence};
use std::sync::OnceLock;

/// The most groups.
pub(crate) const MAX_GROUPS: u32 = 1 << 20;
/// The most keys, the agent itself included.
pub(crate) const MAX_KEYS: usize = 64;
/// Values of a key are below this.
pub(crate) const MAX_VALUES: u32 = 1 << 24;
/// Generations count modulo this plus one.
pub(crate) const GENERATION_MASK: u32 = (1 << 12) - 1;
/// The key that is the agent itself.
pub(crate) const AGENT_KEY: u16 = 0;
/// A limit that is none.
pub(crate) const NO_LIMIT: u16 = u16::MAX;
/// For who joins as the group's first member or not at all.
pub(crate) const AS_FIRST: u16 = 0;

/// The value of a group's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) generation: u32,
    pub(crate) open: bool,
    pub(crate) key: u16,
    pub(crate) members: u32,
}

impl Head {
    const fn pack(self) -> u64 {
        (self.generation as u64) << 44 | (self.open as u64) << 43 | (self.key as u64) << 32 | self.members as u64
    }

    #[expect(clippy::cast_possible_truncation, reason = "four fields of 20, 1, 11 and 32 bits")]
    const fn unpack(word: u64) -> Self {
        Self {
            generation: (word >> 44) as u32,
            open: word >> 43 & 1 == 1,
            key: (word >> 32) as u16 & ((1 << 11) - 1),
            members: word as u32,
        }
    }

    fn join(self, most: u16) -> Option<Self> {
        let admits = self.open && (most != AS_FIRST || self.members == 0);
        Some(Self { members: self.members.checked_add(1)?, ..self }).filter(|_| admits)
    }

    fn leave(self) -> Option<Self> {
        Some(Self { members: self.members.checked_sub(1)?, ..self })
    }

    const fn close(self) -> Option<Self> {
        let generation = (self.generation + 1) & GENERATION_MASK;
        if self.open && self.members == 0 { Some(Self { generation, open: false, ..self }) } else { None }
    }
}

/// Whether a counter admits one more.
const fn one_more(count: u64, most: u16) -> Option<u64> {
    let limited = most != AS_FIRST && most != NO_LIMIT;
    if limited && count >= most as u64 { None } else { Some(count + 1) }
}

#[derive(Debug)]
struct Group {
    head: Word64,
    /// By value.
    counters: Growing<Word64>,
}

/// All groups' words, and which values agents have.
#[derive(Debug)]
pub(crate) struct Groups {
    groups: Growing<Group>,
    /// By key; the first is not used.
    columns: [OnceLock<Zeroed<Word64>>; MAX_KEYS],
    /// Agents' ids are below this.
    agents: u32,
}

/// Under the table's lock.
impl Groups {
    /// For agents with ids below `agents`.
    pub(crate) const fn new(agents: u32) -> Self {
        Self { groups: Growing::new(), columns: [const { OnceLock::new() }; MAX_KEYS], agents }
    }

    /// Makes the column of a key.
    pub(crate) fn add_key(&self, key: u16) {
        if let Some(column) = self.columns.get(usize::from(key)) {
            let _kept = column.get_or_init(|| sync::zeroed(self.agents as usize));
        }
    }

    /// Says which value of a key an agent has.
    pub(crate) fn set_value(&self, key: u16, agent: AgentId, value: u32) {
        let column = self.columns.get(usize::from(key)).and_then(OnceLock::get);
        if let Some(word) = column.and_then(|column| column.get(agent.index())) {
            // Release: pairs with the Acquire of `value`.
            word.store(u64::from(value), Ordering::Release);
        }
    }

    /// Opens a group, in a place that is new or served the same key, for values up to `most`.
    pub(crate) fn open(&self, at: u32, key: u16, most: u32) -> Option<Head> {
        let group = |_| Group { head: Word64::new(0), counters: Growing::new() };
        let reached = at < MAX_GROUPS && self.groups.reach(at, |len| (0..len).map(group).collect());
        if !reached || !self.make_room(at, most) {
            return None;
        }
        let opened = |head: Head| Head { open: true, key, ..head };
        let word = &self.groups.get(at)?.head;
        // AcqRel: Release pairs with the Acquire of `head`: the counters are there. Relaxed on failure: it cannot fail.
        let before = word.update(Ordering::AcqRel, Ordering::Relaxed, |word| Some(opened(Head::unpack(word)).pack()));
        before.ok().map(|before| opened(Head::unpack(before)))
    }

    /// Gives a group counters for values up to `most`.
    pub(crate) fn make_room(&self, at: u32, most: u32) -> bool {
        most < MAX_VALUES && self.groups.get(at).is_some_and(|group| group.counters.reach(most, zeros))
    }

    /// Ends a group that has no members; false when it has some.
    pub(crate) fn close(&self, at: u32) -> bool {
        let Some(group) = self.groups.get(at) else { return false };
        // AcqRel: Acquire pairs with the Release half of `leave`. Relaxed on failure: nothing is read through it.
        let closed =
            group.head.update(Ordering::AcqRel, Ordering::Relaxed, |word| Head::unpack(word).close().map(Head::pack));
        closed.is_ok()
    }
}

/// What calls ask and change, without a lock.
impl Groups {
    /// The value of a key that an agent has; 0 for none.
    #[inline]
    pub(crate) fn value(&self, key: u16, agent: AgentId) -> u32 {
        if key == AGENT_KEY {
            return agent.get() + 1;
        }
        let column = self.columns.get(usize::from(key)).and_then(OnceLock::get);
        let word = column.and_then(|column| column.get(agent.index()));
        // Acquire: pairs with the Release of `set_value`: groups have counters for the value.
        word.and_then(|word| u32::try_from(word.load(Ordering::Acquire)).ok()).unwrap_or(0)
    }

    /// A group's head, whether it is open or not.
    #[inline]
    pub(crate) fn head(&self, at: u32) -> Option<Head> {
        // Acquire: pairs with the Release half of `open` and `join`.
        self.groups.get(at).map(|group| Head::unpack(group.head.load(Ordering::Acquire)))
    }

    /// How many members have a value.
    #[inline]
    pub(crate) fn count(&self, at: u32, value: u32) -> u64 {
        let counter = self.groups.get(at).and_then(|group| group.counters.get(value));
        // Acquire: pairs with the Release half of `join` and `leave`.
        counter.map_or(0, |counter| counter.load(Ordering::Acquire))
    }

    /// As [`Groups::count`], for who has joined another group: rule 4.
    pub(crate) fn count_after_join(&self, at: u32, value: u32) -> u64 {
        // SeqCst: pairs with the same fence of the other one: of two joins and two looks, one look comes last.
        fence(Ordering::SeqCst);
        self.count(at, value)
    }

    /// Counts a member; false when the group, or the limit, does not admit it.
    #[must_use]
    pub(crate) fn join(&self, at: u32, value: u32, most: u16) -> bool {
        let Some(group) = self.groups.get(at) else { return false };
        let Some(counter) = group.counters.get(value) else { return false };
        // AcqRel: Release pairs with the Acquire of `head`; Acquire with the Release half of `leave`. Relaxed on failure:
        // nothing is read through it.
        let joined = group
            .head
            .update(Ordering::AcqRel, Ordering::Relaxed, |word| Head::unpack(word).join(most).map(Head::pack));
        if joined.is_err() {
            return false;
        }
        let head = Joined(group);
        // AcqRel, Relaxed on failure: as above, with `count`.
        let counted = counter.update(Ordering::AcqRel, Ordering::Relaxed, |count| one_more(count, most));
        if counted.is_ok() {
            core::mem::forget(head);
        }
        counted.is_ok()
    }

    /// Takes back what a join counted.
    pub(crate) fn leave(&self, at: u32, value: u32) {
        let Some(group) = self.groups.get(at) else { return };
        let _calm = sync::calm();
        if let Some(counter) = group.counters.get(value) {
            // AcqRel: Release pairs with the Acquire half of `join`. Relaxed on failure: nothing is read through it.
            let _counted = counter.update(Ordering::AcqRel, Ordering::Relaxed, |count| count.checked_sub(1));
        }
        group.leave();
    }
}

impl Group {
    fn leave(&self) {
        // AcqRel: Release pairs with the Acquire half of `join` and of `close`. Relaxed on failure: it cannot fail.
        let _left =
            self.head.update(Ordering::AcqRel, Ordering::Relaxed, |word| Head::unpack(word).leave().map(Head::pack));
    }
}

/// A member that is counted in the head and not yet in its value's counter: dropped, it leaves.
struct Joined<'a>(&'a Group);

impl Drop for Joined<'_> {
    fn drop(&mut self) {
        let _calm = sync::calm();
        self.0.leave();
    }
}
/// So many counters of nobody.
fn zeros(len: usize) -> Box<[Word64]> {
    (0..len).map(|_| Word64::new(0)).collect()
}
