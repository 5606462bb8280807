//! Snapshot: a copy of the agents' words in memory of the caller's own, to be searched at leisure. What is found there is then
//! claimed exactly ([`Table::claim_exact`]), so that a copy that is old by then does no harm.
//!
//! A refresh takes no lock and changes no word; a writer notices it only by its cache lines having been read.
//!
//! # What a copy says
//!
//! Each word is exact: the table held it at some moment of the refresh. An agent is read in passes, each over the cell and then all
//! words of its block, and is **whole** once two passes in a row agree and the cell was the same before, between and after.
//! Whole means that no word differed between its two looks. If none left its value and came back between them either, the words belong
//! together: with every change that the copy has, it has all that came before that change (a claim's first word with its second). So,
//! of the orders in which all that happened can be told, there is one in which the copy is the agent at one moment, between the passes.
//!
//! Its limit is that "if": passes compare values. A leaf or memory word that changed and changed back between its two looks (a core claimed
//! and released) goes unnoticed, and may be of another moment than the rest. Pool words carry an epoch, so cores that move through a
//! pool do not escape. After so many passes without agreement an agent is **torn**: its words are exact, but each of a moment of its own.
//! Agents are each of a moment of their own in any case.
//!
//! Why two passes are enough: words are changed by read-modify-writes with Release. If the first pass saw a change, the Acquire fence
//! after it makes the second see all that came before that change, or what came later still; where nothing differs and nothing came
//! back, the first saw it as well.
//! The same fence after the second pass shows the cell of an agent that went before any word was changed for the next.

use core::borrow::Borrow;
use core::fmt;

use crate::agent_snapshot::{AgentSnapshot, Unplanned};
use crate::ids::AgentId;
use crate::placement::Placement;
use crate::request::Request;
use crate::shard::{Cell, Shard};
use crate::sync::{Ordering, WORDS_PER_LINE, Word64, fence};
use crate::table::{Table, TableError};

/// Passes over an agent before it is torn.
const PASSES: u32 = if cfg!(loom) { 3 } else { 8 };

/// What came of a refresh.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// Every agent is whole.
    Whole,
    /// Some changed too often while they were read; ask [`Snapshot::is_torn`] which.
    Torn {
        /// How many.
        agents: u32,
    },
}

/// A copy of all agents, or of a shard's. Its memory is allocated once; to refresh it allocates nothing.
///
/// `T` is how it holds the table: `&Table`, `Arc<Table>`.
///
/// ```
/// # use meros_alloc_core::*;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let core = CoreSpec { pus: 2, l3: Some(0), numa_node: Some(NumaNodeId::new(0)), package: Some(0), kind: 0 };
/// let spec = ShapeSpec { cores: vec![core; 8], numa_nodes: vec![NumaNodeSpec::ordinary(32 << 30)], ..ShapeSpec::default() };
/// let shape = Shape::new(&spec)?;
/// let table = Table::new(Capacity::for_agents(2, &shape))?;
/// let role = table.add_role(Limit::default())?;
/// table.add_agent(shape.clone())?;
/// table.add_agent(shape)?;
///
/// let mut snapshot = Snapshot::new(&table);
/// assert_eq!(snapshot.refresh(), Refreshed::Whole);
/// let request = Request::exclusive(4, 8 << 30);
/// let best = snapshot.agents().filter(|agent| agent.fits(&request)).min_by_key(AgentSnapshot::pus_free);
/// let best = best.ok_or("nothing fits")?;
/// let placement = best.plan(&request)?;
///
/// let holder = Holder { owner: Owner::new(1), role };
/// let claimed = table.claim_exact(best.id(), best.incarnation(), holder, &placement);
/// assert!(matches!(claimed, ClaimedExact::Granted(_)));
/// // The snapshot is old now, and what it says is checked.
/// let again = table.claim_exact(best.id(), best.incarnation(), holder, &placement);
/// assert_eq!(again, ClaimedExact::Taken(Taken::Pu(placement.pus[0])));
/// # Ok(())
/// # }
/// ```
pub struct Snapshot<T: Borrow<Table>> {
    table: T,
    /// The shard of the first part.
    first: u8,
    parts: Box<[ShardCopy]>,
}

impl<T: Borrow<Table>> fmt::Debug for Snapshot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("first", &self.first).field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}

impl<T: Borrow<Table>> Snapshot<T> {
    /// Room for a copy of all agents; none is in it yet.
    pub fn new(table: T) -> Self {
        let parts = table.borrow().shards().iter().map(ShardCopy::new).collect();
        Self { table, first: 0, parts }
    }

    /// Room for a copy of the agents of one shard.
    ///
    /// # Errors
    /// [`TableError::NoSuchShard`].
    pub fn of_shard(table: T, shard: usize) -> Result<Self, TableError> {
        let missing = TableError::NoSuchShard { shard };
        let Ok(first) = u8::try_from(shard) else { return Err(missing) };
        let Some(part) = table.borrow().shards().get(shard).map(ShardCopy::new) else { return Err(missing) };
        Ok(Self { table, first, parts: [part].into() })
    }

    /// Copies all agents anew.
    pub fn refresh(&mut self) -> Refreshed {
        let table = self.table.borrow();
        let shards = &table.shards()[usize::from(self.first)..];
        let torn = shards.iter().zip(&mut self.parts).map(|(shard, part)| part.refresh(table, shard)).sum();
        if torn == 0 { Refreshed::Whole } else { Refreshed::Torn { agents: torn } }
    }

    /// The table.
    pub fn table(&self) -> &Table {
        self.table.borrow()
    }

    /// Bytes of agents' words that the last refresh copied.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.parts.iter().map(|part| part.used * size_of::<u64>()).sum()
    }

    /// Whether an agent's words are not known to belong together.
    #[must_use]
    pub fn is_torn(&self, agent: AgentId) -> bool {
        self.entry(agent).is_some_and(|(_, entry)| matches!(entry.copied, Copied::Torn | Copied::Missing))
    }

    /// An agent, torn or whole. `None` when it was not there, or belongs to a shard that is not copied; or, as happens only to a torn one,
    /// when agents came and went so fast during the refresh that the buffer did not reach.
    #[must_use]
    pub fn agent(&self, agent: AgentId) -> Option<AgentSnapshot<'_>> {
        let (part, entry) = self.entry(agent)?;
        let torn = match entry.copied {
            Copied::Whole => false,
            Copied::Torn => true,
            Copied::Absent | Copied::Missing => return None,
        };
        let cell = Cell::unpack(entry.cell);
        let shape = self.table().shape_at(cell.shape);
        let words = &part.words[entry.start as usize..][..words_in(shape.lines())];
        AgentSnapshot::new(agent, cell, shape, words, torn)
    }

    /// All agents of the copy.
    pub fn agents(&self) -> impl Iterator<Item = AgentSnapshot<'_>> {
        let ids = self.parts.iter().flat_map(|part| (part.first.get()..).take(part.entries.len()));
        ids.filter_map(|id| self.agent(AgentId::new(id)))
    }

    /// Whether a request would fit an agent, were the table as the copy. False for an agent that is not in it.
    #[must_use]
    pub fn fits(&self, agent: AgentId, request: &Request) -> bool {
        self.agent(agent).is_some_and(|agent| agent.fits(request))
    }

    /// What a request would get of an agent, to be claimed exactly.
    ///
    /// # Errors
    /// [`Unplanned`].
    pub fn plan(&self, agent: AgentId, request: &Request) -> Result<Placement, Unplanned> {
        self.agent(agent).ok_or(Unplanned::Gone)?.plan(request)
    }

    fn entry(&self, agent: AgentId) -> Option<(&ShardCopy, &Entry)> {
        let (shard, at) = self.table().locate(agent)?;
        let part = self.parts.get(usize::from(shard.checked_sub(self.first)?))?;
        Some((part, part.entries.get(at as usize)?))
    }
}

/// How an agent came to be copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Copied {
    /// There was none.
    #[default]
    Absent,
    Whole,
    Torn,
    /// There was one, and no room for its words.
    Missing,
}

/// One agent of a copy.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    cell: u64,
    /// Where its words begin.
    start: u32,
    copied: Copied,
}

/// A copy of a shard.
struct ShardCopy {
    first: AgentId,
    entries: Box<[Entry]>,
    /// The agents' blocks side by side, in the order in which they were read. Not where they are in the shard: during a refresh a
    /// block may serve two agents in turn.
    words: Box<[u64]>,
    /// How many words the agents take.
    used: usize,
}

/// Words of so many lines.
const fn words_in(lines: u32) -> usize {
    lines as usize * WORDS_PER_LINE
}

impl ShardCopy {
    fn new(shard: &Shard) -> Self {
        Self {
            first: shard.first,
            entries: vec![Entry::default(); shard.agents() as usize].into(),
            // Zeros come from the operating system: what no agent needs costs address space only.
            words: vec![0; words_in(shard.lines())].into(),
            used: 0,
        }
    }

    /// Copies all agents; tells how many are torn.
    fn refresh(&mut self, table: &Table, shard: &Shard) -> u32 {
        self.used = 0;
        let mut torn = 0;
        for (at, entry) in (0..).zip(&mut self.entries) {
            let room = &mut self.words[self.used..];
            let (cell, copied) = copy_agent(table, shard, at, room);
            let start = u32::try_from(self.used).unwrap_or(u32::MAX);
            *entry = Entry { cell: cell.pack(), start, copied };
            if matches!(copied, Copied::Whole | Copied::Torn) {
                self.used += words_in(table.shape_at(cell.shape).lines());
            }
            torn += u32::from(matches!(copied, Copied::Torn | Copied::Missing));
        }
        torn
    }
}

/// Copies an agent's words to the front of `room`. The cell it gives back is the one whose block they are of.
fn copy_agent(table: &Table, shard: &Shard, at: u32, room: &mut [u64]) -> (Cell, Copied) {
    let mut cell = shard.cell(at);
    let mut passed = false;
    let mut passes = 0;
    loop {
        if cell.state.is_none() {
            return (cell, Copied::Absent);
        }
        let words = shard.words(table.shape_at(cell.shape), cell.line);
        let Some(copy) = room.get_mut(..words.len()) else { return (cell, Copied::Missing) };
        let same = pass(words, copy);
        // Acquire: pairs with the Release of every change of a word that the pass saw. What came before it is seen by the next
        // pass, and by the look at the cell.
        fence(Ordering::Acquire);
        let before = core::mem::replace(&mut cell, shard.cell(at));
        passes += 1;
        if passed && same && cell == before {
            return (before, Copied::Whole);
        }
        if passes == PASSES {
            return (before, Copied::Torn);
        }
        passed = cell == before;
    }
}

/// Reads every word of a block; true when all are as they were copied before.
#[inline]
fn pass(words: &[Word64], copy: &mut [u64]) -> bool {
    let mut differing = 0;
    for (word, copy) in words.iter().zip(copy) {
        // Relaxed: the fence after the pass orders them all.
        let value = word.load(Ordering::Relaxed);
        differing |= value ^ *copy;
        *copy = value;
    }
    differing == 0
}

#[cfg(not(loom))]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Machine;
    use crate::{Capacity, Shape};

    fn table(shape: &Shape) -> Table {
        let table = Table::new(Capacity::for_agents(2, shape)).unwrap();
        table.add_agent(shape.clone()).unwrap();
        table
    }

    #[test]
    fn an_agent_without_room_is_torn_and_not_shown() {
        let shape = Machine::default().shape();
        let table = table(&shape);
        let mut snapshot = Snapshot::new(&table);
        snapshot.parts[0].words = Box::default();
        assert_eq!(snapshot.refresh(), Refreshed::Torn { agents: 1 });
        let agent = AgentId::new(0);
        assert!(snapshot.is_torn(agent) && snapshot.agent(agent).is_none() && snapshot.agents().next().is_none());
    }

    #[test]
    fn a_pass_tells_whether_anything_differs() {
        let words = [Word64::new(1), Word64::new(2)];
        let mut copy = [1, 3];
        assert!(!pass(&words, &mut copy) && pass(&words, &mut copy));
        assert_eq!(copy, [1, 2]);
    }
}
