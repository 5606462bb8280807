//! Bitmaps: sets of positions, one per plane, with two levels above so that an empty stretch is skipped at once.
//!
//! Each (level, plane) has lines of its own. A bit above says that a word below is not empty, and is a hint: it may be set falsely,
//! and the next search that comes by clears it. At rest it is never falsely clear, by the rules of [`index`](crate::index):
//!
//! Rule 1: who changes a word from empty to not empty sets its bit above afterwards, always.
//! Rule 2: who clears a bit above reads the word below again afterwards, and sets the bit again if that is not empty.

use crate::sync::{self, Line, Ordering, WORDS_PER_LINE, Word64, Zeroed};

const LEVELS: usize = 3;
/// The plane of positions that searches may tell of.
pub(crate) const ACTIVE: usize = 1;

/// A bitmap per plane.
#[derive(Debug)]
struct Level {
    lines: Zeroed<Line>,
    lines_per_plane: usize,
    /// How many of a plane's words have bits; the rest of its last line has none.
    words: u32,
}

impl Level {
    fn new(bits: u32, planes: usize) -> Self {
        let lines_per_plane = (bits as usize).div_ceil(64 * WORDS_PER_LINE).max(1);
        Self { lines: sync::zeroed(lines_per_plane * planes), lines_per_plane, words: bits.div_ceil(64) }
    }

    #[inline(always)]
    fn word(&self, plane: usize, word: u32) -> &Word64 {
        let word = word as usize;
        &self.lines[plane * self.lines_per_plane + word / WORDS_PER_LINE].0[word % WORDS_PER_LINE]
    }
}

/// Sets of positions.
#[derive(Debug)]
pub(crate) struct Bitmaps {
    levels: [Level; LEVELS],
}

impl Bitmaps {
    /// For so many positions, all sets empty.
    pub(crate) fn new(positions: u32, planes: usize) -> Self {
        let words = positions.div_ceil(64).max(1);
        let bits = [positions.max(1), words, words.div_ceil(64)];
        Self { levels: bits.map(|bits| Level::new(bits, planes)) }
    }

    /// All its lines.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &[Line]> {
        self.levels.iter().map(|level| &*level.lines)
    }

    /// The word with a position's bit.
    #[inline(always)]
    pub(crate) fn word(&self, plane: usize, position: u32) -> &Word64 {
        self.levels[0].word(plane, position / 64)
    }

    /// Puts a position into a set: the bit, and the bits above where there were none.
    pub(crate) fn add(&self, plane: usize, position: u32) {
        let mut at = position;
        for level in &self.levels {
            // AcqRel: Release publishes the truth read or changed before to who clears the bit later (rule 2, and the rules of
            // who uses the sets); Acquire keeps the chain of changes of the word whole.
            if level.word(plane, at / 64).set_bits(1 << (at % 64), Ordering::AcqRel) != 0 {
                return;
            }
            at /= 64;
        }
    }

    /// Takes a position out of a set. The bits above stay, though it may have been the last: a search clears them.
    pub(crate) fn remove(&self, plane: usize, position: u32) {
        // AcqRel: Acquire pairs with the Release half of `add`: the look at the truth that follows sees what was seen there.
        self.word(plane, position).clear_bits(1 << (position % 64), Ordering::AcqRel);
    }

    /// Whether a position is found in a set, from the top down.
    pub(crate) fn has(&self, plane: usize, position: u32) -> bool {
        let mut at = position;
        self.levels.iter().all(|level| {
            // Acquire: pairs with the Release half of `add`.
            let set = level.word(plane, at / 64).load(Ordering::Acquire) >> (at % 64) & 1 == 1;
            at /= 64;
            set
        })
    }

    /// The first active position of a set, at `from` or behind it.
    pub(crate) fn next(&self, plane: usize, mut from: u32) -> Option<u32> {
        loop {
            let found = self.next_at(0, plane, from)?;
            let bits = self.active(plane, found);
            if bits != 0 {
                return Some(found / 64 * 64 + bits.trailing_zeros());
            }
            from = (found / 64 + 1) * 64;
        }
    }

    /// The active positions of a set in the word of a position, from it on.
    #[inline]
    pub(crate) fn active(&self, plane: usize, position: u32) -> u64 {
        // Acquire, both: pair with the Release half of `add`: the truth looked at next is at least as new as the bit.
        let active = self.word(ACTIVE, position).load(Ordering::Acquire);
        self.word(plane, position).load(Ordering::Acquire) & active & u64::MAX << (position % 64)
    }

    /// The first bit of a level's bitmap, at `from` or behind it.
    fn next_at(&self, at: usize, plane: usize, from: u32) -> Option<u32> {
        let level = self.levels.get(at)?;
        let (mut word, mut mask, mut told) = (from / 64, u64::MAX << (from % 64), false);
        while word < level.words {
            // Relaxed: a hint where to look; what is found is read with Acquire.
            let bits = level.word(plane, word).load(Ordering::Relaxed) & mask;
            if bits != 0 {
                return Some(word * 64 + bits.trailing_zeros());
            }
            if told {
                self.lower(at, plane, word);
            }
            (word, mask, told) = match self.levels.get(at + 1) {
                Some(_) => (self.next_at(at + 1, plane, word + 1)?, u64::MAX, true),
                None => (word + 1, u64::MAX, false),
            };
        }
        None
    }

    /// A search found a word empty: clears its bit above, unless it is not empty after all.
    #[cold]
    fn lower(&self, at: usize, plane: usize, word: u32) {
        let _calm = sync::calm();
        // AcqRel and Acquire: as in `remove`, one level up.
        self.levels[at + 1].word(plane, word / 64).clear_bits(1 << (word % 64), Ordering::AcqRel);
        if self.levels[at].word(plane, word).load(Ordering::Acquire) != 0 {
            let mut above = word;
            for level in &self.levels[at + 1..] {
                // AcqRel: as in `add`.
                if level.word(plane, above / 64).set_bits(1 << (above % 64), Ordering::AcqRel) != 0 {
                    return;
                }
                above /= 64;
            }
        }
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    #[test]
    fn a_search_finds_what_was_added_and_skips_what_was_removed() {
        let sets = Bitmaps::new(1 << 20, 3);
        let (near, far) = (5, 900_000);
        for position in [near, far] {
            sets.add(ACTIVE, position);
            sets.add(2, position);
        }
        assert_eq!((sets.next(2, 0), sets.next(2, near + 1), sets.next(2, far + 1)), (Some(near), Some(far), None));
        sets.remove(2, far);
        assert_eq!((sets.next(2, near + 1), sets.has(2, far), sets.has(2, near)), (None, false, true));
        sets.add(2, far);
        assert!(sets.has(2, far), "the bits above, which the search had cleared, are set again");
    }

    #[test]
    fn who_is_not_active_is_not_found() {
        let sets = Bitmaps::new(200, 3);
        [3, 7, 130].into_iter().for_each(|position| sets.add(2, position));
        assert_eq!(sets.next(2, 0), None);
        [7, 130].into_iter().for_each(|position| sets.add(ACTIVE, position));
        assert_eq!((sets.next(2, 0), sets.next(2, 8)), (Some(7), Some(130)));
        sets.remove(ACTIVE, 7);
        assert_eq!(sets.next(2, 0), Some(130));
    }
}
