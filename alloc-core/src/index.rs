//! Index: where in a shard to look. Bitmaps over *positions*, a bit per leaf; a search is the AND of a few words.
//!
//! A position is a leaf of an agent's block (see [`block`](crate::block)). 64 positions are a **row**; a row has one word per
//! **plane**, and a plane is one question:
//!
//! | plane | the bit says of its leaf | kept |
//! |---|---|---|
//! | active | the agent takes new claims | by who adds agents and changes their state |
//! | leaf class c | its free PUs are of class c (one plane per class, a leaf is in one) | by who changes the leaf |
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

use core::ops::Range;

use crate::sync::{self, Line, Ordering, Padded, WORDS_PER_LINE, Word64};

/// Positions in a row.
pub(crate) const ROW: u32 = 64;

/// One question of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plane(u8);

/// The first word of a line says who is active; seven classes follow.
const CLASSES_PER_LINE: u8 = 7;
const LEAF_CLASSES: u8 = 2 * CLASSES_PER_LINE;
/// The words that say who is active, one in each line of leaf classes.
const ACTIVE: [Plane; 2] = [Plane(0), Plane(8)];
const FIRST_STEP: u8 = 16;
/// Steps of memory: 1/2, 3/4, 1, 3/2, 2, 3, 4, 6, … 64 and 96 GiB.
pub(crate) const STEPS: usize = 16;
/// Pages of the lowest step, as a power of two.
const LOWEST_STEP: u32 = ((1_u64 << 29) / crate::PAGE_BYTES).ilog2();
const PLANES: usize = FIRST_STEP as usize + STEPS;
const LINES_PER_ROW: usize = PLANES.div_ceil(WORDS_PER_LINE);

/// The class of a leaf by its free PUs: 1 to 8 each its own, then by fours up to 32. `None` for none free.
#[inline]
pub(crate) const fn leaf_class(free: u32) -> Option<u32> {
    match free {
        0 => None,
        1..=8 => Some(free - 1),
        _ => Some(8 + (free - 9) / 4),
    }
}

/// How many steps so many pages reach.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "at most 16 steps")]
pub(crate) const fn steps_up_to(pages: u64) -> u8 {
    if pages >> LOWEST_STEP == 0 {
        return 0;
    }
    let power = pages.ilog2();
    // The bit below the highest one says whether it is half as much again.
    let steps = (power - LOWEST_STEP) as usize * 2 + (pages >> (power - 1) & 1) as usize + 1;
    if steps < STEPS { steps as u8 } else { STEPS as u8 }
}

/// The plane of a leaf by its free PUs, 0 to 32; `NO_PLANE` for none.
const PLANE_OF: [Plane; 33] = {
    let (mut planes, mut free) = ([NO_PLANE; 33], 1);
    while free <= 32 {
        if let Some(class) = leaf_class(free) {
            planes[free as usize] = Plane::leaf(class);
        }
        free += 1;
    }
    planes
};
/// No plane of leaves: there is always somebody who is active or not.
const NO_PLANE: Plane = ACTIVE[0];

/// The plane of a leaf with so many free PUs.
#[inline(always)]
fn plane_of(free: u32) -> Plane {
    PLANE_OF[free.min(32) as usize]
}

impl Plane {
    /// Leaves of this class.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "14 classes")]
    pub(crate) const fn leaf(class: u32) -> Self {
        let class = class as u8;
        Self(1 + class + class / CLASSES_PER_LINE)
    }

    /// All classes in which leaves with at least so many free PUs are, tightest first.
    #[inline]
    pub(crate) fn leaf_classes_from(pus: u32) -> core::ops::Range<u32> {
        leaf_class(pus).unwrap_or(0)..u32::from(LEAF_CLASSES)
    }

    #[inline]
    const fn step(step: u8) -> Self {
        Self(FIRST_STEP + step)
    }

    /// As a position.
    #[inline(always)]
    const fn index(self) -> usize {
        self.0 as usize
    }

    /// The highest step every NUMA node with so many pages is at; `None` below the lowest.
    #[inline]
    pub(crate) fn memory(pages: u64) -> Option<Self> {
        steps_up_to(pages).checked_sub(1).map(Self::step)
    }

    /// The word beside it that says who is active.
    #[inline]
    const fn active(self) -> Self {
        Self(self.0 & !CLASSES_PER_LINE)
    }
}

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
    fn rows(self) -> impl Iterator<Item = (u32, u64)> {
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
    lines: Box<[Line]>,
    words_per_plane: usize,
}

impl Level {
    fn new(bits: u32) -> Self {
        let lines_per_plane = (bits as usize).div_ceil(64 * WORDS_PER_LINE).max(1);
        let words_per_plane = lines_per_plane * WORDS_PER_LINE;
        Self { lines: sync::zeroed(lines_per_plane * PLANES), words_per_plane }
    }

    #[inline]
    fn word(&self, plane: Plane, word: u32) -> &Word64 {
        &sync::words_of(&self.lines)[plane.index() * self.words_per_plane + word as usize]
    }

    #[inline]
    fn words(&self) -> u32 {
        u32::try_from(self.words_per_plane).unwrap_or(u32::MAX)
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
    rows: Box<[Line]>,
    row_count: u32,
    /// A bit per row.
    level1: Level,
    /// A bit per word of level 1.
    level2: Level,
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

    /// The rows' lines.
    pub(crate) const fn row_lines(&self) -> &[Line] {
        &self.rows
    }

    /// Bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        (self.rows.len() + self.level1.lines.len() + self.level2.lines.len()) * size_of::<Line>()
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

    /// The count of steps at which a NUMA node is shown was raised over `steps`; it has `most` when all is free.
    pub(crate) fn memory_shown(&self, span: Span, steps: Range<u8>, most: u8) {
        let _calm = sync::calm();
        for (row, bits) in span.rows() {
            for plane in steps.clone().map(Plane::step) {
                self.set_in_row(plane, row, bits);
            }
        }
        if steps.end == most {
            // Relaxed, both: a count that is wrong for a moment costs a search some looks.
            let _always = self.hidden.0.update(Ordering::Relaxed, Ordering::Relaxed, |hidden| hidden.checked_sub(1));
        }
    }

    /// The count of steps at which a NUMA node is shown was lowered over `steps`; `shown` reads it again.
    pub(crate) fn memory_hidden(&self, span: Span, steps: Range<u8>, most: u8, shown: impl Fn() -> u8) {
        let _calm = sync::calm();
        if steps.end == most {
            // Relaxed, both: as in `memory_shown`.
            let _always = self.hidden.0.update(Ordering::Relaxed, Ordering::Relaxed, |hidden| Some(hidden + 1));
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

    /// Whether the leaves at `span` take new claims.
    pub(crate) fn set_active(&self, span: Span, active: bool) {
        for plane in ACTIVE {
            if active {
                self.set(plane, span);
            } else {
                self.clear(plane, span, || false);
            }
        }
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

/// What a search looks for: a plane, and a second one that must agree (the same again, if there is none): `filter:8 | plane:8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Query(u32);

impl Query {
    #[inline]
    pub(crate) fn new(plane: Plane, filter: Option<Plane>) -> Self {
        Self(u32::from(filter.unwrap_or(plane).0) << 8 | u32::from(plane.0))
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the low 8 bits are asked for")]
    pub(crate) const fn plane(self) -> Plane {
        Plane(self.0 as u8)
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "there are 16 bits")]
    const fn filter(self) -> Plane {
        Plane((self.0 >> 8) as u8)
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
        while word / 64 < self.level2.words() {
            let words = self.level2.both(query, word / 64) & u64::MAX << (word % 64);
            if words != 0 {
                let word = word / 64 * 64 + words.trailing_zeros();
                return (word < self.level1.words()).then_some(word);
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

/// The fewest pages at which so many steps are reached.
#[cfg(test)]
pub(crate) const fn pages_of(steps: u8) -> u64 {
    let half = (1 << LOWEST_STEP) << ((steps - 1) / 2);
    if steps % 2 == 1 { half } else { half + half / 2 }
}

#[cfg(not(loom))]
#[cfg(test)]
impl Index {
    /// The first word of each plane on level 1 or 2.
    pub(crate) fn upper_words(&self, level: u32) -> impl Iterator<Item = &Word64> + Clone {
        let level = if level == 1 { &self.level1 } else { &self.level2 };
        (0..PLANES).map(move |plane| level.word(Plane(u8::try_from(plane).unwrap()), 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_rise_with_what_is_free() {
        let classes: Vec<u32> = (1..=32).filter_map(leaf_class).collect();
        assert!(classes.is_sorted() && classes.len() == 32);
        assert_eq!((classes[0], classes[7], classes[31]), (0, 7, 13));
        assert_eq!([0, 6, 7, 13].map(Plane::leaf), [1, 7, 9, 15].map(Plane));
    }

    #[test]
    fn a_step_is_reached_exactly_at_its_pages() {
        for steps in 1..=16 {
            assert_eq!(steps_up_to(pages_of(steps)), steps);
            assert_eq!(steps_up_to(pages_of(steps) - 1), steps - 1);
        }
        assert_eq!(pages_of(16), 96 << 18, "96 GiB");
        assert_eq!((steps_up_to(0), usize::from(steps_up_to(u64::MAX))), (0, STEPS));
        assert_eq!((Plane::memory(0), Plane::memory(pages_of(1))), (None, Some(Plane::step(0))));
    }

    #[test]
    fn a_span_knows_its_bits_in_every_row() {
        assert_eq!(Span { first: 60, len: 8 }.rows().collect::<Vec<_>>(), [(0, 0xF << 60), (1, 0xF)]);
        assert_eq!(Span { first: 64, len: 64 }.rows().collect::<Vec<_>>(), [(1, u64::MAX)]);
        assert_eq!(Span { first: 5, len: 0 }.rows().count(), 0);
    }

    #[test]
    fn a_search_finds_what_was_set_and_skips_what_was_cleared() {
        let index = Index::new(1 << 20);
        let far = 900_000;
        for position in [5, far] {
            index.set_active(Span::one(position), true);
            index.leaf_changed(position, (0, 8), || 8);
        }
        let query = Query::new(Plane::leaf(7), None);
        assert_eq!(index.next(query, 0, index.rows()), Some((0, 1 << 5)));
        assert_eq!(index.next(query, 1, index.rows()), Some((far / ROW, 1 << (far % ROW))));
        index.leaf_changed(far, (8, 0), || 0);
        assert_eq!(index.next(query, 1, index.rows()), None);
        assert_eq!(index.next(query, 0, index.rows()), Some((0, 1 << 5)));
        index.leaf_changed(5, (8, 0), || 8);
        assert!(index.has_leaf(5, 8), "it came back while it was cleared");
    }

    #[test]
    fn memory_filters_and_is_cleared_by_who_finds_it_wrong() {
        let index = Index::new(64);
        let span = Span { first: 4, len: 2 };
        index.set_active(span, true);
        index.leaf_changed(4, (0, 8), || 8);
        assert_eq!(index.query(7, Some(Plane::step(3))), Query::new(Plane::leaf(7), None), "nothing is hidden");
        let query = Query::new(Plane::leaf(7), Some(Plane::step(3)));
        assert_eq!(index.row(query, 0), 0);
        index.memory_known(span, 5);
        assert_eq!(index.row(query, 0), 1 << 4);
        index.memory_hidden(span, 3..5, 5, || 3);
        assert_eq!(index.row(query, 0), 0);
        assert_eq!(index.query(7, Some(Plane::step(3))), query);
        index.memory_shown(span, 3..5, 5);
        index.memory_hidden(span, 3..5, 5, || 4);
        assert!(index.has_memory(span, 4), "it was raised again by the second look");
    }
}
