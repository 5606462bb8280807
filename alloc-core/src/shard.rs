//! Shard: a part of the table with memory of its own: cells, blocks, index, records.
//!
//! A **cell** says what an agent is at this moment: `state:3 | incarnation:21 | shape:12 | line:28`. One word, so one reading is of
//! one moment. It changes under the table's lock only ([`topology`](crate::topology)); everybody reads it without one.
//!
//! A **deed** says the same of a line: whose it is. `state:3 | incarnation:17 | offset:12 | shape:12 | agent:20`, where `offset`
//! counts lines from the block's first. So a search that found a line reads one word to know all of its agent.
//!
//! Rule 1: a block serves one shape for ever. Between two incarnations it is used again only when it is back to fresh, so that a
//! claim that comes too late, having read the cell before the agent went, finds words of the kinds it expects.
//! Rule 2: a claim reads the cell, or the deed, again after it took its words, and undoes if the agent is another by now. Deeds
//! change with the cell, under the same lock.
//! Rule 3: who closed an agent and then reads its words after a SeqCst fence sees what every claim took that is kept: of a claim's
//! SeqCst change of a word and closing, one comes first; if it was closing, the claim's second look at the cell sees it.

use crate::block::POSITIONS_PER_LINE;
use crate::ids::{AgentId, MAX_AGENTS};
use crate::index::Index;
use crate::machine::Machine;
use crate::record::{MAX_LINES, MAX_SHAPES, Records};
use crate::shape::Shape;
use crate::sync::{self, Line, Ordering, Word64, Zeroed};

/// Whether an agent takes new claims.
///
/// What an agent holds stays as it is in every state; a claim there can be split, transferred and released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AgentState {
    /// It takes new claims.
    Active,
    /// It takes none for now: it is not connected.
    Inactive,
    /// It takes none, and those it has are to end.
    Draining,
    /// All that is free there is offered to somebody, for whom alone it is until he answers. See [`Allocator`](crate::Allocator).
    Offered,
}

/// The value of a cell's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    /// `None` between two incarnations, and before the first.
    pub(crate) state: Option<AgentState>,
    /// Counts the machines that were here.
    pub(crate) incarnation: u32,
    pub(crate) shape: u16,
    /// First line of the block.
    pub(crate) line: u32,
}

const LINE_BITS: u32 = 28;
const SHAPE_BITS: u32 = 12;
const INCARNATION_BITS: u32 = 21;
const STATE_SHIFT: u32 = 61;
const _: () = assert!(MAX_LINES == 1 << LINE_BITS && MAX_SHAPES == 1 << SHAPE_BITS);
const _: () = assert!(LINE_BITS + SHAPE_BITS + INCARNATION_BITS == STATE_SHIFT);

impl Cell {
    #[inline]
    pub(crate) const fn pack(self) -> u64 {
        let state = self.state_bits();
        let incarnation = self.incarnation as u64 & ((1 << INCARNATION_BITS) - 1);
        state << STATE_SHIFT
            | incarnation << (LINE_BITS + SHAPE_BITS)
            | (self.shape as u64) << LINE_BITS
            | self.line as u64
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "each field is masked to its width")]
    pub(crate) const fn unpack(word: u64) -> Self {
        Self {
            state: match word >> STATE_SHIFT {
                0 => None,
                ACTIVE => Some(AgentState::Active),
                2 => Some(AgentState::Inactive),
                OFFERED => Some(AgentState::Offered),
                _ => Some(AgentState::Draining),
            },
            incarnation: (word >> (LINE_BITS + SHAPE_BITS)) as u32 & ((1 << INCARNATION_BITS) - 1),
            shape: (word >> LINE_BITS) as u16 & (MAX_SHAPES - 1),
            line: word as u32 & (MAX_LINES - 1),
        }
    }
}

impl Cell {
    const fn state_bits(self) -> u64 {
        match self.state {
            None => 0,
            Some(AgentState::Active) => ACTIVE,
            Some(AgentState::Inactive) => 2,
            Some(AgentState::Draining) => 3,
            Some(AgentState::Offered) => OFFERED,
        }
    }

    /// The deed of a line of its block.
    const fn deed(self, at: u32, offset: u32) -> Deed {
        assert!(offset < 1 << OFFSET_BITS && at < MAX_AGENTS);
        let incarnation = self.incarnation as u64 & ((1 << DEED_INCARNATION_BITS) - 1);
        let which = incarnation << OFFSET_BITS | offset as u64;
        Deed(
            self.state_bits() << STATE_SHIFT
                | which << (SHAPE_BITS + AGENT_BITS)
                | (self.shape as u64) << AGENT_BITS
                | at as u64,
        )
    }
}

/// Whose a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deed(u64);

/// The state in which an agent takes a caller's claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Door {
    /// Anybody's: agents that are active.
    Everybody = ACTIVE,
    /// The holder's of an offer: agents that are offered.
    Offer = OFFERED,
}

const ACTIVE: u64 = 1;
const OFFERED: u64 = 4;
const AGENT_BITS: u32 = MAX_AGENTS.trailing_zeros();
const OFFSET_BITS: u32 = 12;
const DEED_INCARNATION_BITS: u32 = 17;
const _: () = assert!(AGENT_BITS + SHAPE_BITS + OFFSET_BITS + DEED_INCARNATION_BITS == STATE_SHIFT);

#[expect(clippy::cast_possible_truncation, reason = "each field is masked to its width")]
impl Deed {
    /// Whether its agent takes new claims.
    #[inline]
    pub(crate) const fn is_active(self) -> bool {
        self.0 >> STATE_SHIFT == ACTIVE
    }

    /// Whether its agent takes claims of those for whom it is in this state.
    #[inline]
    pub(crate) const fn opens_to(self, door: Door) -> bool {
        self.0 >> STATE_SHIFT == door as u64
    }

    /// The agent, as position in `cells`.
    #[inline]
    pub(crate) const fn at(self) -> u32 {
        self.0 as u32 & (MAX_AGENTS - 1)
    }

    #[inline]
    pub(crate) const fn shape(self) -> u16 {
        (self.0 >> AGENT_BITS) as u16 & (MAX_SHAPES - 1)
    }

    /// How many lines of the block come before it.
    #[inline]
    pub(crate) const fn offset(self) -> u32 {
        (self.0 >> (SHAPE_BITS + AGENT_BITS)) as u32 & ((1 << OFFSET_BITS) - 1)
    }
}

/// Lines of a block that are asked for while it is not known which will be needed.
const LINES_AHEAD: u32 = 4;

/// How much a shard has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShardCapacity {
    /// A power of two.
    pub(crate) agents: u32,
    pub(crate) lines: u32,
    pub(crate) records: u32,
}

/// A part of the table.
#[derive(Debug)]
pub(crate) struct Shard {
    /// The id of its first agent.
    pub(crate) first: AgentId,
    cells: Zeroed<Word64>,
    lines: Zeroed<Line>,
    /// Whose each line is.
    deeds: Zeroed<Word64>,
    pub(crate) records: Records,
    pub(crate) index: Index,
}

impl Shard {
    pub(crate) fn new(first: AgentId, capacity: ShardCapacity) -> Self {
        Self {
            first,
            cells: sync::zeroed(capacity.agents as usize),
            lines: sync::zeroed(capacity.lines as usize),
            deeds: sync::zeroed(capacity.lines as usize),
            records: Records::new(capacity.records),
            index: Index::new(capacity.lines * POSITIONS_PER_LINE),
        }
    }

    /// Agents there is room for.
    #[expect(clippy::cast_possible_truncation, reason = "made from a u32")]
    pub(crate) fn agents(&self) -> u32 {
        self.cells.len() as u32
    }

    /// Lines there are.
    #[expect(clippy::cast_possible_truncation, reason = "made from a u32")]
    pub(crate) fn lines(&self) -> u32 {
        self.lines.len() as u32
    }

    /// The cell at a position.
    #[inline]
    pub(crate) fn cell(&self, at: u32) -> Cell {
        // Acquire: pairs with the Release of `set_cell`: the block's words are seen as they were written. SeqCst: rule 3, pairs with the
        // fence of whoever closes the agent.
        Cell::unpack(self.cells[at as usize].load(Ordering::SeqCst))
    }

    /// Under the table's lock; `lines` are those of the agent's block.
    pub(crate) fn set_cell(&self, at: u32, cell: Cell, lines: u32) {
        // Release: pairs with the Acquire of `cell`.
        self.cells[at as usize].store(cell.pack(), Ordering::Release);
        for (offset, deed) in (0..lines).zip(&self.deeds[cell.line as usize..]) {
            // Release: pairs with the Acquire of `deed`.
            deed.store(cell.deed(at, offset).0, Ordering::Release);
        }
    }

    /// Asks for the first lines of a block ahead of time, and for its row of the index.
    #[inline]
    pub(crate) fn prefetch_block(&self, line: u32) {
        self.prefetch_words(line);
        self.index.prefetch(line * POSITIONS_PER_LINE);
    }

    /// Asks for the first lines of a block ahead of time.
    #[inline(always)]
    pub(crate) fn prefetch_words(&self, line: u32) {
        (line..line + LINES_AHEAD).for_each(|line| self.prefetch_line(line));
    }

    /// Asks for the line of a leaf's word, and for its row of the index.
    #[inline(always)]
    pub(crate) fn prefetch_leaf(&self, shape: &Shape, line: u32, leaf: u16) {
        self.prefetch_line(line + shape.block.line_of(leaf));
        self.index.prefetch(line * POSITIONS_PER_LINE + u32::from(leaf));
    }

    /// Asks for a line ahead of time.
    #[inline]
    pub(crate) fn prefetch_line(&self, line: u32) {
        if let Some(line) = self.lines.get(line as usize) {
            sync::prefetch(line);
        }
    }

    /// Asks for the line of a position, and its deed.
    #[inline]
    pub(crate) fn prefetch_position(&self, position: u32) {
        let line = position / POSITIONS_PER_LINE;
        self.prefetch_line(line);
        if let Some(deed) = self.deeds.get(line as usize) {
            sync::prefetch(deed);
        }
    }

    /// Whose the line of a position of the index is.
    #[inline]
    pub(crate) fn deed(&self, position: u32) -> Deed {
        // Acquire: pairs with the Release of `set_cell`: the block's words are seen as they were written. SeqCst: rule 3, pairs with the
        // fence of whoever closes the agent.
        Deed(self.deeds[(position / POSITIONS_PER_LINE) as usize].load(Ordering::SeqCst))
    }

    /// A word, counted from a line on.
    #[inline]
    pub(crate) fn word(&self, line: u32, word: usize) -> &Word64 {
        &sync::words_of(&self.lines)[line as usize * sync::WORDS_PER_LINE + word]
    }

    /// The words at a line, through a shape.
    #[inline]
    pub(crate) fn machine<'a>(&'a self, shape: &'a Shape, line: u32) -> Machine<'a> {
        Machine::new(shape, self.words(shape, line), &self.index, line)
    }

    /// The words of a block.
    #[inline(always)]
    pub(crate) fn words(&self, shape: &Shape, line: u32) -> &[Word64] {
        sync::words_of(&self.lines[line as usize..][..shape.block.lines() as usize])
    }

    /// Touches every page.
    pub(crate) fn touch(&self) {
        let lines = core::iter::once(&*self.lines).chain(self.index.lines());
        lines.for_each(|lines| lines.iter().step_by(LINES_PER_PAGE).for_each(|line| touch(&line.0[0])));
        let words = [&*self.cells, &*self.deeds, self.records.map().words()];
        words.into_iter().for_each(|words| words.iter().step_by(WORDS_PER_PAGE).for_each(touch));
        self.records.first_words().step_by(LINES_PER_PAGE).for_each(touch);
    }

    /// Bytes of the shard's memory beside records.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.cells) + size_of_val(&*self.lines) + size_of_val(&*self.deeds) + self.index.bytes()
    }
}

const LINES_PER_PAGE: usize = 4096 / size_of::<Line>();
const WORDS_PER_PAGE: usize = 4096 / size_of::<Word64>();

/// Writes to a word without changing it.
fn touch(word: &Word64) {
    // Relaxed: changes nothing that anybody could wait for.
    word.set_bits(0, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_keeps_its_fields() {
        for state in [
            None,
            Some(AgentState::Active),
            Some(AgentState::Inactive),
            Some(AgentState::Draining),
            Some(AgentState::Offered),
        ] {
            let cell = Cell { state, incarnation: 0x1F_FFFF, shape: MAX_SHAPES - 1, line: MAX_LINES - 1 };
            assert_eq!(Cell::unpack(cell.pack()), cell);
        }
    }
}
