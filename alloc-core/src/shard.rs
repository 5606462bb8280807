//! Shard: a part of the table with memory of its own: cells, blocks, index, records.
//!
//! A **cell** says what an agent is at this moment: `state:2 | incarnation:22 | shape:12 | line:28`. One word, so one reading is of
//! one moment. It changes under the table's lock only ([`topology`](crate::topology)); everybody reads it without one.
//!
//! Rule 1: a block serves one shape for ever. Between two incarnations it is used again only when it is back to fresh, so that a
//! claim that comes too late, having read the cell before the agent went, finds words of the kinds it expects.
//! Rule 2: a claim reads the cell again after it took its words, and undoes if the agent is another by now.

use crate::block::POSITIONS_PER_LINE;
use crate::ids::AgentId;
use crate::index::Index;
use crate::machine::Machine;
use crate::part::Part;
use crate::record::{MAX_LINES, MAX_SHAPES, Records};
use crate::shape::Shape;
use crate::sync::{self, Line, Ordering, Word64};

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
const INCARNATION_BITS: u32 = 22;
const _: () = assert!(MAX_LINES == 1 << LINE_BITS && MAX_SHAPES == 1 << SHAPE_BITS);
const _: () = assert!(LINE_BITS + SHAPE_BITS + INCARNATION_BITS + 2 == 64);

impl Cell {
    #[inline(always)]
    pub(crate) const fn pack(self) -> u64 {
        let state = match self.state {
            None => 0,
            Some(AgentState::Active) => 1,
            Some(AgentState::Inactive) => 2,
            Some(AgentState::Draining) => 3,
        };
        let incarnation = self.incarnation as u64 & ((1 << INCARNATION_BITS) - 1);
        state << 62 | incarnation << (LINE_BITS + SHAPE_BITS) | (self.shape as u64) << LINE_BITS | self.line as u64
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "each field is masked to its width")]
    pub(crate) const fn unpack(word: u64) -> Self {
        Self {
            state: match word >> 62 {
                0 => None,
                1 => Some(AgentState::Active),
                2 => Some(AgentState::Inactive),
                _ => Some(AgentState::Draining),
            },
            incarnation: (word >> (LINE_BITS + SHAPE_BITS)) as u32 & ((1 << INCARNATION_BITS) - 1),
            shape: (word >> LINE_BITS) as u16 & (MAX_SHAPES - 1),
            line: word as u32 & (MAX_LINES - 1),
        }
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
    cells: Box<[Word64]>,
    lines: Box<[Line]>,
    /// Whose a line is, as position in `cells`; two to a word.
    owners: Box<[Word64]>,
    pub(crate) records: Records,
    pub(crate) index: Index,
}

impl Shard {
    pub(crate) fn new(first: AgentId, capacity: ShardCapacity) -> Self {
        Self {
            first,
            cells: sync::zeroed(capacity.agents as usize),
            lines: sync::zeroed(capacity.lines as usize),
            owners: sync::zeroed(capacity.lines.div_ceil(2) as usize),
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
    #[inline(always)]
    pub(crate) fn cell(&self, at: u32) -> Cell {
        // Acquire: pairs with the Release of `set_cell`: the block's words are seen as they were written.
        Cell::unpack(self.cells[at as usize].load(Ordering::Acquire))
    }

    /// Under the table's lock.
    pub(crate) fn set_cell(&self, at: u32, cell: Cell) {
        // Release: pairs with the Acquire of `cell`.
        self.cells[at as usize].store(cell.pack(), Ordering::Release);
    }

    /// Asks for the first lines of a block ahead of time, and for its row of the index.
    #[inline(always)]
    pub(crate) fn prefetch_block(&self, line: u32) {
        self.prefetch_words(line);
        self.index.prefetch(line * POSITIONS_PER_LINE);
    }

    /// Asks for the first lines of a block ahead of time.
    #[inline(always)]
    pub(crate) fn prefetch_words(&self, line: u32) {
        (line..line + LINES_AHEAD).for_each(|line| self.prefetch_line(line));
    }

    /// Asks for the line of the word that a part speaks of, and for its row of the index.
    #[inline(always)]
    pub(crate) fn prefetch_part(&self, shape: &Shape, line: u32, part: Part) {
        if let Part::Cores { leaf, .. } = part {
            self.prefetch_line(line + shape.block.line_of(leaf));
            self.index.prefetch(line * POSITIONS_PER_LINE + u32::from(leaf));
        }
    }

    /// Asks for a line ahead of time.
    #[inline(always)]
    pub(crate) fn prefetch_line(&self, line: u32) {
        if let Some(line) = self.lines.get(line as usize) {
            sync::prefetch(line);
        }
    }

    /// The agent, as position in `cells`, whose block has a position of the index.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "masked to 32 bits")]
    pub(crate) fn owner_at(&self, position: u32) -> u32 {
        let line = position / POSITIONS_PER_LINE;
        // Acquire: pairs with the Release of `set_owner`, though the cell read next is what decides.
        (self.owners[line as usize / 2].load(Ordering::Acquire) >> (line % 2 * 32)) as u32
    }

    /// Says whose a block is. Under the table's lock.
    pub(crate) fn set_owner(&self, block: core::ops::Range<u32>, at: u32) {
        for line in block {
            let word = &self.owners[line as usize / 2];
            let shift = line % 2 * 32;
            // Relaxed: only who has the table's lock changes it.
            let rest = word.load(Ordering::Relaxed) & !(u64::from(u32::MAX) << shift);
            // Release: pairs with the Acquire of `owner_at`.
            word.store(rest | u64::from(at) << shift, Ordering::Release);
        }
    }

    /// The words at a line, through a shape.
    #[inline(always)]
    pub(crate) fn machine<'a>(&'a self, shape: &'a Shape, line: u32) -> Machine<'a> {
        let lines = &self.lines[line as usize..][..shape.block.lines() as usize];
        Machine::new(shape, sync::words_of(lines), &self.index, line)
    }

    /// Touches every page.
    pub(crate) fn touch(&self) {
        let lines = [&self.lines, self.index.row_lines()];
        lines.into_iter().for_each(|lines| lines.iter().step_by(LINES_PER_PAGE).for_each(|line| touch(&line.0[0])));
        let words = [&self.cells, &self.owners];
        words.into_iter().for_each(|words| words.iter().step_by(WORDS_PER_PAGE).for_each(touch));
        self.records.first_words().step_by(LINES_PER_PAGE).for_each(touch);
    }

    /// Bytes of the shard's memory beside records.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.cells) + size_of_val(&*self.lines) + size_of_val(&*self.owners) + self.index.bytes()
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
        for state in [None, Some(AgentState::Active), Some(AgentState::Inactive), Some(AgentState::Draining)] {
            let cell = Cell { state, incarnation: 0x2F_FFFF, shape: MAX_SHAPES - 1, line: MAX_LINES - 1 };
            assert_eq!(Cell::unpack(cell.pack()), cell);
        }
    }
}
