//! Agents: what each agent had free when it was last looked at, and which can be offered.
//!
//! An agent's words are **copied** when something may have changed, and what it shows (amounts, the bits of its ranges and sets) is
//! worked out then, not when it is offered: most offers are of agents that nobody touched since the last one. A version counts the
//! copies that differed, for callers who keep something of their own beside them.
//!
//! Rule 1: a copy is what an offer shows, so while the whole agent is offered, it stays as it is.
//! Rule 2: an agent is **available** when it is open, not offered as a whole, not waiting for its window, and shows enough for
//! somebody. Only available agents are looked at in a cycle.

use crate::agent_snapshot::AgentSnapshot;
use crate::allocator::amounts::Amounts;
use crate::allocator::bits::Bits;
use crate::allocator::shown::{self, Content};
use crate::ids::AgentId;
use crate::ledger::ChargePlaces;
use crate::shard::{AgentState, Cell};
use crate::sync::{self, Ordering, WORDS_PER_LINE, Word64};
use crate::table::Table;

/// An agent's place: the number of its id.
pub(crate) type AgentAt = u32;

/// Nobody's offer.
pub(crate) const NO_OFFER: u32 = u32::MAX;

/// What is known of an agent. What an offer looks at comes first, so that few lines of a cache are fetched for it.
#[derive(Clone, Debug)]
#[repr(C)]
pub(crate) struct Entry {
    /// Counts the copies that differed from the one before.
    pub(crate) version: u64,
    /// Until then what comes back is gathered.
    pub(crate) window_until_ms: u64,
    /// Where its copy begins.
    words: usize,
    len: u32,
    /// The offer of all of it, by place; else [`NO_OFFER`].
    pub(crate) whole: u32,
    cell: Cell,
    /// Whether it is known at all, and then whether it may be offered.
    pub(crate) is_known: bool,
    pub(crate) is_open: bool,
    is_dirty: bool,
    pub(crate) is_gathering: bool,
    pub(crate) content: Content,
    /// Offers of parts of it.
    pub(crate) partial: u32,
    /// PUs of whole cores in what it shows.
    pub(crate) exclusive_pus: u32,
}

/// All agents.
#[derive(Debug, Default)]
pub(crate) struct Agents {
    entries: Vec<Entry>,
    /// What each has when it is empty.
    totals: Vec<Amounts>,
    words: Vec<u64>,
    /// Stretches of `words` that agents left behind, by length.
    left: std::collections::BTreeMap<usize, Vec<usize>>,
    available: Bits,
    dirty: Vec<AgentAt>,
    /// How many are available, and what they show together.
    count: u32,
    free: Amounts,
}

impl Agents {
    pub(crate) fn get(&self, at: AgentAt) -> Option<&Entry> {
        self.entries.get(at as usize).filter(|entry| entry.is_known)
    }

    #[inline]
    pub(crate) fn entry(&self, at: AgentAt) -> &Entry {
        &self.entries[at as usize]
    }

    #[inline]
    pub(crate) fn entry_mut(&mut self, at: AgentAt) -> &mut Entry {
        &mut self.entries[at as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn known(&self) -> impl Iterator<Item = AgentAt> + '_ {
        (0..).zip(&self.entries).filter(|(_, entry)| entry.is_known).map(|(at, _)| at)
    }

    #[inline]
    pub(crate) const fn available(&self) -> &Bits {
        &self.available
    }

    pub(crate) const fn count_available(&self) -> u32 {
        self.count
    }

    /// What all available agents show together.
    pub(crate) const fn free(&self) -> Amounts {
        self.free
    }

    #[inline]
    pub(crate) fn put_available(&mut self, at: AgentAt, available: bool) {
        if self.available.has(at) != available {
            self.available.put(at, available);
            let amounts = &self.entries[at as usize].content.amounts;
            if available {
                self.count += 1;
                self.free.add(amounts);
            } else {
                self.count -= 1;
                self.free.sub(amounts);
            }
        }
    }

    /// Learns of an agent that the table has, open, to be looked at.
    pub(crate) fn add(&mut self, table: &Table, agent: AgentId) -> Option<()> {
        let at = agent.index();
        let cell = table.cell_of(agent)?;
        if self.entries.len() <= at {
            self.entries.resize(at + 1, Entry::default());
            self.totals.resize(at + 1, Amounts::ZERO);
            self.available.grow(at + 1);
        }
        self.remove(agent.get());
        let len = table.words_of(agent)?.len();
        let words = self.room(len);
        self.entries[at] = Entry {
            is_known: true,
            is_open: cell.state == Some(AgentState::Active),
            cell,
            words,
            len: u32::try_from(len).ok()?,
            version: self.entries[at].version,
            ..Entry::default()
        };
        self.totals[at] = shown::total(table.charge_places(cell.shape));
        self.mark(agent.get());
        Some(())
    }

    fn room(&mut self, len: usize) -> usize {
        if let Some(at) = self.left.get_mut(&len).and_then(Vec::pop) {
            return at;
        }
        let at = self.words.len();
        self.words.resize(at + len, 0);
        at
    }

    /// Forgets an agent.
    pub(crate) fn remove(&mut self, at: AgentAt) {
        self.put_available(at, false);
        if let Some(entry) = self.entries.get_mut(at as usize).filter(|entry| entry.is_known) {
            entry.is_known = false;
            self.left.entry(entry.len as usize).or_default().push(entry.words);
        }
    }

    /// Something may have changed on an agent.
    pub(crate) fn mark(&mut self, at: AgentAt) {
        let Some(entry) = self.entries.get_mut(at as usize) else { return };
        if entry.is_known && !entry.is_dirty {
            entry.is_dirty = true;
            self.dirty.push(at);
        }
    }

    /// The agents to be looked at, in the order in which they were marked; none is marked then.
    pub(crate) fn take_dirty(&mut self) -> Vec<AgentAt> {
        let dirty = core::mem::take(&mut self.dirty);
        for &at in &dirty {
            self.entries[at as usize].is_dirty = false;
        }
        dirty
    }

    pub(crate) fn dirty(&self) -> &[AgentAt] {
        &self.dirty
    }

    pub(crate) fn has_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Copies an agent's words; true when they differ from the copy before, and then what it shows is worked out anew.
    pub(crate) fn look(&mut self, table: &Table, at: AgentAt) -> bool {
        let agent = AgentId::new(at);
        let entry = &mut self.entries[at as usize];
        let Some(words) = table.words_of(agent) else { return false };
        let copy = &mut self.words[entry.copy()];
        let differs = copy_words(words, copy);
        if differs || entry.version == 0 {
            let was_available = self.available.has(at);
            if was_available {
                self.free.sub(&entry.content.amounts);
            }
            entry.version += 1;
            let shape = table.shape_at(entry.cell.shape);
            if let Some(snapshot) = AgentSnapshot::new(agent, entry.cell, shape, copy, false) {
                (entry.content, entry.exclusive_pus) = shown::of(table.charge_places(entry.cell.shape), &snapshot);
            }
            if was_available {
                self.free.add(&entry.content.amounts);
            }
            return true;
        }
        false
    }

    /// Whether the words are still as they were copied.
    #[inline]
    pub(crate) fn is_current(&self, table: &Table, at: AgentAt) -> bool {
        let copy = &self.words[self.entries[at as usize].copy()];
        table.words_of(AgentId::new(at)).is_some_and(|words| {
            // Nearly always all are the same, and there are few. Acquire: pairs with the Release of every change of a word: what is
            // shown was given back before.
            words.iter().zip(copy).fold(0, |differing, (word, copy)| differing | (word.load(Ordering::Acquire) ^ *copy))
                == 0
        })
    }

    /// Asks for an agent's words and their copy ahead of time.
    #[inline]
    pub(crate) fn prefetch(&self, table: &Table, at: AgentAt) {
        let entry = &self.entries[at as usize];
        table.prefetch_words(AgentId::new(at), entry.cell.line);
        self.words[entry.copy()].iter().step_by(WORDS_PER_LINE).for_each(sync::prefetch);
    }

    /// The copy, as an agent to be asked.
    pub(crate) fn snapshot<'a>(&'a self, table: &'a Table, at: AgentAt) -> Option<AgentSnapshot<'a>> {
        let entry = self.get(at)?;
        let words = &self.words[entry.copy()];
        AgentSnapshot::new(AgentId::new(at), active(entry.cell), table.shape_at(entry.cell.shape), words, false)
    }

    /// The same of other words, for an offer of a part.
    pub(crate) fn snapshot_of<'a>(&self, table: &'a Table, at: AgentAt, words: &'a [u64]) -> Option<AgentSnapshot<'a>> {
        let entry = self.get(at)?;
        AgentSnapshot::new(AgentId::new(at), active(entry.cell), table.shape_at(entry.cell.shape), words, false)
    }

    /// Where what it holds is counted, with its shape.
    pub(crate) fn places<'a>(&self, table: &'a Table, at: AgentAt) -> ChargePlaces<'a> {
        table.charge_places(self.entries[at as usize].cell.shape)
    }

    /// What an agent has when it is empty.
    pub(crate) fn total(&self, at: AgentAt) -> Amounts {
        self.totals[at as usize]
    }

    pub(crate) fn incarnation(&self, at: AgentAt) -> u32 {
        self.entries[at as usize].cell.incarnation
    }
}

impl Entry {
    /// Where its copy is.
    #[inline]
    const fn copy(&self) -> core::ops::Range<usize> {
        self.words..self.words + self.len as usize
    }
}

/// Whoever is asked is asked of what is offered to him.
const fn active(cell: Cell) -> Cell {
    Cell { state: Some(AgentState::Active), ..cell }
}

fn copy_words(words: &[Word64], copy: &mut [u64]) -> bool {
    let mut differing = 0;
    for (word, copy) in words.iter().zip(copy) {
        // Acquire: pairs with the Release of every change of a word: what is shown was given back before.
        let value = word.load(Ordering::Acquire);
        differing |= value ^ *copy;
        *copy = value;
    }
    differing != 0
}

impl Default for Entry {
    fn default() -> Self {
        Self {
            is_known: false,
            is_open: false,
            is_dirty: false,
            whole: NO_OFFER,
            partial: 0,
            version: 0,
            cell: Cell { state: None, incarnation: 0, shape: 0, line: 0 },
            words: 0,
            len: 0,
            content: Content::default(),
            exclusive_pus: 0,
            window_until_ms: 0,
            is_gathering: false,
        }
    }
}
