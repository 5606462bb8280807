//! Index: where in a shard to look. Bitmaps over *positions*, a bit per leaf; a search is the AND of a few words.
//!
//! A position is a leaf of an agent's block (see [`block`](crate::block)). 64 positions are a **row**; a row has one word per
//! **plane**, and a plane is one question:
//!
//! | plane | the bit says of its leaf | kept |
//! |---|---|---|
//! | active | the agent takes new claims | by who adds agents and changes their state |
//! | leaf class c | its free PUs are of class c (one plane per class, a leaf is in one) | by who changes the leaf |
//! | pool class c | it is the first of its pool, whose room is of class c | by who changes the pool |
//! | memory step s | its NUMA node's memory word counts it as shown at step s | by who changes that count |
//!
//! Above the rows are two levels per plane: a bit per row, and a bit per 64 of these, so that an empty stretch is skipped at
//! once. Each (level, plane) has lines of its own: threads that work on different classes do not meet. The classes of leaves
//! lie in two lines of a row, each with a word of who is active, so that a search for one class reads one line.
//!
//! **Bits are hints.** What decides is the compare-and-swap on the truth, the word itself. A bit may be falsely set: who comes
//! by sees the truth and clears it. At rest it is never falsely clear:
//!
//! Rule 1, one word is the truth of a bit, and whoever moves the truth *into* a class sets the bit of that class afterwards,
//! always, by read-modify-write, never skipped because a load saw it set.
//! Rule 2, who clears a bit reads the truth again afterwards, and sets it again if the truth is (again) of that class.
//!
//! Why that is enough: let K be the last change that moved the truth into its final class f. K sets bit f after it. Should
//! somebody clear bit f after K set it, the two changes of the word with the bit are ordered, so the clearer's second look at
//! the truth sees K's change or a later one, all of class f, and sets it again.
//! Rule 3, the word of a row is the truth of its bit on the level above, with the same two rules, where "into the class" is from
//! zero to not zero.
//!
//! A NUMA node's memory is shown at more steps than its free pages reach while nobody minds: claims do not lower the count, a search
//! does that finds too few pages. In a cluster that is not short of memory this costs nothing at all.
//!
//! A thread that stalls between truth and hint hides what it itself gave back. If it stalls between two levels it may hide a row
//! from searches, never from the walk over all agents by which `place` looks once more before it says no.

mod plane;

use core::ops::Range;

#[cfg(test)]
pub(crate) use plane::pages_of;
use plane::{ACTIVE, LINES_PER_ROW, NO_PLANE, PLANES, plane_of, pool_class};
pub(crate) use plane::{Plane, Query, STEPS, leaf_class, steps_up_to};

use crate::agents::Agents;
use crate::block::POSITIONS_PER_LINE;
use crate::sync::{self, Line, Ordering, Padded, WORDS_PER_LINE, Word64, Zeroed};

/// Positions in a row.
pub(crate) const ROW: u32 = 64;

/// Neighbouring positions: those of a leaf, or of a NUMA node's leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first: u32,
    pub(crate) len: u32,
}

impl Span {
    pub(crate) const fn one(position: u32) -> Self {
        Self { first: position, len: 1 }
    }

    /// Its rows, and its bits in each.
    #[inline]
    pub(crate) fn rows(self) -> impl Iterator<Item = (u32, u64)> {
        let end = self.first + self.len;
        // A NUMA node without cores has no leaves.
        let rows = if self.len == 0 { 0..0 } else { self.first / ROW..end.div_ceil(ROW) };
        rows.map(move |row| {
            let from = self.first.max(row * ROW) - row * ROW;
            let to = end.min((row + 1) * ROW) - row * ROW;
            (row, (u64::MAX >> (ROW - (to - from))) << from)
        })
    }
}

/// A level above the rows: for each plane a bitmap.
#[derive(Debug)]
struct Level {
    lines: Zeroed<Line>,
    words_per_plane: usize,
    /// How many of a plane's words have bits; the rest of its last line has none.
    words: u32,
}

impl Level {
    fn new(bits: u32) -> Self {
        let lines_per_plane = (bits as usize).div_ceil(64 * WORDS_PER_LINE).max(1);
        let words_per_plane = lines_per_plane * WORDS_PER_LINE;
        Self { lines: sync::zeroed(lines_per_plane * PLANES), words_per_plane, words: bits.div_ceil(64) }
    }

    #[inline]
    fn word(&self, plane: Plane, word: u32) -> &Word64 {
        &sync::words_of(&self.lines)[plane.index() * self.words_per_plane + word as usize]
    }

    /// The bits of a word that are set in both planes.
    #[inline]
    fn both(&self, query: Query, word: u32) -> u64 {
        // Relaxed, both: a hint where to look; what is looked at then is read with Acquire.
        let bits = self.word(query.plane(), word).load(Ordering::Relaxed);
        bits & self.word(query.filter(), word).load(Ordering::Relaxed)
    }
}

/// The index of one shard.
#[derive(Debug)]
pub(crate) struct Index {
    rows: Zeroed<Line>,
    row_count: u32,
    /// A bit per row.
    level1: Level,
    /// A bit per word of level 1.
    level2: Level,
    /// Agents as a whole.
    pub(crate) agents: Agents,
    /// NUMA nodes that are not shown at all their steps; without any, searches need not ask for memory.
    hidden: Padded<Word64>,
}

impl Index {
    /// For so many positions, all bits clear.
    pub(crate) fn new(positions: u32) -> Self {
        let row_count = positions.div_ceil(ROW).max(1);
        Self {
            rows: sync::zeroed(row_count as usize * LINES_PER_ROW),
            row_count,
            level1: Level::new(row_count),
            level2: Level::new(row_count.div_ceil(64)),
            agents: Agents::new(positions.div_ceil(POSITIONS_PER_LINE)),
            hidden: Padded(Word64::new(0)),
        }
    }

    pub(crate) const fn rows(&self) -> u32 {
        self.row_count
    }

    /// The row that so large a part of the rows, in parts of 2³², comes before.
    #[inline]
    pub(crate) const fn row_at(&self, part: u32) -> u32 {
        ((self.row_count as u64 * part as u64) >> 32) as u32
    }

    /// All its lines.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &[Line]> {
        [&*self.rows, &*self.level1.lines, &*self.level2.lines].into_iter().chain(self.agents.lines())
    }

    /// Bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.lines().map(size_of_val).sum()
    }

    #[inline]
    fn word(&self, plane: Plane, row: u32) -> &Word64 {
        &sync::words_of(&self.rows)[row as usize * PLANES + plane.index()]
    }

    /// Asks for the lines of a row that a change of a leaf's class may touch.
    #[inline]
    pub(crate) fn prefetch(&self, position: u32) {
        let row = (position / ROW).min(self.row_count - 1);
        sync::prefetch(self.word(ACTIVE[0], row));
        sync::prefetch(self.word(ACTIVE[1], row));
    }
}

/// Changes, each after the change of the truth it tells of.
impl Index {
    /// A leaf's free PUs changed.
    #[inline]
    pub(crate) fn leaf_changed(&self, position: u32, (before, after): (u32, u32), truth: impl Fn() -> u32) {
        let (from, to) = (plane_of(before), plane_of(after));
        if from == to {
            return;
        }
        let _calm = sync::calm();
        let (row, bit) = (position / ROW, 1 << (position % ROW));
        if to != NO_PLANE {
            self.set_in_row(to, row, bit);
        }
        if from != NO_PLANE {
            let left = self.clear_in_row(from, row, bit);
            if plane_of(truth()) == from {
                self.set_in_row(from, row, bit);
            } else if left == 0 {
                // The row is at hand now; a search would have to come by for nothing.
                self.lower(from, row);
            }
        }
    }

    /// A pool's room changed.
    pub(crate) fn pool_changed(&self, position: u32, (before, after): (u32, u32), truth: impl Fn() -> u32) {
        let (from, to) = (pool_class(before), pool_class(after));
        if from == to {
            return;
        }
        let _calm = sync::calm();
        if let Some(to) = to {
            self.set(Plane::pool(to), Span::one(position));
        }
        if let Some(from) = from {
            self.clear(Plane::pool(from), Span::one(position), || pool_class(truth()) == Some(from));
        }
    }

    /// The count of steps at which a NUMA node is shown was raised over `steps`; it has `most` when all is free.
    pub(crate) fn memory_shown(&self, span: Span, steps: Range<u8>, most: u8) {
        let _calm = sync::calm();
        for (row, bits) in span.rows() {
            for plane in steps.clone().map(Plane::step) {
                self.set_in_row(plane, row, bits);
            }
        }
        if steps.end == most {
            // Relaxed, both: a count that is wrong for a moment costs a search some looks. Wrapping: who showed it again may count
            // before who hid it does, and between the two the count is below what it will be.
            let _always =
                self.hidden.0.update(Ordering::Relaxed, Ordering::Relaxed, |hidden| Some(hidden.wrapping_sub(1)));
        }
    }

    /// The count of steps at which a NUMA node is shown was lowered over `steps`; `shown` reads it again.
    pub(crate) fn memory_hidden(&self, span: Span, steps: Range<u8>, most: u8, shown: impl Fn() -> u8) {
        let _calm = sync::calm();
        if steps.end == most {
            // Relaxed, both: as in `memory_shown`.
            let _always =
                self.hidden.0.update(Ordering::Relaxed, Ordering::Relaxed, |hidden| Some(hidden.wrapping_add(1)));
        }
        for (row, bits) in span.rows() {
            for plane in steps.clone().map(Plane::step) {
                let _left = self.clear_in_row(plane, row, bits);
            }
        }
        for plane in (steps.start..shown().min(steps.end)).map(Plane::step) {
            self.set(plane, span);
        }
    }

    /// A block is known from now on, its NUMA node shown at so many steps.
    pub(crate) fn memory_known(&self, span: Span, shown: u8) {
        for plane in (0..shown).map(Plane::step) {
            self.set(plane, span);
        }
    }

    /// Whether the agent whose leaves are at `span` takes new claims.
    pub(crate) fn set_active(&self, span: Span, active: bool) {
        self.agents.set_active(span.first / POSITIONS_PER_LINE, active);
        let change = |plane| if active { self.set(plane, span) } else { self.clear(plane, span, || false) };
        ACTIVE.into_iter().for_each(change);
    }

    /// A search met a leaf that may not be of the class it was found in.
    #[cold]
    pub(crate) fn leaf_is_not(&self, position: u32, found: Plane, truth: impl Fn() -> u32) {
        let _calm = sync::calm();
        self.clear(found, Span::one(position), || leaf_class(truth()).map(Plane::leaf) == Some(found));
    }

    #[inline]
    fn set(&self, plane: Plane, span: Span) {
        for (row, bits) in span.rows() {
            self.set_in_row(plane, row, bits);
        }
    }

    #[inline]
    fn clear(&self, plane: Plane, span: Span, still: impl Fn() -> bool) {
        for (row, bits) in span.rows() {
            let _left = self.clear_in_row(plane, row, bits);
        }
        if still() {
            self.set(plane, span);
        }
    }

    #[inline]
    fn set_in_row(&self, plane: Plane, row: u32, bits: u64) {
        // AcqRel: Release publishes the truth changed before it to who clears the bit later (rule 2); Acquire keeps the
        // chain of changes of this word whole.
        if self.word(plane, row).set_bits(bits, Ordering::AcqRel) == 0 {
            self.raise(plane, row);
        }
    }

    /// Clears bits of a row; the bits that are left. Where none are, the bit above may stay: the next search that comes by clears it.
    #[inline]
    fn clear_in_row(&self, plane: Plane, row: u32, bits: u64) -> u64 {
        // AcqRel: Acquire pairs with the Release half of `set_in_row`, so the second look at the truth sees what was set for.
        self.word(plane, row).clear_bits(bits, Ordering::AcqRel) & !bits
    }

    /// The row has bits: so its bit above, and the one above that.
    #[cold]
    fn raise(&self, plane: Plane, row: u32) {
        // AcqRel, both: as in `set_in_row`, one level up each.
        if self.level1.word(plane, row / 64).set_bits(1 << (row % 64), Ordering::AcqRel) == 0 {
            let word = row / 64;
            self.level2.word(plane, word / 64).set_bits(1 << (word % 64), Ordering::AcqRel);
        }
    }

    /// The row has no bits: clears its bit above, unless it has some again.
    #[cold]
    fn lower(&self, plane: Plane, row: u32) {
        let bit = 1 << (row % 64);
        // AcqRel and Acquire, here and below: as in `clear_in_row`, one level up each.
        let left = self.level1.word(plane, row / 64).clear_bits(bit, Ordering::AcqRel) & !bit;
        if self.word(plane, row).load(Ordering::Acquire) != 0 {
            self.raise(plane, row);
        } else if left == 0 {
            self.lower_level2(plane, row / 64);
        }
    }

    fn lower_level2(&self, plane: Plane, word: u32) {
        let bit = 1 << (word % 64);
        // AcqRel and Acquire, here and below: as in `clear_in_row`, two levels up.
        self.level2.word(plane, word / 64).clear_bits(bit, Ordering::AcqRel);
        if self.level1.word(plane, word).load(Ordering::Acquire) != 0 {
            self.level2.word(plane, word / 64).set_bits(bit, Ordering::AcqRel);
        }
    }
}

/// Searches.
impl Index {
    /// A query for leaves of a class beside memory of a step. The step is left out while no NUMA node is hidden.
    #[inline]
    pub(crate) fn query(&self, class: u32, memory: Option<Plane>) -> Query {
        // Relaxed: a leaf that is found without the memory wanted is refused by its words.
        let hides = self.hidden.0.load(Ordering::Relaxed) != 0;
        Query::new(Plane::leaf(class), memory.filter(|_| hides))
    }

    /// As [`Index::query`], for pools of a class.
    pub(crate) fn pool_query(&self, class: u32, memory: Option<Plane>) -> Query {
        // Relaxed: as in `query`.
        let hides = self.hidden.0.load(Ordering::Relaxed) != 0;
        Query::new(Plane::pool(class), memory.filter(|_| hides))
    }

    /// The positions of a row that answer a query, of agents that take new claims.
    #[inline]
    pub(crate) fn row(&self, query: Query, row: u32) -> u64 {
        let (plane, filter) = (query.plane(), query.filter());
        // Acquire, all: pairs with the Release half of `set_in_row`: the truth looked at next is at least as new as the bit.
        let active = self.word(plane.active(), row).load(Ordering::Acquire);
        let bits = self.word(plane, row).load(Ordering::Acquire) & active;
        bits & self.word(filter, row).load(Ordering::Acquire)
    }

    /// The first row from `row` on, and before `end`, that has positions which answer; and these.
    #[inline]
    pub(crate) fn next(&self, query: Query, mut row: u32, end: u32) -> Option<(u32, u64)> {
        while row < end {
            let word = row / 64;
            let rows = self.level1.both(query, word) & u64::MAX << (row % 64);
            if rows == 0 {
                row = self.next_word(query, word + 1)? * 64;
                continue;
            }
            row = word * 64 + rows.trailing_zeros();
            if row >= end {
                return None;
            }
            self.prefetch_next(query, row, rows);
            let found = self.row(query, row);
            if found != 0 {
                return Some((row, found));
            }
            self.tidy(query, row);
            row += 1;
        }
        None
    }

    /// Asks for the row that a search will come to after this one.
    #[inline(always)]
    pub(crate) fn prefetch_after(&self, query: Query, row: u32) {
        let rows = self.level1.both(query, row / 64) & u64::MAX << (row % 64);
        if rows != 0 {
            self.prefetch_next(query, row, rows);
        }
    }

    /// Asks for the row that a search will come to after this one, if it is of the same word of the level above.
    #[inline(always)]
    fn prefetch_next(&self, query: Query, row: u32, rows: u64) {
        let next = (rows & (rows - 1)).trailing_zeros();
        if next < 64 {
            sync::prefetch(self.word(query.plane(), row / 64 * 64 + next));
        }
    }

    /// A search found nothing in a row: clears its bits above, where they are wrong.
    #[cold]
    fn tidy(&self, query: Query, row: u32) {
        for plane in [query.plane(), query.filter()] {
            // Acquire: as in `lower`, which looks once more.
            if self.word(plane, row).load(Ordering::Acquire) == 0 {
                self.lower(plane, row);
            }
        }
    }

    /// The first word of level 1, from `word` on, that has rows for a query.
    fn next_word(&self, query: Query, mut word: u32) -> Option<u32> {
        while word / 64 < self.level2.words {
            let words = self.level2.both(query, word / 64) & u64::MAX << (word % 64);
            if words != 0 {
                let word = word / 64 * 64 + words.trailing_zeros();
                return (word < self.level1.words).then_some(word);
            }
            word = (word / 64 + 1) * 64;
        }
        None
    }
}

/// For the check of everything, at rest.
impl Index {
    /// Whether a leaf can be found by its free PUs, on every level.
    pub(crate) fn has_leaf(&self, position: u32, free: u32) -> bool {
        leaf_class(free).is_none_or(|class| self.has(Plane::leaf(class), position))
    }

    /// Whether a pool can be found by its room.
    pub(crate) fn has_pool(&self, position: u32, room_milli: u32) -> bool {
        pool_class(room_milli).is_none_or(|class| self.has(Plane::pool(class), position))
    }

    /// Whether all leaves of a NUMA node are shown at so many steps.
    pub(crate) fn has_memory(&self, span: Span, shown: u8) -> bool {
        (0..shown).all(|step| (span.first..span.first + span.len).all(|position| self.has(Plane::step(step), position)))
    }

    fn has(&self, plane: Plane, position: u32) -> bool {
        let row = position / ROW;
        let bit = |word: &Word64, at: u32| {
            // Acquire: pairs with the Release half of the change that set it.
            word.load(Ordering::Acquire) >> (at % 64) & 1 == 1
        };
        bit(self.word(plane, row), position)
            && bit(self.level1.word(plane, row / 64), row)
            && bit(self.level2.word(plane, row / 64 / 64), row / 64)
    }
}

#[cfg(not(loom))]
#[cfg(test)]
impl Index {
    /// The first word of each plane on level 1 or 2.
    pub(crate) fn upper_words(&self, level: u32) -> impl Iterator<Item = &Word64> + Clone {
        let level = if level == 1 { &self.level1 } else { &self.level2 };
        Plane::all().map(move |plane| level.word(plane, 0))
    }
}

#[cfg(not(loom))]
#[cfg(test)]
mod tests;
